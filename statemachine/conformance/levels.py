"""The level of a step: a rule that rests only on inferences may be wrong, so it is never *must*.

Each row of the tables names its source. Of protocol.md, sections 1.4 and 10 are inferences as a whole ("no source says
it"); a few rows rest on a sentence that is marked so elsewhere.
"""

from __future__ import annotations

from typing import Final

from statemachine.engine.session import JsonSession, read_event

from ..core import Event, Session, explain
from .results import Level
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


def level_of(session: Session, event: Event) -> Level:
    """The level of this step."""
    moves = (move for move in explain(session, event).moves if move.verdict == "taken")
    return "should" if any(is_inferred(move.why, move.ref) for move in moves) else "must"


def level_at(vector: Vector, number: int) -> Level:
    """The level of this step of a vector."""
    reference = JsonSession()
    runner = VectorRunner(reference, vector.config)
    reference.begin(vector.at, vector.config)
    for step in vector.steps[:number]:
        runner.run(step.do)
    do = vector.steps[number].do
    return level_of(reference.session, read_event(runner.event(do["event"]))) if "event" in do else "must"
