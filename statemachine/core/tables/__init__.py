"""The tables: everything about what may happen when, and nothing else.

Eight small machines, the couplings between them, and the reactions to answers. They are checked here, once, at
import. Every transition goes through `move`; an item's through `move_item`, which puts the item in focus.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any, Final

from .. import actions, signals
from ..actions import outgoing
from ..draft import Draft
from ..errors import IllegalIntent
from ..session import ITEM_TRACKED, Item, phase_of
from ..table import BadTable, Machine, build, needs_data
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


def move(d: Draft, state: Any, on: type[Any], e: Any) -> None:
    """Give an event or a signal to the machine that is in this state: every transition goes through here.

    The rows are run as they are. Closures compiled from them were a second form of each row, made five more calls for a
    message, and were not faster: an event of a conversation takes 81,000 instructions, and took as many with them.
    """
    machine, cells, receivers = _BY_STATE[type(state)]
    for row in cells[on]:
        if row.when is not None and not row.when(d, e):
            continue
        if d.log is not None:
            d.log.append((machine, type(state), cells[on], row))
        if row.verdict == "rejected":
            raise IllegalIntent(phase_of(d.lifecycle, d.attention), type(e).__name__, row.why)
        if row.do:  # asked here and below: an empty loop takes longer (of the 250 ns of a move, 24)
            for act in row.do:
                act(d, e)
        if row.make is not None:
            setattr(d, machine, row.make(d, e))
        elif row.to is not None:
            setattr(d, machine, _WITHOUT_DATA[row.to])
        if not row.raises:
            return
        for signal in row.raises:
            for to in receivers[signal]:
                if to.select is None:
                    move(d, getattr(d, to.target), signal, e)
                else:
                    for item in to.select(d, e):
                        move_item(d, item, signal, e)
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

CELLS: Final = {name: build(machine) for name, machine in MACHINES.items()}
"""Machine -> state -> event or signal -> the rows that are tried, in order."""
RECEIVERS: Final = {
    name: {s: [c for c in COUPLINGS if (c.source, c.signal) == (name, s)] for r in machine.rows for s in r.raises}
    for name, machine in MACHINES.items()
}
"""Machine -> a signal that it raises -> the couplings that deliver it."""
_BY_STATE: Final = {
    state: (name, cells, RECEIVERS[name]) for name, by_state in CELLS.items() for state, cells in by_state.items()
}
_WITHOUT_DATA: Final = {state: state() for state in _BY_STATE if not needs_data(state)}
"""One object for all sessions."""

__all__ = ["CELLS", "COUPLINGS", "MACHINES", "REACTIONS", "Coupling", "Kind", "OutcomeClass", "Reaction", "move"]
