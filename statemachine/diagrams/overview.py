"""The lifecycle on one slide: four boxes, the usual way through each, and the events that lead from box to box.

Folded from the table by one rule: inside a box, the arcs from each state to the next in the table's order; between two
boxes, one arc that names all events that lead across. The events that end a session leave a frame around all open
boxes. `warned` is a state of the machine `attention` that the public phase shows while a chat is open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise, product
from typing import Any, Final

from ..core import Session
from ..core.signals import RosterRead
from ..core.table import Machine, Row
from ..core.tables import MACHINES
from . import dot, mermaid, rendering
from .names import LIFECYCLE_GROUPS, StateKind, kind_of, name, words

LIFECYCLE: Final = MACHINES["lifecycle"]
TITLES: Final[dict[StateKind, str]] = {
    "waiting": "Waiting for an agent",
    "talking": "Talking",
    "closing": "Closing",
    "terminal": "Over",
}
OPEN: Final = "open"
OPEN_TITLE: Final = "A chat session"
OPEN_KINDS: Final[tuple[StateKind, ...]] = ("waiting", "talking", "closing")
ATTENTION: Final = MACHINES["attention"]
WARNED: Final[tuple[type[Any], ...]] = tuple(one for one in ATTENTION.states if one is not ATTENTION.initial)
DOWN: Final = "&#8595;"
UP: Final = "&#8593;"
MARK: Final = dot.Style("#ffffff", "#cf222e", "#82071e", 6)


def picture() -> str:
    """The overview as a Mermaid state diagram."""
    nodes = {one: mermaid.identifier(name(one), index) for index, one in enumerate(LIFECYCLE.states)}
    boxes = {str(kind): [nodes[one] for one in members] for kind, members in LIFECYCLE_GROUPS.items()}
    return mermaid.document("A chat session at a glance", [*_mermaid(nodes), *mermaid.classes(boxes)], size=16)


def outline() -> dict[str, Any]:
    """The same boxes and arcs as plain data, for pages that draw them and light one state.

    ``{"boxes": [{"kind", "title", "states", "arcs"}], "between": [{"from", "to", "on"}]}``: states by name, in the
    table's order; boxes by kind; `on` in words. The events that end a session are listed for each box.
    """
    boxes = [
        {
            "kind": kind,
            "title": TITLES[kind],
            "states": [name(one) for one in (*members, *_beside(kind))],
            "arcs": [[name(source), name(target)] for source, target in _way(kind)],
        }
        for kind, members in LIFECYCLE_GROUPS.items()
    ]
    arcs = _counted(framed=False).items()
    return {"boxes": boxes, "between": [{"from": pair[0], "to": pair[1], "on": _lines(on)} for pair, on in arcs]}


def _mermaid(nodes: dict[type[Any], str]) -> Iterator[str]:
    def boxes(kinds: Iterable[StateKind]) -> Iterator[str]:
        for kind in kinds:
            yield f'state "{mermaid.escape(TITLES[kind])}" as {kind}_box {{'
            yield "    direction TB"
            yield from (f"    {mermaid.state(nodes[one], [name(one)])}" for one in LIFECYCLE_GROUPS[kind])
            if LIFECYCLE.initial in LIFECYCLE_GROUPS[kind]:
                yield f"    {mermaid.arc('[*]', nodes[LIFECYCLE.initial])}"
            for source, target in _way(kind):
                yield f"    {mermaid.arc(nodes[source], nodes[target], _lines(_leading(source, target)))}"
            for warned in _beside(kind):
                last = nodes[LIFECYCLE_GROUPS[kind][-1]]
                yield f"    {mermaid.state(name(warned), [name(warned)])}"
                yield f"    {mermaid.arc(last, name(warned), _lines(_leading(ATTENTION.initial, warned, ATTENTION)))}"
                yield f"    {mermaid.arc(name(warned), last, _lines(_leading(warned, ATTENTION.initial, ATTENTION)))}"
            yield "}"

    yield f'state "{mermaid.escape(OPEN_TITLE)}" as {OPEN}_box {{'
    yield from (f"    {one}" for one in boxes(OPEN_KINDS))
    arcs = {pair: _lines(events) for pair, events in _counted(framed=True).items()}
    for (source, target), label in arcs.items():
        if source != OPEN:
            yield f"    {mermaid.arc(f'{source}_box', f'{target}_box', label)}"
    yield "}"
    yield from boxes(["terminal"])
    yield mermaid.arc(f"{OPEN}_box", "terminal_box", arcs[OPEN, "terminal"])


def session_svg(session: Session) -> str:
    """The overview with the phase of this session marked, as SVG. Raises NoRenderer."""
    return rendering.svg(graph(session.phase, f"phase: {session.phase}, connection: {session.connection.name}"))


def graph(marked: str = "", below: str = "") -> str:
    """The overview as DOT, in the proportions of a slide (16:9). `marked`: a phase to mark. `below`: a line below."""
    return dot.document(
        _dot(marked), dot.quoted(below), rankdir="LR", ratio="0.5625", nodesep="0.5", size=dot.quoted("13.3,7.5")
    )


def _dot(marked: str) -> Iterator[str]:
    yield from dot.cluster(OPEN, OPEN_TITLE, (dot.node(kind, _box(kind, marked)) for kind in OPEN_KINDS))
    yield dot.node("terminal", _box("terminal", marked))
    for (source, target), events in _counted(framed=True).items():
        lines = [dot.font(dot.escape(one), size=14) for one in _lines(events)]
        lines.append(dot.font("", size=5))  # keeps the last line off the arc
        whole = {"ltail": dot.quoted(f"cluster_{OPEN}"), "weight": "9"} if source == OPEN else {}
        yield dot.edge(
            OPEN_KINDS[-1] if source == OPEN else source,
            target,
            {
                **whole,
                "label": f"<{dot.lines(map(dot.apart, lines))}>",
                "penwidth": "2",
                "arrowsize": "1.2",
                "color": dot.quoted(dot.INK),
                "tooltip": dot.quoted(", ".join(_lines(events))),
            },
        )


def _box(kind: StateKind, marked: str) -> str:
    """A box as one table: its title, then its states, each with an arrow and the events that lead to the next."""
    style, members, way = dot.BOXES[kind], LIFECYCLE_GROUPS[kind], dict(_way(kind))
    rows = [dot.cell(dot.font(dot.escape(TITLES[kind]), dot.INK, 18, bold=True), "center")]
    for one in members:
        rows.append(_state(one, style, marked))
        if one in way:
            rows.append(_arrow(DOWN, _leading(one, way[one])))
    for warned in _beside(kind):
        rows.append(_arrow(DOWN, _leading(ATTENTION.initial, warned, ATTENTION)))
        rows.append(_arrow(UP, _leading(warned, ATTENTION.initial, ATTENTION)))
        rows.append(_state(warned, style, marked))
    return (
        f'<<table border="1" color="#8c959f" style="rounded" cellborder="0" cellspacing="3" cellpadding="3">'
        f"{''.join(rows)}</table>>"
    )


def _state(state: type[Any], usual: dot.Style, marked: str) -> str:
    style = MARK if name(state) == marked else usual
    frame = f' border="{style.width}" color="{style.line}" bgcolor="{style.fill}" style="rounded" cellpadding="5"'
    return dot.cell(dot.font(dot.escape(name(state)), style.ink, 16, bold=True), "center", frame)


def _arrow(arrow: str, events: Iterable[type[Any]]) -> str:
    lines = "<br/>or ".join(map(dot.escape, _lines(events)))
    return dot.cell(dot.font(f"{arrow} {lines}", dot.INK, 13), "center")


def _beside(kind: StateKind) -> tuple[type[Any], ...]:
    """States of `attention` that are shown in this box: a warning comes while an agent is there."""
    return WARNED if kind == "talking" else ()


def _leading(source: type[Any], target: type[Any], machine: Machine = LIFECYCLE) -> list[type[Any]]:
    """The events that lead from one state to another."""
    return list(dict.fromkeys(row.on for one, row in _moves(machine) if (one, row.to) == (source, target)))


def _lines(events: Iterable[type[Any]]) -> list[str]:
    """Events in words, those of application and server first."""
    return list(map(words, sorted(events, key=lambda on: not _is_public(on))))


def _way(kind: StateKind) -> list[tuple[type[Any], type[Any]]]:
    """The arcs inside a box, from each state to the next."""
    usual = {(source, row.to) for source, row in _moves(LIFECYCLE)}
    return [pair for pair in pairwise(LIFECYCLE_GROUPS[kind]) if pair in usual]


def _moves(machine: Machine) -> Iterator[tuple[type[Any], Row]]:
    for row in machine.rows:
        if row.verdict == "taken" and row.to is not None:
            yield from ((source, row) for source in row.source)


def _counted(framed: bool) -> dict[tuple[str, str], Counter[type[Any]]]:
    """For each two boxes: each event that leads across, with how many states it leads from."""
    box: dict[type[Any], str] = {one: kind for kind, members in LIFECYCLE_GROUPS.items() for one in members}
    counted: dict[tuple[str, str], Counter[type[Any]]] = {}
    for source, row in _moves(LIFECYCLE):
        assert row.to is not None
        tail, head = box[source], box[row.to]
        if tail != head:
            tail = OPEN if framed and head == "terminal" else tail
            counted.setdefault((tail, head), Counter())[row.on] += 1
    order = product((*LIFECYCLE_GROUPS, OPEN), LIFECYCLE_GROUPS)
    return {pair: counted[pair] for pair in order if pair in counted}


def _is_public(on: type[Any]) -> bool:
    """Whether it comes from the application or from the server, as a reader of the wire knows it."""
    return kind_of(LIFECYCLE, on) in ("intent", "server") and on is not RosterRead
