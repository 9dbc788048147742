"""The complete picture of one machine: every row that is taken, every deadline, every coupling.

Arcs between the same two states are one arc with several lines. A row taken from three states or more is drawn from a
dashed box that names them, and again from the state just before its target, so that the usual way can be followed.
Rows that stay where they are stand in notes, beside their state or dashed box; so do the rows of a loop, where it has
more than one: Mermaid makes no room for the labels of loops.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from attrs import frozen

from ..core.table import Machine, Row
from ..core.tables import COUPLINGS
from . import mermaid
from .names import effects, guard, name, owing, raised, state_kind, trigger

States: TypeAlias = tuple[type[Any], ...]

SHARED: Final = 3
"""From how many states a row must be taken to be drawn from a dashed box."""
LABEL_WIDTH: Final = 30
NOTE_WIDTH: Final = 76
MEMBERS_WIDTH: Final = 34


@frozen
class Source:
    """Where arcs begin: one state, or a dashed box. Terminal states have dashed boxes of their own, near to them."""

    states: States
    last: bool = False


@frozen
class Folded:
    """The taken rows of one machine, as they are drawn."""

    arcs: Mapping[tuple[Source, type[Any]], tuple[Row, ...]]
    stays: Mapping[Source, tuple[Row, ...]]

    @property
    def shared(self) -> tuple[Source, ...]:
        """The dashed boxes."""
        sources = [*(source for source, _ in self.arcs), *self.stays]
        return tuple(dict.fromkeys(source for source in sources if len(source.states) > 1))


def fold(machine: Machine) -> Folded:
    """Gather the taken rows by where they lead from and to."""
    arcs: dict[tuple[Source, type[Any]], tuple[Row, ...]] = {}
    stays: dict[Source, tuple[Row, ...]] = {}
    for row in machine.rows:
        if row.verdict != "taken":
            continue
        if row.to is None:
            stays[Source(row.source)] = (*stays.get(Source(row.source), ()), row)
            continue
        for source in _sources(machine, row, row.to):
            arcs[source, row.to] = (*arcs.get((source, row.to), ()), row)
    return Folded(arcs, stays)


def _sources(machine: Machine, row: Row, to: type[Any]) -> list[Source]:
    each = [Source((one,)) for one in row.source]
    if len(each) < SHARED:
        return each
    position = machine.states.index
    before = [source for source in each if position(source.states[0]) + 1 == position(to)]
    return [Source(row.source, to in machine.terminal), *before]


def picture(machine: Machine) -> str:
    """One machine as a Mermaid state diagram."""
    folded = fold(machine)
    nodes = {Source((one,)): mermaid.identifier(name(one), index) for index, one in enumerate(machine.states)}
    nodes |= {source: f"from{index}" for index, source in enumerate(folded.shared, 1)}
    return mermaid.document(f"{machine.name}: every row that is taken", _statements(machine, folded, nodes))


def _statements(machine: Machine, folded: Folded, nodes: Mapping[Source, str]) -> Iterator[str]:
    for one in machine.states:
        yield mermaid.state(nodes[Source((one,))], state_lines(machine, one))
    for source in folded.shared:
        yield mermaid.state(
            nodes[source], ["any of", *mermaid.wrap(mermaid.listed(map(name, source.states)), MEMBERS_WIDTH)]
        )
    yield mermaid.arc("[*]", nodes[Source((machine.initial,))])
    for (source, target), rows in folded.arcs.items():
        crowded = source.states == (target,) and len(rows) > 1
        yield mermaid.arc(nodes[source], nodes[Source((target,))], () if crowded else lines_of(rows, LABEL_WIDTH))
        if crowded:
            yield from mermaid.note(nodes[source], "right", ["COMES BACK, ON", *lines_of(rows, NOTE_WIDTH)])
    for one in machine.terminal:
        yield mermaid.arc(nodes[Source((one,))], "[*]")
    for source, rows in folded.stays.items():
        yield from mermaid.note(nodes[source], "right", ["STAYS, ON", *lines_of(rows, NOTE_WIDTH)])
    couplings = coupling_lines(machine)
    if couplings:
        yield from mermaid.note(nodes[Source((machine.initial,))], "left", couplings)
    yield from mermaid.classes(_classes(machine, folded, nodes))


def state_lines(machine: Machine, state: type[Any]) -> Iterator[str]:
    """What stands in a state's box: its name, its deadline, and whether it waits for an answer."""
    yield name(state)
    if state in machine.deadlines:
        yield f"deadline, then {name(machine.deadlines[state])}"
    owes = owing(state)
    if owes is not None:
        yield owes


def lines_of(rows: Iterable[Row], width: int) -> Iterator[str]:
    """Rows as text: event [guard] / what they run, ^what they raise.

    Rows that run and raise the same are told together, and so are their events where the guard is the same too.
    """
    alike: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for row in rows:
        guards = alike.setdefault((*effects(row), *raised(row)), {})
        guards.setdefault(guard(row), []).append(trigger(row))
    for done, guards in alike.items():
        heads = [part for when, events in guards.items() for part in _with_guard(events, when)]
        heads[-1] = heads[-1].removesuffix(";")
        tail = mermaid.wrap(mermaid.listed([f"/ {done[0]}", *done[1:]]), width) if done else []
        yield from mermaid.join(mermaid.wrap(heads, width), tail, width)


def _with_guard(events: list[str], when: str) -> list[str]:
    """Events that share a guard: commas between them, a semicolon after them."""
    return mermaid.listed([*events[:-1], f"{events[-1]} {when};" if when else f"{events[-1]};"])


def coupling_lines(machine: Machine) -> list[str]:
    """Which machines hear what this one raises, and what it hears from them."""
    heard_by: dict[str, list[str]] = {}
    for coupling in COUPLINGS:
        if coupling.source == machine.name:
            heard_by.setdefault(name(coupling.signal), []).append(coupling.target)
    out = [f"^{signal} to {', '.join(targets)}" for signal, targets in heard_by.items()]
    into = [f"{name(c.signal)} from {c.source}" for c in COUPLINGS if c.target == machine.name]
    return [*(["RAISES", *out] if out else []), *(["HEARS", *into] if into else [])]


def _classes(machine: Machine, folded: Folded, nodes: Mapping[Source, str]) -> dict[str, list[str]]:
    members: dict[str, list[str]] = {kind: [] for kind in mermaid.STYLES}
    for one in machine.states:
        members[state_kind(machine, one)].append(nodes[Source((one,))])
    members["shared"] = [nodes[source] for source in folded.shared]
    return members
