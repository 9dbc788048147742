"""Lives, cut up into cases: where each row of each table was taken, or passed over, and what was seen from outside.

Made once, from stories, from the examples and from seeded walks. A case is a session and the few events that follow;
its vector is what the right engine answers. To try a mutant of one row, only the cases whose first step comes by that
row's cell are played, from the step itself on: a session is a value, so nothing that went before need be played again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from typing import Any, Final, TypeAlias

from attrs import frozen

from statemachine import (
    Answered,
    Event,
    IllegalIntent,
    Session,
    Tick,
    changes,
    next_deadline,
    outbox,
    reduce,
    wake_window,
)
from statemachine.conformance.laws import Reduce, StepResult
from statemachine.conformance.random_walk import Follow, Reload, Walk
from statemachine.core.derived import owing
from statemachine.core.draft import Draft
from statemachine.core.reduce import step as take_step
from statemachine.core.tables import reactions
from tests.core.examples import EXAMPLES, INTENTS, OTHER_EVENTS, REPLIES

from .stories import STORIES

WALKS: Final = 260
STEPS: Final = 60
FOLLOWING: Final = 8
"""How many events after the step in question are played, to see what it led to."""

Cell: TypeAlias = tuple[str, type[Any], type[Any]]
"""Machine, state, event."""
Seen: TypeAlias = tuple[object, ...]


@frozen
class Case:
    """A session, and what happens to it. `name` says where it comes from; `vector` is filled when first asked for."""

    name: str
    before: Session
    events: tuple[Event, ...]


def look(session: Session, event: Event, engine: Reduce = reduce) -> tuple[StepResult, Seen]:
    """One step, and all that can be seen of it from outside: by an adapter, an application, or another language."""
    try:
        after, out = engine(session, event)
    except IllegalIntent as refusal:
        return StepResult(session, event, session, (), refusal.reason), ("refused", refusal.reason)
    seen = (
        after.phase,
        after.outcome,
        out,
        next_deadline(after),
        wake_window(after),
        outbox(after),
        changes(session, after),
        tuple((item.id, item.state.name) for item in after.items),
        after is session,
    )
    return StepResult(session, event, after, out), seen


def entered(session: Session, event: Event) -> Iterator[tuple[Cell, int]]:
    """The cells that a step comes by, and the place in each of the row that it takes."""
    d = Draft(session, event.at)
    log: list[Any] = []
    d.log = log
    with suppress(IllegalIntent):
        take_step(d, event)
    for machine, state, row, _ in log:
        yield (machine.name, state, row.on), machine.cell(state, row.on).index(row)


def reacted(session: Session, event: Event) -> Iterator[tuple[str, str]]:
    """The reactions, kind of call and class of its outcome, that an answer sets off."""
    if isinstance(event, Answered):
        for call, kind, _ in owing(session):
            if call == event.command:
                yield kind, reactions.classify(kind, event.reply)


class Cases:
    """All cases, by the cell that their first step comes by."""

    def __init__(self, walks: int = WALKS) -> None:
        self.of_cell: dict[Cell, dict[int, list[Case]]] = defaultdict(lambda: defaultdict(list))
        self.of_reaction: dict[tuple[str, str], list[Case]] = defaultdict(list)
        self._vectors: dict[int, list[Seen]] = {}
        for case in (*_stories(), *_examples(), *_walks(walks)):
            self._take(case)

    def _take(self, case: Case) -> None:
        first = case.events[0]
        for cell, place in dict.fromkeys(entered(case.before, first)):
            self.of_cell[cell][place].append(case)
        for reaction in reacted(case.before, first):
            self.of_reaction[reaction].append(case)

    def vector(self, case: Case) -> list[Seen]:
        """What the right engine answers. To be asked for before anything is mutated."""
        known = self._vectors.get(id(case))
        if known is None:
            known = self._vectors[id(case)] = []
            session = case.before
            for event in case.events:
                step, seen = look(session, event)
                known.append(seen)
                session = step.after
        return known


def _stories() -> Iterator[Case]:
    for number, story in enumerate(STORIES):
        life = story().life
        for at, (session, _) in enumerate(life):
            yield Case(f"story {number}, step {at}", session, tuple(event for _, event in life[at:]))


def _examples() -> Iterator[Case]:
    for machine, states in EXAMPLES.items():
        for state, makers in states.items():
            for number, make in enumerate(makers):
                session = make().session
                where = f"{machine} {state.name} {number}"
                due = next_deadline(session)
                ticks = () if due is None else (Tick(due),)
                for event in (*ticks, *(make_event(session.now + 1) for make_event in (*INTENTS, *OTHER_EVENTS))):
                    yield Case(f"{where}: {type(event).__name__}", session, (event, *_patience(session, event)))
                for command in outbox(session):
                    for reply in REPLIES:
                        event = Answered(session.now + 1, command.id, reply)
                        yield Case(
                            f"{where}: answer to {type(command).__name__}", session, (event, *_patience(session, event))
                        )


def _patience(session: Session, event: Event) -> Iterator[Event]:
    """Nothing but time: what was begun shows when it falls due."""
    for _ in range(3):
        session = look(session, event)[0].after
        due = next_deadline(session)
        if due is None:
            return
        event = Tick(due)
        yield event


def _walks(walks: int) -> Iterator[Case]:
    for seed in range(walks):
        walk = Walk(Random(seed).randrange)
        life: list[tuple[Session, Event | None]] = []
        for _ in range(STEPS):
            happening = walk.step()
            life.append((walk.session, None if isinstance(happening, Follow | Reload) else happening))
            walk.take(happening)
        for at, (session, event) in enumerate(life):
            if event is not None:
                following: list[Event] = []
                for _, later in life[at : at + FOLLOWING]:
                    if later is None:
                        break
                    following.append(later)
                yield Case(f"walk {seed}, step {at}", session, tuple(following))
