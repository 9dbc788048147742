"""Limits the requests to one server: their rate, and all of them while the server is down (circuit breaker).

The limits belong to the server, not to a chat: thousands of sessions, each with its own back-off, are still thousands
of calls to a server that is down, and a flood when it comes back. A blocked request was never sent; its session gets
that answer and decides.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final

from ..logs import Logger

_log = Logger()

FAILURES: Final = 20
"""Consecutive calls, of all chats together, without an answer, after which the breaker opens."""
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 10.0
"""The longest pause between probes. Shorter than the longest back-off of a session (30 s)."""
PROBE_TIMEOUT_S: Final = 5.0
"""A probe without an answer for so long has succeeded: it may be a poll, which a healthy server holds."""
DOWN: Final = frozenset({502, 503, 504})
"""Statuses with which a proxy answers for a server that is down."""


class RequestBlocked(Exception):
    """The request was not sent."""


class CircuitBreaker:
    """Lets requests pass, on average `per_second` of them (None: all), with bursts of up to one second's worth.

    After many consecutive failures it opens: then only one request passes, as a probe, after growing pauses, until one
    is answered. `now`: seconds, of a clock that never runs backwards.
    """

    def __init__(
        self,
        per_second: float | None = None,
        *,
        now: Callable[[], float] | None = None,
        chance: Callable[[], float] | None = None,
    ) -> None:
        self._spacing = 1 / per_second if per_second else 0.0
        self._now = now or asyncio.get_running_loop().time
        self._chance = chance or random.SystemRandom().random  # the shared generator is the application's
        self._next = self._now() - 1  # when the next request may pass; up to one second of unused time is saved
        self._failures = 0
        self._pause = FIRST_PAUSE_S
        self._open_until: float | None = None
        self._probed_at: float | None = None
        # Counts openings and probes: a late failure of a request that passed before says nothing about now.
        self._epoch = 0

    @property
    def is_open(self) -> bool:
        """The server counts as down."""
        return self._open_until is not None

    def share(self, processes: int, per_second: float | None) -> None:
        """Limit this process to its part of a rate that so many processes share."""
        self._spacing = processes / per_second if per_second else 0.0

    async def enter(self, timeout: float) -> int:  # noqa: ASYNC109 - decided before the wait, not by cancelling it
        """Wait until this request may pass, for at most `timeout` seconds. Returns the epoch for `failed`.

        Raises RequestBlocked.
        """
        now = self._now()
        if self._probed_at is not None and now - self._probed_at >= PROBE_TIMEOUT_S:
            self._close()
        if self._open_until is not None:
            if now < self._open_until:
                raise RequestBlocked("the server does not answer; the next attempt follows after a pause")
            self._open(now)
            self._probed_at = now  # this request is the probe; the others wait for its result
        epoch = self._epoch
        if not self._spacing:
            return epoch
        at = max(self._next, now - 1)
        if at - now > timeout:
            raise RequestBlocked("too many requests are waiting (requests_per_second)")
        self._next = at + self._spacing
        if at > now:
            await asyncio.sleep(at - now)
        return epoch

    def answered(self, epoch: int, status: int) -> None:
        """The server answered a request."""
        if status in DOWN:
            self.failed(epoch)
        else:
            self._close()

    def failed(self, epoch: int) -> None:
        """A request of this epoch got no answer."""
        if epoch != self._epoch:
            return
        self._probed_at = None
        self._failures += 1
        if self._failures == FAILURES:
            _log.warning("host_down", failures=self._failures)
            self._open(self._now())

    def _open(self, now: float) -> None:
        """Open for a random time between half and the whole pause: many processes must not probe together."""
        self._epoch += 1
        self._open_until = now + self._pause * (0.5 + self._chance() / 2)
        self._pause = min(self._pause * 2, LONGEST_PAUSE_S)

    def _close(self) -> None:
        self._failures = 0
        self._probed_at = None
        if self._open_until is not None:
            self._open_until = None
            self._pause = FIRST_PAUSE_S
            _log.info("host_up")
