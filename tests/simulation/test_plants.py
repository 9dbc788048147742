"""The simulation can fail: each planted bug is found within a few seeds, and minimised."""

from __future__ import annotations

from pathlib import Path

import pytest

from statemachine.simulation.minimise import minimise, read_case, replay, write_case
from statemachine.simulation.run import quiet
from statemachine.simulation.world import World

from .plants import PLANTS


@pytest.mark.parametrize("name", PLANTS)
def test_it_is_found_and_minimised(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plant, law, seeds, most = PLANTS[name]
    plant(monkeypatch)
    with quiet():
        world = next((world for world in map(World, range(1, seeds + 1)) if world.run()), None)
        assert world is not None, f"not found within {seeds} seeds"
        assert world.violation is not None
        assert world.violation.law in law
        case = minimise(world)
        assert len(case.events) <= most
        path = tmp_path / "violation.jsonl"
        write_case(case, path)
        found = replay(read_case(path))
    assert found is not None
    assert found.law == world.violation.law


def test_what_is_found_is_the_plant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without it, the same case breaks no law."""
    plant, _, seeds, _ = PLANTS["forgets_what_was_told"]
    with quiet():
        with monkeypatch.context() as patch:
            plant(patch)
            world = next(world for world in map(World, range(1, seeds + 1)) if world.run())
            case = minimise(world)
        assert replay(case) is None
