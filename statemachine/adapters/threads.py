"""The driver's clock for a thread without an event loop."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from queue import Empty, SimpleQueue

from attrs import define

from .protocols import Alarm


@define(eq=False)
class _Alarm:
    callback: Callable[[], None] | None

    def cancel(self) -> None:
        """See `Alarm.cancel`."""
        self.callback = None


class ThreadClock:
    """A clock, and the loop of the thread that owns drivers: all their calls and callbacks are made in `run`."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._alarms: list[tuple[int, int, _Alarm]] = []
        self._numbers = count()

    def call_soon(self, call: Callable[[], object]) -> None:
        """Make a call in `run`. May be used in any thread.

        Args:
            call: Without arguments.
        """
        self._calls.put(call)

    def run(self, is_over: Callable[[], bool]) -> None:
        """Make calls and ring alarms.

        Args:
            is_over: Asked after each; True: return.
        """
        while not is_over():
            while self._alarms and self._alarms[0][2].callback is None:
                heappop(self._alarms)
            left = max(0, self._alarms[0][0] - self.now()) / 1_000 if self._alarms else None
            try:
                call: Callable[[], object] | None = self._calls.get(timeout=left)
            except Empty:
                call = heappop(self._alarms)[2].callback
            if call:
                call()

    def now(self) -> int:
        """See `Clock.now`."""
        return time.time_ns() // 1_000_000

    def call_at(self, at: int, callback: Callable[[], None]) -> Alarm:
        """See `Clock.call_at`."""
        alarm = _Alarm(callback)
        heappush(self._alarms, (at, next(self._numbers), alarm))
        return alarm

    def jitter(self, earliest: int, latest: int) -> int:
        """See `Clock.jitter`."""
        return random.SystemRandom().randint(earliest, latest)
