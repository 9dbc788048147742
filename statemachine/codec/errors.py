"""The two refusals of stored data. Data from the network never raises (`wire.py`, `http.py`)."""

from __future__ import annotations

from typing import Final


class BadRecord(ValueError):
    """An event, command, update or trace line that this version would not write.

    The text names the path in the JSON.
    """


class BadSnapshot(ValueError):
    """A snapshot that cannot be restored. The text is the `reason`, with the path, and the advice for an embedder."""

    code: Final = "bad_snapshot"

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(f"{reason}. {advice}" if advice else reason)
        self.reason = reason
