"""What `ChatClient` raises, in the words of the person who uses it."""

from __future__ import annotations

from typing import Final

from statemachine import IllegalIntent, Outcome

__all__ = ["BadSetting", "ChatClosed", "ChatError", "ChatStopped", "NotPossible", "SessionOver"]


class ChatError(Exception):
    """The base of all that `ChatClient` raises by itself."""


class BadSetting(ChatError, ValueError):
    """A setting that cannot work. The text names it and says what is needed."""


class NotPossible(ChatError):
    """This cannot be done now; nothing has happened. `phase`: where the chat is; `reason`: why not, and what to do."""

    def __init__(self, phase: str, reason: str, text: str) -> None:
        super().__init__(phase, reason, text)
        self.phase: Final = phase
        self.reason: Final = reason
        self._text = text

    def __str__(self) -> str:
        return self._text


class SessionOver(NotPossible):
    """The chat is over; nothing was sent. `outcome` says how it ended. `start()` begins a new one."""

    def __init__(self, phase: str, reason: str, outcome: Outcome) -> None:
        super().__init__(phase, reason, f"the chat is over ({outcome}): start() begins a new one")
        self.args = (phase, reason, outcome)
        self.outcome: Final = outcome


class ChatClosed(ChatError):
    """The client is not open: it was closed, or not entered with `async with` yet."""


class ChatStopped(ChatError):
    """The client had to stop; `__cause__` says why (a full disk, another process on this chat). The chat lives on.

    What was not saved was not sent. Open the client anew when the cause is removed.
    """


def refusal(illegal: IllegalIntent, outcome: Outcome | None) -> NotPossible:
    """The engine's refusal of an intent, for people. `outcome`: the session's."""
    if outcome is not None:
        return SessionOver(illegal.phase, illegal.reason, outcome)
    return NotPossible(illegal.phase, illegal.reason, str(illegal))
