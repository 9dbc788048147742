"""The centre's time: the real one, or a faster one, and moved forward by hand. ``RealClock`` is always real."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from statemachine.emulator.wire import RealTime

_INTERVAL_S: Final = 0.05
_FASTEST = 100_000.0


class Clock:
    """Milliseconds since the epoch, which never run backwards. ``scale``: how many of them pass in a real one.

    With scale 0 the time changes only when it is moved.
    """

    def __init__(self, scale: float = 1.0, steady_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._steady_ns = steady_ns
        self._scale = _checked(scale)
        # The wall clock once, then the steady one: time that jumps would end sessions.
        self._base_ns = time.time_ns()
        self._since_ns = steady_ns()

    @property
    def scale(self) -> float:
        """How fast time goes."""
        return self._scale

    @scale.setter
    def scale(self, value: float) -> None:
        wanted = _checked(value)
        self._base_ns, self._since_ns = self._now_ns(), self._steady_ns()
        self._scale = wanted

    def now(self) -> int:
        """The time, rounded down."""
        return self._now_ns() // 1_000_000

    def advance_to(self, ms: int) -> None:
        """Move forward to this time; one that has passed changes nothing."""
        self._base_ns += max(0, ms * 1_000_000 - self._now_ns())

    def real_s(self, ms: int) -> float | None:
        """How many real seconds until this time; None: only when the clock is moved."""
        ahead = ms * 1_000_000 - self._now_ns()
        if ahead <= 0:
            return 0.0
        return ahead / self._scale / 1e9 if self._scale else None

    def _now_ns(self) -> int:
        return self._base_ns + int((self._steady_ns() - self._since_ns) * self._scale)


def _checked(scale: float) -> float:
    if not 0 <= scale <= _FASTEST:
        raise ValueError(f"a clock runs 0 to {_FASTEST:,.0f} times as fast as the real one, not {scale:g} times")
    return scale


class RealClock:
    """Real time, measured in intervals of the running loop. A late interval adds only its usual length to ``free``."""

    def __init__(self) -> None:
        self._free_s = 0.0
        self._last_s = 0.0
        self._alarm: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to measure, in the running loop."""
        self._last_s = asyncio.get_running_loop().time()
        self._measure()

    def now(self) -> RealTime:
        """This moment."""
        now_s = asyncio.get_running_loop().time()
        return RealTime(int(now_s * 1000), int((self._free_s + min(now_s - self._last_s, _INTERVAL_S)) * 1000))

    def close(self) -> None:
        """Measure no more."""
        if self._alarm is not None:
            self._alarm.cancel()

    def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        self._free_s += min(now_s - self._last_s, _INTERVAL_S)
        self._last_s = now_s
        self._alarm = loop.call_later(_INTERVAL_S, self._measure)
