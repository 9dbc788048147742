"""Every mutant of a single row, of a single reaction, of a single coupling.

*drop* takes a row away: what it answered is answered by the row behind it, or by nothing. *redirect* sends it to
another state, or leaves it where it is. A *guard* is negated, or taken off. An *effect* (what it does, or one signal
that it raises) is left out. Mutants are made by compiling the cells of the changed row alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from attrs import NOTHING, evolve, fields, frozen

from statemachine.core import tables
from statemachine.core.table import Action, Cell, Machine, Row, compile_cell, nothing
from statemachine.core.tables import CELLS, COUPLINGS, MACHINES, REACTIONS, Coupling
from statemachine.core.tables.reactions import Reaction

Plant = Callable[[pytest.MonkeyPatch], None]


@frozen
class Mutant:
    """`cells`: the cells, as (machine, state, event), where it shows; for a reaction its kind and class."""

    name: str
    plant: Plant
    cells: tuple[tuple[str, type[Any], type[Any]], ...] = ()
    place: int = 0
    reaction: tuple[str, str] | None = None


def mutants() -> Iterator[Mutant]:
    """All of them."""
    for machine in MACHINES.values():
        for row in machine.rows:
            for change, changed in _changes(machine, row):
                cells = tuple((machine.name, state, row.on) for state in row.source)
                yield Mutant(f"{_name(machine, row)}: {change}", _planted(machine, row, changed), cells)
    yield from _reactions()
    for coupling in COUPLINGS:
        yield _uncoupled(coupling)


# --- rows -----------------------------------------------------------------------------------------------------------


def _name(machine: Machine, row: Row) -> str:
    states = [state.name for state in row.source]
    source = "|".join(states) if len(states) <= 3 else f"{states[0]}…{states[-1]}"
    when = "" if row.when is None else f" [{row.when.__name__}]"
    target = row.verdict if row.verdict != "taken" else "stays" if row.to is None else row.to.name
    return f"{machine.name}: {source} on {row.on.__name__}{when} -> {target}"


def _changes(machine: Machine, row: Row) -> Iterator[tuple[str, Row | None]]:
    """(what is done to it, the row changed, or None where it is gone)."""
    if row.verdict != "ignored" or row.when is not None:
        yield "drop", None
    if row.when is not None:
        guard = row.when
        yield "guard removed", evolve(row, when=None)
        yield "guard negated", evolve(row, when=lambda d, e: not guard(d, e))
    if row.to is not None and row.source != (row.to,):
        yield "redirect to where it was", evolve(row, to=None, make=None)
    elsewhere = _elsewhere(machine, row)
    if elsewhere is not None and row.verdict != "rejected":
        yield f"redirect to {elsewhere.name}", evolve(row, verdict="taken", to=elsewhere, make=None)
    for effect in row.do:
        yield f"without {effect.__name__}", evolve(row, do=tuple(one for one in row.do if one is not effect))
    for signal in row.raises:
        left = tuple(one for one in row.raises if one is not signal)
        yield f"without raising {signal.__name__}", evolve(row, raises=left)


def _elsewhere(machine: Machine, row: Row) -> type[Any] | None:
    """A state that needs no data, and is neither where the row comes from nor where it leads."""
    return next(
        (
            state
            for state in machine.states
            if state not in row.source and state is not row.to and all(f.default is not NOTHING for f in fields(state))
        ),
        None,
    )


def _planted(machine: Machine, row: Row, changed: Row | None) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        for state in row.source:
            rows = machine.cell(state, row.on)
            left = tuple(changed if one is row else one for one in rows if one is not row or changed is not None)
            patch.setitem(CELLS[machine.name][state], row.on, compiled(machine, left))

    return plant


def compiled(machine: Machine, rows: tuple[Row | None, ...]) -> Cell:
    known = tuple(row for row in rows if row is not None)
    listener = tables.listeners(machine)
    raised: dict[type[Any], Action] = {signal: listener(signal) for row in known for signal in row.raises}
    first = next((at for at, row in enumerate(known) if row.when is None), None)
    if first is None:  # nobody is left to answer: nothing happens
        if not known:
            return nothing
        ignored = Row(known[0].source, known[0].on, "ignored", "left without an answer")
        return compile_cell(machine, (*known, ignored), raised)
    return compile_cell(machine, known[: first + 1], raised)


# --- reactions ------------------------------------------------------------------------------------------------------


def _reactions() -> Iterator[Mutant]:
    for kind, column in REACTIONS.items():
        others = list({reaction.signals: reaction for reaction in column.values()}.values())
        for outcome, right in column.items():
            where = f"reaction to {kind}: {outcome}"
            yield _reacting(f"{where}: drop", kind, outcome, Reaction((), "dropped"))
            for number, wrong in enumerate(one for one in others if one.signals != right.signals):
                yield _reacting(f"{where}: redirect {number}", kind, outcome, wrong)
            if len(right.signals) > 1:
                for machine, signal in right.signals:
                    left = tuple(pair for pair in right.signals if pair != (machine, signal))
                    yield _reacting(f"{where}: without {signal.__name__}", kind, outcome, Reaction(left, "less"))


def _reacting(name: str, kind: Any, outcome: Any, wrong: Reaction) -> Mutant:
    return Mutant(name, lambda patch: patch.setitem(REACTIONS[kind], outcome, wrong), reaction=(kind, outcome))


# --- couplings ------------------------------------------------------------------------------------------------------


def _uncoupled(coupling: Coupling) -> Mutant:
    machine = MACHINES[coupling.source]
    rows = [row for row in machine.rows if coupling.signal in row.raises]
    cells = tuple((machine.name, state, row.on) for row in rows for state in row.source)

    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(tables, "COUPLINGS", tuple(one for one in COUPLINGS if one is not coupling))
        for name, state, on in cells:
            patch.setitem(CELLS[name][state], on, compiled(machine, machine.cell(state, on)))

    name = f"coupling: {coupling.source} raises {coupling.signal.__name__}, {coupling.target} does not hear it"
    return Mutant(name, plant, cells)


ALL: Final = tuple(mutants())
