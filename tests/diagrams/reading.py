"""Reads the generated pictures back: Mermaid by its text, DOT as Graphviz understands it, XState JSON as it is."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from attrs import field, frozen, mutable

from statemachine.core.table import Machine
from statemachine.diagrams import rendering
from statemachine.diagrams.mermaid import BREAK
from statemachine.diagrams.names import EventKind, kind_of

MARKS: dict[tuple[str, str], EventKind] = {
    ("", "()"): "intent",
    ("", ""): "server",
    ("re ", ""): "answer",
    ("after ", ""): "deadline",
    ("~", ""): "machine",
}
_ROW = re.compile(
    r"(?P<number>\d+) (?P<before>after |re |~)?(?P<on>\w+)(?P<behind>\(\))?(?: \[(?P<guard>[\w(),]+)\])?(?P<end>[,;])?"
    r"|/ (?P<done>[+^]?\w+(?:, [+^]?\w+)*)"
)
_WHERE = re.compile(r"(?P<head>any state|all but|any of|in)(?P<names>(?: \w+,?)*):")
_TITLES = re.compile(r"\b(RAISES|HEARS|DEADLINES BESIDE|STAYS ON|COMES BACK ON|IGNORED|REJECTED|READ AS)\b")


@mutable
class Row:
    """One row, as a picture shows it."""

    on: str
    guard: str | None
    verdict: str = "taken"
    target: str | None = None
    done: tuple[str, ...] = ()
    kind: str | None = None
    sources: set[str] = field(factory=set)


def expected(machine: Machine) -> dict[int, Row]:
    """The rows of a machine, by number."""
    return {
        number: Row(
            row.on.__name__,
            row.when and row.when.__name__,
            row.verdict,
            row.to and row.to.name,
            (
                *(one.__name__ for one in row.do),
                *([f"+{row.make.__name__}"] if row.make else []),
                *(f"^{one.__name__}" for one in row.raises),
            ),
            kind_of(machine, row.on),
            {state.name for state in row.source},
        )
        for number, row in enumerate(machine.rows, 1)
    }


def told(text: str) -> Iterator[tuple[int, Row]]:
    """The rows that a piece of text tells."""
    line: list[tuple[int, Row]] = []
    sharing: list[Row] = []
    closed = False
    for found in _ROW.finditer(text):
        if found["done"]:
            for _, row in line:
                row.done = tuple(found["done"].split(", "))
        elif closed:
            yield from line
            line = []
        if found["done"]:
            yield from line
            line, closed = [], False
            continue
        row = Row(found["on"], None, kind=MARKS[found["before"] or "", found["behind"] or ""])
        line.append((int(found["number"]), row))
        sharing.append(row)
        if found["end"] != ",":
            for one in sharing:
                one.guard = found["guard"]
            sharing = []
        closed = found["end"] is None
    yield from line


@frozen
class Shown:
    """What a picture of one machine shows. `states`: what stands in the box of each; `sections`: what stands beside."""

    rows: dict[int, Row]
    states: dict[str, str]
    sections: dict[str, str]
    arcs: set[tuple[str, str]]


@mutable
class _Reader:
    machine: Machine
    rows: dict[int, Row] = field(factory=dict)

    def add(self, text: str, sources: Iterable[str], target: str | None = None, verdict: str = "taken") -> None:
        for number, row in told(text):
            row.target, row.verdict = target, verdict
            known = self.rows.setdefault(number, row)
            assert (known.on, known.guard, known.target, known.done) == (row.on, row.guard, row.target, row.done)
            known.sources.update(sources)

    def members(self, head: str, names: str) -> list[str]:
        listed = re.findall(r"\w+", names)
        every = [one.name for one in self.machine.states]
        assert set(listed) <= set(every), (head, names)
        if head == "any state":
            return every
        return [one for one in every if one not in listed] if head == "all but" else listed

    def add_sections(self, text: str, self_state: str | None = None) -> dict[str, str]:
        """Sections with their title in capitals; what they list is added."""
        parts = _TITLES.split(text)
        sections = {title.upper(): part.strip() for title, part in zip(parts[1::2], parts[2::2], strict=True)}
        for title, verdict in (("STAYS ON", "taken"), ("IGNORED", "ignored"), ("REJECTED", "rejected")):
            pieces = _WHERE.split(sections.get(title, ""))
            for head, names, piece in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
                self.add(piece, self.members(head, names), None, verdict)
        return sections


# --- Mermaid ----------------------------------------------------------------------------------------------------------


def unescape(text: str) -> str:
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), text)


def _text(raw: str) -> str:
    return unescape(raw.replace(BREAK, " "))


def read_mermaid(source: str, machine: Machine, prefix: str = "") -> Shown:
    """One machine in a Mermaid text; `prefix`: of its nodes, where it is one of several."""
    reader = _Reader(machine)
    boxes: dict[str, str] = {}
    arcs: set[tuple[str, str]] = set()
    sections: dict[str, str] = {}
    lines = iter(source.splitlines())
    for line in map(str.strip, lines):
        if (found := re.fullmatch(r'state "(.*)" as (\w+)', line)) and found[2].startswith(prefix):
            boxes[found[2]] = _text(found[1])
        elif (found := re.fullmatch(r"(\w+) --> (\w+)(?: : (.*))?", line)) and found[1] in boxes:
            target = _states_of(boxes[found[2]], reader)[0]
            arcs.update((one, target) for one in _states_of(boxes[found[1]], reader))
            reader.add(_text(found[3] or ""), _states_of(boxes[found[1]], reader), target)
        elif (found := re.fullmatch(r"note (left|right) of (\w+)", line)) and found[2] in boxes:
            text = " ".join(_text(part.strip()) for part in _note(lines))
            states = _states_of(boxes[found[2]], reader)
            if found[1] == "left":
                sections = reader.add_sections(text)
            else:
                title, rest = re.match(r"(STAYS ON|COMES BACK ON) (.*)", text).groups()  # type: ignore[union-attr]
                reader.add(rest, states, states[0] if title == "COMES BACK ON" else None)
    states = {text.split(" ")[0]: text for text in boxes.values() if not _head(text)}
    return Shown(reader.rows, states, sections, arcs)


def _note(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line.strip() == "end note":
            return
        yield line


def _head(text: str) -> re.Match[str] | None:
    return re.match(r"(any state|all but|any of)\b(.*)", text)


def _states_of(text: str, reader: _Reader) -> list[str]:
    found = _head(re.split(r" stays on | comes back on ", text)[0])
    return reader.members(found[1], found[2]) if found else [text.split(" ")[0]]


# --- DOT --------------------------------------------------------------------------------------------------------------


def understood(source: str, tool: str) -> Any:
    """A DOT text as Graphviz reads it."""
    return json.loads(rendering.run(tool, source, "dot_json"))


def label(raw: str) -> str:
    """A label that is a table, as text."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", re.sub(r"<br[^>]*>|</td>", " ", raw))).split())


