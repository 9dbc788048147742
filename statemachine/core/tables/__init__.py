"""The tables: everything about what may happen when, and nothing else.

Six small machines (the design's five, and `courtesy`), the couplings between them, and the reactions to answers.
They are checked and compiled here, once, at import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, Final

from .. import actions, signals
from ..actions import outgoing
from ..draft import Draft
from ..table import BadTable, Cell, Effect, Machine, build
from . import attention, connection, ephemeral, history, item, lifecycle
from .couplings import COUPLINGS, Coupling
from .reactions import REACTIONS, Kind, OutcomeClass, Reaction

MACHINES: Final[dict[str, Machine]] = {
    module.MACHINE.name: module.MACHINE for module in (lifecycle, attention, connection, history, item, ephemeral)
}
ACTION_MODULES: Final[tuple[ModuleType, ...]] = actions.MODULES
"""The modules whose named functions the rows use."""

EXTERNAL_SIGNALS: Final = frozenset(
    {
        signals.SendSlot,  # the end of each step
        *(s for machine in MACHINES.values() for s in machine.deadlines.values()),
        signals.OpenDue,
        signals.TypingExpired,
        signals.OwnTypingExpired,
        signals.FormExpired,
        signals.RosterRead,
        *(s for s in vars(signals).values() if isinstance(s, type) and s.__name__.startswith("Status")),
    }
)
"""Signals that no row and no answer raises: the clock does, the end of a step, and the unfolding of a status."""


def check_couplings(
    machines: Iterable[Machine], couplings: Iterable[Coupling], reactions: Iterable[Reaction]
) -> list[str]:
    """What is wrong between the machines: a coupling nobody raises or hears, a signal nobody declared."""
    by_name = {machine.name: machine for machine in machines}
    raised = {(m.name, s) for m in by_name.values() for r in m.rows for s in r.raises}
    declared = {(c.source, c.signal) for c in couplings}
    faults = [f"{m}: raises {s.__name__}, but no coupling declares it" for m, s in raised - declared]
    faults += [f"coupling {s.__name__}: {m} never raises it" for m, s in declared - raised]
    heard = {(c.target, c.signal) for c in couplings} | {pair for r in reactions for pair in r.signals}
    for name, signal in heard:
        if signal not in by_name[name].alphabet:
            faults.append(f"{name} is to hear {signal.__name__}, but it is not in its alphabet")
    known = {s for _, s in heard} | EXTERNAL_SIGNALS
    for machine in by_name.values():
        for on in machine.alphabet:
            if issubclass(on, signals.Signal) and on not in known:
                faults.append(f"{machine.name}: hears {on.__name__}, but nothing raises it")
    return sorted(faults)


def _hearing(machine: Machine) -> Callable[[type[Any]], Effect]:
    """For one machine: the function that lets others hear a signal of its."""

    def hear(signal: type[Any]) -> Effect:
        ears = [_ear(c) for c in COUPLINGS if c.source == machine.name and c.signal is signal]

        def raise_it(d: Draft, e: Any) -> None:
            for ear in ears:
                ear(d, e)

        return ears[0] if len(ears) == 1 else raise_it

    return hear


def _ear(coupling: Coupling) -> Effect:
    target, signal, select = MACHINES[coupling.target], coupling.signal, coupling.select
    if select is None:
        return lambda d, e: move(d, target, signal, e)

    def each(d: Draft, e: Any) -> None:
        for one in select(d, e):
            move_item(d, one.id, one if one.state is outgoing.ABSENT else None, signal, e)

    return each


def move(d: Draft, machine: Machine, on: type[Any], e: Any) -> None:
    """Let one machine hear something: with `move_item`, the only door to a cell."""
    now: object = getattr(d, machine.attribute)
    state = type(now)
    if d.context.log is not None:
        _log(d, machine, state, on, e)
    CELLS[machine.name][state][on](d, e)


def _log(d: Draft, machine: Machine, state: type[Any], on: type[Any], e: Any) -> None:
    """Note for `explain` which row is about to be taken, and what each guard says."""
    tried: list[tuple[str, bool]] = []
    for row in machine.cell(state, on):
        if row.when is not None:
            tried.append((row.when.__name__, row.when(d, e)))
        if row.when is None or tried[-1][1]:
            assert d.context.log is not None
            d.context.log.append((machine, state, row, tuple(tried)))
            return


def move_item(d: Draft, item_id: str, new: Any, on: type[Any], e: Any) -> None:
    """Let one item hear something. `new`: the item itself, where it is not in the session yet."""
    subject = new or next((one for one in d.items if one.id == item_id), None)
    if subject is None:
        return
    scratch = d.context
    now: object = subject.state
    state = type(now)
    scratch.subject, scratch.item = subject, subject.state
    if scratch.log is not None:
        _log(d, MACHINES["item"], state, on, e)
    CELLS["item"][state][on](d, e)
    if scratch.item is not subject.state or scratch.subject is not subject:
        outgoing.store_item(d)


_faults = check_couplings(
    MACHINES.values(), COUPLINGS, [reaction for row in REACTIONS.values() for reaction in row.values()]
)
if _faults:
    raise BadTable("\n".join(_faults))

CELLS: Final[dict[str, dict[type[Any], dict[type[Any], Cell]]]] = {
    name: build(machine, _hearing(machine)) for name, machine in MACHINES.items()
}

__all__ = ["CELLS", "COUPLINGS", "MACHINES", "REACTIONS", "Coupling", "Kind", "OutcomeClass", "Reaction", "move"]
