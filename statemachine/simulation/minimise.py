"""From a violation to a short case that still shows it, and to a file that reproduces it.

A law that the client's own events break is minimised on them: replaying a pure function costs microseconds, and the
result is a list of events. Any other violation (something was lost between client and server) is minimised on the tape
of choices: as many as possible become 0, the simplest choice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, cast

from attrs import evolve, frozen

from statemachine.codec.records import decode_event, encode_event
from statemachine.codec.snapshot import restore, snapshot
from statemachine.conformance import laws
from statemachine.conformance.shrinking import shrink
from statemachine.core import Answered, Command, Event, Reattach, RequestChat, outbox
from statemachine.core.session import Session
from statemachine.files import write_private

from .choices import Tape
from .oracle import LawViolation
from .simulator import Simulator

_FORMAT: Final = 2
_REPLAYS: Final = 20_000
"""How many replays of events one minimisation may make."""
_RUNS: Final = 1_500
"""How many simulations one minimisation may run."""


class BadCase(Exception):
    """The file holds no case."""


@frozen
class Case:
    """A minimised violation. With a `tape` it is a simulation; without, `events` fed to `start` break the law.

    `only`: the labels of the enabled faults, where they were chosen.
    """

    violation: LawViolation
    steps: int
    start: Session
    events: tuple[Event, ...]
    tape: Tape | None = None
    only: tuple[str, ...] | None = None


def minimise(run: Simulator) -> Case:
    """The shortest case of the violation that this run has found."""
    violation, log = run.violation, run.oracle.current
    assert violation is not None
    events = _minimise_events(log.start, [event for event, _ in log.events], violation.law)
    if events is not None:
        return Case(violation, run.steps, log.start, tuple(events), only=run.only)
    run, tape = _minimise_tape(run, violation.law)
    log = run.oracle.current
    return Case(
        run.violation or violation, run.steps, log.start, tuple(event for event, _ in log.events), tape, run.only
    )


# --- by events ------------------------------------------------------------------------------------------------------


@frozen
class _Fed:
    """An event. Of an answer also the type of the command it answers: ids shift when other events are dropped."""

    event: Event
    answers: type[Command] | None = None


def _broken(start: Session, log: Sequence[_Fed]) -> tuple[str | None, list[Event]]:
    """The first law broken, and the events until then, as they were fed."""
    ledger, session = laws.Ledger(start.ids, start.seq, window=start.config.window), start
    done: list[Event] = []
    for fed in log:
        event = fed.event
        if fed.answers is not None and isinstance(event, Answered):
            same = [command.id for command in outbox(session) if isinstance(command, fed.answers)]
            event = evolve(event, command=same[0]) if same else event
        done.append(event)
        if session.phase == "idle" and isinstance(event, RequestChat | Reattach) and event.after is not None:
            ledger.seq = event.after.seq  # the numbers go on from the session before
        try:
            step = laws.take_step(session, event)
            laws.check_laws(step, ledger)
        except laws.BrokenLaw as broken:
            return broken.law, done
        session = step.after
    return None, done


def _with_commands(start: Session, events: Sequence[Event]) -> Iterator[_Fed]:
    session = start
    for event in events:
        types = {command.id: type(command) for command in outbox(session)}
        yield _Fed(event, types.get(event.command) if isinstance(event, Answered) else None)
        try:
            session = laws.take_step(session, event).after
        except laws.BrokenLaw:
            return


def _minimise_events(start: Session, events: Sequence[Event], law: str) -> list[Event] | None:
    log = list(_with_commands(start, events))
    if _broken(start, log)[0] != law:
        return None
    return _broken(start, shrink(log, lambda fewer: _broken(start, fewer)[0] == law, _REPLAYS))[1]


# --- by choices -----------------------------------------------------------------------------------------------------


def _minimise_tape(run: Simulator, law: str) -> tuple[Simulator, Tape]:
    """Run again with as many choices as possible at 0, and with as few steps."""
    drawn, steps = run.environment.choices.drawn, min(run.environment.schedule.step, run.steps)

    def tape_of(kept: Sequence[tuple[str, int]]) -> Tape:
        tape: dict[str, list[int]] = {}
        for label, at in kept:
            values = tape.setdefault(label, [])
            values += [0] * (at - len(values))
            values.append(drawn[label][at])
        return tape

    def again(kept: Sequence[tuple[str, int]], steps: int) -> Simulator:
        simulator = Simulator(run.environment.choices.seed, steps, tape=tape_of(kept), only=run.only)
        simulator.run()
        return simulator

    def fails(kept: Sequence[tuple[str, int]], steps: int = steps) -> bool:
        violation = again(kept, steps).violation
        return violation is not None and violation.law == law

    kept = [(label, at) for label, values in drawn.items() for at, value in enumerate(values) if value]
    if not fails(kept):
        return run, drawn
    kept = shrink(kept, fails, _RUNS)
    doubled = (2**power for power in range(steps.bit_length()))
    return again(kept, next((fewer for fewer in doubled if fewer < steps and fails(kept, fewer)), steps)), tape_of(kept)


# --- files ----------------------------------------------------------------------------------------------------------


def write_case(case: Case, path: Path) -> None:
    """Write a header, with the tape if there is one, and a line for each event. All texts are the simulation's own."""
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
    write_private(path, "".join(json.dumps(line) + "\n" for line in lines))


def read_case(path: Path) -> Case:
    """The case in this file.

    Raises:
        BadCase: The file cannot be read, or holds no case of this version.
    """
    try:
        first, *others = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        if first["simulation"] != _FORMAT:
            raise BadCase(f"{path}: of another version of the simulation")
        violation = LawViolation(int(first["seed"]), 0, str(first["law"]), str(first["detail"]))
        events = tuple(decode_event(line["event"]) for line in others)
        tape = cast("Tape | None", first["tape"])
        only = None if first.get("only") is None else tuple(map(str, first["only"]))
        return Case(violation, int(first["steps"]), restore(first["session"]), events, tape, only)
    except (OSError, UnicodeDecodeError) as error:
        words = getattr(error, "strerror", None) or "this is no UTF-8 text"
        raise BadCase(f"{path}: {words}") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise BadCase(f"{path}: this is no violation that simulate has written") from None


def replay(case: Case) -> LawViolation | None:
    """Run the case again. Returns the violation that it shows now, or None."""
    if case.tape is not None:
        return Simulator(case.violation.seed, case.steps, tape=case.tape, only=case.only).run()
    law, _ = _broken(case.start, [_Fed(event) for event in case.events])
    return None if law is None else evolve(case.violation, law=law)
