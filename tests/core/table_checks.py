"""The checks that the tables must pass: each machine by itself, and what stands between them.

The tables do not change at run time, so a test checks them, and no import does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import NOTHING, fields, fields_dict

from statemachine.core import signals
from statemachine.core.draft import Draft
from statemachine.core.table import Guard, Machine
from statemachine.core.tables import MACHINES
from statemachine.core.tables.couplings import Coupling
from statemachine.core.tables.reactions import Reaction

# --- one machine ----------------------------------------------------------------------------------------------------


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
        names = {name: field for name, field in fields_dict(state).items() if field.init}
        waits = "due" in names and ("call" not in names or names["call"].default is None)
        if waits and state not in machine.deadlines and "call" not in names:
            yield f"{_name(state)} has a deadline that no row handles"
        if state in machine.deadlines and "due" not in names:
            yield f"{_name(state)} has no deadline to raise {_name(machine.deadlines[state])}"
    for signal in machine.deadlines.values():
        if signal not in machine.alphabet:
            yield f"deadline {_name(signal)} is not in the alphabet"


# --- between the machines -------------------------------------------------------------------------------------------

EXTERNAL_SIGNALS: Final = frozenset(
    {
        *(s for machine in MACHINES.values() for s in machine.deadlines.values()),
        *(s for s in vars(signals).values() if isinstance(s, type) and s.__name__.startswith("Status")),
        signals.SendSlot,
        signals.NoReceiptAwaited,
        signals.TypingExpired,
        signals.OwnTypingExpired,
        signals.FormExpired,
        signals.RosterRead,
    }
)
"""Signals that no row and no answer raises: deadlines, the values of a status, and what a step itself raises."""


def check_couplings(
    machines: Iterable[Machine], couplings: Iterable[Coupling], reactions: Iterable[Reaction]
) -> list[str]:
    """What is wrong between the machines: a coupling nobody raises or receives, a signal nobody declared."""
    by_name = {machine.name: machine for machine in machines}
    raised = {(m.name, s) for m in by_name.values() for r in m.rows for s in r.raises}
    declared = {(c.source, c.signal) for c in couplings}
    faults = [f"{m}: raises {s.__name__}, but no coupling declares it" for m, s in raised - declared]
    faults += [f"coupling {s.__name__}: {m} never raises it" for m, s in declared - raised]
    received = {(c.target, c.signal) for c in couplings} | {pair for r in reactions for pair in r.signals}
    for name, signal in received:
        if signal not in by_name[name].alphabet:
            faults.append(f"{name} receives {signal.__name__}, but it is not in its alphabet")
    known = {s for _, s in received} | EXTERNAL_SIGNALS
    for machine in by_name.values():
        for on in machine.alphabet:
            if issubclass(on, signals.Signal) and on not in known:
                faults.append(f"{machine.name}: {on.__name__} is in its alphabet, but nothing raises it")
    return sorted(faults)
