"""Exploration: every short history keeps the laws, and a planted bug is found by the shortest of them."""

from __future__ import annotations

import pytest

from statemachine.core import session as st
from statemachine.core import signals as sig
from statemachine.core.tables import CELLS
from statemachine.simulation.explore import explore


def test_every_history_to_depth_four() -> None:
    found = explore(4)
    assert found.broken is None
    assert found.depth == 4
    assert found.states > 900
    assert found.edges > 3_500


@pytest.mark.slow
def test_every_history_to_depth_six() -> None:
    found = explore(6)
    assert found.broken is None
    assert set(st.PHASES) - set(found.phases) == {"timed_out", "connecting"}  # not in the alphabet


def test_states_repeat() -> None:
    """Or the number of states would be that of the edges."""
    found = explore(4)
    assert found.states < found.edges / 2


def test_the_first_path_found_is_the_shortest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CELLS["connection"][st.ConnectionPolling], sig.SessionOver, lambda d, e: None)
    found = explore(4)
    assert found.broken is not None
    law, path = found.broken
    assert law.startswith("L8")
    assert len(path.events) == 3


def test_a_budget_ends_it() -> None:
    found = explore(9, budget=0.2)
    assert found.broken is None
    assert found.depth < 9
