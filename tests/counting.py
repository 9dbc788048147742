"""Counts which rows the cells take, while it watches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from statemachine.core.table import Row
from statemachine.core.tables import CELLS, MACHINES
from statemachine.diagrams.coverage import Counts


@contextmanager
def counting() -> Iterator[Counts]:
    """Wrap every cell, and unwrap it again."""
    counts: Counts = {name: Counter() for name in MACHINES}
    before = {name: {state: dict(cells) for state, cells in states.items()} for name, states in CELLS.items()}
    for name, states in CELLS.items():
        numbers = {id(row): number for number, row in enumerate(MACHINES[name].rows, 1)}
        for cells in states.values():
            for on, cell in cells.items():
                cells[on] = _counted(cell, numbers, counts[name])
    try:
        yield counts
    finally:
        for name, states in before.items():
            for state, cells in states.items():
                CELLS[name][state].update(cells)


class _Counted(tuple[Row, ...]):
    """A cell that counts the row at which whoever tries its rows stops: the one that is taken."""

    cell: tuple[Row, ...]
    numbers: dict[int, int]
    counts: Counter[int]

    def __iter__(self) -> Iterator[Row]:
        for row in self.cell:
            self.counts[self.numbers[id(row)]] += 1
            yield row
            self.counts[self.numbers[id(row)]] -= 1


def _counted(cell: tuple[Row, ...], numbers: dict[int, int], counts: Counter[int]) -> _Counted:
    counted = _Counted(cell)
    counted.cell, counted.numbers, counted.counts = cell, numbers, counts
    return counted
