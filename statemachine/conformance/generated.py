"""Random lives, played on any implementation, in process or through a pipe; hypothesis shrinks the one that fails.

Lives that pass are made by a seeded generator: with hypothesis they cost twice as much. Where one fails, hypothesis
looks for the same with all its choices in hand, and makes it smaller; what is left is made shorter step by step. It is
a vector like every other, and can be written to a file.
"""

from __future__ import annotations

from contextlib import suppress
from random import Random
from typing import Final

from attrs import evolve, frozen
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings

from .implementation import Implementation, features_of
from .judge import AGREEMENT, Fault, judge
from .levels import level_at
from .shorten import playable, shortened
from .strategies import WORD, Trace, traces, walked
from .variations import VARIATIONS
from .vectors import Vector, recorded

__all__ = ["LAWS", "LONGEST", "Found", "search"]

STEPS: Final = 40
"""Steps of a life."""
LONGEST: Final = 80
"""Steps, at most, of those that hypothesis makes."""
SHRINKS: Final = 100
"""How many smaller lives are tried, before what is left is made shorter step by step."""
LAWS: Final = (AGREEMENT, *VARIATIONS)
"""What random lives are searched for. The laws of a single play (L4, L6 to L9, L13) are held in every one of them."""


@frozen
class Found:
    """A fault, and the shortest life that shows it."""

    fault: Fault
    vector: Vector


class _Faulty(Exception):
    """Tells hypothesis that a life has a fault."""


class _Enough(BaseException):
    """Tells hypothesis to stop: what is no `Exception` passes through it."""


class _Judge:
    """Judges lives; once there was a fault, only so many more. The last fault found is that of the shortest life."""

    def __init__(self, subject: Implementation, law: str) -> None:
        self.subject = subject
        self.variation = VARIATIONS.get(law)
        self.features = features_of(subject)
        self.found: Found | None = None
        self.left = SHRINKS

    def __call__(self, trace: Trace) -> None:
        vector = playable(recorded(trace), self.features)
        if self.found is not None:
            self.left -= 1
            if (
                self.left < 0 and vector != self.found.vector
            ):  # the last word is hypothesis's own replay of the shortest
                return
        fault = judge(self.subject, vector, self.variation)
        if fault is not None:
            self.found = Found(fault, vector)
            raise _Faulty


def search(subject: Implementation, law: str, cases: int, start: int = 1) -> Found | None:
    """The first fault in this many random lives, made short; None where there is none. `start`: the seed.

    `law`: one of LAWS; each life is played plainly, and then varied as that law says. Lives that need a feature which
    the implementation lacks are played without what needs it. Hypothesis makes the failing life smaller, and then what
    is left of it is made shorter step by step.
    """
    judging = _Judge(subject, law)
    random = Random(start)
    with suppress(_Faulty):
        for _ in range(cases):
            judging(walked([random.randbytes(WORD) for _ in range(STEPS + 1)]))
    if judging.found is None:
        return None
    least = _Judge(subject, law)
    _shrink(least, cases, start)
    found = least.found or judging.found
    vector, fault = shortened(subject, found.vector, found.fault, judging.variation)
    if fault.law == AGREEMENT:
        fault = evolve(fault, level=level_at(vector, fault.step))
    return Found(fault, vector)


def _shrink(judging: _Judge, cases: int, start: int) -> None:
    """Let hypothesis find a life that fails, and make it smaller."""

    @seed(start)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example),
        verbosity=Verbosity.quiet,
        print_blob=False,
        report_multiple_bugs=False,
    )
    @given(traces(LONGEST))
    def each(trace: Trace) -> None:
        judging(trace)

    with suppress(_Faulty, _Enough):
        each()
