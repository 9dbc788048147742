"""The one exception of the engine. Nothing from outside raises; only a local wish that is illegal now does."""

from __future__ import annotations

from typing import Final

from .updates import Phase


class IllegalIntent(Exception):
    """This intent is not possible now; nothing has moved.

    `phase`: where the session is; `intent`: the intent's type name; `reason`: why not, and what to do instead.
    """

    def __init__(self, phase: Phase, intent: str, reason: str) -> None:
        super().__init__(phase, intent, reason)
        self.phase: Final[Phase] = phase
        self.intent: Final = intent
        self.reason: Final = reason

    def __str__(self) -> str:
        return f"{self.intent} is not possible while {self.phase}: {self.reason}"
