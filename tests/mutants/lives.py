"""Whole lives, for mutants that are not of one row: stories and walks, with what the right engine answers."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest
from attrs import frozen

from statemachine import Event, Session
from statemachine.conformance import laws
from statemachine.conformance.laws import DEFAULT_ENGINE, Engine
from statemachine.conformance.random_walk import Follow, Reload, Walk

from .cases import Seen, look
from .hand import HandMade
from .judge import LAWS, end_what_never_ends, law_broken
from .stories import STORIES

WALKS: Final = 60
STEPS: Final = 60


@frozen
class Life:
    """What happened to one session, from its beginning, and what was seen after each event."""

    name: str
    start: Session
    events: tuple[Event, ...]
    vector: tuple[Seen, ...]


def lives() -> tuple[Life, ...]:
    """All of them; to be made before anything is mutated."""
    found = [_lived(f"story {n}", *zip(*story().life, strict=True)) for n, story in enumerate(STORIES)]
    return (*found, *map(_walked, range(WALKS)))


def _lived(name: str, sessions: tuple[Session, ...], events: tuple[Event, ...]) -> Life:
    vector: list[Seen] = []
    session = sessions[0]
    for event in events:
        step, seen = look(session, event)
        vector.append(seen)
        session = step.after
    return Life(name, sessions[0], events, tuple(vector))


def _walked(seed: int) -> Life:
    walk = Walk(Random(seed).randrange)
    start = walk.session
    events: list[Event] = []
    for _ in range(STEPS):
        happening = walk.step()
        if isinstance(happening, Follow):
            break
        if not isinstance(happening, Reload):
            events.append(happening)
        walk.take(happening)
    return _lived(f"walk {seed}", (start,), tuple(events))


def rejected_by(mutant: HandMade, all_lives: tuple[Life, ...]) -> str | None:
    """The law that the mutant breaks, else the vector that it answers otherwise; None where it survives.

    What shows in an answer is looked for first: it is found in a hundredth of the time that the laws take.
    """
    with pytest.MonkeyPatch.context() as patch:
        end_what_never_ends(patch)
        engine = mutant.plant(patch) or DEFAULT_ENGINE
        for judge in (_answers_otherwise, _breaks_a_law):
            for life in all_lives:
                found = judge(life, engine)
                if found is not None:
                    return found
    return None


def _answers_otherwise(life: Life, engine: Engine) -> str | None:
    session = life.start
    for event, right in zip(life.events, life.vector, strict=True):
        try:
            step, seen = look(session, event, engine.reduce)
        except Exception:
            return "totality"
        if seen != right:
            return law_broken(step) or f"vector {life.name}"
        session = step.after
    return None


def _breaks_a_law(life: Life, engine: Engine) -> str | None:
    session, ledger = life.start, laws.Ledger(life.start.ids, life.start.seq, window=life.start.config.window)
    for event in life.events:
        try:
            step = laws.take_step(session, event, engine)
            for law in LAWS:
                law(step, engine)
            for life_law in laws.LIFE_LAWS:
                life_law(step, ledger)
        except laws.BrokenLaw as broken:
            return broken.law
        session = step.after
    return None
