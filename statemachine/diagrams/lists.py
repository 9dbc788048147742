"""The pages of what connects machines: reactions to answers, and couplings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..core.tables import COUPLINGS, MACHINES, REACTIONS, Reaction
from ..core.tables.reactions import CLASSES, CODES, STATUSES
from . import dot, mermaid
from .draw_mermaid import passing
from .markdown import escape, fenced, page, table
from .names import name

NEVER: Final = "—"


def reactions() -> str:
    """The reaction table: kind of call by class of outcome."""
    return page("Reactions: what an answer means", _reactions())


def _reactions() -> Iterator[str]:
    yield "What each outcome of a call raises, and in which machine. `—`: this kind of call never has that outcome."
    yield ""
    yield from table(
        ["outcome", *REACTIONS], ([one, *(_heard(r.get(one)) for r in REACTIONS.values())] for one in CLASSES)
    )
    yield "## Why"
    yield ""
    yield from table(
        ["call", "outcome", "raises", "why"],
        ([call, outcome, _heard(one), escape(one.why)] for call, outcome, one in each_reaction()),
    )
    yield "## How an answer is classified"
    yield ""
    yield (
        "The body's code first, then the HTTP status, then how the call failed. *Read*: and whatever is safe to repeat."
        " *Post*: where a lost answer leaves a doubt."
    )
    yield ""
    codes = ([str(code), escape(one.name), one.read, one.post] for code, one in CODES.items())
    statuses = ([f"HTTP {status}", "", read, post] for status, (read, post) in STATUSES.items())
    yield from table(["code", "name", "read", "post"], [*codes, *statuses])


def each_reaction() -> Iterator[tuple[str, str, Reaction]]:
    """(kind of call, class of outcome, reaction)."""
    for call, outcomes in REACTIONS.items():
        yield from ((call, outcome, one) for outcome, one in outcomes.items())


def raised_in(reaction: Reaction) -> list[str]:
    """The signals, each with its machine."""
    return [f"{name(signal)} in {machine}" for machine, signal in reaction.signals]


def _heard(reaction: Reaction | None) -> str:
    return NEVER if reaction is None else "<br>".join(map(escape, raised_in(reaction)))


def couplings() -> str:
    """The list of couplings, under a picture of them."""
    return page("Couplings: which machine hears what another one raises", _couplings())


def _couplings() -> Iterator[str]:
    yield "Nothing else connects the machines."
    yield ""
    yield from fenced(couplings_picture())
    yield from table(COUPLING_HEAD, (list(map(escape, row)) for row in coupling_rows()))


COUPLING_HEAD: Final = ["signal", "raised by", "heard by", "which items", "why"]


def coupling_rows() -> Iterator[list[str]]:
    """Each coupling, as `COUPLING_HEAD` says."""
    yield from ([name(c.signal), c.source, c.target, name(c.select) if c.select else "", c.why] for c in COUPLINGS)


def couplings_picture() -> str:
    """The machines, and the signals that pass between them, as Mermaid."""
    return mermaid.document("How the machines hear each other", _statements())


def _statements() -> Iterator[str]:
    nodes = {machine: mermaid.identifier(machine, index) for index, machine in enumerate(MACHINES)}
    for machine, node in nodes.items():
        yield mermaid.state(node, [machine])
    for (source, target), signals in passing().items():
        yield mermaid.arc(nodes[source], nodes[target], signals)
    yield from mermaid.classes({"talking": ["lifecycle"], "resting": [n for n in nodes.values() if n != "lifecycle"]})


def couplings_graph() -> str:
    """The same as DOT."""
    return dot.document(_graph(), '""')


def _graph() -> Iterator[str]:
    for machine in MACHINES:
        style = dot.BOXES["talking" if machine == "lifecycle" else "resting"]
        yield dot.node(machine, dot.box([dot.cell(dot.font(dot.escape(machine), style.ink, 15, bold=True))], style))
    for (source, target), signals in passing().items():
        label = f"<{dot.lines(dot.apart(dot.font(dot.escape(one), size=11)) for one in signals)}>"
        yield dot.edge(
            source, target, {"label": label, "color": dot.quoted(dot.INK), "tooltip": dot.quoted(", ".join(signals))}
        )
