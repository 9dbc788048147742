"""Every mutant of a row in one of its states, of a reaction, of a coupling, of a deadline.

*drop* takes a row away: what it answered is answered by the row behind it, or by nothing. *redirect* sends it to
another state, or leaves it where it is. A *guard* is negated, or taken off. An *effect* (what it does, or one signal
that it raises) is left out. A *maker* gives one field of the new state another value. Only the
changed cell is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from attrs import NOTHING, Attribute, evolve, fields, frozen

from statemachine.core.draft import Draft
from statemachine.core.table import Machine, Make, Row
from statemachine.core.tables import CELLS, COUPLINGS, MACHINES, REACTIONS, RECEIVERS, Coupling
from statemachine.core.tables.reactions import Reaction
from tests.conformance.targets import row_name, source_of

from .cases import Place

Plant = Callable[[pytest.MonkeyPatch], None]


@frozen
class Mutant:
    """`places`: the rows, or the reaction, that a step must take to show it. `where`: the name of the first of them."""

    name: str
    plant: Plant
    places: tuple[Place, ...]
    where: str = ""
    why: str = ""
    source: str = ""


def mutants() -> Iterator[Mutant]:
    """All of them."""
    for machine in MACHINES.values():
        for row in machine.rows:
            for change, changed in _changes(machine, row):
                for states in [row.source] if row.verdict == "ignored" else [(state,) for state in row.source]:
                    yield _mutant(machine, row, states, change, changed)
        yield from _deadlines(machine)
    yield from _reactions()
    for coupling in COUPLINGS:
        yield _uncoupled(coupling)


# --- rows -----------------------------------------------------------------------------------------------------------


def _mutant(machine: Machine, row: Row, states: tuple[type[Any], ...], change: str, changed: Row | None) -> Mutant:
    """One of a row in these states; of a row that ignores, in all: there is little to be seen of it in each."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        for state in states:
            rows = machine.cell(state, row.on)
            left = tuple(new for one in rows if (new := changed if one is row else one) is not None)
            patch.setitem(CELLS[machine.name][state], row.on, answering(left))

    cells = [(state, len(machine.cell(state, row.on))) for state in states]
    places = tuple((machine.name, state, row.on, n) for state, rows in cells for n in range(rows))
    where = row_name(machine.name, states[0], row)
    others = f" and {len(states) - 1} other states" if len(states) > 1 else ""
    return Mutant(f"{where}{others}: {change}", plant, places, where, row.why, source_of(row))


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
    if row.make is not None and row.to is not None:
        for one in fields(row.to):
            if one.init:
                yield f"another {one.name}", evolve(row, make=_making_another(one, row.make))


def _making_another(one: Attribute[Any], make: Make) -> Make:
    def another(d: Draft, e: Any) -> Any:
        made = make(d, e)
        value = getattr(made, one.name)
        other = value + 1 if type(value) is int else None if one.default is NOTHING else one.default
        return evolve(made, **{one.alias or one.name: other})

    return another


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


def answering(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The rows up to the first without a guard; none behind it may be taken."""
    first = next((at for at, row in enumerate(rows) if row.when is None), len(rows))
    return rows[: first + 1]


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
    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setitem(REACTIONS[kind], outcome, wrong)

    why = REACTIONS[kind][outcome].why
    return Mutant(name, plant, ((kind, outcome),), f"reaction/{kind}/{outcome}", why, "protocol.md 7")


# --- couplings and deadlines ----------------------------------------------------------------------------------------


def _uncoupled(coupling: Coupling) -> Mutant:
    machine = MACHINES[coupling.source]
    places = tuple(
        (machine.name, state, row.on, machine.cell(state, row.on).index(row))
        for row in machine.rows
        if coupling.signal in row.raises
        for state in row.source
    )

    def plant(patch: pytest.MonkeyPatch) -> None:
        of_source = RECEIVERS[coupling.source]
        left = [one for one in of_source[coupling.signal] if one is not coupling]
        patch.setitem(of_source, coupling.signal, left)

    name = f"coupling: {coupling.source} raises {coupling.signal.__name__}, {coupling.target} does not receive it"
    return Mutant(name, plant, places, f"coupling/{coupling.source}/{coupling.target}", coupling.why, "design 2")


def _deadlines(machine: Machine) -> Iterator[Mutant]:
    for state, right in machine.deadlines.items():
        places = tuple((machine.name, state, right, n) for n in range(len(machine.cell(state, right))))
        for wrong in dict.fromkeys(one for one in machine.deadlines.values() if one is not right):
            changed = evolve(machine, deadlines={**machine.deadlines, state: wrong})

            def plant(patch: pytest.MonkeyPatch, changed: Machine = changed) -> None:
                patch.setitem(MACHINES, machine.name, changed)

            where = f"deadline/{machine.name}/{state.name}"
            yield Mutant(f"{where} raises {wrong.__name__}", plant, places, where, "its own signal", "design 2.4")


ALL: Final = tuple(mutants())
