"""Counts which rows the compiled cells take, while it watches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from statemachine.core.table import Cell, Machine
from statemachine.core.tables import CELLS, MACHINES
from statemachine.diagrams.coverage import Counts


@contextmanager
def counting() -> Iterator[Counts]:
    """Wrap every cell, and unwrap it again."""
    counts: Counts = {name: Counter() for name in MACHINES}
    before = {name: {state: dict(cells) for state, cells in states.items()} for name, states in CELLS.items()}
    for name, states in CELLS.items():
        for state, cells in states.items():
            for on, cell in cells.items():
                cells[on] = _counted(MACHINES[name], state, on, cell, counts[name])
    try:
        yield counts
    finally:
        for name, states in before.items():
            for state, cells in states.items():
                CELLS[name][state].update(cells)


def _counted(machine: Machine, state: type[Any], on: type[Any], cell: Cell, counts: Counter[int]) -> Cell:
    numbers = {id(row): number for number, row in enumerate(machine.rows, 1)}
    rows = [(row.when, numbers[id(row)]) for row in machine.cell(state, on)]

    def counted(d: Any, e: Any) -> None:
        counts[next(number for when, number in rows if when is None or when(d, e))] += 1
        cell(d, e)

    return counted
