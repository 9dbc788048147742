"""Stories, told fast: sessions rather than JSON, on the engine as it is at this moment."""

from __future__ import annotations

import re
import signal
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Any

from attrs import evolve, field, frozen

from statemachine import (
    COMMANDS,
    IllegalIntent,
    Reattach,
    RequestChat,
    carry_over,
    changes,
    new_session,
    outbox,
    reduce,
    wake_window,
)
from statemachine.codec.records import decode_event, from_json
from statemachine.conformance.ids import with_replaced_texts
from statemachine.conformance.shorten import LinkedStep, linked_steps, replay
from statemachine.conformance.vectors import Vector
from statemachine.core.table import Row
from statemachine.core.tables import CELLS
from statemachine.core.tables.reactions import classify
from statemachine.records import Config
from tests.conformance.targets import row_name

REDUCE: Any = import_module("statemachine.core.reduce")
"""The module; the package exports its function under the same name."""
_KINDS = {one: re.sub("(?<!^)(?=[A-Z])", "_", one.__name__).lower() for one in COMMANDS}


class Stage:
    """Plays stories on the engine as it is at this moment."""

    def __init__(self, at: int, config: dict[str, Any]) -> None:
        self.config = from_json(config, Config)
        self.session = new_session(at, self.config)
        self.former: Any = None
        self.names: dict[int | str, int | str] = {}

    def take(self, meant: LinkedStep) -> tuple[Any, ...]:
        """One step, and all that it shows."""
        do, before = meant.do, self.session
        out: tuple[Any, ...] = ()
        if "reload" in do:
            out = outbox(before)
        elif "follow" in do:
            self.former, self.session = carry_over(before), new_session(do["follow"], self.config)
        else:
            try:
                self.session, out = reduce(before, self._event(meant))
            except IllegalIntent:
                return ("refused",)
            items = [item.id for item in before.items]
            if meant.created:
                self.names.update(
                    zip(meant.created, (i.id for i in self.session.items if i.id not in items), strict=False)
                )
        after = self.session
        return after.phase, after.outcome, out, wake_window(after), changes(before, after)

    def _event(self, meant: LinkedStep) -> Any:
        event: Any = decode_event(with_replaced_texts(meant.do["event"], self.names))
        if meant.answers:
            same = [c.id for c in outbox(self.session) if _KINDS[type(c)] == meant.answers]
            event = evolve(event, command=same[0]) if same else event
        if self.former is not None and isinstance(event, RequestChat | Reattach):
            event, self.former = evolve(event, after=self.former), None
        return event


SECONDS = 0.05
"""Of processor time, for an engine that lacks something: without the row that answers a deadline it is due for ever."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


TRAIL: set[str] = set()
"""The rows and reactions of the story in hand, by the names of their targets."""


@contextmanager
def trailing() -> Iterator[None]:
    """Every cell notes the row it takes. To wrap them takes longer than a story, so all are told within this."""
    before = {name: {state: dict(cells) for state, cells in states.items()} for name, states in CELLS.items()}
    right = REDUCE.classify
    for name, states in CELLS.items():
        for state, cells in states.items():
            for on, cell in cells.items():
                cells[on] = tuple(_noting(row, row_name(name, state, row)) for row in cell)
    REDUCE.classify = _classify
    try:
        yield
    finally:
        REDUCE.classify = right
        for name, kept in before.items():
            for state, cells in kept.items():
                CELLS[name][state].update(cells)


def _noting(row: Row, name: str) -> Row:
    def note(d: Any, e: Any) -> bool:
        if row.when is not None and not row.when(d, e):
            return False
        TRAIL.add(name)
        return True

    return evolve(row, when=note)


def _classify(kind: Any, reply: Any) -> Any:
    outcome = classify(kind, reply)
    TRAIL.add(f"reaction/{kind}/{outcome}")
    return outcome


@frozen
class Story:
    """What happens, and what it means; told as a vector when it is kept."""

    id: str
    at: int
    config: dict[str, Any]
    acts: tuple[LinkedStep, ...]
    why: str = ""
    source: str = ""
    covers: tuple[str, ...] = ()
    _ours: list[Any] = field(factory=list[Any], init=False, eq=False)

    def steps(self) -> Iterator[Any]:
        """What each step shows, on the engine as it is."""
        stage = Stage(self.at, self.config)
        for act in self.acts:
            yield stage.take(act)

    def otherwise(self, spoilt: AbstractContextManager[None]) -> int | None:
        """The first step at which the spoilt engine shows something else; None where it never does."""
        if not self._ours:
            self._ours.extend(self.steps())
        number = 0
        try:
            with spoilt, at_most(SECONDS):
                for number, (one, other) in enumerate(zip(self._ours, self.steps(), strict=True)):
                    if one != other:
                        return number
        except Exception:  # an engine that lacks something may do anything; it did it after this step
            return min(number + 1, len(self.acts) - 1)
        return None

    def rows(self) -> set[str]:
        """The rows that it takes, and the reactions, by the names of their targets."""
        TRAIL.clear()
        deque(self.steps(), 0)
        return set(TRAIL)

    def vector(self) -> Vector:
        steps = replay(self.at, self.config, self.acts)
        return Vector(self.id, self.at, steps, "must", self.why, self.source, self.covers, self.config)


def story_of(vector: Vector) -> Story:
    acts = linked_steps(vector.at, vector.config, [step.do for step in vector.steps])
    return Story(vector.id, vector.at, vector.config, tuple(acts), vector.why, vector.source, vector.covers)
