"""Markdown text: escaping, tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

_PLAIN: Final = re.compile(r"[A-Za-z0-9 _.,;:/+()^=?'→↺✕·×—-]")

GENERATED: Final = "<!-- Written by `statemachine diagrams`; change the tables instead. -->"


def escape(text: str) -> str:
    """Text in which nothing is syntax: all characters but a few harmless ones become numeric entities."""
    return "".join(c if _PLAIN.match(c) else f"&#{ord(c)};" for c in text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table. Cells are Markdown already."""
    yield _line(head)
    yield _line(["---"] * len(head))
    for row in rows:
        yield _line(row)
    yield ""


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def page(title: str, lines: Iterable[str]) -> str:
    """A whole page."""
    return "\n".join([GENERATED, "", f"# {escape(title)}", "", *lines]).rstrip() + "\n"


def fenced(mermaid: str) -> list[str]:
    """A Mermaid block, which GitHub draws."""
    return ["```mermaid", *mermaid.rstrip().splitlines(), "```", ""]
