"""The lifecycle at a glance: four boxes, the usual way through each, and what leads from box to box.

Folded from the table by one rule, so that it cannot lie: inside a box, the arcs from each state to the next in the
table's order; between two boxes, one arc that names a few of the events from outside (those with the most arcs) and
counts the others. Whatever ends a session is told once, from a frame around all that is open.
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
ARROW: Final = dot.font("&#8594;", dot.INK, 16)
MARK: Final = "#cf222e"
MARK_WIDTH: Final = 6
NAMED: Final = 4
"""How many events an arc between two boxes names."""


def picture() -> str:
    """The overview as a Mermaid state diagram."""
    nodes = {one: mermaid.identifier(name(one), index) for index, one in enumerate(LIFECYCLE.states)}
    boxes = {str(kind): [nodes[one] for one in members] for kind, members in LIFECYCLE_GROUPS.items()}
    return mermaid.document("A chat session at a glance", [*_mermaid(nodes), *mermaid.classes(boxes)], size=16)


def outline() -> dict[str, Any]:
    """The same boxes and arcs as plain data, for who draws them in another place and lights one state.

    ``{"boxes": [{"kind", "title", "states", "arcs"}], "between": [{"from", "to", "on"}]}``: states by name, in the
    table's order; boxes by kind; `on` in words. What ends a session is told for each box.
    """
    boxes = [
        {
            "kind": kind,
            "title": TITLES[kind],
            "states": [name(one) for one in members],
            "arcs": [[name(source), name(target)] for source, target in _way(kind)],
        }
        for kind, members in LIFECYCLE_GROUPS.items()
    ]
    arcs = _counted(framed=False).items()
    return {"boxes": boxes, "between": [{"from": pair[0], "to": pair[1], "on": _label(on)} for pair, on in arcs]}


def _mermaid(nodes: dict[type[Any], str]) -> Iterator[str]:
    def boxes(kinds: Iterable[StateKind]) -> Iterator[str]:
        for kind in kinds:
            yield f'state "{mermaid.escape(TITLES[kind])}" as {kind}_box {{'
            yield f"    direction {'LR' if _way(kind) else 'TB'}"
            yield from (f"    {mermaid.state(nodes[one], [name(one)])}" for one in LIFECYCLE_GROUPS[kind])
            if LIFECYCLE.initial in LIFECYCLE_GROUPS[kind]:
                yield f"    {mermaid.arc('[*]', nodes[LIFECYCLE.initial])}"
            yield from (f"    {mermaid.arc(nodes[source], nodes[target])}" for source, target in _way(kind))
            yield "}"

    yield f'state "{mermaid.escape(OPEN_TITLE)}" as {OPEN}_box {{'
    yield from (f"    {one}" for one in boxes(OPEN_KINDS))
    arcs = between()
    for (source, target), label in arcs.items():
        if source != OPEN:
            yield f"    {mermaid.arc(f'{source}_box', f'{target}_box', label)}"
    yield "}"
    yield from boxes(["terminal"])
    yield mermaid.arc(f"{OPEN}_box", "terminal_box", arcs[OPEN, "terminal"])


def session_svg(session: Session) -> str:
    """The overview with the state of this session marked, as SVG. Raises NoRenderer."""
    return rendering.svg(
        graph(session.lifecycle.name, f"phase: {session.phase}, connection: {session.connection.name}")
    )


def graph(marked: str = "", below: str = "") -> str:
    """The overview as DOT. `marked`: the name of a state to mark. `below`: a line below it."""
    return dot.document(_dot(marked), dot.quoted(below))


def _dot(marked: str) -> Iterator[str]:
    yield from dot.cluster(OPEN, OPEN_TITLE, (dot.node(kind, _box(kind, marked)) for kind in OPEN_KINDS))
    yield dot.node("terminal", _box("terminal", marked))
    for (source, target), label in between().items():
        whole = {"ltail": dot.quoted(f"cluster_{OPEN}"), "weight": "9"} if source == OPEN else {}
        yield dot.edge(
            OPEN_KINDS[-1] if source == OPEN else source,
            target,
            {
                **whole,
                "label": f"<{dot.lines(dot.apart(dot.font(dot.escape(line), size=13)) for line in label)}>",
                "penwidth": "1.6",
                "color": dot.quoted(dot.INK),
                "tooltip": dot.quoted(", ".join(label)),
            },
        )


def _box(kind: StateKind, marked: str) -> str:
    """A box as one table: its title over its states, with arrows along the usual way."""
    style, members, way = dot.BOXES[kind], LIFECYCLE_GROUPS[kind], dict(_way(kind))
    begins = LIFECYCLE.initial in members
    cells = [f"<td>{dot.font('&#9679;', dot.INK, 14)}</td>", f"<td>{ARROW}</td>"] if begins else []
    for one in members:
        text = dot.font(dot.escape(name(one)), style.ink, 14, bold=name(one) == marked)
        width, line = (MARK_WIDTH, MARK) if name(one) == marked else (style.width, style.line)
        cells.append(f'<td border="{width}" color="{line}" bgcolor="{style.fill}" style="rounded">{text}</td>')
        cells.append(f"<td>{ARROW if one in way else ''}</td>")
    title = dot.font(dot.escape(TITLES[kind]), dot.INK, 15, bold=True)
    return (
        f'<<table border="1" color="#8c959f" style="rounded" cellborder="0" cellspacing="4" cellpadding="5">'
        f'<tr><td align="left" colspan="{len(cells) - 1}">{title}</td></tr><tr>{"".join(cells[:-1])}</tr></table>>'
    )


def _way(kind: StateKind) -> list[tuple[type[Any], type[Any]]]:
    """The arcs inside a box, from each state to the next."""
    usual = {(source, row.to) for source, row in _moves(LIFECYCLE)}
    return [pair for pair in pairwise(LIFECYCLE_GROUPS[kind]) if pair in usual]


def _moves(machine: Machine) -> Iterator[tuple[type[Any], Row]]:
    for row in machine.rows:
        if row.verdict == "taken" and row.to is not None:
            yield from ((source, row) for source in row.source)


def between() -> dict[tuple[str, str], list[str]]:
    """For each two boxes with an arc between them: the label; `open` is the frame around all but the last."""
    return {pair: _label(events) for pair, events in _counted(framed=True).items()}


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


def _label(events: Counter[type[Any]]) -> list[str]:
    public = sorted(filter(_is_public, events), key=lambda on: -events[on]) or list(events)
    more = len(events) - len(public[:NAMED])
    return [*map(words, public[:NAMED]), *([f"+ {more} more"] if more else [])]


def _is_public(on: type[Any]) -> bool:
    """Whether it comes from the application or from the server, as a reader of the wire knows it."""
    return kind_of(LIFECYCLE, on) in ("intent", "server") and on is not RosterRead