def read_dot(graph: Any, machine: Machine, prefix: str = "", column: int = 0) -> Shown:
    """One machine in a graph that Graphviz has read."""
    reader = _Reader(machine)
    names = {one["_gvid"]: one["name"] for one in graph["objects"]}
    nodes = {
        one["name"]: label(one["label"])
        for one in graph["objects"]
        if "nodes" not in one and one["name"].startswith(prefix) and one["name"] != f"{prefix}begin"
    }
    arcs: set[tuple[str, str]] = set()
    for edge in graph["edges"]:
        tail, head = names[edge["tail"]], names[edge["head"]]
        if "ltail" not in edge and tail in nodes:
            target = _states_of(nodes[head], reader)[0]
            arcs.update((one, target) for one in _states_of(nodes[tail], reader))
            reader.add(label(edge["label"]), _states_of(nodes[tail], reader), target)
    for text in nodes.values():
        parts = re.split(r" (stays on|comes back on) ", text)
        states = _states_of(parts[0], reader)
        for title, part in zip(parts[1::2], parts[2::2], strict=True):
            reader.add(part, states, states[0] if title == "comes back on" else None)
    states = {text.split(" ")[0]: text for text in nodes.values() if not _head(text)}
    below = re.findall(r'<td valign="top" align="left">(.*?)</td>', graph["label"], re.DOTALL)[3:]
    text = label(below[column] if prefix else " ".join(below))  # one machine has all columns
    return Shown(reader.rows, states, reader.add_sections(text), arcs)


# --- XState -----------------------------------------------------------------------------------------------------------


def read_xstate(config: Any, prefix: str = "") -> dict[int, Row]:
    """The rows of an XState machine, by number."""
    found: dict[int, Row] = {}
    for state, node in config["states"].items():
        for event, transitions in node["on"].items():
            for one in transitions:
                row = found.setdefault(
                    one["meta"]["row"],
                    Row(
                        event.removeprefix(prefix),
                        one.get("guard", "").removeprefix(prefix) or None,
                        one["meta"]["verdict"],
                        one.get("target"),
                        tuple(filter(None, (_action(action, prefix) for action in one.get("actions", ())))),
                    ),
                )
                row.sources.add(state)
    return found


def _action(action: Any, prefix: str) -> str | None:
    if isinstance(action, str):
        return action.removeprefix(prefix)
    kinds = {
        "make": lambda p: f"+{p['maker'].removeprefix(prefix)}",
        "raise": lambda p: f"^{p['signal']}",
        "reject": lambda p: None,
    }
    return kinds[action["type"]](action["params"])


# --- colours ----------------------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio as WCAG defines it, 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def style(text: str) -> dict[str, Any]:
    return dict(part.split(":") for part in text.split(","))
