"""What the vectors must cover: every row of the tables and every reaction; and the engine without one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import frozen

from statemachine.core import tables
from statemachine.core.table import Row, compile_cell, ignore
from statemachine.core.tables import CELLS, MACHINES, REACTIONS
from statemachine.core.tables.reactions import Reaction

UNSEEN = {
    "lifecycle/establishing-and-more/info": "the service's name stands in the session, and is shown to nobody outside",
    "attention/warned/session-over": "the phase of a session that is over hides it",
    "lifecycle/requesting-and-more/send-entry-is-not-sendable": "in JSON, such an entry is no `send_entry` at all",
    "item/sent-and-more/session-over": "what was sent and told may stay or go: nothing is heard of it any more",
    "ephemeral/posting/ephemeral-done-may-post": "without it the send slot at the end of the step posts the next one",
}
"""Rows that can be taken, but not missed: an engine without them shows the same."""


@frozen
class Target:
    """A row, or a reaction. `name`: by its first source, event and guard, which no other row has."""

    name: str
    why: str
    source: str
    machine: str = ""
    number: int = -1
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
            row_name(name, row),
            row.why,
            f"protocol.md {row.ref}" if row.ref and not row.ref.startswith("D") else f"design {row.ref[1:]}".strip(),
            name,
            number,
        )
        for name, machine in MACHINES.items()
        for number, row in enumerate(machine.rows)
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


def row_name(machine: str, row: Row) -> str:
    """What vectors call a row."""
    guard = f"-{_kebab(row.when.__name__)}" if row.when else ""
    sources = row.source[0].name if len(row.source) == 1 else f"{row.source[0].name}-and-more"
    return f"{machine}/{sources}/{_kebab(row.on.__name__)}{guard}"


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
    hear = tables.listeners(machine)
    raised = {signal: hear(signal) for r in machine.rows for signal in r.raises}
    cells = CELLS[machine.name]
    kept_cells = {state: cells[state][row.on] for state in row.source}
    for state in row.source:
        left = tuple(one for one in machine.cell(state, row.on) if one is not row)
        if not left or left[-1].when is not None:
            left = (*left, *ignore(state, row.on, "gone"))
        cells[state][row.on] = compile_cell(machine, left, raised)
    try:
        yield
    finally:
        for state, cell in kept_cells.items():
            cells[state][row.on] = cell
