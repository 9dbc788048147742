"""The gate before a host: how fast it is asked, and whether it is asked at all while it is down.

It is about the host, not about any chat: thousands of sessions, each with a back-off of its own, are still thousands
of calls on a host that is down, and a flood on one that comes back. What the gate refuses was never sent, and the
session is told so; what to make of it is the session's decision.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final

from structlog import get_logger

__all__ = ["CircuitBreaker", "RequestBlocked"]

_log = get_logger(__name__)

FAILURES: Final = 20
"""Calls in a row, of all chats together, without any answer before the host counts as down."""
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 10.0
"""How long a host that is down is left alone. Shorter than the longest back-off of a session (30 s)."""
PROBE_TIMEOUT_S: Final = 5.0
"""A try that has not failed by then was taken: it may be a poll, which a host in good health holds for long."""
DOWN: Final = frozenset({502, 503, 504})
"""What a proxy says of a host that is down."""


class RequestBlocked(Exception):
    """The request was not let through: it never left."""


class CircuitBreaker:
    """Lets requests through, `per_second` of them on average (None: all), with bursts of up to one second's worth.

    After many failures in a row it closes. Then one request at a time is let through to try, after longer and longer
    pauses, until one is answered. `now`: seconds, of a clock that never runs backwards.
    """

    def __init__(
        self,
        per_second: float | None = None,
        *,
        now: Callable[[], float] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._spacing = 1 / per_second if per_second else 0.0
        self._now = now or asyncio.get_running_loop().time
        self._chance = chance
        self._turn = self._now() - 1  # the moment of the next turn; what lies in the past is saved up, one second of it
        self._failures = 0
        self._pause = FIRST_PAUSE_S
        self._closed_until: float | None = None
        self._tried: float | None = None
        # Counts the closings and tries: what fails later, but was let through before, says nothing about now.
        self._era = 0

    @property
    def closed(self) -> bool:
        """The host counts as down."""
        return self._closed_until is not None

    async def enter(self, within: float) -> int:
        """Wait for this request's turn, for at most `within` seconds. What is returned belongs to `failed`.

        Raises RequestBlocked.
        """
        now = self._now()
        if self._tried is not None and now - self._tried >= PROBE_TIMEOUT_S:
            self._open()
        if self._closed_until is not None:
            if now < self._closed_until:
                raise RequestBlocked("the host does not answer, and is left alone for a moment")
            self._close(now)
            self._tried = now  # this one tries; the others wait for what becomes of it
        era = self._era
        if not self._spacing:
            return era
        turn = max(self._turn, now - 1)
        if turn - now > within:
            raise RequestBlocked("too many requests wait for their turn")
        self._turn = turn + self._spacing
        if turn > now:
            await asyncio.sleep(turn - now)
        return era

    def answered(self, era: int, status: int) -> None:
        """The host answered."""
        if status in DOWN:
            self.failed(era)
            return
        self._open()

    def _open(self) -> None:
        self._failures = 0
        self._tried = None
        if self._closed_until is not None:
            self._closed_until = None
            self._pause = FIRST_PAUSE_S
            _log.info("host_up")

    def failed(self, era: int) -> None:
        """The host did not answer."""
        if era != self._era:
            return
        self._tried = None
        self._failures += 1
        if self._failures == FAILURES:
            _log.warning("host_down", failures=self._failures)
            self._close(self._now())

    def _close(self, now: float) -> None:
        """Until after a pause, between half and the whole of it: many processes shall not try together."""
        self._era += 1
        self._closed_until = now + self._pause * (0.5 + self._chance() / 2)
        self._pause = min(self._pause * 2, LONGEST_PAUSE_S)
