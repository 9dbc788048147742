"""What the kit shows of each cell: its vectors and its random traces, by the rows and reactions that their steps take.

A session is a value, so a case begins at the step in question: nothing that went before is played again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import zip_longest
from random import Random
from typing import Any, Final, Literal, TypeAlias

from attrs import evolve, frozen

from statemachine import Answered, Event, IllegalIntent, Session, carry_over, changes, new_session, reduce, wake_window
from statemachine.codec.records import decode_event, from_json
from statemachine.conformance.laws import Reduce
from statemachine.conformance.traces import Explorer, RandomTrace
from statemachine.conformance.vectors import Vector
from statemachine.core.derived import owing
from statemachine.core.tables import reactions
from statemachine.records import Config

LENGTH: Final = 40
"""Steps of a random trace."""
FOLLOWING: Final = 16
"""How many steps are played to see what the first one led to."""

Place: TypeAlias = tuple[object, ...]
"""(machine, state, event, number of the row), or (kind of call, class of its outcome)."""
Seen: TypeAlias = tuple[object, ...]
Source: TypeAlias = Literal["vector", "trace", "path"]


@frozen
class Step:
    """A session and its event. `follows`: the session is a new one, and the event carries over the one before."""

    before: Session
    event: Event
    follows: bool = False


@frozen
class Case:
    """Some steps of a vector or a trace, from one of them on; at most so many."""

    name: str
    steps: tuple[Step, ...]
    at: int = 0
    most: int = FOLLOWING

    def play(self, engine: Reduce = reduce) -> Iterator[Seen]:
        """What each step shows to an outside observer."""
        session = self.steps[self.at].before
        for number, step in enumerate(self.steps[self.at : self.at + self.most]):
            event: Any = step.event
            if step.follows and number:
                event, session = evolve(event, after=carry_over(session)), step.before
            try:
                after, out = engine(session, event)
            except IllegalIntent:
                yield ("refused",)
                continue
            yield after.phase, after.outcome, out, wake_window(after), changes(session, after)
            session = after


class Cases:
    """All cases of the kit, by source and place."""

    def __init__(self) -> None:
        self._of: dict[Source, dict[Place, list[Case]]] = defaultdict(lambda: defaultdict(list))
        self._shown: dict[int, list[Seen]] = {}

    def add(self, source: Source, name: str, steps: tuple[Step, ...], start: int = 0) -> None:
        """The cases that begin at each step from `start` on."""
        for at in range(start, len(steps)):
            case = Case(name, steps, at)
            for place in dict.fromkeys(places(steps[at].before, steps[at].event)):
                self._of[source][place].append(case)

    def add_vectors(self, vectors: Iterable[Vector]) -> None:
        """Vectors of the kit."""
        for vector in vectors:
            self.add("vector", vector.id, vector_steps(vector))

    def add_traces(self, count: int, seed: int = 1) -> None:
        """Random traces of the kit."""
        explorer = Explorer(Random(seed))
        for number in range(count):
            self.add("trace", f"trace {number}", trace_steps(explorer.trace(LENGTH)[1]))

    def of(self, source: Source, wanted: Iterable[Place]) -> Iterator[Case]:
        """The cases of these places, in turn."""
        for some in zip_longest(*(self._of[source].get(place, ()) for place in wanted)):
            yield from (case for case in some if case is not None)

    def shown(self, case: Case) -> list[Seen]:
        """What the right engine shows. To be asked for before anything is mutated."""
        known = self._shown.get(id(case))
        if known is None:
            known = self._shown[id(case)] = list(case.play())
        return known


def vector_steps(vector: Vector) -> tuple[Step, ...]:
    """The events of a vector, each with its session."""
    found: list[Step] = []
    config = from_json(vector.config, Config)
    session, former = new_session(vector.at, config), None
    for step in vector.steps:
        if "reload" in step.do:
            continue
        if "follow" in step.do:
            former, session = carry_over(session), new_session(step.do["follow"], config)
            continue
        event: Any = decode_event(step.do["event"])
        if former is not None:
            event = evolve(event, after=former)
        found.append(Step(session, event, former is not None))
        former = None
        with suppress(IllegalIntent):
            session, _ = reduce(session, event)
    return tuple(found)


def trace_steps(trace: RandomTrace) -> tuple[Step, ...]:
    """The events of a random trace, each with its session."""
    taken = [result for result in trace.results if result is not None]
    return tuple(Step(one.before, one.event, getattr(one.event, "after", None) is not None) for one in taken)


def places(session: Session, event: Event) -> Iterator[Place]:
    """The rows that a step takes, and the reactions that its answer sets off."""
    log: list[Any] = []
    with suppress(IllegalIntent):
        reduce(session, event, log=log)
    for machine, state, cell, row in log:
        yield machine, state, row.on, cell.index(row)
    if isinstance(event, Answered):
        for call, kind, _ in owing(session):
            if call == event.command:
                yield kind, reactions.classify(kind, event.reply)
