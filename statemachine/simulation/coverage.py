"""What runs have covered: a point that no run reaches is as telling as a broken law.

A point is anything that the tables or this simulation say can happen: a row taken from one state, a signal passed from
one machine to another, a command, an expired deadline, a classified answer, a fault. `points()` lists them all, so a
sweep can report the points it never reached. The points of a step are read from `explain`. That is a second run of the
step, so it covers what the client did, and nothing that the laws try besides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final, Literal, TypeAlias, get_args

from statemachine.conformance.laws import StepResult
from statemachine.core import COMMANDS, Answered, Failure, Move, Reply, Restarted, Tick, explain
from statemachine.core import signals as sig
from statemachine.core.derived import deadlines, owing
from statemachine.core.session import Session
from statemachine.core.table import Row
from statemachine.core.tables import COUPLINGS, MACHINES, REACTIONS, Kind
from statemachine.core.tables.reactions import classify

from .faults import REPORTED
from .unreachable import UNREACHABLE

Domain: TypeAlias = Literal["cell", "coupling", "command", "deadline", "reaction", "fault"]
Point: TypeAlias = tuple[Domain, str]

_DEADLINES: Final = frozenset(
    [signal.__name__ for machine in MACHINES.values() for signal in machine.deadlines.values()]
    + [signal.__name__ for signal in (sig.TypingExpired, sig.OwnTypingExpired, sig.FormExpired)]
)
"""Signals that only a deadline raises."""
_ALWAYS: Final = 100
_SAMPLE: Final = 10
"""Of the steps of one sort (states before and after, event), the first are explained, then one in so many."""


class Coverage:
    """Counts the points that steps reach."""

    def __init__(self) -> None:
        self.counts: Final[Counter[Point]] = Counter()
        self._sorts: Final[Counter[tuple[object, ...]]] = Counter()

    def record(self, step: StepResult) -> None:
        """Count one step."""
        if step.refused or (isinstance(step.event, Tick) and step.after is step.before):
            return
        self.counts.update(_outside_the_tables(step))
        sort = _sort(step)
        self._sorts[sort] += 1
        if self._sorts[sort] <= _ALWAYS or self._sorts[sort] % _SAMPLE == 0:
            self.counts.update(_of_moves(explain(step.before, step.event).moves))

    def record_faults(self, faults: Counter[str]) -> None:
        """Count the faults that occurred."""
        self.counts.update({("fault", label): count for label, count in faults.items()})


def _sort(step: StepResult) -> tuple[object, ...]:
    reply = step.event.reply if isinstance(step.event, Answered) else None
    return (type(step.event), type(reply), *_states(step.before), *_states(step.after))


def _states(session: Session) -> Iterator[object]:
    yield type(session.lifecycle)
    yield type(session.connection)
    yield type(session.history)
    yield frozenset(type(item.state) for item in session.items)


# --- the points of a step -------------------------------------------------------------------------------------------


def _of_moves(moves: Sequence[Move]) -> Iterator[Point]:
    for index, move in enumerate(moves):
        if move.heard in _DEADLINES:
            yield "deadline", move.heard
        if move.verdict != "taken":
            continue
        yield "cell", _cells()[move.machine, move.source, move.heard, _tried(move)]
        later = {(after.machine, after.heard) for after in moves[index + 1 :]}
        for signal in move.raises:
            for target in _receivers(move.machine, signal):
                if (target, signal) in later:
                    yield "coupling", _coupling(move.machine, signal, target)


def _tried(move: Move) -> int:
    """The row's index in its cell: each guard before it was false."""
    return len(move.guards) - (bool(move.guards) and move.guards[-1][1])


def _outside_the_tables(step: StepResult) -> Iterator[Point]:
    for command in step.commands:
        yield "command", type(command).__name__
    event, before = step.event, step.before
    if isinstance(event, Restarted):
        for _, kind, _ in owing(before):
            yield from _reaction(kind, Failure("restart"))
        return
    first = min(deadlines(before), key=lambda deadline: deadline.due, default=None)
    if first is not None and first.due <= event.at:
        if first.owed is not None:
            kind = first.owed[1]
            yield "deadline", f"answer to {kind}"
            yield from _reaction(kind, Failure("timeout"))
    elif isinstance(event, Answered):
        for call, kind, _ in owing(before):
            if call == event.command:
                yield from _reaction(kind, event.reply)


def _reaction(kind: Kind, reply: Reply) -> Iterator[Point]:
    yield "reaction", f"{kind}: {classify(kind, reply)}"


# --- all points -----------------------------------------------------------------------------------------------------


def points() -> tuple[Point, ...]:
    """All points, except those that nothing can reach (`unreachable.py`)."""
    return tuple(point for point in _all_points() if point[1] not in UNREACHABLE)


def never(counts: Counter[Point]) -> list[Point]:
    """The points that nothing reached."""
    return [point for point in points() if not counts[point]]


def summary(counts: Counter[Point]) -> Iterable[tuple[Domain, int, int]]:
    """(domain, points reached, points in all) for each domain."""
    for domain in get_args(Domain):
        known = [point for point in points() if point[0] == domain]
        yield domain, sum(counts[point] > 0 for point in known), len(known)


@cache
def _all_points() -> tuple[Point, ...]:
    found: dict[Domain, list[str]] = {
        "cell": list(_cells().values()),
        "coupling": [_coupling(c.source, c.signal.__name__, c.target) for c in COUPLINGS],
        "command": [command.__name__ for command in COMMANDS],
        "deadline": [*sorted(_DEADLINES), *(f"answer to {kind}" for kind in REACTIONS)],
        "reaction": [f"{kind}: {outcome}" for kind, column in REACTIONS.items() for outcome in column],
        "fault": list(REPORTED),
    }
    return tuple((domain, name) for domain, names in found.items() for name in names)


@cache
def _cells() -> dict[tuple[str, str, str, int], str]:
    """(machine, state, signal, index in the cell) of every row that is taken -> its name."""
    return {
        (machine.name, state.name, on.__name__, index): _describe(machine.name, state.name, row)
        for machine in MACHINES.values()
        for state in machine.states
        for on in machine.alphabet
        for index, row in enumerate(machine.cell(state, on))
        if row.verdict == "taken"
    }


def _describe(machine: str, state: str, row: Row) -> str:
    when = "" if row.when is None else f" [{row.when.__name__}]"
    target = "stays" if row.to is None else row.to.name
    return f"{machine}: {state} on {row.on.__name__}{when} -> {target}"


@cache
def _receivers(machine: str, signal: str) -> tuple[str, ...]:
    return tuple(c.target for c in COUPLINGS if c.source == machine and c.signal.__name__ == signal)


def _coupling(source: str, signal: str, target: str) -> str:
    return f"{source} raises {signal} for {target}"
