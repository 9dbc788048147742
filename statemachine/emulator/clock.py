"""The centre's time: the real one, or a faster one, and moved forward by hand."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Clock"]

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
