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


@pytest.fixture(scope="module")
def cases() -> Cases:
    return Cases()


LISTED = {mutant.name: mutant for mutant in ALL if reason(mutant.name) is not None}
"""Mutants that are no other engines: each needs all cases, so they take as long as all others together."""


def test_every_mutant_of_a_row_is_rejected(cases: Cases) -> None:
    assert [mutant.name for mutant in ALL if mutant.name not in LISTED and rejected_by(mutant, cases) is None] == []


@pytest.mark.slow
def test_a_mutant_that_is_listed_is_not_rejected(cases: Cases) -> None:
    assert {name: by for name, mutant in LISTED.items() if (by := rejected_by(mutant, cases)) is not None} == {}


def test_each_mutant_has_its_name_and_each_reason_its_mutant() -> None:
    assert len({mutant.name for mutant in ALL}) == len(ALL)
    assert [pattern.pattern for pattern, _ in EQUIVALENT if not any(map(pattern.fullmatch, LISTED))] == []


@pytest.mark.parametrize("mutant", HAND_MADE, ids=lambda mutant: mutant.name)
def test_a_mutant_made_by_hand_is_rejected(mutant: HandMade, all_lives: tuple[Life, ...]) -> None:
    assert rejected_in_life_by(mutant, all_lives) is not None


def test_the_engine_itself_is_not_rejected(all_lives: tuple[Life, ...]) -> None:
    assert rejected_in_life_by(HandMade("right", lambda patch: None), all_lives[:40]) is None


def test_there_are_enough_of_them() -> None:
    assert len(HAND_MADE) >= 30
    kinds = ("drop", "redirect", "guard negated", "guard removed", "without")
    assert all(sum(kind in mutant.name for mutant in ALL) >= 40 for kind in kinds)
