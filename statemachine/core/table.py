"""Tables: rows, machines, and the checks that a machine must pass before anything runs on it.

A machine is a list of rows over its states and its alphabet. The rows of one cell (a state and an event type) are tried
in order; the last has no guard. So each cell answers: *taken* (the machine moves to one declared target, or stays),
*ignored* or *rejected*, both with a reason. `build` checks the machine; `tables.move` runs it.

A row is written on one line, in columns:

    arc(source, on, when, do, target, raises, why, ref)

The columns stand in the order in which things happen: in one of the states `source`, on the event `on`, if the guard
`when` holds, the actions `do` run, the machine moves to `target`, and the signals `raises` go to other machines. An
empty column is `()`. `target` is a state class, STAY, or a maker: a function that builds the state, and whose return
annotation names it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final, Literal, TypeAlias, TypeVar, get_type_hints

from attrs import NOTHING, Factory, evolve, field, fields, fields_dict, frozen

from .draft import Draft
from .record import record

Guard: TypeAlias = Callable[[Draft, Any], bool]
Action: TypeAlias = Callable[[Draft, Any], None]
Make: TypeAlias = Callable[[Draft, Any], Any]
Verdict: TypeAlias = Literal["taken", "ignored", "rejected"]
Types: TypeAlias = type[Any] | tuple[type[Any], ...]
Nothing: TypeAlias = tuple[()]
"""An empty column."""
T = TypeVar("T")

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


class BadTable(Exception):
    """A table that must not run; the message names every fault found."""


# --- the checks -----------------------------------------------------------------------------------------------------


def check(machine: Machine) -> list[str]:
    """Everything that is wrong with one machine, in words; empty for a good one."""
    faults = [*_check_names(machine), *_check_cells(machine)]
    if not faults:
        faults = [*_check_graph(machine), *_check_deadlines(machine)]
    return [f"{machine.name}: {fault}" for fault in faults]


def _name(thing: Any) -> str:
    return str(getattr(thing, "__name__", thing))


def _check_names(machine: Machine) -> Iterable[str]:
    states = set(machine.states)
    if machine.name not in Draft.__slots__:
        yield f"a draft has no field {machine.name}"
    for r in machine.rows:
        where = f"row {_name(r.source[0])} on {_name(r.on)}"
        for state in (*r.source, *(() if r.to is None else (r.to,))):
            if state not in states:
                yield f"{where}: unknown state {_name(state)}"
        if not r.why.strip():
            yield f"{where}: no reason given"
        if r.verdict == "rejected" and not machine.rejects:
            yield f"{where}: only the lifecycle may reject"
        if r.to is not None and r.make is None and needs_data(r.to):
            yield f"{where}: {_name(r.to)} carries data, so the row needs a make"


def needs_data(state: type[Any]) -> bool:
    """Whether only a maker can build this state."""
    return any(f.default is NOTHING for f in fields(state))


def _check_cells(machine: Machine) -> Iterable[str]:
    for state in machine.states:
        for on in machine.alphabet:
            for fault in _check_cell([r.when for r in machine.cell(state, on)]):
                yield f"cell {_name(state)} on {_name(on)}: {fault}"


def _check_cell(guards: list[Guard | None]) -> Iterable[str]:
    if not guards:
        yield "undeclared"
    elif guards[-1] is not None:
        yield "the last row has a guard, so some case has no answer"
    if len(guards) > 1:
        if guards.count(None) > 1:
            yield "two rows without a guard"
        elif None in guards[:-1]:
            yield "a row stands behind one without a guard and can never be taken"
        for guard, count in Counter(g for g in guards if g is not None).items():
            if count > 1:
                yield f"guard {_name(guard)} twice; the second can never be taken"


def _check_graph(machine: Machine) -> Iterable[str]:
    forward: dict[type[Any], set[type[Any]]] = {state: set() for state in machine.states}
    for r in machine.rows:
        for state in r.source:
            if r.to is not None:
                forward[state].add(r.to)
    for state in set(machine.states) - _closure(forward, {machine.initial}):
        yield f"{_name(state)} can never be reached"
    for state in machine.states:
        onward = forward[state] - {state}
        if state in machine.terminal and onward:
            yield f"{_name(state)} is terminal, but something leaves it"
        if state not in machine.terminal and not onward:
            yield f"{_name(state)} is a trap: nothing leaves it, and it is not terminal"
    if machine.terminal:
        back: dict[type[Any], set[type[Any]]] = {state: set() for state in machine.states}
        for state, targets in forward.items():
            for target in targets:
                back[target].add(state)
        for state in set(machine.states) - _closure(back, set(machine.terminal)):
            yield f"no way leads from {_name(state)} to a terminal state"


def _closure(edges: Mapping[type[Any], set[type[Any]]], start: set[type[Any]]) -> set[type[Any]]:
    seen, todo = set(start), list(start)
    while todo:
        for target in edges[todo.pop()] - seen:
            seen.add(target)
            todo.append(target)
    return seen


def _check_deadlines(machine: Machine) -> Iterable[str]:
    for state in machine.states:
        names = fields_dict(state)
        waits = "due" in names and ("call" not in names or names["call"].default is None)
        if waits and state not in machine.deadlines and "call" not in names:
            yield f"{_name(state)} has a deadline that no row handles"
        if state in machine.deadlines and "due" not in names:
            yield f"{_name(state)} has no deadline to raise {_name(machine.deadlines[state])}"
    for signal in machine.deadlines.values():
        if signal not in machine.alphabet:
            yield f"deadline {_name(signal)} is not in the alphabet"


# --- building -------------------------------------------------------------------------------------------------------


def build(machine: Machine) -> dict[type[Any], dict[type[Any], tuple[Row, ...]]]:
    """Check the machine; its cells: state type -> event type -> rows.

    Raises:
        BadTable: the machine has faults; the message names each.
    """
    faults = check(machine)
    if faults:
        raise BadTable("\n".join(faults))
    return {state: {on: machine.cell(state, on) for on in machine.alphabet} for state in machine.states}
