"""The steps of a script, all of them data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias

from attrs import field, frozen

MethodName: TypeAlias = Literal["typing", "stop_typing", "mark_read", "background", "foreground", "disconnect", "end"]
Receipts: TypeAlias = Literal["auto", "on_ack", "off"]
Occurrence: TypeAlias = Literal[
    "phase", "says", "form", "file", "location", "warning", "typing", "joined", "left", "message", "failure"
]
OCCURRENCES: Final[dict[Occurrence, str]] = {
    "phase": "the chat enters this phase, or one of these",
    "says": "another party sends a text that contains this, or one of these; upper or lower case",
    "form": "a form of this name is shown",
    "file": "a file arrives whose name contains this",
    "location": "a place arrives whose latitude or longitude begins like this",
    "warning": "the server warns of inactivity, with a text that contains this",
    "typing": "a party whose name contains this begins to type",
    "joined": "a party whose name contains this joins",
    "left": "a party whose name contains this leaves",
    "message": "the customer's own latest text reaches this state: sent, delivered, read, failed",
    "failure": "a request of the client fails: with this error code, or with any",
}
"""The occurrences that `wait_for` waits for, and the meaning of its value. An empty text: any."""


@frozen(kw_only=True)
class ScriptStep:
    """The base of all steps. ``line`` of the file, from 1; ``words``: the step as a report names it."""

    line: int = field(eq=False, default=0)
    words: str = field(eq=False, default="")


@frozen
class StartStep(ScriptStep):
    """Ask for a chat, with a first text if there is one. The reader puts it before a script without it."""

    text: str = ""


@frozen
class SayStep(ScriptStep):
    """Send a text; ``{n}`` in it is the number of the session."""

    text: str


@frozen
class PauseStep(ScriptStep):
    """Do nothing for ``ms`` milliseconds, times the pace of the play."""

    ms: int


@frozen
class WaitStep(ScriptStep):
    """Wait until this has occurred since the last wait for the same kind.

    ``within``: milliseconds. After that time the script fails; with ``otherwise`` it does that and goes on.
    """

    occurrence: Occurrence
    values: tuple[str, ...]
    within: int
    otherwise: tuple[ScriptStep, ...] | None = None


@frozen
class ExpectStep(ScriptStep):
    """Require this state of the chat within ``within`` milliseconds; None is not compared.

    ``phase`` and ``outcome``: one of these. ``agents``: the display names of all present agents. ``forms``: the names
    of all open forms.
    """

    phase: tuple[str, ...] | None = None
    outcome: tuple[str, ...] | None = None
    agents: tuple[str, ...] | None = None
    forms: tuple[str, ...] | None = None
    within: int = field(kw_only=True)


@frozen
class AnswerFormStep(ScriptStep):
    """Answer the open form of this name or id, or the latest one. Waits for it up to ``within`` milliseconds."""

    data: Mapping[str, object]
    form: str | None = None
    within: int = field(kw_only=True)


@frozen
class CancelFormStep(ScriptStep):
    """Close the open form of this name or id, or the latest one. Waits for it up to ``within`` milliseconds."""

    form: str
    within: int


@frozen
class FileStep(ScriptStep):
    """Send a file of this name: the file at ``path``, or ``content``."""

    name: str
    path: Path | None = None
    content: bytes = b""


@frozen
class LocationStep(ScriptStep):
    """Send a place, in degrees."""

    latitude: float | str
    longitude: float | str
    url: str = ""


@frozen
class CallStep(ScriptStep):
    """Call this method of the session, without arguments."""

    name: MethodName


@frozen
class RestartStep(ScriptStep):
    """Kill the client's process, and start it again with the same store."""


@frozen
class RepeatStep(ScriptStep):
    """Do these steps ``times`` times."""

    steps: tuple[ScriptStep, ...]
    times: int


@frozen(kw_only=True)
class Script:
    """The steps of one customer in a chat.

    ``app_id``: used where the caller gives none. ``parameters``: of the request for the chat. ``receipts``: when the
    client acknowledges messages, see ``Options.receipts``; None: as the caller's options say.
    """

    name: str
    about: str = ""
    steps: tuple[ScriptStep, ...]
    app_id: str | None = None
    parameters: Mapping[str, object] = field(factory=dict[str, object])
    receipts: Receipts | None = None

    @property
    def restarts(self) -> bool:
        """Whether its client must run in a process of its own."""
        return any(isinstance(step, RestartStep) for step in self.steps)
