"""A replay as a Mermaid sequence diagram: customer, engine, server, agents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..core import Poll
from .player import Replay
from .story import lane
from .words import command_words

LONGEST: Final = 120
"""Characters of a label; the rest of a long message says nothing new about the chat."""
_LANES: Final = {"customer": "Customer", "engine": "Engine", "server": "Server", "agents": "Agents"}


def sequence(replay: Replay) -> str:
    """The text of the diagram."""
    return "\n".join(["sequenceDiagram", *(f"    {line}" for line in _lines(replay))]) + "\n"


def _lines(replay: Replay) -> Iterator[str]:
    for lane_, title in _LANES.items():
        yield f"{'actor' if lane_ == 'customer' else 'participant'} {lane_} as {title}"
    phase = ""
    for row in replay.rows:
        if row.quiet:
            continue
        source = lane(row.who)
        name = f"{row.who}: " if source == "agents" else ""
        arrow = "-->>" if source == "server" else "->>"
        yield f"{source}{arrow}engine: {_label(name + row.what)}"
        doing = command_words(one for one in row.commands if not isinstance(one, Poll))
        if doing:
            yield f"engine->>server: {_label(doing)}"
        for note in row.notes:
            yield f"Note right of engine: {_label(note)}"
        if row.phase != phase:
            phase = row.phase
            yield f"Note over engine: {_label(phase)}"


def _label(text: str) -> str:
    """Text in which nothing is syntax: all characters but a few harmless ones become numeric entities."""
    cut = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return "".join(c if c.isascii() and (c.isalnum() or c in " _.,/()-'") else f"#{ord(c)};" for c in cut) or "-"
