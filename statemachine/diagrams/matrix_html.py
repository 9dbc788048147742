"""The matrices of all machines as one HTML page: each cell with its rows, their outcome and their reason.

No script and nothing from outside; light and dark as the reader's system is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from html import escape
from importlib import resources
from typing import Any, Final, TypeAlias

from ..core.table import Machine, Row
from ..core.tables import MACHINES
from ..core.tables.reactions import CODES
from ..pages import framed
from ..sources import in_words
from .complete import state_lines
from .export import classification
from .lists import COUPLING_HEAD, coupling_rows, each_reaction, raised_in
from .matrix import GROUPS
from .names import effects, guard, kind_of, name, number, raised, trigger

LEGEND: Final = (
    '<div class="legend"><p class="row taken">→ state: it moves there</p>'
    '<p class="row stays">stays: taken, without moving</p><p class="row ignored">ignored: nothing changes</p>'
    '<p class="row rejected">rejected: the intent is refused</p></div>'
    "<p>The number is the row's place in its table; the rows of a cell are tried in this order.</p>"
)


Counts: TypeAlias = Mapping[str, Counter[int]]


def page(counts: Counts | None = None) -> str:
    """The whole page. `counts`: how often each row of each machine was taken."""
    style = resources.files("statemachine.diagrams").joinpath("static", "matrix.css").read_text("utf-8")
    return framed("State by event", "\n".join(_body(counts)) + "\n", style=style)


def _body(counts: Counts | None) -> Iterator[str]:
    yield '<main class="report">\n<h1>State by event</h1>'
    links = [f'<a href="#{one}">{one}</a>' for one in (*MACHINES, "couplings", "reactions")]
    yield f"<nav>{' '.join(links)}</nav>"
    yield LEGEND
    yield '<input type="checkbox" id="why" checked><label for="why">show why</label>'
    for machine in MACHINES.values():
        yield from _machine(machine, None if counts is None else counts[machine.name])
    yield from _couplings()
    yield from _reactions()
    yield "</main>"


def _machine(machine: Machine, counts: Counter[int] | None) -> Iterator[str]:
    yield f'<section id="{escape(machine.name)}">\n<h2>{escape(machine.name)}</h2>'
    yield '<div class="wide" tabindex="0"><table>'
    heads = "".join(f"<th>{escape(name(one))}{_small(state_lines(machine, one))}</th>" for one in machine.states)
    yield f"<thead><tr><th></th>{heads}</tr></thead>\n<tbody>"
    for kind, title in GROUPS.items():
        events = [on for on in machine.alphabet if kind_of(machine, on) == kind]
        if events:
            yield f'<tr class="group"><th>{title}</th><td colspan="{len(machine.states)}"></td></tr>'
        for on in events:
            cells = "".join(f"<td>{_cell(machine, state, on, counts)}</td>" for state in machine.states)
            event = trigger(machine, machine.cell(machine.initial, on)[0])
            yield f"<tr><th>{escape(event)}</th>{cells}</tr>"
    yield "</tbody></table></div>\n</section>"


def _small(lines: Iterator[str]) -> str:
    return "".join(f"<small>{escape(one)}</small>" for one in lines)


def _cell(machine: Machine, state: type[Any], on: type[Any], counts: Counter[int] | None) -> str:
    return "".join(_row(machine, row, counts) for row in machine.cell(state, on))


def _row(machine: Machine, row: Row, counts: Counter[int] | None) -> str:
    kind = "stays" if row.verdict == "taken" and row.to is None else row.verdict
    outcome = f"→ {name(row.to)}" if row.to is not None else kind
    ran = f"/ {', '.join(effects(row))}" if effects(row) else ""
    runs = " ".join((ran, *raised(row)))
    why = f"{row.why} ({in_words(row.ref)})" if row.ref else row.why
    place = number(machine, row)
    times = "" if counts is None else f" {counts[place]:,}×" if counts[place] else " NEVER"
    never = " never" if times == " NEVER" else ""
    return (
        f'<p class="row {kind}{never}"><span class="number">{place}{times}</span> {escape(guard(row))} '
        f'<b>{escape(outcome)}</b> <span class="runs">{escape(runs)}</span><span class="why">{escape(why)}</span></p>'
    )


def _table(heads: list[str], rows: Iterator[list[str]]) -> Iterator[str]:
    titles = "".join(f"<th>{escape(one)}</th>" for one in heads)
    yield f'<div class="wide" tabindex="0"><table><thead><tr>{titles}</tr></thead><tbody>'
    yield from ("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    yield "</tbody></table></div>"


def _couplings() -> Iterator[str]:
    yield '<section id="couplings">\n<h2>couplings</h2>'
    yield from _table(COUPLING_HEAD, coupling_rows())
    yield "</section>"


def _reactions() -> Iterator[str]:
    yield '<section id="reactions">\n<h2>reactions</h2>'
    cells = ([call, outcome, ", ".join(raised_in(one)), one.why] for call, outcome, one in each_reaction())
    yield from _table(["call", "outcome", "raises", "why"], cells)
    yield "<h2>how an answer is classified</h2>"
    data = classification()
    found = (
        *([one["kind"], "", one["read"], one["post"]] for one in data["kinds"]),
        *([str(code), one.name, one.read, one.post] for code, one in CODES.items()),
        *([f"HTTP {one['from']}-{one['to']}", "", one["read"], one["post"]] for one in data["statuses"]),
    )
    yield from _table(["answer", "name", "read", "post"], iter(found))
    yield "</section>"
