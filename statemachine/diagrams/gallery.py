"""The gallery: `diagrams/README.md`."""

from __future__ import annotations

from importlib import resources
from string import Template
from typing import Final

from ..core.tables import COUPLINGS, MACHINES
from .complete import KINDS
from .dot import EVENT_STYLES
from .markdown import page, table
from .names import MARKS

CAPTIONS: Final[dict[str, str]] = {
    "lifecycle": "The phases of a chat session: the server's reports, the customer's actions, and the ends.",
    "presence": 'Whether the server still knows the chat, after it answered a call with "no such chat".',
    "opening": "The search for a chat id, while the lifecycle is requesting, or ending before a chat is known.",
    "attention": "Whether the server has warned that it will end an idle session; shown as the phase `warned`.",
    "connection": "The one long poll: when it runs, when it backs off, pauses, or waits for new credentials.",
    "history": "When the log is read: after anything that may have lost events, and to prove a post that is in doubt.",
    "item": "One thing going out, from the customer's act to its last receipt, never sent twice.",
    "ephemeral": "Receipts and typing, one at a time, beside the queue.",
}


def gallery() -> str:
    """The page."""
    template = Template(resources.files("statemachine.diagrams").joinpath("static", "gallery.md").read_text("utf-8"))
    kinds = ([f"`{MARKS[kind].format(event)}`", words, EVENT_STYLES[kind]] for kind, (event, words) in KINDS.items())
    text = template.substitute(
        overview=_picture(
            "lifecycle-overview", "The lifecycle of a chat session: its phases, and the events between them"
        ),
        signals=len(COUPLINGS),
        couplings=_picture("couplings", "The machines, and the signals between them"),
        kinds="\n".join(table(["written", "means", "arc"], kinds)),
        machines="".join(map(_machine, MACHINES)).rstrip() + "\n",
        session=_picture("session", "All machines", has_xstate=True),
        matrices=", ".join(f"[{machine}]({machine}.md)" for machine in MACHINES),
    )
    return page("The session in pictures", [text])


def _machine(machine: str) -> str:
    picture = _picture(machine, f"Every row of the machine {machine}", has_xstate=True)
    return f"## {machine}\n\n{CAPTIONS[machine]}\n\n{picture}\n"


def _picture(name: str, words: str, has_xstate: bool = False) -> str:
    """A picture that links to itself in full size, and its other forms."""
    forms = {"SVG": "svg", "PNG": "png", "Mermaid": "mmd", "DOT": "dot"}
    if has_xstate:
        forms["XState"] = "xstate.json"
    links = [f"[{form}]({name}.{ending})" for form, ending in forms.items()]
    if name in MACHINES:
        links.append(f"[state by event]({name}.md)")
    return f"[![{words}]({name}.svg)]({name}.svg)\n\n{' · '.join(links)}\n"
