"""The level of a difference: a rule that rests only on inferences may be wrong, so it is never *must*.

An inferred row softens its own difference: the members of the observation that would be others without it.

Each row of the tables names its source. Of protocol.md, sections 1.4 and 10 are inferences as a whole ("no source says
it"); a few rows rest on a sentence that is marked so elsewhere.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from statemachine.engine.session import JsonObject, JsonSession, observation, read_event

from ..core import ClockChanged, Event, IllegalIntent, Session, explain, next_deadline, reduce
from ..core.table import Row, ignore
from ..core.tables import CELLS, MACHINES
from .parallel import REFERENCE
from .vector_runner import VectorRunner
from .vectors import Vector

INFERRED_SECTIONS: Final = ("1.4", "10")
INFERRED_ROWS: Final = {
    "a scenario runs again: the conversation is over": "2.1, ivr: the wrap-up after an agent is inferred",
    "no receipts for old messages": "5.1, last but one",
    "before any agent it is sent as end": "6.2, last line: no source",
}
"""Reason of the row -> where protocol.md says that it is inferred."""


def is_inferred(why: str, ref: str) -> bool:
    """Whether a row rests only on inferences."""
    if why in INFERRED_ROWS:
        return True
    places = [place.split()[0] for place in ref.split(";") if place.strip()]
    return bool(places) and all(place in INFERRED_SECTIONS for place in places)


MEMBERS: Final = ("refused", "phase", "outcome", "deadline", "latest", "commands", "updates", "changes")
"""The members of an observation that are compared with the reference."""


def softened(session: Session, event: Event) -> tuple[str, ...]:
    """The members of this step's observation that rest on an inference: those that differ without the inferred rows."""
    moves = (move for move in explain(session, event).moves if move.verdict == "taken")
    if not any(is_inferred(move.why, move.ref) for move in moves):
        return ()
    due = next_deadline(session)
    if isinstance(event, ClockChanged) or (due is not None and due <= event.at):
        return MEMBERS  # without its row, a deadline would fire for ever
    right = _observed(session, event)
    with _without_inferred_rows():
        other = _observed(session, event)
    return tuple(name for name in MEMBERS if right.get(name) != other.get(name))


def _observed(session: Session, event: Event) -> JsonObject:
    try:
        after, out = reduce(session, event)
    except IllegalIntent as refusal:
        return {"refused": refusal.reason}
    return observation(session, after, out)


@contextmanager
def _without_inferred_rows() -> Generator[None]:
    kept = [(of_event, on, of_event[on]) for of_event, on, _ in _other_cells()]
    try:
        for of_event, on, other in _other_cells():
            of_event[on] = other
        yield
    finally:
        for of_event, on, right in kept:
            of_event[on] = right


@cache
def _other_cells() -> list[tuple[dict[type[Any], tuple[Row, ...]], type[Any], tuple[Row, ...]]]:
    """Each cell with an inferred row: its place, and its rows without that one."""
    found: list[tuple[dict[type[Any], tuple[Row, ...]], type[Any], tuple[Row, ...]]] = []
    for machine in MACHINES.values():
        for state in machine.states:
            for on in machine.alphabet:
                rows = machine.cell(state, on)
                left = [row for row in rows if not is_inferred(row.why, row.ref)]
                if len(left) < len(rows):
                    last = () if left and left[-1].when is None else ignore(state, on, "no row is left")
                    found.append((CELLS[machine.name][state], on, (*left, *last)))
    return found


def softened_at(vector: Vector, number: int) -> tuple[str, ...]:
    """The same for a step of a vector."""
    do = vector.steps[number].do
    if "event" not in do:
        return ()
    with REFERENCE:
        return softened(session_before(vector, number), read_event(do["event"]))


def session_before(vector: Vector, number: int) -> Session:
    """The reference's session before this step of a vector."""
    reference = JsonSession()
    reference.begin(vector.at, vector.config)
    for _ in VectorRunner(reference, vector.config).run_all(step.do for step in vector.steps[:number]):
        pass
    return reference.session
