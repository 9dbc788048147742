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

from .implementation import Implementation, features_of
from .judge import AGREEMENT, Fault, judge
from .levels import level_at
from .lives import WORD, Trace, walked
from .shorten import playable, shortened
from .variations import VARIATIONS
from .vectors import Vector, recorded

__all__ = ["LAWS", "Faulty", "Found", "Judge", "search"]

STEPS: Final = 40
"""Steps of a life."""
SHRINKS: Final = 100
"""How many smaller lives are tried, before what is left is made shorter step by step."""
LAWS: Final = (AGREEMENT, *VARIATIONS)
"""What random lives are searched for. The laws of a single play (L4, L6 to L9, L13) are held in every one of them."""


@frozen
class Found:
    """A fault, and the shortest life that shows it."""

    fault: Fault
    vector: Vector


class Faulty(Exception):
    """A life has a fault: tells hypothesis so, too."""


class Judge:
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
            if self.left < 0 and vector != self.found.vector:  # hypothesis's last word replays the shortest
                return
        fault = judge(self.subject, vector, self.variation)
        if fault is not None:
            self.found = Found(fault, vector)
            raise Faulty


def search(subject: Implementation, law: str, cases: int, start: int = 1) -> Found | None:
    """The first fault in this many random lives, made short; None where there is none. `start`: the seed.

    `law`: one of LAWS; each life is played plainly, and then varied as that law says. Lives that need a feature which
    the implementation lacks are played without what needs it. Hypothesis makes the failing life smaller, and then what
    is left of it is made shorter step by step.
    """
    judging = Judge(subject, law)
    random = Random(f"{law} {start}")  # else each law would see the same lives
    with suppress(Faulty):
        for _ in range(cases):
            judging(walked([random.randbytes(WORD) for _ in range(STEPS + 1)]))
    if judging.found is None:
        return None
    least = Judge(subject, law)
    from .shrink import shrink  # with hypothesis, which takes its time to load, and is seldom needed

    shrink(least, cases, start)
    found = least.found or judging.found
    vector, fault = shortened(subject, found.vector, found.fault, judging.variation)
    if fault.law == AGREEMENT:
        fault = evolve(fault, level=level_at(vector, fault.step))
    return Found(fault, vector)
