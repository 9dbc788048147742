"""A life that has a fault, made smaller by hypothesis, with all of the life's choices in its hand."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings

from .generated import Faulty, Judge
from .lives import Trace
from .strategies import traces

__all__ = ["shrink"]


class _Unread:
    """A life that hypothesis cannot write out: it would even if nobody asks, and warn that there are pages of it."""

    def __init__(self, trace: Trace) -> None:
        self.trace: Final = trace


def shrink(judging: Judge, lives: int, start: int) -> None:
    """Let hypothesis find a life that fails, among so many, and make it smaller. `judging` keeps what is left of it."""

    @seed(start)
    @settings(
        max_examples=lives,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example),
        verbosity=Verbosity.quiet,
        print_blob=False,
        report_multiple_bugs=False,
    )
    @given(traces().map(_Unread))
    def each(life: _Unread) -> None:
        judging(life.trace)

    with suppress(Faulty):
        each()
