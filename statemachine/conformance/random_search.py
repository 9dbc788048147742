"""Search random traces for one on which an implementation deviates, and shorten it.

The result is a vector like every other, and can be written to a file.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from attrs import evolve, frozen

from .implementation import Implementation, declared_features
from .judge import AGREEMENT, Deviation, judge
from .levels import level_at
from .shorten import shortened, without_missing_features
from .shrinking import shrink
from .traces import WORD, trace_of
from .variations import VARIATIONS
from .vectors import Vector, vector_of

_LENGTH: Final = 40
"""Steps of a trace."""
_TRIES: Final = 200
"""How many simpler traces are tried."""
LAWS: Final = (AGREEMENT, *VARIATIONS)
"""The laws that a search can check. The laws of a single run (L4, L6 to L9, L13, L14) are checked in each search."""


@frozen
class Found:
    """A deviation, and the shortest vector that shows it."""

    deviation: Deviation
    vector: Vector


def search(subject: Implementation, law: str, cases: int, start: int = 1) -> Found | None:
    """The first deviation in this many random traces, shortened; None where there is none.

    Each trace runs unchanged, and then varied as the law says. Steps that need a feature which the implementation lacks
    are left out.

    Args:
        law: One of LAWS.
        start: The seed.
    """
    variation, features = VARIATIONS.get(law), declared_features(subject)
    random = Random(f"{law} {start}")  # else each law would see the same traces

    def judged(words: list[bytes]) -> Found | None:
        vector = without_missing_features(vector_of(trace_of(words)), features)
        deviation = judge(subject, vector, variation)
        return None if deviation is None else Found(deviation, vector)

    for _ in range(cases):
        words = [random.randbytes(WORD) for _ in range(_LENGTH + 1)]
        found = judged(words)
        if found is not None:
            found = judged(_simplified(words, lambda fewer: judged(fewer) is not None)) or found
            vector, deviation = shortened(subject, found.vector, found.deviation, variation)
            if deviation.law == AGREEMENT:
                deviation = evolve(deviation, level=level_at(vector, deviation.step))
            return Found(deviation, vector)
    return None


def _simplified(words: list[bytes], fails: Callable[[list[bytes]], bool]) -> list[bytes]:
    """The words without as many steps as possible, and with as many empty words, whose choices are all 0."""
    first, *steps = words
    steps = shrink(steps, lambda kept: fails([first, *kept]), _TRIES)

    def emptied(kept: list[int]) -> list[bytes]:
        return [word if at in kept else b"" for at, word in enumerate([first, *steps])]

    return emptied(shrink(range(len(steps) + 1), lambda kept: fails(emptied(kept)), _TRIES))
