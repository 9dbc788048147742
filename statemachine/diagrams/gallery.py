"""The gallery: `diagrams/README.md`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ..core.tables import COUPLINGS, MACHINES
from .markdown import fenced, page
from .names import StateKind

CAPTIONS: Final[dict[str, str]] = {
    "lifecycle": "Where a chat session stands: what the server reports, what the customer does, and how it ends.",
    "attention": "Whether the server has warned that it will end an idle session; shown as the phase `warned`.",
    "link": "The one long poll: when it runs, when it backs off, pauses, or waits for new credentials.",
    "history": "When the log is read: after anything that may have lost events, and to prove a post that is in doubt.",
    "item": "One thing going out, from the customer's act to its last receipt, never sent twice.",
    "courtesy": "Receipts and typing, one at a time, beside the queue.",
}
COLOURS: Final[dict[StateKind, str]] = {
    "waiting": "yellow: waiting, for an agent or until a deadline",
    "talking": "blue, thick border: talking to an agent, or a call to the server is under way",
    "closing": "purple: closing",
    "terminal": "black: over",
    "resting": "white: at rest",
}
READING: Final = (
    "An arc says `event [guard] / what it runs, ^what it raises`. `End()` is asked for by the application, "
    "`after GiveUp` comes when a deadline passes; every other event comes from the server or from another machine. "
    "Events that do the same stand together: commas join those that share a guard, a semicolon ends them. The rows of "
    "a cell are tried in order: the matrix of each machine shows that order, and why an event is ignored or rejected "
    "where no arc leads on."
)
SHARED: Final = (
    "A dashed box stands for all the states that it names; the arc from the state just before the target is drawn "
    "besides. Yellow notes list what is taken without a move (`STAYS, ON`), what leads back "
    "to the same state with new data (`COMES BACK, ON`), and what the machine raises and hears."
)


def gallery(pictures: Mapping[str, str]) -> str:
    """The page; `pictures`: Mermaid text by name."""
    return page("The session in pictures", _lines(pictures))


def _lines(pictures: Mapping[str, str]) -> Iterator[str]:
    yield "All of this is drawn from the tables by `statemachine diagrams`; `statemachine diagrams --check` compares."
    yield ""
    yield "## At a glance"
    yield ""
    yield (
        "Four boxes, the usual way through each, and what leads from box to box. A stage may also be skipped or come"
        " again: [every arc](#lifecycle)."
    )
    yield ""
    yield from fenced(pictures["lifecycle-overview"])
    yield "## How to read the complete pictures"
    yield ""
    yield READING
    yield ""
    yield SHARED
    yield ""
    yield from (f"- {text}" for text in COLOURS.values())
    yield ""
    for machine in MACHINES:
        yield f"## {machine}"
        yield ""
        yield f"{CAPTIONS[machine]} Large: [SVG]({machine}.svg), [PNG]({machine}.png). [State by event]({machine}.md)."
        yield ""
        yield from fenced(pictures[machine])
    yield "## Between the machines"
    yield ""
    yield f"The {len(COUPLINGS)} signals that pass from machine to machine; [the list, with reasons](couplings.md)."
    yield ""
    yield from fenced(pictures["couplings"])
    yield "What each outcome of a call means is a table too: [reactions](reactions.md)."
    yield ""
    yield "## As data"
    yield ""
    yield (
        "All of it for readers in other languages: [table.json](table.json), described by [its schema](table.schema.json). "
        "`statemachine diagrams --diff OLD.json` tells what changed since an older one, and what of it breaks."
    )
