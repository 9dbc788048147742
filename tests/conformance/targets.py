"""What the vectors must cover: every row in every state that it is for, every reaction; and the engine without one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import frozen

from statemachine.core.table import Row, ignore
from statemachine.core.tables import CELLS, MACHINES, REACTIONS
from statemachine.core.tables.reactions import Reaction


@frozen
class Target:
    """A row in one of its states, or a reaction. `name`: by state, event and guard, which no other has."""

    name: str
    why: str
    source: str
    machine: str = ""
    number: int = -1
    state: type[Any] | None = None
    reaction: tuple[str, str] | None = None

    @property
    def row(self) -> Row:
        return MACHINES[self.machine].rows[self.number]

    @property
    def shows(self) -> bool:
        """Whether an engine without it can be told from ours at all."""
        return self.reaction is not None or self.row.verdict != "ignored"


def targets() -> list[Target]:
    found = [
        Target(
            row_name(name, state, row),
            row.why,
            source_of(row),
            name,
            number,
            state,
        )
        for name, machine in MACHINES.items()
        for number, row in enumerate(machine.rows)
        for state in row.source
    ]
    for kind, column in REACTIONS.items():
        for outcome, reaction in column.items():
            found.append(
                Target(
                    f"reaction/{kind}/{outcome}",
                    reaction.why,
                    "protocol.md 7",
                    reaction=(kind, outcome),
                )
            )
    return found


def source_of(row: Row) -> str:
    """Where the rule of a row comes from."""
    return f"protocol.md {row.ref}" if row.ref and not row.ref.startswith("design") else row.ref or "design"


def row_name(machine: str, state: type[Any], row: Row) -> str:
    """The name that vectors give to a row in this state."""
    guard = f"-{_kebab(row.when.__name__)}" if row.when else ""
    return f"{machine}/{state.name}/{_kebab(row.on.__name__)}{guard}"


def _kebab(name: str) -> str:
    return re.sub("[^a-z]+", "-", re.sub("(?<!^)(?=[A-Z])", "-", name).lower()).strip("-")


@contextmanager
def without(target: Target) -> Iterator[None]:
    """The engine without this row, or without this reaction."""
    if target.reaction is not None:
        kind, outcome = target.reaction
        column: dict[Any, Reaction] = REACTIONS[kind]  # type: ignore[index]
        kept = column[outcome]
        column[outcome] = Reaction((), kept.why)
        try:
            yield
        finally:
            column[outcome] = kept
        return
    machine, row = MACHINES[target.machine], target.row
    cells = CELLS[machine.name]
    state = target.state
    assert state is not None, "a row has a state"
    kept_cell = cells[state][row.on]
    left = tuple(one for one in machine.cell(state, row.on) if one is not row)
    if not left or left[-1].when is not None:
        left = (*left, *ignore(state, row.on, "gone"))
    cells[state][row.on] = left
    try:
        yield
    finally:
        cells[state][row.on] = kept_cell
