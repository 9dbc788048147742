"""The one door for choice: whatever a world leaves to chance is asked for here, by label.

Behind the door is a seeded generator, or a tape of what was drawn before. Choice 0 is always the boring one (deliver at
once, no fault, do nothing), so that a run becomes simpler when choices are replaced by 0, and a tape that has run out
goes on boringly. A tape keeps one list for each label: what is dropped under one label shifts nothing under another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Final, TypeAlias

__all__ = ["Choices", "Tape"]

Tape: TypeAlias = Mapping[str, Sequence[int]]
"""Label -> what was chosen under it, in order."""


class Choices:
    """Where choices come from: `Random(seed)`, or `tape` where there is one. `drawn` is the tape of this run."""

    def __init__(self, seed: int = 0, tape: Tape | None = None) -> None:
        self._random = Random(seed)
        self._tape: Final = tape
        self.drawn: Final[dict[str, list[int]]] = {}

    def choose(self, label: str, weights: Sequence[int]) -> int:
        """An index into `weights`, as likely as its weight says."""
        if self._tape is not None:
            return self._take(label, len(weights) - 1)
        at = self._random.random() * sum(weights)
        for index, weight in enumerate(weights):
            at -= weight
            if at < 0:
                return self._keep(label, index)
        return self._keep(label, 0)

    def amount(self, label: str, most: int) -> int:
        """A whole number from 0 to `most`, all as likely."""
        if self._tape is not None:
            return self._take(label, most)
        return self._keep(label, int(self._random.random() * (most + 1)))

    def chance(self, label: str, per_mille: int) -> bool:
        """True so many times in a thousand."""
        if self._tape is not None:
            return bool(self._take(label, 1))
        return bool(self._keep(label, int(self._random.random() * 1_000 < per_mille)))

    def _keep(self, label: str, chosen: int) -> int:
        self.drawn.setdefault(label, []).append(chosen)
        return chosen

    def _take(self, label: str, most: int) -> int:
        assert self._tape is not None
        drawn = self.drawn.setdefault(label, [])
        known = self._tape.get(label, ())
        chosen = known[len(drawn)] if len(drawn) < len(known) else 0
        chosen = min(max(chosen, 0), most)
        drawn.append(chosen)
        return chosen
