"""From a violation to the shortest thing that still shows it, and to a file that shows it again.

A law that can be seen on the client's own log is minimised there: replaying a pure function costs microseconds, and
what is left is a list of events. Anything else (something was lost between the two sides) is minimised on the tape of
choices: as many as possible become 0, the boring one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, cast

from attrs import evolve, frozen

from statemachine.codec.records import decode_event, encode_event
from statemachine.codec.snapshot import restore, snapshot
from statemachine.conformance import laws
from statemachine.conformance.shorten import ddmin
from statemachine.core.derived import outbox
from statemachine.core.events import Answered, Event
from statemachine.core.session import Session

from .choices import Tape
from .oracle import Violation
from .world import World

__all__ = ["BadCase", "Case", "ddmin", "law_broken_by", "minimise", "read_case", "replay", "write_case"]

_FORMAT: Final = 2
_RUNS: Final = 1_500
"""How many worlds a minimisation may run."""


class BadCase(Exception):
    """This file holds no violation."""


@frozen
class Case:
    """A violation, minimised. With a `tape` it is a world; without, `events` fed to `start` break the law."""

    violation: Violation
    steps: int
    start: Session
    events: tuple[Event, ...]
    tape: Tape | None = None
    only: tuple[str, ...] | None = None
    """The faults there were, where somebody chose them."""


# --- on the log -----------------------------------------------------------------------------------------------------


@frozen
class _Fed:
    """An event, and for an answer the kind of call that it answers: ids shift when other events are left out."""

    event: Event
    answers: type[Any] | None = None


def law_broken_by(start: Session, events: Sequence[Event]) -> str | None:
    """The first law that this log breaks."""
    return _broken(start, [_Fed(event) for event in events])[0]


def _broken(start: Session, log: Sequence[_Fed]) -> tuple[str | None, list[Event]]:
    """The first law broken, and the events up to there, as they were fed."""
    ledger, session = laws.Ledger(start.ids, start.seq, window=start.config.window), start
    done: list[Event] = []
    for fed in log:
        event = _aimed(session, fed)
        done.append(event)
        try:
            step = laws.take(session, event)
            laws.check(step, ledger)
        except laws.BrokenLaw as broken:
            return broken.law, done
        session = step.after
    return None, done


def _aimed(session: Session, fed: _Fed) -> Event:
    if fed.answers is None or not isinstance(fed.event, Answered):
        return fed.event
    same = next((command.id for command in outbox(session) if isinstance(command, fed.answers)), fed.event.command)
    return evolve(fed.event, command=same)


def _with_kinds(start: Session, events: Sequence[Event]) -> Iterator[_Fed]:
    session = start
    for event in events:
        kinds = {command.id: type(command) for command in outbox(session)}
        yield _Fed(event, kinds.get(event.command) if isinstance(event, Answered) else None)
        try:
            session = laws.take(session, event).after
        except laws.BrokenLaw:
            return


def _minimise_log(start: Session, events: Sequence[Event], law: str) -> list[Event] | None:
    log = list(_with_kinds(start, events))
    if _broken(start, log)[0] != law:
        return None
    least = ddmin(log, lambda fewer: _broken(start, fewer)[0] == law)
    return _broken(start, least)[1]


# --- on the tape ----------------------------------------------------------------------------------------------------


class _Tapes:
    """Runs a world again with fewer of its choices, and counts how often."""

    def __init__(self, world: World, law: str) -> None:
        self._seed = world.seed
        self._only = world.only
        self._law = law
        self._runs = 0
        self._drawn = {label: list(values) for label, values in world.choices.drawn.items()}
        self.steps = min(world.step, world.steps)

    def telling(self) -> list[tuple[str, int]]:
        """Every choice that was not the boring one."""
        return [(label, at) for label, values in self._drawn.items() for at, value in enumerate(values) if value]

    def run(self, kept: Sequence[tuple[str, int]]) -> World:
        """The world in which only these choices are not boring."""
        tape = {label: [0] * len(values) for label, values in self._drawn.items()}
        for label, at in kept:
            tape[label][at] = self._drawn[label][at]
        again = World(self._seed, self.steps, tape=tape, only=self._only)
        again.run()
        return again

    def fails(self, kept: Sequence[tuple[str, int]]) -> bool:
        """Whether the same law is broken there."""
        self._runs += 1
        found = self.run(kept).violation if self._runs <= _RUNS else None
        return found is not None and found.law == self._law

    def shorten(self, kept: Sequence[tuple[str, int]]) -> None:
        """Let the faulty stage end as early as it can."""
        whole, self.steps = self.steps, 1
        while self.steps < whole and not self.fails(kept):
            self.steps = min(self.steps * 2, whole)


def _minimise_tape(world: World, law: str) -> World:
    tapes = _Tapes(world, law)
    kept = tapes.telling()
    if not tapes.fails(kept):
        return world
    kept = ddmin(kept, tapes.fails)
    tapes.shorten(kept)
    return tapes.run(kept)


def minimise(world: World) -> Case:
    """The shortest case of what this world broke. The world must have run, and broken something."""
    violation = world.violation
    assert violation is not None
    book = world.oracle.book
    events = _minimise_log(book.start, [event for event, _ in book.log], violation.law)
    if events is not None:
        return Case(violation, world.steps, book.start, tuple(events), only=world.only)
    least = _minimise_tape(world, violation.law)
    book = least.oracle.book
    found = least.violation or violation
    log = tuple(event for event, _ in book.log)
    return Case(found, least.steps, book.start, log, _trimmed(least.choices.drawn), world.only)


def _trimmed(tape: Tape) -> Tape:
    """Without the boring ends, which follow by themselves."""
    short: dict[str, list[int]] = {}
    for label, values in tape.items():
        last = max((index for index, value in enumerate(values) if value), default=-1)
        if last >= 0:
            short[label] = list(values[: last + 1])
    return short


# --- files ----------------------------------------------------------------------------------------------------------


def write_case(case: Case, path: Path) -> None:
    """A header, the tape where there is one, then one event a line. All texts are the simulation's own."""
    found = case.violation
    header: dict[str, object] = {
        "simulation": _FORMAT,
        "seed": found.seed,
        "steps": case.steps,
        "law": found.law,
        "detail": found.detail,
        "session": snapshot(case.start),
        "tape": case.tape,
        "only": case.only,
    }
    lines = [header, *({"event": encode_event(event)} for event in case.events)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def read_case(path: Path) -> Case:
    """The case in this file. Raises BadCase."""
    try:
        first, *others = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        if first["simulation"] != _FORMAT:
            raise BadCase(f"{path.name}: of another version of the simulation")
        violation = Violation(int(first["seed"]), 0, str(first["law"]), str(first["detail"]))
        events = tuple(decode_event(line["event"]) for line in others)
        tape = cast("Tape | None", first["tape"])
        only = None if first.get("only") is None else tuple(map(str, first["only"]))
        return Case(violation, int(first["steps"]), restore(first["session"]), events, tape, only)
    except (OSError, UnicodeDecodeError) as error:
        raise BadCase(f"{path.name}: cannot be read: {error}") from None
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise BadCase(f"{path.name}: holds no violation: {error}") from None


def replay(case: Case) -> Violation | None:
    """Whether the case still shows what it showed."""
    if case.tape is not None:
        return World(case.violation.seed, case.steps, tape=case.tape, only=case.only).run()
    law = law_broken_by(case.start, case.events)
    return None if law is None else evolve(case.violation, law=law)
