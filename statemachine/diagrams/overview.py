"""The lifecycle at a glance: four boxes, the usual way through each, and what leads from box to box.

Folded from the table by one rule, so that it cannot lie: inside a box, the arcs from each state to the next in the
table's order; between two boxes, one arc that names a few of the events from outside
(those with the most arcs) and counts the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise, product
from typing import Any, Final

from ..core.fold import STATUS
from ..core.table import Machine, Row
from . import mermaid
from .names import LIFECYCLE_GROUPS, StateKind, kind_of, name, words

TITLES: Final[dict[StateKind, str]] = {
    "waiting": "WAITING for an agent",
    "talking": "TALKING",
    "closing": "CLOSING",
    "terminal": "OVER",
}
NAMED: Final = 3
"""How many events an arc between two boxes names."""


def picture(machine: Machine) -> str:
    """The overview as a Mermaid state diagram."""
    return mermaid.document("A chat session", _statements(machine), size=16)


def outline(machine: Machine) -> dict[str, Any]:
    """The same boxes and arcs as plain data, for who draws them in another place: the console lights one state.

    ``{"boxes": [{"kind", "title", "states", "arcs"}], "between": [{"from", "to", "on"}]}``: states by name, in the
    table's order; boxes by kind; `on` in words.
    """
    boxes = [
        {
            "kind": kind,
            "title": TITLES[kind],
            "states": [name(one) for one in members],
            "arcs": [[name(source), name(target)] for source, target in _usual(machine, members)],
        }
        for kind, members in LIFECYCLE_GROUPS.items()
    ]
    between = [
        {"from": source, "to": target, "on": _label(events)} for (source, target), events in _between(machine).items()
    ]
    return {"boxes": boxes, "between": between}


def _statements(machine: Machine) -> Iterator[str]:
    nodes = {one: mermaid.identifier(name(one), index) for index, one in enumerate(machine.states)}
    for kind, members in LIFECYCLE_GROUPS.items():
        arcs = _usual(machine, members)
        yield f'state "{mermaid.escape(TITLES[kind])}" as {kind}_box {{'
        yield f"    direction {'LR' if arcs else 'TB'}"
        yield from (f"    {mermaid.state(nodes[one], [name(one)])}" for one in members)
        if machine.initial in members:
            yield f"    {mermaid.arc('[*]', nodes[machine.initial])}"
        yield from (f"    {mermaid.arc(nodes[source], nodes[target])}" for source, target in arcs)
        yield "}"
    for (source, target), events in _between(machine).items():
        yield mermaid.arc(f"{source}_box", f"{target}_box", _label(events))
    boxes = {kind: [nodes[one] for one in members] for kind, members in LIFECYCLE_GROUPS.items()}
    yield from mermaid.classes({str(kind): members for kind, members in boxes.items()})


def _usual(machine: Machine, members: tuple[type[Any], ...]) -> list[tuple[type[Any], type[Any]]]:
    """The arcs of a box: from each state to the next, where the table has them."""
    moves = {(source, row.to) for source, row in _moves(machine)}
    return [pair for pair in pairwise(members) if pair in moves]


def _moves(machine: Machine) -> Iterator[tuple[type[Any], Row]]:
    for row in machine.rows:
        if row.verdict == "taken" and row.to is not None:
            yield from ((source, row) for source in row.source)


def _between(machine: Machine) -> dict[tuple[StateKind, StateKind], Counter[type[Any]]]:
    """For each two boxes with an arc between them: each event, with how many states it leads from."""
    box: dict[type[Any], StateKind] = {one: kind for kind, members in LIFECYCLE_GROUPS.items() for one in members}
    counted: dict[tuple[StateKind, StateKind], Counter[type[Any]]] = {}
    for source, row in _moves(machine):
        assert row.to is not None
        if box[source] != box[row.to]:
            counted.setdefault((box[source], box[row.to]), Counter())[row.on] += 1
    return {pair: counted[pair] for pair in product(LIFECYCLE_GROUPS, LIFECYCLE_GROUPS) if pair in counted}


def _label(events: Counter[type[Any]]) -> list[str]:
    public = sorted(filter(_is_public, events), key=lambda on: -events[on]) or list(events)
    more = len(events) - len(public[:NAMED])
    return [*map(words, public[:NAMED]), *([f"+ {more} more"] if more else [])]


def _is_public(on: type[Any]) -> bool:
    """Whether it comes from the application or from the server, as a reader of the wire knows it."""
    return kind_of(on) in ("intent", "entry") or on in STATUS.values()
