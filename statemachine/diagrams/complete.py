"""The contents of the complete picture of one machine, in any format: every row, every deadline, every coupling.

Arcs between the same two states are one arc with several lines. A row taken from three states or more is drawn from a
dashed box that names them, and again from the state just before its target, so that the usual way can be followed.
What is ignored or rejected leads nowhere and is listed beside the picture. Each row carries its number in the table,
so that the picture can be read back, and each row be looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from attrs import frozen

from ..core.table import Machine, Row, Verdict
from ..core.tables import COUPLINGS
from .durations import BESIDE, DURATIONS
from .names import EventKind, effects, guard, holds, name, owing, raised

States: TypeAlias = tuple[type[Any], ...]

SHARED: Final = 3
"""From how many states a row must be taken to be drawn from a dashed box."""

KINDS: Final[dict[EventKind, tuple[str, str]]] = {
    "intent": ("End", "the application asks for it"),
    "server": ("Message", "the server says it"),
    "answer": ("Created", "a call was answered"),
    "deadline": ("TimeLimitReached", "a deadline passed"),
    "machine": ("SessionOver", "another machine raised it, or the step ends"),
}
"""Who causes an event: an example, and in words."""
MARKS_READ: Final = (
    ("[guard]", "only if that holds"),
    ("/ effect", "runs, in this order"),
    ("+maker", "makes the new state's record"),
    ("^Signal", "raised, for other machines"),
    ("12", "the row's number; in one state, the lower is tried first"),
)
"""The other marks of a line."""


@frozen
class Source:
    """Where arcs begin: one state, or a dashed box. Terminal states have dashed boxes of their own, near to them."""

    states: States
    last: bool = False


@frozen
class Folded:
    """The rows of one machine, as they are drawn. `others`: what is ignored, and what is rejected, by where."""

    arcs: Mapping[tuple[Source, type[Any]], tuple[Row, ...]]
    stays: Mapping[Source, tuple[Row, ...]]
    others: Mapping[Verdict, Mapping[States, tuple[Row, ...]]]

    @property
    def shared(self) -> tuple[Source, ...]:
        """The dashed boxes."""
        sources = [*(source for source, _ in self.arcs), *self.stays]
        return tuple(dict.fromkeys(source for source in sources if len(source.states) > 1))


def fold(machine: Machine) -> Folded:
    """Gather the rows by where they lead from and to."""
    arcs: dict[tuple[Source, type[Any]], tuple[Row, ...]] = {}
    stays: dict[Source, tuple[Row, ...]] = {}
    others: dict[Verdict, dict[States, tuple[Row, ...]]] = {"ignored": {}, "rejected": {}}
    for row in machine.rows:
        if row.verdict != "taken":
            listed = others[row.verdict]
            listed[row.source] = (*listed.get(row.source, ()), row)
        elif row.to is None:
            stays[Source(row.source)] = (*stays.get(Source(row.source), ()), row)
        else:
            for source in _sources(machine, row, row.to):
                arcs[source, row.to] = (*arcs.get((source, row.to), ()), row)
    return Folded(arcs, stays, {verdict: listed for verdict, listed in others.items() if listed})


def _sources(machine: Machine, row: Row, to: type[Any]) -> list[Source]:
    each = [Source((one,)) for one in row.source]
    if len(each) < SHARED:
        return each
    position = machine.states.index
    before = [source for source in each if position(source.states[0]) + 1 == position(to)]
    return [Source(row.source, to in machine.terminal), *before]


def members(machine: Machine, states: States) -> tuple[str, list[str]]:
    """Several states, shortly: a word before their names, and the names."""
    left_out = [name(one) for one in machine.states if one not in states]
    if not left_out:
        return "any state", []
    if len(states) > SHARED and len(left_out) <= 2:
        return "all but", left_out
    return "any of" if len(states) > 1 else "in", [name(one) for one in states]


def heading(machine: Machine, states: States) -> str:
    """The same on one line, with a colon."""
    head, names = members(machine, states)
    return f"{' '.join([head, *commas(names)])}:" if names else f"{head}:"


@frozen
class Line:
    """Rows with the same effects and signals, as one line: their events by guard, and what they run and raise."""

    heads: tuple[tuple[str, tuple[Row, ...]], ...]
    runs: tuple[str, ...]

    def events(self) -> Iterator[tuple[Row, str]]:
        """Each event with the text behind it: a comma, or the guard and a semicolon."""
        last = self.heads[-1][1][-1]
        for when, rows in self.heads:
            yield from ((row, ",") for row in rows[:-1])
            yield rows[-1], f"{f' {when}' if when else ''}{'' if rows[-1] is last else ';'}"

    def effects(self) -> list[str]:
        """The effects, the maker and the signals; empty where there are none."""
        return commas([f"/ {self.runs[0]}", *self.runs[1:]]) if self.runs else []


def lines(rows: Iterable[Row]) -> Iterator[Line]:
    """Rows as lines, in the order of their first."""
    alike: dict[tuple[str, ...], dict[str, tuple[Row, ...]]] = {}
    for row in rows:
        guards = alike.setdefault((*effects(row), *raised(row)), {})
        guards[guard(row)] = (*guards.get(guard(row), ()), row)
    yield from (Line(tuple(guards.items()), runs) for runs, guards in alike.items())


def commas(texts: Iterable[str]) -> list[str]:
    """Texts with a comma after each but the last."""
    *before, last = texts
    return [*(f"{text}," for text in before), last]


def state_lines(machine: Machine, state: type[Any]) -> Iterator[str]:
    """The lines in a state's box under its name: whether it owes a call, and its deadlines with their length."""
    owes = owing(state)
    if owes is not None:
        yield owes
    signals = {signal: record for signal, record in BESIDE.items() if holds(state, record)}
    if state in machine.deadlines:
        signals[machine.deadlines[state]] = state
    for record in dict.fromkeys((*signals.values(), state)):
        if answers := [one.words() for one in DURATIONS.get(record, ()) if one.is_answer]:
            yield f"no answer after {answers[0]}"
    for signal, record in signals.items():
        yield f"{name(signal)} after {_lengths(record)}"


def _lengths(record: type[Any]) -> str:
    lengths = [one.words() for one in DURATIONS.get(record, ()) if not one.is_answer]
    return " or ".join(lengths) or "the time that it tells"


def beside_lines(machine: Machine) -> list[str]:
    """The deadlines of which this machine receives the signal, and which no state of it has."""
    return [
        f"{name(signal)} after {_lengths(record)}"
        for signal, record in BESIDE.items()
        if signal in machine.alphabet and not any(holds(state, record) for state in machine.states)
    ]


def coupling_lines(machine: Machine) -> dict[str, list[str]]:
    """The receivers of the signals of this machine, and the signals that it receives."""
    heard_by: dict[str, list[str]] = {}
    for coupling in COUPLINGS:
        if coupling.source == machine.name:
            heard_by.setdefault(name(coupling.signal), []).append(coupling.target)
    out = [f"^{signal} to {', '.join(targets)}" for signal, targets in heard_by.items()]
    into = [f"~{name(c.signal)} from {c.source}" for c in COUPLINGS if c.target == machine.name]
    titled = (("RAISES", out), ("HEARS", into), ("DEADLINES BESIDE", beside_lines(machine)))
    return {title: told for title, told in titled if told}
