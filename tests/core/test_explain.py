"""`explain`: why did this happen, or why did nothing happen?"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from random import Random
from typing import Any

from statemachine import (
    Answered,
    Background,
    End,
    Event,
    EventBatch,
    Incoming,
    Poll,
    Reauthorized,
    SendText,
    Session,
    explain,
    new_session,
    outbox,
    reduce,
)
from statemachine import wire as w
from statemachine.conformance.random_walk import Follow, Reload, Walk
from statemachine.conformance.vectors import engine_vectors
from statemachine.core.errors import IllegalIntent
from statemachine.core.table import Machine, Row
from statemachine.core.tables import MACHINES
from tests.core.examples import EXAMPLES, INTENTS, OTHER_EVENTS, REPLIES
from tests.core.play import ANN, NOW, chatting, left
from tests.mutants.cases import vector_steps


def test_it_names_the_row_the_guards_and_the_effects() -> None:
    play = chatting()
    shown = explain(play.session, Incoming(play.now, (left(ANN),)))
    (move,) = shown.moves
    assert (move.machine, move.source, move.heard, move.target) == (
        "lifecycle",
        "agent_joined",
        "PartyLeft",
        "wrapping_up",
    )
    assert (move.guards, move.effects, move.verdict) == ((("is_last_agent", True),), ("remove_party",), "taken")
    assert (move.why, move.ref) == ("the conversation is over, the session is not", "2.2; 6.3")
    assert (shown.before, shown.after) == ("agent_joined", "wrapping_up")


def test_as_text_it_is_a_table_with_each_move_below_its_cause() -> None:
    play = chatting()
    lines = str(explain(play.session, End(play.now))).splitlines()
    assert lines[0] == "agent_joined -> ending"
    assert lines[1].split() == ["machine", "from", "event", "to", "why", "guards"]
    assert lines[2].split()[:4] == ["lifecycle", "agent_joined", "End", "ending"]
    assert lines[3].startswith("    opening ")
    to = lines[1].index(" to ") + 1
    assert [line[to:].split()[0] for line in lines[1:4]] == ["to", "ending", "idle"]
    assert lines[-1].startswith("  command: Post ")


def test_it_says_why_nothing_happens() -> None:
    play = chatting()
    (move,) = explain(play.session, Reauthorized(play.now)).moves[1:]
    assert (move.verdict, move.why, move.source, move.target) == ("ignored", "not blocked", "polling", "polling")


def test_it_says_why_an_intent_is_refused() -> None:
    shown = explain(new_session(NOW), SendText(NOW, "hi"))
    assert shown.rejected == "no chat was requested; request one first"
    assert (shown.before, shown.after, shown.commands, shown.updates) == ("idle", "idle", (), ())
    assert shown.moves[-1].verdict == "rejected"


def test_it_shows_commands_and_news() -> None:
    play = chatting()
    message = w.Message("s1", ANN, msg="hi")
    shown = explain(play.session, Answered(play.now + 5_000, play.owed(Poll).id, EventBatch((message,))))
    assert [type(one).__name__ for one in shown.commands] == ["Poll", "PostEphemeral"]
    assert [type(one).__name__ for one in shown.updates] == ["Received"]
    assert play.do(Background) == ()


# --- every row can be taken -----------------------------------------------------------------------------------------


def rows_taken(session: Session, event: Event) -> Iterable[tuple[str, type[Any], Row]]:
    log: list[Any] = []
    with suppress(IllegalIntent):
        reduce(session, event, log=log)
    for machine, state, _, row in log:
        yield machine, state, row


def walked() -> Iterable[tuple[Session, Event]]:
    for states in EXAMPLES.values():
        for makers in states.values():
            for make in makers:
                session = make().session
                for event in (*INTENTS, *OTHER_EVENTS):
                    yield session, event(session.now)
                for command in outbox(session):
                    for reply in REPLIES:
                        yield session, Answered(session.now, command.id, reply)
    for vector in engine_vectors():
        yield from ((step.before, step.event) for step in vector_steps(vector))
    for seed in range(300):
        walk = Walk(Random(seed).randrange)
        for _ in range(60):
            happening = walk.step()
            if not isinstance(happening, Follow | Reload):
                yield walk.session, happening
            walk.take(happening)


def all_rows(machine: Machine) -> list[Row]:
    return [row for row in machine.rows if row.verdict == "taken"]


def test_every_row_that_moves_something_is_taken_in_some_life() -> None:
    """A row that no life takes is dead, or its guard is wrong, or the walks are too tame."""
    never = {
        (name, id(row)): f"{name}: {row.source[0].name} on {row.on.__name__}: {row.why}"
        for name, machine in MACHINES.items()
        for row in all_rows(machine)
    }
    for session, event in walked():
        for name, _, row in rows_taken(session, event):
            never.pop((name, id(row)), None)
        if not never:
            break
    assert [*never.values()] == []
