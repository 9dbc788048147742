"""`explain`: why did this happen, or why did nothing happen? The same step, with each cell's rows and guards shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .commands import Command
from .errors import IllegalIntent
from .events import Event
from .record import record
from .reduce import reduce
from .session import Session
from .table import Row, Verdict
from .updates import Notification, Phase


@record
class Move:
    """The reaction of one machine to one event or signal.

    `machine`: its name. `source`, `target`: its state before and after. `heard`: the name of the event or signal.
    `guards`: (name, answer) of each guard tried, in order, up to the row that was taken. `verdict`: taken, ignored or
    rejected. `effects`: names of the actions that ran. `raises`: the signals raised. `why`: the reason. `ref`: its
    source.
    """

    machine: str
    source: str
    heard: str
    guards: tuple[tuple[str, bool], ...]
    verdict: Verdict
    target: str
    effects: tuple[str, ...]
    raises: tuple[str, ...]
    why: str
    ref: str


@record
class Explanation:
    """A step with its reasons.

    `before`, `after`: the phases. `moves`: the reactions of the machines, in order. `commands`, `updates`: the outputs.
    `rejected`: why the intent is not possible, or None.
    """

    before: Phase
    after: Phase
    moves: tuple[Move, ...]
    commands: tuple[Command, ...]
    updates: tuple[Notification, ...]
    rejected: str | None = None

    def __str__(self) -> str:
        """A table of the moves, each below its cause, then commands and updates. It quotes no chat text."""
        rows = [("machine", "from", "event", "to", "why", "guards"), *_rows(self.moves)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [f"{self.before} -> {self.after}" + (f"; rejected: {self.rejected}" if self.rejected else "")]
        lines += ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        lines += [f"  command: {type(command).__name__} {command.id}" for command in self.commands]
        lines += [f"  update: {type(update).__name__}" for update in self.updates]
        return "\n".join(lines)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """The table, in IPython and notebooks."""
        printer.text(str(self))


def explain(session: Session, event: Event) -> Explanation:
    """The step that `reduce(session, event)` makes, and its reasons. It raises nothing, changes nothing, and is slower.

    Args:
        session: The session before.
        event: Any that `reduce` takes.
    """
    log: list[Any] = []
    try:
        after, out = reduce(session, event, log=log)
    except IllegalIntent as refusal:
        return Explanation(session.phase, session.phase, _moves(log), (), (), refusal.reason)
    commands = tuple(one for one in out if isinstance(one, Command))
    updates = tuple(one for one in out if isinstance(one, Notification))
    return Explanation(session.phase, after.phase, _moves(log), commands, updates)


def _rows(moves: tuple[Move, ...]) -> Iterator[tuple[str, ...]]:
    """The cells of each move; a move that a signal of an earlier one caused is indented below it."""
    depths: dict[str, int] = {}
    for move in moves:
        depth = depths.get(move.heard, 0)
        depths |= dict.fromkeys(move.raises, depth + 1)
        guards = ", ".join(f"{name}: {'yes' if answer else 'no'}" for name, answer in move.guards)
        yield "  " * depth + move.machine, move.source, move.heard, move.target, move.why, guards


def _moves(log: list[Any]) -> tuple[Move, ...]:
    return tuple(_move(*entry) for entry in log)


def _move(machine: str, state: type[Any], cell: tuple[Row, ...], row: Row) -> Move:
    target = state if row.to is None else row.to
    tried = cell[: cell.index(row) + 1]
    return Move(
        machine,
        state.name,
        row.on.__name__,
        tuple((one.when.__name__, one is row) for one in tried if one.when is not None),
        row.verdict,
        target.name,
        tuple(f.__name__ for f in (*row.do, *((row.make,) if row.make else ()))),
        tuple(signal.__name__ for signal in row.raises),
        row.why,
        row.ref,
    )
