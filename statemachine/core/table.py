"""Tables: what a row is, what a machine is, and the checks that a table must pass before anything runs on it.

A machine is a list of rows over its states and its alphabet. The rows of one cell (a state and an event type) are tried
in order; the last has no guard, so that each cell answers: *taken* (to one declared target, or STAY), *ignored* or
*rejected*, both with a reason. `build` checks the whole and compiles it once into nested dicts from type to closure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType
from typing import Any, Final, Literal, TypeAlias

from attrs import NOTHING, Factory, field, fields, fields_dict, frozen

from .draft import Draft, StepContext
from .errors import IllegalIntent
from .record import record
from .session import Session, phase_of

Guard: TypeAlias = Callable[[Draft, Any], bool]
Effect: TypeAlias = Callable[[Draft, Any], None]
Make: TypeAlias = Callable[[Draft, Any], Any]
Cell: TypeAlias = Callable[[Draft, Any], None]
Verdict: TypeAlias = Literal["taken", "ignored", "rejected"]

STAY: Final = None


@record
class Row:
    """One line of a table.

    In the order in which they happen: `when` must hold, `do` runs, the machine moves to `to` (None: it stays), built by
    `make` where the target carries data, then `raises` is heard by other machines. `why` is for the reader, and for the
    user whose intent is rejected; `ref` is the section of protocol.md, or of design.md as "D2.8".
    """

    source: tuple[type[Any], ...]
    on: type[Any]
    verdict: Verdict
    why: str
    to: type[Any] | None = None
    when: Guard | None = None
    do: tuple[Effect, ...] = ()
    make: Make | None = None
    raises: tuple[type[Any], ...] = ()
    ref: str = ""


Source: TypeAlias = type[Any] | tuple[type[Any], ...]


def _sources(source: Source) -> tuple[type[Any], ...]:
    return source if isinstance(source, tuple) else (source,)


def _effects(do: Effect | tuple[Effect, ...]) -> tuple[Effect, ...]:
    return (do,) if callable(do) else do


def row(
    source: Source,
    on: type[Any],
    to: type[Any] | None,
    *,
    why: str,
    ref: str = "",
    when: Guard | None = None,
    do: Effect | tuple[Effect, ...] = (),
    make: Make | None = None,
    raises: type[Any] | tuple[type[Any], ...] = (),
) -> Row:
    """A row that is taken."""
    return Row(_sources(source), on, "taken", why, to, when, _effects(do), make, _sources(raises), ref)


def ignore(source: Source, on: type[Any] | tuple[type[Any], ...], why: str, *, when: Guard | None = None) -> list[Row]:
    """Rows that say: this changes nothing here."""
    return [Row(_sources(source), one, "ignored", why, when=when) for one in _sources(on)]


def reject(source: Source, on: type[Any] | tuple[type[Any], ...], why: str, *, when: Guard | None = None) -> list[Row]:
    """Rows that refuse a local intent, telling the user why."""
    return [Row(_sources(source), one, "rejected", why, when=when) for one in _sources(on)]


def rows(*parts: Row | Iterable[Row]) -> tuple[Row, ...]:
    """One flat tuple of rows and lists of rows."""
    flat: list[Row] = []
    for part in parts:
        flat.extend([part] if isinstance(part, Row) else part)
    return tuple(flat)


def _by_cell(rows: Iterable[Row]) -> Mapping[tuple[type[Any], type[Any]], tuple[Row, ...]]:
    cells: dict[tuple[type[Any], type[Any]], list[Row]] = {}
    for r in rows:
        for state in r.source:
            cells.setdefault((state, r.on), []).append(r)
    return {where: tuple(found) for where, found in cells.items()}


@frozen
class Machine:
    """One small machine. `attribute`: where its state stands in the draft.

    `alphabet`: everything it hears. `deadlines`: state -> signal raised when its `due` passes with no call owed.
    `rejects`: whether its rows may reject (only the lifecycle's may).
    """

    name: str
    attribute: str
    states: tuple[type[Any], ...]
    initial: type[Any]
    terminal: tuple[type[Any], ...]
    alphabet: tuple[type[Any], ...]
    rows: tuple[Row, ...] = field(repr=False)
    deadlines: Mapping[type[Any], type[Any]] = field(factory=dict[type[Any], type[Any]], repr=False)
    rejects: bool = False
    _cells: Mapping[tuple[type[Any], type[Any]], tuple[Row, ...]] = field(
        init=False, repr=False, eq=False, default=Factory(lambda self: _by_cell(self.rows), takes_self=True)
    )

    def cell(self, state: type[Any], on: type[Any]) -> tuple[Row, ...]:
        """The rows of one cell, in the order in which they are tried."""
        return self._cells.get((state, on), ())

    def holder(self, d: Draft) -> Draft | StepContext:
        """Where the state stands under `attribute`: an item's only while it is in focus."""
        return d.context if self.attribute in StepContext.__annotations__ else d


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
    states, alphabet = set(machine.states), set(machine.alphabet)
    if machine.attribute not in (*Session.__match_args__, *StepContext.__annotations__):
        yield f"a draft has no field {machine.attribute}"
    for r in machine.rows:
        where = f"row {_name(r.source[0])} on {_name(r.on)}"
        for state in (*r.source, *(() if r.to is None else (r.to,))):
            if state not in states:
                yield f"{where}: unknown state {_name(state)}"
        if r.on not in alphabet:
            yield f"{where}: {_name(r.on)} is not in the alphabet"
        if not r.why.strip():
            yield f"{where}: no reason given"
        if r.verdict == "rejected" and not machine.rejects:
            yield f"{where}: only the lifecycle may reject"
        if r.to is not None and r.make is None and _needs_data(r.to):
            yield f"{where}: {_name(r.to)} carries data, so the row needs a make"
    for on in alphabet - {r.on for r in machine.rows}:
        yield f"{_name(on)} is in the alphabet, but no row handles it"


def _needs_data(state: type[Any]) -> bool:
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


# --- compiling ------------------------------------------------------------------------------------------------------


def build(machine: Machine, hear: Callable[[type[Any]], Effect]) -> dict[type[Any], dict[type[Any], Cell]]:
    """Check the machine and compile it: state type -> event type -> closure.

    `hear(signal)` gives the function that lets the other machines hear a signal. Raises `BadTable`.
    """
    faults = check(machine)
    if faults:
        raise BadTable("\n".join(faults))
    raised = {signal: hear(signal) for r in machine.rows for signal in r.raises}
    return {
        state: {on: compile_cell(machine, machine.cell(state, on), raised) for on in machine.alphabet}
        for state in machine.states
    }


def compile_cell(machine: Machine, cell: tuple[Row, ...], raised: Mapping[type[Any], Effect]) -> Cell:
    """One closure that tries the rows of a cell in order."""
    *guarded, last = [(r.when, _compile_row(machine, r, raised)) for r in cell]
    otherwise = last[1]
    if not guarded:
        return otherwise
    if len(guarded) == 1:
        ((when, then),) = guarded
        assert when is not None

        def choose(d: Draft, e: Any) -> None:
            then(d, e) if when(d, e) else otherwise(d, e)

        return choose

    def choose_first(d: Draft, e: Any) -> None:
        for when, then in guarded:
            if when(d, e):  # type: ignore[misc]
                return then(d, e)
        return otherwise(d, e)

    return choose_first


def nothing(d: Draft, e: Any) -> None:
    """What an ignored event does."""


def _compile_row(machine: Machine, r: Row, raised: Mapping[type[Any], Effect]) -> Cell:
    if r.verdict == "ignored":
        return nothing
    if r.verdict == "rejected":
        return _rejection(r)
    steps = [*r.do, *_moves(machine, r), *(raised[signal] for signal in r.raises)]
    if not steps:
        return nothing
    if len(steps) == 1:
        return steps[0]
    if len(steps) == 2:
        first, second = steps

        def both(d: Draft, e: Any) -> None:
            first(d, e)
            second(d, e)

        return both

    def each(d: Draft, e: Any) -> None:
        for step in steps:
            step(d, e)

    return each


def _rejection(r: Row) -> Cell:
    def refuse(d: Draft, e: Any) -> None:
        raise IllegalIntent(phase_of(d.lifecycle, d.attention), type(e).__name__, r.why)

    return refuse


def _moves(machine: Machine, r: Row) -> Iterable[Effect]:
    if r.to is None:
        return
    move = _move_item if machine.attribute in StepContext.__annotations__ else _move_machine
    yield _with_name(move(None if r.make else r.to(), r.make), machine.attribute)


def _move_machine(state: Any, make: Make | None) -> Effect:
    if make is None:

        def move(d: Any, e: Any) -> None:
            d.attribute = state

        return move

    def move_with(d: Any, e: Any) -> None:
        d.attribute = make(d, e)

    return move_with


def _move_item(state: Any, make: Make | None) -> Effect:
    if make is None:

        def move(d: Any, e: Any) -> None:
            d.context.attribute = state

        return move

    def move_with(d: Any, e: Any) -> None:
        d.context.attribute = make(d, e)

    return move_with


def _with_name(move: Effect, attribute: str) -> Effect:
    """The same function, writing to the field of this name: a third of what the slot's own `__set__` takes."""
    assert isinstance(move, FunctionType)
    code = move.__code__
    names = tuple(attribute if name == "attribute" else name for name in code.co_names)
    return FunctionType(code.replace(co_names=names), move.__globals__, move.__name__, None, move.__closure__)
