"""The judges can fail an engine: each mutant is rejected by a law or a vector, or listed as no other engine."""

from __future__ import annotations

import pytest

from .cases import Cases
from .equivalent import EQUIVALENT, reason
from .hand import HAND_MADE, HandMade
from .judge import rejected_by
from .lives import Life, lives
from .lives import rejected_by as rejected_in_life_by
from .tables import ALL


@pytest.fixture(scope="module")
def all_lives() -> tuple[Life, ...]:
    return lives()


def _judged(cases: Cases) -> dict[str, str | None]:
    return {mutant.name: rejected_by(mutant, cases) for mutant in ALL}


def _not_as_listed(verdicts: dict[str, str | None]) -> list[str]:
    return [name for name, verdict in verdicts.items() if (verdict is None) != (reason(name) is not None)]


def test_every_mutant_of_a_row_is_rejected_or_known_to_be_no_other_engine() -> None:
    verdicts = _judged(Cases())
    assert _not_as_listed(verdicts) == []
    assert len(verdicts) == len(ALL), "two mutants have one name"
    assert [pattern.pattern for pattern, _ in EQUIVALENT if not any(map(pattern.fullmatch, verdicts))] == []


@pytest.mark.parametrize("mutant", HAND_MADE, ids=lambda mutant: mutant.name)
def test_a_mutant_made_by_hand_is_rejected(mutant: HandMade, all_lives: tuple[Life, ...]) -> None:
    assert rejected_in_life_by(mutant, all_lives) is not None


def test_the_engine_itself_is_not_rejected(all_lives: tuple[Life, ...]) -> None:
    assert rejected_in_life_by(HandMade("right", lambda patch: None), all_lives[:40]) is None


def test_there_are_enough_of_them() -> None:
    assert len(HAND_MADE) >= 30
    kinds = ("drop", "redirect", "guard negated", "guard removed", "without")
    assert all(sum(kind in mutant.name for mutant in ALL) >= 40 for kind in kinds)
