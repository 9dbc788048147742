"""Tables: rows, and the machines that they make.

A machine is a list of rows over its states and its alphabet. The rows of one cell (a state and an event type) are tried
in order; the last has no guard. So each cell answers: *taken* (the machine moves to one declared target, or stays),
*ignored* or *rejected*, both with a reason. `tables.move` runs it. Tests check each machine, and what stands between
them: `tests/core/table_checks.py`.

A row is written on one line, in columns:

    arc(source, on, when, do, target, raises, why, ref)

The columns stand in the order in which things happen: in one of the states `source`, on the event `on`, if the guard
`when` holds, the actions `do` run, the machine moves to `target`, and the signals `raises` go to other machines. An
empty column is `()`. `target` is a state class, STAY, or a maker: a function that builds the state, and whose return
annotation names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final, Literal, TypeAlias, get_type_hints

from attrs import Factory, evolve, field, frozen

from .draft import Draft
from .record import record

Guard: TypeAlias = Callable[[Draft, Any], bool]
Action: TypeAlias = Callable[[Draft, Any], None]
Make: TypeAlias = Callable[[Draft, Any], Any]
Verdict: TypeAlias = Literal["taken", "ignored", "rejected"]
Types: TypeAlias = type[Any] | tuple[type[Any], ...]
Nothing: TypeAlias = tuple[()]
"""An empty column."""

STAY: Final = None


@record
class Row:
    """One row: what a machine does with one event in some of its states.

    `to`: the target; None: it stays. `make` builds the target where it carries data. `why` is for the reader, and for
    the user whose intent is rejected. `ref` is the section of protocol.md, or a design decision
    of the engine's guide as "design 8"; `statemachine.sources` has both in words.
    """

    source: tuple[type[Any], ...]
    on: type[Any]
    verdict: Verdict
    why: str
    to: type[Any] | None = None
    when: Guard | None = None
    do: tuple[Action, ...] = ()
    make: Make | None = None
    raises: tuple[type[Any], ...] = ()
    ref: str = ""


def _tuple(column: Any) -> tuple[Any, ...]:
    return (*column,) if isinstance(column, tuple) else (column,)  # pyright: ignore[reportUnknownVariableType]


@cache
def _target_of(make: Make) -> type[Any]:
    target: type[Any] = get_type_hints(make)["return"]
    return target


def arc(
    source: Types,
    on: Types,
    when: Guard | Nothing,
    do: Action | tuple[Action, ...],
    target: type[Any] | Make | None,
    raises: Types,
    why: str,
    ref: str = "",
) -> list[Row]:
    """A row that is taken, once for each event type in `on`."""
    to, make = (target, None) if target is None or isinstance(target, type) else (_target_of(target), target)
    return [
        Row(_tuple(source), one, "taken", why, to, when or None, _tuple(do), make, _tuple(raises), ref)
        for one in _tuple(on)
    ]


def ignore(source: Types, on: Types, why: str, when: Guard | None = None) -> list[Row]:
    """Rows on which nothing changes."""
    return [Row(_tuple(source), one, "ignored", why, when=when) for one in _tuple(on)]


def reject(source: Types, on: Types, why: str, when: Guard | None = None) -> list[Row]:
    """Rows that refuse a local intent; `why` is the message for the user."""
    return [Row(_tuple(source), one, "rejected", why, when=when) for one in _tuple(on)]


def rows(*parts: Iterable[Row]) -> tuple[Row, ...]:
    """The rows of all parts, in order."""
    return tuple(row for part in parts for row in part)


@record
class Entry:
    """What every row that enters a state does and raises besides its own."""

    do: tuple[Action, ...] = ()
    raises: tuple[type[Any], ...] = ()


def _by_cell(rows: Iterable[Row]) -> Mapping[tuple[type[Any], type[Any]], tuple[Row, ...]]:
    cells: dict[tuple[type[Any], type[Any]], list[Row]] = {}
    for r in rows:
        for state in r.source:
            cells.setdefault((state, r.on), []).append(r)
    return {where: tuple(found) for where, found in cells.items()}


@frozen
class Machine:
    """One small machine. Its state is the attribute `name` of the draft; an item's is there while it is in focus.

    `deadlines`: state -> signal raised when its `due` passes with no call owed. `rejects`: whether its rows may reject
    (only the lifecycle's may).
    """

    name: str
    states: tuple[type[Any], ...]
    initial: type[Any]
    terminal: tuple[type[Any], ...]
    rows: tuple[Row, ...] = field(repr=False)
    deadlines: Mapping[type[Any], type[Any]] = field(factory=dict[type[Any], type[Any]], repr=False)
    rejects: bool = False
    alphabet: tuple[type[Any], ...] = field(
        init=False,
        repr=False,
        default=Factory(lambda self: tuple(dict.fromkeys(r.on for r in self.rows)), takes_self=True),
    )
    _cells: Mapping[tuple[type[Any], type[Any]], tuple[Row, ...]] = field(
        init=False, repr=False, eq=False, default=Factory(lambda self: _by_cell(self.rows), takes_self=True)
    )

    def cell(self, state: type[Any], on: type[Any]) -> tuple[Row, ...]:
        """The rows of one cell, in the order in which they are tried."""
        return self._cells.get((state, on), ())


def with_entry(rows: Iterable[Row], entry: Mapping[type[Any], Entry]) -> tuple[Row, ...]:
    """The rows, each with the entry actions and signals of the state that it enters after its own."""

    def entering(r: Row) -> Row:
        more = None if r.to is None else entry.get(r.to)
        return r if more is None else evolve(r, do=(*r.do, *more.do), raises=(*r.raises, *more.raises))

    return tuple(map(entering, rows))
