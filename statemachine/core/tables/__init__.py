"""The tables: everything about what may happen when, and nothing else.

Eight small machines, the couplings between them, and the reactions to answers. They are checked and compiled here,
once, at import. Every transition goes through `move`; an item's through `move_item`, which puts the item in focus.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, Final

from .. import actions, signals
from ..actions import outgoing
from ..draft import Draft
from ..session import ITEM_TRACKED, Item
from ..table import Action, BadTable, Cell, Machine, build
from . import attention, connection, ephemeral, history, item, lifecycle, opening, presence
from .couplings import COUPLINGS, Coupling
from .reactions import REACTIONS, Kind, OutcomeClass, Reaction

PAGES: Final = (lifecycle, opening, attention, connection, history, presence, item, ephemeral)
"""The modules that hold a machine each."""
MACHINES: Final[dict[str, Machine]] = {page.MACHINE.name: page.MACHINE for page in PAGES}
ACTION_MODULES: Final[tuple[ModuleType, ...]] = actions.MODULES
"""The modules whose named functions the rows use."""

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


def listeners(machine: Machine) -> Callable[[type[Any]], Action]:
    """For one machine: the function that delivers a signal of its to the machines coupled to it."""

    def listener(signal: type[Any]) -> Action:
        found = [_delivery(c) for c in COUPLINGS if c.source == machine.name and c.signal is signal]

        def deliver(d: Draft, e: Any) -> None:
            for one in found:
                one(d, e)

        return found[0] if len(found) == 1 else deliver

    return listener


def _delivery(coupling: Coupling) -> Action:
    target, signal, select = coupling.target, coupling.signal, coupling.select
    if select is None:
        return lambda d, e: move(d, getattr(d, target), signal, e)

    def deliver(d: Draft, e: Any) -> None:
        for one in select(d, e):
            move_item(d, one, signal, e)

    return deliver


def move(d: Draft, state: Any, on: type[Any], e: Any) -> None:
    """Give an event or a signal to the machine that is in this state: every transition goes through here."""
    if d.log is not None:
        _log(d, state.__class__, on, e)
    _CELLS_OF[type(state)][on](d, e)


def _log(d: Draft, state: type[Any], on: type[Any], e: Any) -> None:
    """Note for `explain` which row is about to be taken, and the answer of each guard."""
    machine = next(machine for machine in MACHINES.values() if state in machine.states)
    tried: list[tuple[str, bool]] = []
    for row in machine.cell(state, on):
        if row.when is not None:
            tried.append((row.when.__name__, row.when(d, e)))
        if row.when is None or tried[-1][1]:
            assert d.log is not None
            d.log.append((machine, state, row, tuple(tried)))
            return


def move_item(d: Draft, item: Item, on: type[Any], e: Any) -> None:
    """The same for one item, which is put in focus: as it stands in the session now, or new and still absent."""
    for current in d.items:
        if current.id == item.id:
            break
    else:
        if item.state is not outgoing.ABSENT:
            return
        current = item
    d.subject, d.item = current, current.state
    move(d, current.state, on, e)
    if d.item is not current.state or d.subject is not current:
        outgoing.store_item(d)
        if type(d.item) in ITEM_TRACKED:
            for one in outgoing.without_receipts(d):
                move_item(d, one, signals.NoReceiptAwaited, None)


_faults = check_couplings(
    MACHINES.values(), COUPLINGS, [reaction for row in REACTIONS.values() for reaction in row.values()]
)
if _faults:
    raise BadTable("\n".join(_faults))

CELLS: Final[dict[str, dict[type[Any], dict[type[Any], Cell]]]] = {
    name: build(machine, listeners(machine)) for name, machine in MACHINES.items()
}
_CELLS_OF: Final = {state: cells for by_state in CELLS.values() for state, cells in by_state.items()}

__all__ = ["CELLS", "COUPLINGS", "MACHINES", "REACTIONS", "Coupling", "Kind", "OutcomeClass", "Reaction", "move"]
