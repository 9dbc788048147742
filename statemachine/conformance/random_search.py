"""Search random traces for one on which an implementation deviates, and shorten it.

The result is a vector like every other, and can be written to a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Final

from attrs import frozen

from .implementation import Implementation, declared_features
from .judge import AGREEMENT, LAWS_OF_STEPS, Deviation, judge
from .parallel import REFERENCE, each
from .shorten import shortened, without_missing_features
from .shrinking import shrink
from .traces import Explorer, RandomTrace, trace_of
from .variations import VARIATIONS
from .vectors import Vector, vector_of

_LENGTH: Final = 40
"""Steps of a trace."""
_TRIES: Final = 200
"""How many simpler traces are tried."""
STEPS: Final = "steps"
LAWS: Final = (AGREEMENT, STEPS, *VARIATIONS)
"""What a search can check. `STEPS`: the laws that one run shows. All but the agreement compare the implementation with
itself, so that one difference from the reference is reported once."""


@frozen
class Found:
    """A deviation, and the shortest vector that shows it."""

    deviation: Deviation
    vector: Vector


def search(
    subject: Implementation, law: str, cases: int, start: int = 1, copies: Sequence[Implementation] = ()
) -> Found | None:
    """The first deviation in this many random traces, shortened; None where there is none.

    Each trace runs unchanged, and then varied as the law says. Steps that need a feature which the implementation lacks
    are left out.

    Args:
        law: One of LAWS.
        start: The seed.
        copies: Of the subject, to share the work.
    """
    variation, features = VARIATIONS.get(law), declared_features(subject)
    enforced = LAWS_OF_STEPS if law == STEPS else frozenset({law})
    explorer = Explorer(Random(f"{law} {start}"))  # else each law would see the same traces

    def vector_from(trace: RandomTrace) -> Vector:
        return without_missing_features(vector_of(trace), features)

    def judged(one: Implementation, vector: Vector) -> Found | None:
        deviation = judge(one, vector, variation, enforced)
        return None if deviation is None else Found(deviation, vector)

    def tried(words: list[bytes]) -> Found | None:
        return judged(subject, vector_from(trace_of(words)))

    def made() -> Iterator[tuple[list[bytes], Vector]]:
        for _ in range(cases):
            with REFERENCE:
                words, trace = explorer.trace(_LENGTH)
                vector = vector_from(trace)
            yield words, vector

    def simplified(words: list[bytes], found: Found) -> Found:
        def same_level(fewer: list[bytes]) -> bool:
            simpler = tried(fewer)
            return simpler is not None and simpler.deviation.level == found.deviation.level

        simpler = tried(_simplified(words, same_level)) or found
        vector, deviation = shortened(subject, simpler.vector, simpler.deviation, variation, enforced)
        return Found(deviation, vector)

    def judge_one(one: Implementation, trace: tuple[list[bytes], Vector]) -> tuple[list[bytes], Found] | None:
        found = judged(one, trace[1])
        return None if found is None else (trace[0], found)

    first: tuple[list[bytes], Found] | None = None
    results = each((subject, *copies), judge_one, made())
    for one in results:
        if one is not None and one[1].deviation.level == "must":
            first = one  # a broken SHOULD rule must not hide a broken MUST rule
            break
        first = first or one
    results.close()  # nobody else runs the implementation while the trace is shortened
    return None if first is None else simplified(*first)


def _simplified(words: list[bytes], fails: Callable[[list[bytes]], bool]) -> list[bytes]:
    """The words without as many steps as possible, and with as many empty words, whose choices are all 0."""
    first, *steps = words
    steps = shrink(steps, lambda kept: fails([first, *kept]), _TRIES)

    def emptied(kept: list[int]) -> list[bytes]:
        return [word if at in kept else b"" for at, word in enumerate([first, *steps])]

    return emptied(shrink(range(len(steps) + 1), lambda kept: fails(emptied(kept)), _TRIES))
