"""The simulation can fail: each planted bug is found within a few seeds, and minimised."""

from __future__ import annotations

from pathlib import Path

import pytest

from statemachine.simulation.minimise import minimise, read_case, replay, write_case
from statemachine.simulation.run import quiet
from statemachine.simulation.world import World

from .plants import PLANTS

QUICK = ("forgets_what_was_told", "polls_on_after_the_end", "loses_the_jump", "polls_twice")
"""Those that are minimised in a second or two; the others in the slow tests."""

LATE = ("forgets_the_history",)
"""Those that many seeds must be run for, so that they are sought in the slow tests only."""

ONLY = {"reads_history_at_once": ("request late",)}
"""Where one fault alone shows it, and the many others would make it rare."""


def _found(name: str) -> World:
    _, law, seeds, _ = PLANTS[name]
    worlds = (World(seed, only=ONLY.get(name)) for seed in range(1, seeds + 1))
    world = next((world for world in worlds if world.run()), None)
    assert world is not None, f"not found within {seeds} seeds"
    assert world.violation is not None
    assert world.violation.law in law
    return world


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LATE else name for name in PLANTS]
)
def test_it_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTS[name][0](monkeypatch)
    with quiet():
        _found(name)


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in PLANTS]
)
def test_it_is_minimised(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    PLANTS[name][0](monkeypatch)
    path = tmp_path / "violation.jsonl"
    with quiet():
        world = _found(name)
        case = minimise(world)
        write_case(case, path)
        found = replay(read_case(path))
    assert len(case.events) <= PLANTS[name][3]
    assert found is not None
    assert world.violation is not None
    assert found.law == world.violation.law


def test_what_is_found_is_the_plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, the same case breaks no law."""
    with quiet():
        with monkeypatch.context() as patch:
            PLANTS["forgets_what_was_told"][0](patch)
            case = minimise(_found("forgets_what_was_told"))
        assert replay(case) is None
