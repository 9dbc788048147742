"""What a script is made of: steps, all of them data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from attrs import field, frozen

__all__ = [
    "HAPPENINGS",
    "AnswerForm",
    "CancelForm",
    "Deed",
    "DeedName",
    "Expect",
    "Happening",
    "Pause",
    "Repeat",
    "Say",
    "Script",
    "SendFile",
    "SendLocation",
    "Start",
    "Stats",
    "Step",
    "WaitFor",
]

DeedName: TypeAlias = Literal["typing", "stop_typing", "mark_read", "background", "foreground", "disconnect", "end"]
Happening: TypeAlias = Literal[
    "phase", "says", "form", "file", "location", "warning", "typing", "joined", "left", "message"
]
HAPPENINGS: dict[Happening, str] = {
    "phase": "the chat enters this phase, or one of these",
    "says": "somebody says something that contains this, or one of these; upper or lower case",
    "form": "a form of this name is shown",
    "file": "a file whose name contains this comes",
    "location": "a place comes whose latitude or longitude begins like this",
    "warning": "the server warns of inactivity, in words that contain this",
    "typing": "somebody whose name contains this begins to type",
    "joined": "somebody whose name contains this joins",
    "left": "somebody whose name contains this leaves",
    "message": "the customer's own latest text gets here: sent, delivered, read, failed",
}
"""What can be waited for, and what its value means. An empty text: any."""


@frozen(kw_only=True)
class _Step:
    """``line`` of the file, from 1; ``words``: the step as a report names it."""

    line: int = field(eq=False, default=0)
    words: str = field(eq=False, default="")


@frozen
class Start(_Step):
    """Ask for a chat, with a first text where there is one. A script that does not begin with it is given one."""

    text: str = ""


@frozen
class Say(_Step):
    """Send a text; ``{n}`` in it is the number of the session."""

    text: str


@frozen
class Pause(_Step):
    """Do nothing for so many milliseconds."""

    ms: int


@frozen
class WaitFor(_Step):
    """Wait until this has happened since the last wait for such a thing.

    ``within``: milliseconds. When they are over the script fails; with ``otherwise`` it does that and goes on.
    """

    happening: Happening
    values: tuple[str, ...]
    within: int
    otherwise: tuple[Step, ...] | None = None


@frozen
class Stats:
    """How things are to stand; None: however they do. Names of agents and forms in any order."""

    phase: tuple[str, ...] | None = None
    outcome: tuple[str, ...] | None = None
    agents: tuple[str, ...] | None = None
    forms: tuple[str, ...] | None = None


@frozen
class Expect(_Step):
    """Things stand like this now, or soon: within so many milliseconds."""

    standing: Stats
    within: int


@frozen
class AnswerForm(_Step):
    """Answer the open form of this name, or the latest one; wait for it so many milliseconds."""

    data: Mapping[str, object]
    form: str | None
    within: int


@frozen
class CancelForm(_Step):
    """Close the open form of this name, or the latest one."""

    form: str
    within: int


@frozen
class SendFile(_Step):
    """Send a file of this name: what is in ``path``, or ``content``."""

    name: str
    path: Path | None = None
    content: bytes = b""


@frozen
class SendLocation(_Step):
    """Send a place, in degrees."""

    latitude: float
    longitude: float
    url: str = ""


@frozen
class Deed(_Step):
    """Something that needs no more than its name."""

    name: DeedName


@frozen
class Repeat(_Step):
    """The same again, so many times."""

    steps: tuple[Step, ...]
    times: int


Step: TypeAlias = (
    Start | Say | Pause | WaitFor | Expect | AnswerForm | CancelForm | SendFile | SendLocation | Deed | Repeat
)


@frozen
class Script:
    """One way a customer goes through a chat. ``app_id``: where none is said; ``parameters``: of the request."""

    name: str
    about: str
    steps: tuple[Step, ...]
    app_id: str | None = None
    parameters: Mapping[str, object] = field(factory=dict[str, object])
