"""Random traces, played on any implementation, in process or through a pipe; one that fails is made short.

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

__all__ = ["LAWS", "Found", "search"]

_LENGTH: Final = 40
"""Steps of a life."""
_TRIES: Final = 200
"""How many simpler traces are tried."""
LAWS: Final = (AGREEMENT, *VARIATIONS)
"""What random lives are searched for. The laws of a single play (L4, L6 to L9, L13) are held in every one of them."""


@frozen
class Found:
    """A fault, and the shortest life that shows it."""

    fault: Deviation
    vector: Vector


def search(subject: Implementation, law: str, cases: int, start: int = 1) -> Found | None:
    """The first fault in this many random traces, made short; None where there is none.

    Each trace is played plainly, and then varied as the law says. A trace that needs a feature which the implementation
    lacks is played without the steps that need it.

    Args:
        law: One of LAWS.
        start: The seed.
    """
    variation, features = VARIATIONS.get(law), declared_features(subject)
    random = Random(f"{law} {start}")  # else each law would see the same traces

    def judged(words: list[bytes]) -> Found | None:
        vector = without_missing_features(vector_of(trace_of(words)), features)
        fault = judge(subject, vector, variation)
        return None if fault is None else Found(fault, vector)

    for _ in range(cases):
        words = [random.randbytes(WORD) for _ in range(_LENGTH + 1)]
        found = judged(words)
        if found is not None:
            found = judged(_simplified(words, lambda fewer: judged(fewer) is not None)) or found
            vector, fault = shortened(subject, found.vector, found.fault, variation)
            return Found(evolve(fault, level=level_at(vector, fault.step)) if fault.law == AGREEMENT else fault, vector)
    return None


def _simplified(words: list[bytes], fails: Callable[[list[bytes]], bool]) -> list[bytes]:
    """The words without as many steps as possible, and with as many empty words, whose choices are all 0."""
    first, *steps = words
    steps = shrink(steps, lambda kept: fails([first, *kept]), _TRIES)

    def emptied(kept: list[int]) -> list[bytes]:
        return [word if at in kept else b"" for at, word in enumerate([first, *steps])]

    return emptied(shrink(range(len(steps) + 1), lambda kept: fails(emptied(kept)), _TRIES))
