"""What rests on an inference alone is never must."""

from __future__ import annotations

import pytest

from statemachine import Answered, Disconnect, HistoryLog, ReadHistory, StopTyping, Tick
from statemachine.conformance.judge import AGREEMENT, judge
from statemachine.conformance.levels import INFERRED_ROWS, is_inferred, softened, softened_at
from statemachine.conformance.vectors import engine_vectors
from statemachine.core.tables import CELLS, MACHINES
from statemachine.engine.session import JsonObject, JsonSession
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


def test_an_inferred_row_softens_its_own_difference() -> None:
    play = chatting()
    assert softened(play.session, Tick(play.now)) == ()
    assert softened(play.session, StopTyping(play.now)) == ()
    queued = opened("queued")
    assert {"phase", "commands"} <= {*softened(queued.session, Disconnect(queued.now))}
    past = opened(new=False)
    reading = past.owed(ReadHistory).id
    log = Answered(past.now, reading, HistoryLog((message(1),)))
    assert softened(past.session, log) == ("updates",)


def test_tables_are_as_before_afterwards() -> None:
    before = {name: {state: dict(cells) for state, cells in states.items()} for name, states in CELLS.items()}
    queued = opened("queued")
    assert softened(queued.session, Disconnect(queued.now))
    assert before == CELLS


def test_steps_of_vectors_say_what_the_reference_says() -> None:
    for vector in engine_vectors()[:40]:
        assert [softened_at(vector, n) for n in range(len(vector.steps))] == [one.should for one in vector.steps]


class Odd(JsonSession):
    """Ours, but each observation with a phase has another value for one member."""

    def __init__(self, member: str) -> None:
        super().__init__()
        self.member = member

    def step(self, event: JsonObject) -> JsonObject:
        shown = super().step(event)
        return {**shown, self.member: "odd"} if event["type"] == "disconnect" else shown


@pytest.mark.parametrize(("member", "level"), [("phase", "should"), ("outcome", "must")])
def test_a_difference_elsewhere_in_an_inferred_step_is_a_must(member: str, level: str) -> None:
    """Before any agent, a disconnect is sent as an end: an inference. That the session goes on is none."""
    vector = next(
        one
        for one in engine_vectors()
        if any("phase" in step.should and step.do.get("event", {}).get("type") == "disconnect" for step in one.steps)
    )
    found = judge(Odd(member), vector, enforced=frozenset({AGREEMENT}))
    assert found is not None
    assert found.level == level
