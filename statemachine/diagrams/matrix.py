"""The matrix of one machine, state by event: each cell at a glance, then each with its rows in the order of trying."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ..core.table import Machine, Row
from ..core.tables import COUPLINGS
from ..sources import places
from .markdown import escape, page, table
from .names import EventKind, answers, effects, guard, kind_of, name, number, raised

GROUPS: Final[dict[EventKind, str]] = {
    "intent": "Local intents",
    "server": "From the server",
    "answer": "Answers to calls",
    "deadline": "Deadlines",
    "machine": "From other machines",
}
SYMBOLS: Final = {"ignored": "·", "rejected": "✕"}
LEGEND: Final = (
    "`→` moves there · `↺` taken, stays · `·` ignored · `✕` rejected · *or*: guards decide, in this order. "
    "The reasons stand below, event by event; the rows of a cell are tried in this order."
)
HEAD: Final = ("in", "row", "guard", "verdict", "runs", "raises", "why", "source")


def matrix(machine: Machine) -> str:
    """One machine as a Markdown page."""
    return page(f"{machine.name}: state by event", _lines(machine))


def _lines(machine: Machine) -> Iterator[str]:
    cells = len(machine.states) * len(machine.alphabet)
    yield (
        f"{len(machine.states)} states, {len(machine.alphabet)} events, {cells} cells, {len(machine.rows)} rows."
        f" [Picture]({machine.name}.svg) · [gallery](README.md)"
    )
    yield ""
    yield from _deadlines(machine)
    yield "## At a glance"
    yield ""
    yield LEGEND
    yield ""
    groups = {title: [on for on in machine.alphabet if kind_of(machine, on) == kind] for kind, title in GROUPS.items()}
    for title, events in groups.items():
        if events:
            yield f"### {title}"
            yield ""
            yield from table(
                ["", *(escape(name(state)) for state in machine.states)],
                ([_link(on), *(_glance(machine.cell(state, on)) for state in machine.states)] for on in events),
            )
    yield "## Every cell"
    yield ""
    for events in groups.values():
        for on in events:
            yield from _event(machine, on)


def _deadlines(machine: Machine) -> Iterator[str]:
    if machine.deadlines:
        yield "Deadlines: " + ", ".join(
            f"{escape(name(state))} → {_link(signal)}" for state, signal in machine.deadlines.items()
        )
        yield ""


def _link(on: type[Any]) -> str:
    return f"[{escape(name(on))}](#{name(on).lower()})" if name(on).isidentifier() else escape(name(on))


def _glance(cell: tuple[Row, ...]) -> str:
    return " or ".join(dict.fromkeys(_outcome(row, short=True) for row in cell))


def _outcome(row: Row, short: bool = False) -> str:
    if row.verdict == "taken":
        return ("↺" if short else "stays") if row.to is None else f"→ {escape(name(row.to))}"
    return SYMBOLS[row.verdict] if short else row.verdict


def _event(machine: Machine, on: type[Any]) -> Iterator[str]:
    yield f"### {escape(name(on))}"
    yield ""
    yield f"{origin(machine, on)}."
    yield ""
    alike: dict[tuple[Row, ...], list[str]] = {}
    for state in machine.states:
        alike.setdefault(machine.cell(state, on), []).append(escape(name(state)))
    yield from table(HEAD, (line for cell, states in alike.items() for line in _cell(machine, ", ".join(states), cell)))


def _cell(machine: Machine, states: str, cell: tuple[Row, ...]) -> Iterator[list[str]]:
    for row in cell:
        yield [
            states if row is cell[0] else "",
            str(number(machine, row)),
            escape(guard(row)[1:-1]),
            _outcome(row),
            escape(", ".join(effects(row))),
            escape(", ".join(raised(row))),
            escape(row.why),
            "; ".join(_source(*place) for place in places(row.ref)),
        ]


def _source(text: str, target: str) -> str:
    return f"[{escape(text)}](../statemachine/{target})" if target else escape(text)


def origin(machine: Machine, on: type[Any]) -> str:
    """The source of an event, in words."""
    kind = kind_of(machine, on)
    if kind == "intent":
        return "The application asks for it"
    if kind == "deadline":
        return "A deadline has passed"
    if kind == "server":
        return "The server says it"
    found = answers(machine, on)
    sources = [c.source for c in COUPLINGS if c.target == machine.name and c.signal is on]
    parts = [
        *([f"Raised by {', '.join(sources)}"] if sources else []),
        *([f"Answered: {', '.join(found)}"] if found else []),
    ]
    return escape("; ".join(parts)) if parts else "Each step ends with it"
