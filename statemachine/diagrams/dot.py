"""DOT text: escaping, labels that are tables, and the few statements that the pictures are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from attrs import frozen

from .mermaid import SHARED_STYLE, STYLES
from .names import EventKind, StateKind

FONT: Final = "Helvetica"
PAPER: Final = "#ffffff"
"""Pictures bring their own background: black arcs vanish on a dark page."""
INK: Final = "#1f2328"
FAINT: Final = "#57606a"
EVENT_COLOURS: Final[dict[EventKind, str]] = {
    "intent": "#0550ae",
    "server": "#116329",
    "answer": "#8a3ffc",
    "deadline": "#b54708",
    "machine": "#57606a",
}
"""From the colour-blind safe palettes of Paul Tol and IBM, dark enough to read on paper; the marks say the same."""
EVENT_STYLES: Final[dict[EventKind, str]] = {
    "intent": "bold",
    "server": "solid",
    "answer": "solid",
    "deadline": "dashed",
    "machine": "dotted",
}


@frozen
class Style:
    """How a kind of box looks."""

    fill: str
    line: str
    ink: str
    width: int


def _style(text: str) -> Style:
    found = dict(part.split(":") for part in text.split(","))
    width = int(found.get("stroke-width", "1px").removesuffix("px"))
    return Style(found["fill"], found["stroke"], found["color"], width)


BOXES: Final[Mapping[StateKind, Style]] = {kind: _style(text) for kind, text in STYLES.items()}
SHARED: Final = _style(SHARED_STYLE)


def quoted(text: str) -> str:
    """A double-quoted string in which nothing is syntax."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{escaped}"'


def escape(text: str) -> str:
    """Text in a label that is a table: all characters but a few harmless ones become numeric entities."""
    return "".join(c if c.isascii() and (c.isalnum() or c in " _.,/+()[]^=?~:;-") else f"&#{ord(c)};" for c in text)


def font(text: str, colour: str = "", size: int = 0, bold: bool = False) -> str:
    """A piece of a label; `text` is escaped already."""
    text = text or "&#160;"  # an empty piece is no label for Graphviz
    if bold:
        text = f"<b>{text}</b>"
    marks = "".join((f' color="{colour}"' if colour else "", f' point-size="{size}"' if size else ""))
    return f"<font{marks}>{text}</font>" if marks else text


def cell(text: str, align: str = "left", more: str = "") -> str:
    """A row of a table with this one cell."""
    return f'<tr><td align="{align}" balign="{align}"{more}>{text}</td></tr>'


def box(rows: Iterable[str], style: Style, dashed: bool = False) -> str:
    """A label that is a table with a frame."""
    kind = "dashed" if dashed else "rounded"
    return (
        f'<<table border="{style.width}" cellborder="0" cellspacing="0" cellpadding="3" style="{kind}" '
        f'bgcolor="{style.fill}" color="{style.line}">{"".join(rows)}</table>>'
    )


def lines(texts: Iterable[str]) -> str:
    """Lines of a label, one below the other, at the left."""
    return "".join(f'{text}<br align="left"/>' for text in texts)


def apart(line: str) -> str:
    """A line of an arc's label, kept off the arc."""
    return f"&#160;{line}&#160;"


def node(name: str, label: str, tooltip: str = " ") -> str:
    """A node; `label` as `box` or `plain` make it."""
    return f"{quoted(name)} [id={quoted(name)}, label={label}, tooltip={quoted(tooltip)}];"


def initial(name: str) -> str:
    """The dot at which everything begins."""
    return (
        f'{quoted(name)} [shape=circle, style=filled, fillcolor="{INK}", width=0.16, label="", tooltip="begins here"];'
    )


def edge(source: str, target: str, attributes: Mapping[str, str]) -> str:
    """An arc; attributes are quoted already."""
    listed = ", ".join(f"{key}={value}" for key, value in attributes.items())
    return f"{quoted(source)} -> {quoted(target)} [{listed}];"


def cluster(name: str, title: str, statements: Iterable[str], framed: bool = True) -> Iterator[str]:
    """Nodes with a title above them, and where `framed`, a frame around them."""
    line = "" if framed else f", color={quoted(PAPER)}"
    yield f"subgraph {quoted(f'cluster_{name}')} {{"
    yield f"  graph [label={quoted(title)}, labelloc=t, labeljust=l, fontsize=18, tooltip={quoted(title)}{line}];"
    yield from (f"  {one}" for one in statements)
    yield "}"


def document(statements: Iterable[str], below: str, tooltip: str = "", **more: str) -> str:
    """A whole graph with a table below it; drawn downwards, unless `more`, attributes of the graph, say otherwise."""
    attributes = {
        "fontname": quoted(FONT),
        "fontsize": "11",
        "fontcolor": quoted(INK),
        "bgcolor": quoted(PAPER),
        "color": quoted("#d0d7de"),
        "style": "rounded",
        "nodesep": "0.35",
        "ranksep": "0.45",
        "compound": "true",
        "label": below,
        "labelloc": "b",
        "tooltip": quoted(tooltip),
        **more,
    }
    head = [
        f"graph [{', '.join(f'{key}={value}' for key, value in attributes.items())}];",
        f'node [shape=plain, fontname="{FONT}", fontsize=11, fontcolor="{INK}"];',
        f'edge [fontname="{FONT}", fontsize=10, fontcolor="{INK}", color="{FAINT}", arrowsize=0.8];',
    ]
    return "\n".join(["digraph session {", *(f"  {one}" for one in (*head, *statements)), "}"]) + "\n"
