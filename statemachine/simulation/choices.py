"""All random choices of a simulation, by label.

Choices come from a seeded generator, or from a tape of earlier choices. Choice 0 is always the simplest one (deliver at
once, no fault, do nothing). So a run becomes simpler when choices are replaced by 0, and a tape that has run out
continues with 0. A tape has one list for each label: a choice dropped under one label shifts nothing under another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final, TypeAlias, TypeVar

T = TypeVar("T")
Tape: TypeAlias = Mapping[str, Sequence[int]]
"""Label -> the choices made under it, in order."""


class Choices:
    """Choices from `Random(seed)`, or from `tape` where there is one. `drawn` is the tape of this run."""

    def __init__(self, seed: int = 0, tape: Tape | None = None) -> None:
        self.seed: Final = seed
        self._random = Random(seed)
        self._tape: Final = tape
        self.drawn: Final[dict[str, list[int]]] = {}

    def index(self, label: str, weights: Sequence[int]) -> int:
        """An index into `weights`, in proportion to the weights."""

        def draw() -> int:
            at = self._random.random() * sum(weights)
            for index, weight in enumerate(weights):
                at -= weight
                if at < 0:
                    return index
            return 0

        return self._choose(label, len(weights) - 1, draw)

    def amount(self, label: str, most: int) -> int:
        """A whole number from 0 to `most`, uniformly."""
        return self._choose(label, most, lambda: int(self._random.random() * (most + 1)))

    def pick(self, label: str, values: Sequence[T], weights: Sequence[int] | None = None) -> T:
        """One of the values, in proportion to the weights, or uniformly."""
        return values[self.amount(label, len(values) - 1) if weights is None else self.index(label, weights)]

    def chance(self, label: str, per_mille: int) -> bool:
        """True with this probability, in thousandths."""
        return bool(self._choose(label, 1, lambda: int(self._random.random() * 1_000 < per_mille)))

    def _choose(self, label: str, most: int, draw: Callable[[], int]) -> int:
        drawn = self.drawn.setdefault(label, [])
        if self._tape is None:
            chosen = draw()
        else:
            known = self._tape.get(label, ())
            chosen = known[len(drawn)] if len(drawn) < len(known) else 0
            chosen = min(max(chosen, 0), most)
        drawn.append(chosen)
        return chosen
