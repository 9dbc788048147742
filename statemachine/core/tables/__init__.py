"""The tables: everything about what may happen when, and nothing else.

Eight small machines, the couplings between them, and the reactions to answers. Every transition goes
through `move`; an item's through `move_item`, which puts the item in focus.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import NOTHING, fields

from .. import signals
from ..actions import outgoing
from ..draft import Draft
from ..errors import IllegalIntent
from ..session import ITEM_TRACKED, Item, phase_of
from ..table import Machine
from . import attention, connection, ephemeral, history, item, lifecycle, opening, presence
from .couplings import COUPLINGS, Coupling
from .reactions import REACTIONS, Kind, OutcomeClass, Reaction

PAGES: Final = (lifecycle, opening, attention, connection, history, presence, item, ephemeral)
"""The modules that hold a machine each."""
MACHINES: Final[dict[str, Machine]] = {page.MACHINE.name: page.MACHINE for page in PAGES}


def move(d: Draft, state: Any, on: type[Any], e: Any) -> None:
    """Give an event or a signal to the machine that is in this state: every transition goes through here.

    The rows are run as they are: closures compiled from them were a second form of each row, and not faster.
    """
    machine, cells, receivers = _BY_STATE[type(state)]
    for row in cells[on]:
        if row.when is not None and not row.when(d, e):
            continue
        if d.log is not None:
            d.log.append((machine, type(state), cells[on], row))
        if row.verdict != "taken":
            if row.verdict == "rejected":
                raise IllegalIntent(phase_of(d.lifecycle, d.attention), type(e).__name__, row.why)
            return
        if row.do:  # asked here and below: an empty loop takes longer (of the 250 ns of a move, 24)
            for act in row.do:
                act(d, e)
        if row.to is not None:
            setattr(d, machine, _WITHOUT_DATA[row.to] if row.make is None else row.make(d, e))
        if row.raises:
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


CELLS: Final = {
    name: {state: {on: machine.cell(state, on) for on in machine.alphabet} for state in machine.states}
    for name, machine in MACHINES.items()
}
"""Machine -> state -> event or signal -> the rows that are tried, in order."""
RECEIVERS: Final = {
    name: {s: [c for c in COUPLINGS if (c.source, c.signal) == (name, s)] for r in machine.rows for s in r.raises}
    for name, machine in MACHINES.items()
}
"""Machine -> a signal that it raises -> the couplings that deliver it."""
_BY_STATE: Final = {
    state: (name, cells, RECEIVERS[name]) for name, by_state in CELLS.items() for state, cells in by_state.items()
}
_WITHOUT_DATA: Final = {
    state: state() for state in _BY_STATE if all(one.default is not NOTHING for one in fields(state))
}
"""One object for all sessions."""

__all__ = ["CELLS", "COUPLINGS", "MACHINES", "REACTIONS", "Coupling", "Kind", "OutcomeClass", "Reaction", "move"]
