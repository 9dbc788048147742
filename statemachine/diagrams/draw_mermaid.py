"""The complete pictures as Mermaid: of one machine, and of all of them.

Rows that stay where they are stand in notes, beside their state or dashed box; so do the rows of a loop, where it has
more than one: Mermaid makes no room for the labels of loops.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ..core.table import Machine, Row
from ..core.tables import COUPLINGS, MACHINES
from . import complete, mermaid
from .complete import Folded, Source, commas
from .names import MARKS, name, number, state_kind, trigger

LABEL_WIDTH: Final = 34
NOTE_WIDTH: Final = 100
MEMBERS_WIDTH: Final = 34


def picture(machine: Machine) -> str:
    """One machine as a Mermaid state diagram."""
    chart = _Chart(machine)
    statements = [*chart.statements(), *mermaid.classes(chart.classes())]
    return mermaid.document(f"{machine.name}: every row", statements)


def whole() -> str:
    """All machines, and the signals between them."""
    return mermaid.document("A chat session: every row of every machine", _whole())


def _whole() -> Iterator[str]:
    charts = [_Chart(machine, f"{machine.name}_") for machine in MACHINES.values()]
    for chart in charts:
        yield f'state "{mermaid.escape(chart.machine.name)}" as {chart.machine.name}_machine {{'
        yield from (f"    {statement}" for statement in chart.statements())
        yield "}"
    for (source, target), signals in passing().items():
        yield mermaid.arc(f"{source}_machine", f"{target}_machine", [f"^{signal}" for signal in signals])
    worn = [chart.classes() for chart in charts]
    yield from mermaid.classes({kind: [node for one in worn for node in one[kind]] for kind in worn[0]})


def passing() -> dict[tuple[str, str], list[str]]:
    """The signals that pass between each two machines."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in COUPLINGS:
        found.setdefault((one.source, one.target), []).append(name(one.signal))
    return found


class _Chart:
    """One machine on its way to Mermaid. `prefix`: of its nodes, where it is one of several."""

    def __init__(self, machine: Machine, prefix: str = "") -> None:
        self.machine = machine
        self.folded: Folded = complete.fold(machine)
        self.nodes: Mapping[Source, str] = {
            **{Source((one,)): mermaid.identifier(name(one), i, prefix) for i, one in enumerate(machine.states)},
            **{source: f"{prefix}from{index}" for index, source in enumerate(self.folded.shared, 1)},
        }

    def statements(self) -> Iterator[str]:
        machine, nodes = self.machine, self.nodes
        for one in machine.states:
            yield mermaid.state(nodes[Source((one,))], [name(one), *complete.state_lines(machine, one)])
        for source in self.folded.shared:
            head, names = complete.members(machine, source.states)
            wrapped = mermaid.wrap(commas(names), MEMBERS_WIDTH) if names else []
            yield mermaid.state(nodes[source], [head, *wrapped])
        yield mermaid.arc("[*]", nodes[Source((machine.initial,))])
        for (source, target), rows in self.folded.arcs.items():
            crowded = source.states == (target,) and len(rows) > 1
            label = () if crowded else self.told(rows, LABEL_WIDTH)
            yield mermaid.arc(nodes[source], nodes[Source((target,))], label)
            if crowded:
                yield from mermaid.note(nodes[source], "right", ["COMES BACK ON", *self.told(rows, NOTE_WIDTH)])
        for one in machine.terminal:
            yield mermaid.arc(nodes[Source((one,))], "[*]")
        for source, rows in self.folded.stays.items():
            yield from mermaid.note(nodes[source], "right", ["STAYS ON", *self.told(rows, NOTE_WIDTH)])
        yield from mermaid.note(nodes[Source((machine.initial,))], "left", self.beside())

    def told(self, rows: Iterable[Row], width: int) -> Iterator[str]:
        """Rows as lines of about this width."""
        for line in complete.lines(rows):
            heads = [f"{number(self.machine, row)} {trigger(self.machine, row)}{after}" for row, after in line.events()]
            yield from mermaid.join(mermaid.wrap(heads, width), mermaid.wrap(line.effects(), width), width)

    def beside(self) -> Iterator[str]:
        """What is no arc: couplings, and what is ignored or rejected."""
        for title, told in complete.coupling_lines(self.machine).items():
            yield title
            yield from told
        for verdict, listed in self.folded.others.items():
            yield verdict.upper()
            for states, rows in listed.items():
                yield f"{complete.heading(self.machine, states)} "
                yield from self.told(rows, NOTE_WIDTH)
        yield "READ AS"
        yield from (f"{MARKS[kind].format(event)} {words}" for kind, (event, words) in complete.KINDS.items())
        yield from (f"{mark} {words}" for mark, words in complete.MARKS_READ)

    def classes(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {kind: [] for kind in mermaid.STYLES}
        for one in self.machine.states:
            found[state_kind(self.machine, one)].append(self.nodes[Source((one,))])
        found["shared"] = [self.nodes[source] for source in self.folded.shared]
        return found
