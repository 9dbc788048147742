"""The kit can fail an engine: each mutant of the tables, and each fault made by hand, is rejected by its checks."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from statemachine.cli import main
from statemachine.conformance.vectors import engine_vectors

from .__main__ import part_of, verdicts
from .cases import Cases
from .equivalent import EQUIVALENT
from .hand import HAND_MADE, HandMade
from .lives import Lives, lives, rejected_by
from .seldom import SELDOM
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
    assert [one.name for one in found if one.fault(traces=0)] == []


def test_names_are_unique_and_each_reason_is_used() -> None:
    names = [mutant.name for mutant in ALL]
    assert len(set(names)) == len(names)
    for listed in (EQUIVALENT, SELDOM):
        assert [pattern.pattern for pattern, _ in listed if not any(map(pattern.fullmatch, names))] == []


@pytest.mark.parametrize("mutant", HAND_MADE, ids=lambda mutant: mutant.name)
def test_a_mutant_made_by_hand_is_rejected(mutant: HandMade, all_lives: Lives) -> None:
    assert rejected_by(mutant, all_lives) is not None


def test_the_engine_itself_is_not_rejected(all_lives: Lives) -> None:
    assert rejected_by(HandMade("right", lambda patch: None), all_lives[::20]) is None


def test_there_are_enough_of_them() -> None:
    assert len(HAND_MADE) >= 30
    kinds = ("drop", "redirect", "guard negated", "guard removed", "without", "another")
    assert all(sum(kind in mutant.name for mutant in ALL) >= 40 for kind in kinds)


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found_by_vectors_and_by_random_traces_each_with_a_short_case(
    name: str, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    harness = (sys.executable, "-m", "tests.mutants.harness", name)
    assert main(["conform", "--cases", "2000", "--json", str(report), "--out", str(tmp_path), "--", *harness]) == 1
    failed = [one for one in json.loads(report.read_text("utf-8"))["results"] if one["status"] == "failed"]
    steps = {one["id"]: len(one["evidence"]) - 1 for one in failed}
    assert steps["law/agreement"] <= SHORT
    assert min(number for check, number in steps.items() if not check.startswith("law/")) <= SHORT
