"""The simulation can fail: each planted fault is found within a few seeds, and minimised."""

from __future__ import annotations

from pathlib import Path

import pytest

from statemachine.logs import silenced
from statemachine.simulation.minimise import minimise, read_case, replay, write_case
from statemachine.simulation.simulator import Simulator

from .plants import PLANTS

QUICK = ("forgets_what_was_told", "polls_on_after_the_end", "loses_the_jump", "polls_twice")
"""Minimised in a second or two; the others are minimised in the slow tests."""

LATE = ("forgets_the_history", "ignores_the_timeout")
"""Found only after many seeds, so in the slow tests."""

ONLY = {"reads_history_at_once": ("request late",), "believes_a_denial": ("denied", "agent at random", "two at once")}
"""The faults that show a plant which is rare among many faults."""


def _found(name: str) -> Simulator:
    _, laws, seeds, _ = PLANTS[name]
    simulators = (Simulator(seed, only=ONLY.get(name)) for seed in range(1, seeds + 1))
    broken = next((simulator for simulator in simulators if simulator.run()), None)
    assert broken is not None, f"not found within {seeds} seeds"
    assert broken.violation is not None
    assert broken.violation.law in laws
    return broken


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in LATE else name for name in PLANTS if name not in QUICK],
)
def test_a_planted_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick ones are found below."""
    PLANTS[name][0](monkeypatch)
    with silenced():
        _found(name)


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in PLANTS]
)
def test_a_planted_fault_is_minimised(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    PLANTS[name][0](monkeypatch)
    path = tmp_path / "violation.jsonl"
    with silenced():
        broken = _found(name)
        case = minimise(broken)
        write_case(case, path)
        found = replay(read_case(path))
    assert len(case.events) <= PLANTS[name][3]
    assert found is not None
    assert broken.violation is not None
    assert found.law == broken.violation.law


def test_the_minimised_case_passes_without_the_planted_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with silenced():
        with monkeypatch.context() as patch:
            PLANTS["forgets_what_was_told"][0](patch)
            case = minimise(_found("forgets_what_was_told"))
        assert replay(case) is None
