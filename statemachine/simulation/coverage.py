"""Which rows of the tables a run has taken: a state never reached tells as much as a law broken.

While it watches, each compiled cell is wrapped. Only what the client's own steps took is counted, not what the laws
tried besides: the trail is read after each step, and thrown away after each check.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from statemachine.core.table import Cell, Machine, Row
from statemachine.core.tables import CELLS, MACHINES

__all__ = ["Coverage", "RowKey", "describe", "never_taken", "possible"]

_NAMED: Final = 4
RowKey: TypeAlias = tuple[str, int]
"""The machine's name, and the row's place in its table."""


class Coverage:
    """Counts rows while `watching`."""

    def __init__(self) -> None:
        self.rows: Final[Counter[RowKey]] = Counter()
        self._trail: list[RowKey] = []

    def take(self) -> None:
        """What was taken since the last word is counted."""
        self.rows.update(self._trail)
        self._trail.clear()

    def drop(self) -> None:
        """What was taken since the last word does not count."""
        self._trail.clear()

    @contextmanager
    def watching(self) -> Generator[Coverage]:
        """Wrap every cell, and unwrap it again."""
        before = {name: {state: dict(cells) for state, cells in states.items()} for name, states in CELLS.items()}
        for name, states in CELLS.items():
            for state, cells in states.items():
                for on, cell in cells.items():
                    cells[on] = self._watched(MACHINES[name], state, on, cell)
        try:
            yield self
        finally:
            for name, old_states in before.items():
                for state, old in old_states.items():
                    CELLS[name][state].update(old)

    def _watched(self, machine: Machine, state: type[Any], on: type[Any], cell: Cell) -> Cell:
        numbers = {id(row): number for number, row in enumerate(machine.rows)}
        rows = [(row.when, (machine.name, numbers[id(row)])) for row in machine.cell(state, on)]

        def watched(d: Any, e: Any) -> None:
            self._trail.append(next(key for when, key in rows if when is None or when(d, e)))
            cell(d, e)

        return watched


def possible() -> list[RowKey]:
    """Every row in which something happens: an ignored or rejected one is no place to reach."""
    return [
        (name, number)
        for name, machine in MACHINES.items()
        for number, row in enumerate(machine.rows)
        if row.verdict == "taken"
    ]


def never_taken(rows: Counter[RowKey]) -> list[RowKey]:
    """The rows that nothing reached."""
    return [key for key in possible() if not rows[key]]


def describe(key: RowKey) -> str:
    """A row in a line."""
    name, number = key
    row: Row = MACHINES[name].rows[number]
    names = [state.name for state in row.source]
    source = "|".join(names) if len(names) <= _NAMED else f"{names[0]}…{names[-1]}"
    when = "" if row.when is None else f" [{row.when.__name__}]"
    target = "stays" if row.to is None else row.to.name
    return f"{name}: {source} on {row.on.__name__}{when} -> {target}"
