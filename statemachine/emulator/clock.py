"""The centre's time: the real one, or a faster one, and moved forward by hand. The time on the line is always real."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from statemachine.emulator.wire import Line

__all__ = ["Clock", "LineClock"]

_BEAT_S: Final = 0.05
_FASTEST = 100_000.0


class Clock:
    """Milliseconds since the epoch, which never run backwards. ``scale``: how many of them pass in a real one.

    With scale 0 the time stands still until it is moved.
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
        """How many real seconds until this time; None: it comes only when somebody moves the clock."""
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


class LineClock:
    """Real time in beats of the running loop. A beat counts for what it should have lasted, however late it comes."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._free_s = 0.0
        self._last_s = self._loop.time()
        self._alarm = self._loop.call_later(_BEAT_S, self._beat)

    def now(self) -> Line:
        """This moment."""
        now_s = self._loop.time()
        free_s = self._free_s + min(now_s - self._last_s, _BEAT_S)
        return Line(int(now_s * 1000), int(free_s * 1000))

    def close(self) -> None:
        """Beat no more."""
        self._alarm.cancel()

    def _beat(self) -> None:
        now_s = self._loop.time()
        self._free_s += min(now_s - self._last_s, _BEAT_S)
        self._last_s = now_s
        self._alarm = self._loop.call_later(_BEAT_S, self._beat)
