"""What the vectors must cover: every row in every state that it is for, every reaction; and the engine without one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from statemachine.core import tables
from statemachine.core.table import Row, compile_cell, ignore
from statemachine.core.tables import CELLS, MACHINES, REACTIONS
from statemachine.core.tables.reactions import Reaction

UNSEEN = (
    (r"lifecycle/\w+/info", "the service's name stands in the session, and nothing outside shows it"),
    (r"lifecycle/\w+/send-entry-is-not-sendable", "in JSON, such an entry is no `send_entry` at all"),
    (r"item/(sent|delivered)/session-over", "an item that was sent and reported may stay or go: no update follows"),
    (r"attention/warned/session-over", "the phase of a session that is over hides it"),
    (r"ephemeral/posting/ephemeral-done-may-post", "the send slot at the end of the step posts the next one as well"),
)
"""Patterns of cells that no outside observer can tell from ignored ones, each with the reason."""
UNCOVERED = Path(__file__).with_name("uncovered.txt")
"""Cells that no vector shows yet, a name a line."""


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
            f"protocol.md {row.ref}" if row.ref and not row.ref.startswith("D") else f"design {row.ref[1:]}".strip(),
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


def row_name(machine: str, state: type[Any], row: Row) -> str:
    """The name that vectors give to a row in this state."""
    guard = f"-{_kebab(row.when.__name__)}" if row.when else ""
    return f"{machine}/{state.name}/{_kebab(row.on.__name__)}{guard}"


def _kebab(name: str) -> str:
    return re.sub("[^a-z]+", "-", re.sub("(?<!^)(?=[A-Z])", "-", name).lower()).strip("-")


def is_unseen(name: str) -> bool:
    """Whether no observer can tell an engine without this cell."""
    return any(re.fullmatch(pattern, name) for pattern, _ in UNSEEN)


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
    state = target.state
    assert state is not None, "a row has a state"
    kept_cell = cells[state][row.on]
    left = tuple(one for one in machine.cell(state, row.on) if one is not row)
    if not left or left[-1].when is not None:
        left = (*left, *ignore(state, row.on, "gone"))
    cells[state][row.on] = compile_cell(machine, left, raised)
    try:
        yield
    finally:
        cells[state][row.on] = kept_cell
