"""The complete pictures as DOT: of one machine, and of all of them.

What is taken without leaving a state stands inside its box, as UML has it; arcs are coloured by who causes them. The
reason of each row is the tooltip of its arc or box.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import ceil, log10
from typing import Any, Final

from ..core.table import Machine, Row
from ..core.tables import MACHINES
from . import complete, dot
from .complete import Folded, Source, commas
from .draw_mermaid import passing
from .mermaid import wrap
from .names import MARKS, EventKind, StateKind, kind_of, name, number, state_kind, trigger

LABEL_WIDTH: Final = 34
BOX_WIDTH: Final = 62
ASIDE_WIDTH: Final = 150
COLUMN_WIDTH: Final = 96
COLUMN_LINES: Final = 60
"""A longer list below a picture is set in narrower columns, so that the picture fits one page."""
NEVER: Final = "#bf3989"
STATE_KINDS: Final[dict[StateKind, str]] = {
    "resting": "at rest",
    "waiting": "waiting",
    "talking": "talking to an agent",
    "calling": "a call is owed",
    "closing": "closing",
    "terminal": "over",
}


def picture(machine: Machine, counts: Counter[int] | None = None) -> str:
    """One machine as a DOT graph. `counts`: how often each row was taken; then arcs are as thick as they are used."""
    chart = _Chart(machine, counts=counts)
    frame = dot.cluster(machine.name, f"{machine.name}: every row", chart.statements(), framed=False)
    return dot.document(frame, _below([chart]), chart.reasons_aside())


def whole() -> str:
    """All machines, and the signals between them."""
    charts = {machine.name: _Chart(machine, f"{machine.name}.") for machine in MACHINES.values()}
    return dot.document(_whole(charts), _below(list(charts.values())))


def _whole(charts: Mapping[str, _Chart]) -> Iterator[str]:
    for title, chart in charts.items():
        yield from dot.cluster(title, title, chart.statements())
    for (source, target), signals in passing().items():
        label = f"<{dot.lines(dot.apart(dot.font(dot.escape(f'^{signal}'), dot.FAINT)) for signal in signals)}>"
        ends = [charts[one].nodes[Source((charts[one].machine.initial,))] for one in (source, target)]
        more = {"ltail": dot.quoted(f"cluster_{source}"), "lhead": dot.quoted(f"cluster_{target}")}
        yield dot.edge(ends[0], ends[1], {**more, "label": label, "style": "dotted", "penwidth": "2"})


def _below(charts: Sequence[_Chart]) -> str:
    """How to read the picture, and what is no arc: a column for each machine, or several for one."""
    if len(charts) > 1:
        columns = [[_title(chart.machine.name), *chart.aside(ASIDE_WIDTH)] for chart in charts]
    else:
        columns = _columns(charts[0])
    cells = "".join(f'<td valign="top" align="left">{dot.lines(column)}</td>' for column in columns)
    legend = _legend({state_kind(chart.machine, one): None for chart in charts for one in chart.machine.states})
    return (
        f'<<table border="0" cellspacing="10"><tr><td colspan="{len(columns)}" align="left">{legend}</td></tr>'
        f"<tr>{cells}</tr></table>>"
    )


def _columns(chart: _Chart) -> list[list[str]]:
    whole = list(chart.aside(ASIDE_WIDTH))
    if len(whole) <= COLUMN_LINES:
        return [whole]
    narrow = list(chart.aside(COLUMN_WIDTH))
    height = ceil(len(narrow) / 3)
    return [narrow[start : start + height] for start in range(0, len(narrow), height)]


class _Chart:
    """One machine on its way to DOT. `prefix`: of its nodes, where it is one of several."""

    def __init__(self, machine: Machine, prefix: str = "", counts: Counter[int] | None = None) -> None:
        self.machine = machine
        self.counts = counts
        self.prefix = prefix
        self.folded: Folded = complete.fold(machine)
        self.nodes: Mapping[Source, str] = {
            **{Source((one,)): f"{prefix}{name(one)}" for one in machine.states},
            **{source: f"{prefix}from {index}" for index, source in enumerate(self.folded.shared, 1)},
        }

    def reasons_aside(self) -> str:
        """Why the rows below the chart are as they are."""
        return self._reasons(row for listed in self.folded.others.values() for rows in listed.values() for row in rows)

    def statements(self) -> Iterator[str]:
        begin = f"{self.prefix}begin"
        yield dot.initial(begin)
        for one in self.machine.states:
            yield dot.node(self.nodes[Source((one,))], self._state(one), self._reasons(self._inside(Source((one,)))))
        for source in self.folded.shared:
            if self._has_box(source):
                yield dot.node(self.nodes[source], self._shared(source), self._reasons(self._inside(source)))
        yield dot.edge(begin, self.nodes[Source((self.machine.initial,))], {"tooltip": '""'})
        for (source, target), rows in self.folded.arcs.items():
            if source.states != (target,):
                yield self._arc(source, target, rows)

    def _has_box(self, source: Source) -> bool:
        return len(source.states) == 1 or any(one == source for one, _ in self.folded.arcs)

    def _inside(self, source: Source) -> tuple[Row, ...]:
        """The rows inside the box: those that stay, or come back."""
        return (*self.folded.stays.get(source, ()), *self._loop(source))

    def _loop(self, source: Source) -> tuple[Row, ...]:
        return self.folded.arcs.get((source, source.states[0]), ()) if len(source.states) == 1 else ()

    def _state(self, state: type[Any]) -> str:
        style = dot.BOXES[state_kind(self.machine, state)]
        rows = [dot.cell(dot.font(dot.escape(name(state)), style.ink, 13, bold=True), "center")]
        says = complete.state_lines(self.machine, state)
        rows += [dot.cell(dot.font(dot.escape(line), style.ink, 9), "center") for line in says]
        return dot.box([*rows, *self._internal(Source((state,)))], style)

    def _shared(self, source: Source) -> str:
        head, names = complete.members(self.machine, source.states)
        text = [dot.escape(line) for line in wrap([head, *commas(names)] if names else [head], 40)]
        return dot.box(
            [dot.cell(dot.font("<br/>".join(text), dot.FAINT, 10), "center"), *self._internal(source)],
            dot.SHARED,
            dashed=True,
        )

    def _internal(self, source: Source) -> Iterator[str]:
        """The rows that do not leave the state, inside the box, on a background of their own."""
        parts = {"stays on": self.folded.stays.get(source, ()), "comes back on": self._loop(source)}
        for title, rows in parts.items():
            if rows:
                inner = [dot.font(title, dot.FAINT, 9), *self.told(rows, BOX_WIDTH)]
                yield dot.cell(dot.lines(inner), more=f' bgcolor="{dot.PAPER}"')
                yield '<tr><td height="4" cellpadding="0"></td></tr>'

    def _arc(self, source: Source, target: type[Any], rows: tuple[Row, ...]) -> str:
        found: set[EventKind] = {kind_of(self.machine, row.on) for row in rows}
        kind, *others = found
        return dot.edge(
            self.nodes[source],
            self.nodes[Source((target,))],
            {
                "label": f"<{dot.lines(map(dot.apart, self.told(rows, LABEL_WIDTH)))}>",
                "color": dot.quoted(dot.INK if others else dot.EVENT_COLOURS[kind]),
                "style": "solid" if others else dot.EVENT_STYLES[kind],
                **self._use(rows),
                "tooltip": dot.quoted(self._reasons(rows)),
                "labeltooltip": dot.quoted(self._reasons(rows)),
            },
        )

    def _use(self, rows: Iterable[Row]) -> dict[str, str]:
        """How an arc shows how often it was taken."""
        if self.counts is None:
            return {}
        times = sum(self.counts[number(self.machine, row)] for row in rows)
        if not times:
            return {"style": "dashed", "color": dot.quoted(NEVER), "penwidth": "1"}
        return {"style": "solid", "color": dot.quoted(dot.INK), "penwidth": f"{1 + 1.5 * log10(times):.1f}"}

    def _reasons(self, rows: Iterable[Row]) -> str:
        return " | ".join(f"{number(self.machine, row)} {name(row.on)}: {row.why}" for row in rows)

    def told(self, rows: Iterable[Row], width: int, before: str = "") -> Iterator[str]:
        """Rows as lines, each event in the colour of its kind. `before`: begins the first."""
        for line in complete.lines(rows):
            pieces = [self._event(*one) for one in line.events()]
            pieces += [dot.font(dot.escape(one), dot.FAINT, 9) for one in line.effects()]
            yield from wrap([*([before] if before else []), *pieces], width, plain_length)
            before = ""

    def _event(self, row: Row, after: str) -> str:
        colour = dot.EVENT_COLOURS[kind_of(self.machine, row.on)]
        mark = dot.font(str(number(self.machine, row)), "#8c959f", 8)
        if self.counts is not None:
            times = self.counts[number(self.machine, row)]
            mark += dot.font(f" {times:,}x " if times else " NEVER ", dot.INK if times else NEVER, 8, bold=True)
        return f"{mark} {dot.font(dot.escape(trigger(self.machine, row)), colour)}{dot.escape(after)}"

    def aside(self, width: int) -> Iterator[str]:
        """All that is no arc: couplings; rows that stay in states without a box; ignored and rejected events."""
        for title, told in complete.coupling_lines(self.machine).items():
            yield _title(title)
            yield from (dot.font(dot.escape(one), size=9) for one in wrap(commas(told), width))
        stays = {one.states: rows for one, rows in self.folded.stays.items() if not self._has_box(one)}
        for title, listed in (("stays on", stays), *self.folded.others.items()):
            if listed:
                yield _title(title.upper())
            for states, rows in listed.items():
                where = dot.font(dot.escape(complete.heading(self.machine, states)), dot.FAINT, 9)
                yield from self.told(rows, width, where)


def plain_length(label: str) -> int:
    """Letters of a piece of label that are seen."""
    length, inside = 0, False
    for letter in label:
        inside = letter == "<" or (inside and letter != ">")
        length += not inside and letter != ">"
    return length


def _title(text: str) -> str:
    return dot.font(dot.escape(text), dot.FAINT, 10, bold=True)


def _legend(kinds: Iterable[StateKind]) -> str:
    events = [
        dot.font(dot.escape(MARKS[kind].format(event)), dot.EVENT_COLOURS[kind], bold=True)
        + _faint(f" {words} ({dot.EVENT_STYLES[kind]} arc)")
        for kind, (event, words) in complete.KINDS.items()
    ]
    marks = [dot.escape(mark) + _faint(f" {words}") for mark, words in complete.MARKS_READ]
    states = [
        dot.cell(
            dot.font(dot.escape(STATE_KINDS[kind]), dot.BOXES[kind].ink, 9), more=f' bgcolor="{dot.BOXES[kind].fill}"'
        )
        for kind in kinds
    ]
    columns = (dot.lines(events), dot.lines(marks), f'<table border="0" cellspacing="0">{"".join(states)}</table>')
    cells = "".join(f'<td valign="top" align="left">{column}</td>' for column in columns)
    return f'<table border="1" color="#d0d7de" cellborder="0" cellspacing="6" style="rounded"><tr>{cells}</tr></table>'


def _faint(words: str) -> str:
    return dot.font(dot.escape(words), dot.FAINT, 9)
