"""Totality, cell by cell: every machine x state x thing it may hear, and every phase x event from outside."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from attrs import evolve

from statemachine import Answered, IllegalIntent, Session, explain, reduce
from statemachine.core.draft import Draft
from statemachine.core.events import INTENTS as EVENT_INTENTS
from statemachine.core.session import PHASES, ItemAbsent, ItemFailed, ItemRead, ItemSending
from statemachine.core.table import Machine, Row
from statemachine.core.tables import MACHINES, move
from tests.core.examples import EXAMPLES, INTENTS, OTHER_EVENTS, REPLIES, payload, phase_examples

PHASE_SESSIONS = phase_examples()


def drafts(machine: Machine, state: type[Any]) -> list[Draft]:
    """Drafts in which this machine is in this state."""
    if state in (ItemAbsent, ItemRead, ItemFailed):
        found = drafts(machine, ItemSending)
        for d in found:
            d.subject = evolve(d.subject, state=state())
            d.item = d.subject.state
        return found
    return [_focused(session, state) for session in sessions(machine.name, state)]


@cache
def sessions(machine: str, state: type[Any]) -> list[Session]:
    return [make().session for make in EXAMPLES[machine][state]]


def _focused(session: Session, state: type[Any]) -> Draft:
    d = Draft(session, session.now)
    for item in session.items:
        d.subject, d.item = item, item.state
        if type(item.state) is state:
            break
    return d


STATES = [
    pytest.param(machine, state, id=f"{machine.name}-{state.name}")
    for machine in MACHINES.values()
    for state in machine.states
]


def taken_row(machine: Machine, state: type[Any], on: type[Any], d: Draft, e: Any) -> Row:
    return next(row for row in machine.cell(state, on) if row.when is None or row.when(d, e))


@pytest.mark.parametrize(("machine", "state"), STATES)
def test_every_cell_answers(machine: Machine, state: type[Any]) -> None:
    """A session in this state exists; each cell answers, and the machine is then where the row taken says."""
    for on in machine.alphabet:
        for d in drafts(machine, state):
            assert type(getattr(d, machine.name)) is state
            cell_answers(machine, state, on, d)


def cell_answers(machine: Machine, state: type[Any], on: type[Any], d: Draft) -> None:
    e, where = payload(on), f"{machine.name}, {state.name} on {on.__name__}"
    row = taken_row(machine, state, on, d, e)
    before = d.base
    image = deepcopy(before)
    if row.verdict == "rejected":
        with pytest.raises(IllegalIntent) as refusal:
            move(d, getattr(d, machine.name), on, e)
        assert refusal.value.reason == row.why, where
    else:
        move(d, getattr(d, machine.name), on, e)
        assert type(getattr(d, machine.name)) is (state if row.to is None else row.to), where
    if row.verdict == "ignored":
        assert d.freeze() is before, where
    assert before == image, where


def test_every_state_has_an_example_and_every_phase() -> None:
    for machine in MACHINES.values():
        absent = {ItemAbsent, ItemRead, ItemFailed} if machine.name == "item" else set()
        assert set(EXAMPLES[machine.name]) == set(machine.states) - absent
    assert set(PHASE_SESSIONS) == set(PHASES)
    for phase, sessions in PHASE_SESSIONS.items():
        assert {session.phase for session in sessions} == {phase}


ANSWERS: tuple[Callable[[int], Any], ...] = tuple(
    lambda at, c=command, r=reply: Answered(at, c, r) for command in range(9) for reply in REPLIES
)


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("makes", [INTENTS, OTHER_EVENTS, ANSWERS], ids=["intents", "incoming and clock", "answers"])
def test_phase_and_event(phase: str, makes: tuple[Callable[[int], Any], ...]) -> None:
    """Taken, ignored (the same object), or refused with phase, intent and reason; and only intents are refused."""
    for session in PHASE_SESSIONS[phase]:
        for make in makes:
            image, event = deepcopy(session), make(session.now)
            answers(session, event)
            assert session == image, event


def answers(session: Session, event: Any) -> None:
    explained = explain(session, event)
    if explained.rejected is not None:
        assert type(event) in EVENT_INTENTS
        with pytest.raises(IllegalIntent) as caught:
            reduce(session, event)
        refusal = caught.value
        assert (refusal.phase, refusal.intent) == (session.phase, type(event).__name__)
        assert refusal.reason == explained.rejected
        assert str(refusal) == f"{refusal.intent} is not possible while {session.phase}: {refusal.reason}"
        return
    after, out = reduce(session, event)
    if type(event) in EVENT_INTENTS and all(move.verdict == "ignored" for move in explained.moves):
        assert after is session, event
        assert out == ()


EXPECTED = {  # + taken, . ignored, - refused: in the order of INTENTS, where any of the examples takes it
    "idle": "++--------....++.+",
    "requesting": "--+++---++....++.+",
    "establishing": "--+++---+++..+++++",
    "ivr": "--+++---+++..+++++",
    "queued": "--+++---+++..+++++",
    "connecting": "--+++---+++..+++++",
    "connected": "--+++---+++..+++++",
    "agent_joined": "--++++++++++++++++",
    "wrapping_up": "--+++---.++..+++++",
    "ending": "--------......++++",
    "ended": "--------..........",
    "failed": "--------..........",
    "timed_out": "--------..........",
    "gone": "--------..........",
    "warned": "--+++---+++..+++++",
}


def verdict(session: Session, event: Any) -> str:
    explained = explain(session, event)
    if explained.rejected is not None:
        return "-"
    return "+" if any(move.verdict == "taken" for move in explained.moves) else "."


def row_of(phase: str) -> str:
    """`min`: + before - before . (taken by any example, else refused by any)."""
    return "".join(min(verdict(session, make(session.now)) for session in PHASE_SESSIONS[phase]) for make in INTENTS)


def test_intents_by_phase() -> None:
    """The whole matrix of local intents, as a user of the engine meets it."""
    assert {phase: row_of(phase) for phase in PHASES} == EXPECTED
