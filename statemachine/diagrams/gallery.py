"""The gallery: `diagrams/README.md`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..core.tables import COUPLINGS, MACHINES
from .complete import KINDS
from .dot import EVENT_STYLES
from .markdown import page, table
from .names import MARKS, StateKind

CAPTIONS: Final[dict[str, str]] = {
    "lifecycle": "Where a chat session stands: what the server reports, what the customer does, and how it ends.",
    "attention": "Whether the server has warned that it will end an idle session; shown as the phase `warned`.",
    "connection": "The one long poll: when it runs, when it backs off, pauses, or waits for new credentials.",
    "history": "When the log is read: after anything that may have lost events, and to prove a post that is in doubt.",
    "item": "One thing going out, from the customer's act to its last receipt, never sent twice.",
    "ephemeral": "Receipts and typing, one at a time, beside the queue.",
}
COLOURS: Final[dict[StateKind, str]] = {
    "waiting": "yellow: waiting, for an agent or until a deadline",
    "talking": "blue, thick border: talking to an agent, or a call to the server is under way",
    "closing": "purple: closing",
    "terminal": "black: over",
    "resting": "white: at rest",
}
READING: Final = (
    "An arc says `number event [guard] / what it runs, +what makes the new record, ^what it raises`. The number is the "
    "row's place in its table: of the rows of one state and event, the first whose guard holds answers. Events that do "
    "the same stand together: commas join those that share a guard, a semicolon ends them. A dashed box stands for all "
    "the states that it names; the arc from the state just before the target is drawn besides. What is taken without "
    "leaving a state stands inside its box; what leads nowhere is listed below. Point at an arc of an SVG: it says why."
)


def gallery() -> str:
    """The page."""
    return page("The session in pictures", _lines())


def _lines() -> Iterator[str]:
    yield "All of this is drawn from the tables by `statemachine diagrams`; `statemachine diagrams --check` compares."
    yield ""
    yield "## At a glance"
    yield ""
    yield (
        "The usual way through each box, and what leads from box to box; whatever ends a chat ends it from anywhere. A "
        "stage may also be skipped, or come again: [every arc](#lifecycle)."
    )
    yield ""
    yield from _picture("lifecycle-overview", "The lifecycle: waiting, talking, closing, and the four ways it ends")
    yield "## How the machines hear each other"
    yield ""
    yield f"The {len(COUPLINGS)} signals that pass from machine to machine; [the list, with reasons](couplings.md)."
    yield ""
    yield from _picture("couplings", "Six machines, and the signals between them")
    yield "## How to read the complete pictures"
    yield ""
    yield READING
    yield ""
    yield from table(
        ["written", "means", "arc"],
        ([f"`{MARKS[kind].format(event)}`", words, EVENT_STYLES[kind]] for kind, (event, words) in KINDS.items()),
    )
    yield from (f"- {text}" for text in COLOURS.values())
    yield ""
    for machine in MACHINES:
        yield f"## {machine}"
        yield ""
        yield CAPTIONS[machine]
        yield ""
        yield from _picture(machine, f"Every row of the machine {machine}", machine)
    yield "## All of them"
    yield ""
    yield "Every row of every machine, and every coupling: to zoom into, or to search in."
    yield ""
    yield from _picture("session", "All six machines", "session")
    yield "## Without pictures"
    yield ""
    yield "State by event, each cell with its rows and reasons: [matrix.html](matrix.html), or as Markdown:"
    yield f"{', '.join(f'[{machine}]({machine}.md)' for machine in MACHINES)}."
    yield "What each outcome of a call means is a table too: [reactions](reactions.md)."
    yield ""
    yield (
        "As data, for readers in other languages: [table.json](table.json), described by [its schema](table.schema.json). "
        "`statemachine diagrams --diff OLD.json` tells what changed since an older one, and what of it breaks."
    )


def _picture(name: str, words: str, data: str = "") -> Iterator[str]:
    """A picture that leads to itself in full size, and its other forms."""
    yield f"[![{words}]({name}.svg)]({name}.svg)"
    yield ""
    forms = {"SVG": "svg", "PNG": "png", "Mermaid": "mmd", "DOT": "dot", **({"XState": "xstate.json"} if data else {})}
    matrix = f" · [state by event]({data}.md)" if data in MACHINES else ""
    yield " · ".join(f"[{form}]({name}.{ending})" for form, ending in forms.items()) + matrix
    yield ""
