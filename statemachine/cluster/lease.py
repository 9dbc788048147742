"""The lease of a worker: until when it may act for its chats, judged by its own clock alone."""

from __future__ import annotations

import sys
import time
from typing import Final


def elapsed() -> float:
    """Seconds, of a clock that nobody can set. On Linux it also runs while the machine sleeps."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Lease:
    """Valid for a while after the last heartbeat that the database has taken was *sent*.

    The others wait `seconds` from the moment the database took it, which is later: so the lease of a worker has always
    ended when its chats are claimed.

    Args:
        seconds: Of a lease, as the others count it.
        margin: Seconds by which it ends earlier here: the time of a request on its way from the check to the network.
    """

    def __init__(self, seconds: float, margin: float) -> None:
        self._length: Final = seconds - margin
        self._until = 0.0

    def renew(self, sent: float) -> None:
        """A heartbeat was taken.

        Args:
            sent: When it was sent, by `elapsed`.
        """
        self._until = sent + self._length

    def end(self) -> None:
        """It is over: the worker was declared dead."""
        self._until = 0.0

    @property
    def left(self) -> float:
        """The seconds left, negative after its end."""
        return self._until - elapsed()

    @property
    def is_valid(self) -> bool:
        """Whether the worker may act."""
        return self.left > 0
