"""The kit can fail an engine: each mutant of the tables, and each fault made by hand, is rejected by its checks."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from statemachine.conformance.judge import AGREEMENT
from statemachine.conformance.kit import checks, run
from statemachine.conformance.process import Harness
from statemachine.conformance.random_search import search
from statemachine.conformance.vectors import engine_vectors

from .__main__ import part_of, verdicts
from .cases import Cases
from .equivalent import EQUIVALENT
from .hand import HAND_MADE, HandMade
from .lives import Lives, lives, rejected_by
from .tables import ALL

SHORT = 10
"""Steps, at most, of the case that shows a fault."""
PLANTED = (
    "polls_twice",
    "misses_the_timeout_in_one_phase",
    "renames_a_retry",
    "keeps_a_timer",
    "forgets_the_merge",
)


@pytest.fixture(scope="module")
def all_lives() -> Lives:
    return lives()


def test_a_part_of_the_mutants_is_rejected_or_listed() -> None:
    """All of them: `python -m tests.mutants`."""
    cases = Cases()
    cases.add_vectors(engine_vectors())
    found = verdicts(part_of("0/40"), cases, jobs=1)
    assert len(found) > 100
    assert [one.name for one in found if one.is_wrong] == []


def test_names_are_unique_and_each_reason_is_used() -> None:
    names = [mutant.name for mutant in ALL]
    assert len(set(names)) == len(names)
    assert [pattern.pattern for pattern, _ in EQUIVALENT if not any(map(pattern.fullmatch, names))] == []


@pytest.mark.parametrize("mutant", HAND_MADE, ids=lambda mutant: mutant.name)
def test_a_mutant_made_by_hand_is_rejected(mutant: HandMade, all_lives: Lives) -> None:
    assert rejected_by(mutant, all_lives) is not None


def test_the_engine_itself_is_not_rejected(all_lives: Lives) -> None:
    assert rejected_by(HandMade("right", lambda patch: None), all_lives[::20]) is None


def test_there_are_enough_of_them() -> None:
    assert len(HAND_MADE) >= 30
    kinds = ("drop", "redirect", "guard negated", "guard removed", "without", "another")
    assert all(sum(kind in mutant.name for mutant in ALL) >= 40 for kind in kinds)


@pytest.fixture
def planted(request: pytest.FixtureRequest) -> Iterator[Harness]:
    with Harness([sys.executable, "-m", "tests.mutants.harness", request.param]) as subject:
        yield subject


@pytest.mark.slow
@pytest.mark.parametrize("planted", PLANTED, indirect=True)
def test_a_planted_fault_is_found_by_a_vector_and_by_random_traces_with_a_short_case(planted: Harness) -> None:
    failed = [len(one.evidence) - 1 for one in run(planted, checks(0)) if one.status == "failed"]
    assert min(failed) <= SHORT
    found = search(planted, AGREEMENT, 2_000)
    assert found is not None
    assert found.deviation.level == "must"
    assert len(found.vector.steps) <= SHORT
