"""Exploration: no short sequence of events breaks a law, and a planted fault is found by one of the shortest."""

from __future__ import annotations

import pytest

from statemachine.core import session as st
from statemachine.core import signals as sig
from statemachine.core.tables import CELLS
from statemachine.simulation.explore import explore


def test_no_sequence_of_four_events_breaks_a_law() -> None:
    found = explore(4)
    assert found.broken is None
    assert found.depth == 4
    assert found.states > 900
    assert found.edges > 3_500


@pytest.mark.slow
def test_no_sequence_of_six_events_breaks_a_law() -> None:
    found = explore(6)
    assert found.broken is None
    assert set(st.PHASES) - set(found.phases) == {"timed_out", "connecting"}  # not in the alphabet


def test_equal_states_are_explored_once() -> None:
    found = explore(4)
    assert found.states < found.edges / 2


def test_a_planted_fault_is_found_by_a_shortest_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CELLS["connection"][st.ConnectionPolling], sig.SessionOver, ())
    found = explore(4)
    assert found.broken is not None
    law, path = found.broken
    assert law.startswith("L8")
    assert len(path) == 3


def test_exploration_ends_with_its_budget() -> None:
    found = explore(9, budget=0.2)
    assert found.broken is None
    assert found.depth < 9
