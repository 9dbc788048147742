"""What rests on an inference alone is never must."""

from __future__ import annotations

import pytest

from statemachine import Answered, Disconnect, HistoryLog, ReadHistory, StopTyping, Tick
from statemachine.conformance.levels import INFERRED_ROWS, is_inferred, level_at, level_of
from statemachine.conformance.vectors import engine_vectors
from statemachine.core.tables import MACHINES
from tests.core.play import chatting, message, opened


@pytest.mark.parametrize(
    ("ref", "inferred"),
    [
        ("10 row 5", True),
        ("1.4 E6", True),
        ("10 row 1; 1.4", True),
        ("4.2; 10 row 1", False),
        ("design 8", False),
        ("", False),
    ],
)
def test_the_sources_decide(ref: str, inferred: bool) -> None:
    assert is_inferred("some reason", ref) == inferred


def test_each_named_row_is_one() -> None:
    reasons = {row.why for machine in MACHINES.values() for row in machine.rows}
    assert set(INFERRED_ROWS) <= reasons


def test_a_step_binds_as_its_weakest_row() -> None:
    play = chatting()
    assert level_of(play.session, Tick(play.now)) == "must"
    assert level_of(play.session, StopTyping(play.now)) == "must"
    queued = opened("queued")
    assert level_of(queued.session, Disconnect(queued.now)) == "should"
    past = opened(new=False)
    reading = past.owed(ReadHistory).id
    assert level_of(past.session, Answered(past.now, reading, HistoryLog((message(1),)))) == "should"


def test_the_level_of_a_step_of_a_story_is_read_off_the_reference() -> None:
    for vector in engine_vectors()[:40]:
        assert [level_at(vector, number) for number in range(len(vector.steps))] == [one.level for one in vector.steps]
