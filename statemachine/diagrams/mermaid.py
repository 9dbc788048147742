"""Mermaid text: escaping, line breaks, and the few statements that the pictures are made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from .names import StateKind

BREAK: Final = "<br/>"
_PLAIN: Final = re.compile(r"[A-Za-z0-9 _.,/+()\[\]^=?'~·-]")
_IDENTIFIER: Final = re.compile(r"(?!(node|from)\d+\Z)[a-z][a-z0-9_]*\Z")
"""What is left as it is; `node1` and `from1` are names that are given here."""
_RESERVED: Final = frozenset({"as", "class", "click", "default", "direction", "end", "hide", "note", "state", "style"})

STYLES: Final[dict[StateKind, str]] = {
    "resting": "fill:#f6f8fa,stroke:#57606a,color:#1f2328",
    "waiting": "fill:#ffe08a,stroke:#7a5200,color:#1f2328",
    "talking": "fill:#6cb6ff,stroke:#0b3d6b,color:#0d1117,stroke-width:3px",
    "calling": "fill:#9be0c8,stroke:#0f5c46,color:#1f2328,stroke-width:3px",
    "closing": "fill:#8250a8,stroke:#3c1361,color:#ffffff",
    "terminal": "fill:#24292f,stroke:#8c959f,color:#ffffff,stroke-width:2px",
}
"""Told apart by lightness alone, so that no hue has to be seen; each brings its own ink, for light and dark pages."""
SHARED_STYLE: Final = "fill:#ffffff,stroke:#57606a,color:#1f2328,stroke-dasharray:5 4"

CONFIG: Final = ("config:", "  flowchart:", "    curve: monotoneY", "    wrappingWidth: 900", "  themeVariables:")
"""Labels overlap under other curves: Mermaid keeps one where room was made for it only if the curve passes through
its middle. Labels of arcs are broken at 200 pixels whatever is said here, hence the small letters; nothing else is
broken by Mermaid, but here, between words that belong together.
"""


def escape(text: str) -> str:
    """Text in which nothing is syntax: all characters but a few harmless ones become numeric entities."""
    return "".join(c if _PLAIN.match(c) else f"#{ord(c)};" for c in text)


def identifier(text: str, index: int, prefix: str = "") -> str:
    """A name that Mermaid takes for a node: the text itself where that is safe."""
    return prefix + (text if _IDENTIFIER.match(text) and text not in _RESERVED else f"node{index}")


def wrap(parts: Iterable[str], width: int, length: Callable[[str], int] = len) -> list[str]:
    """Parts joined into lines of about `width` characters; no part is cut."""
    lines: list[str] = []
    for part in parts:
        if lines and length(lines[-1]) + length(part) < width:
            lines[-1] += f" {part}"
        else:
            lines.append(part)
    return lines


def join(heads: list[str], tail: list[str], width: int) -> list[str]:
    """Lines, then other lines, with the seam in one line where there is room for both."""
    if heads and tail and len(heads[-1]) + len(tail[0]) < width:
        return [*heads[:-1], f"{heads[-1]} {tail[0]}", *tail[1:]]
    return [*heads, *tail]


def state(node: str, lines: Iterable[str]) -> str:
    """A state with its text."""
    return f'state "{BREAK.join(map(escape, lines))}" as {node}'


def arc(source: str, target: str, lines: Iterable[str] = ()) -> str:
    """An arc with its label."""
    label = BREAK.join(map(escape, lines))
    return f"{source} --> {target}" + (f" : {label}" if label else "")


def note(node: str, side: str, lines: Iterable[str]) -> list[str]:
    """A note beside a state."""
    return [f"note {side} of {node}", *(f"    {escape(line)}" for line in lines), "end note"]


def classes(members: dict[str, list[str]]) -> list[str]:
    """Colours, and who wears them."""
    found = [f"classDef {kind} {STYLES[kind]}" for kind in STYLES if members.get(kind)]
    if members.get("shared"):
        found.append(f"classDef shared {SHARED_STYLE}")
    return found + [f"class {','.join(nodes)} {kind}" for kind, nodes in members.items() if nodes]


def document(title: str, statements: Iterable[str], size: int = 12) -> str:
    """A whole state diagram, drawn downwards, with letters of `size` pixels."""
    head = ["---", f"title: {_quoted(title)}", *CONFIG, f"    fontSize: {size}px", "---", "stateDiagram-v2"]
    return "\n".join([*head, "    direction TB", *(f"    {one}" for one in statements)]) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''").replace("\n", " ") + "'"
