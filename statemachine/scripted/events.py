"""The events of a play, as data: the same within one process and between two; and its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from attrs import define, field, frozen

from statemachine.adapters.protocols import HandledEvent
from statemachine.client import Update
from statemachine.scripted.script import ScriptStep


@frozen
class StepResult:
    """One step that was executed: its duration, and the problem, "" if there was none."""

    line: int
    words: str
    seconds: float
    problem: str = ""


@define
class PlayResult:
    """Session ``number``, from 1. ``phases``: in order. ``sent_ms``: milliseconds until the server had each text.

    It holds no texts of the other side: reports are kept and passed on.
    """

    number: int
    client_id: str
    steps: list[StepResult] = field(factory=list[StepResult])
    phases: list[str] = field(factory=list[str])
    sent_ms: list[int] = field(factory=list[int])
    received: int = 0
    """Number of texts received."""
    outcome: str | None = None
    ended_by_us: bool = False
    """The script left its chat open, so it was ended after it."""
    seconds: float = 0.0

    @property
    def problem(self) -> StepResult | None:
        """The step that failed, or None."""
        return next((step for step in self.steps if step.problem), None)

    @property
    def ok(self) -> bool:
        """No step failed."""
        return self.problem is None


class StepFailed(Exception):
    """A step could not be executed, or its expectation was not met. The text says how."""


@frozen
class EntrySent:
    """The customer sent something, as this item. ``text``: the text, or a description."""

    kind: Literal["text", "file", "location", "form"]
    item: str
    text: str


@frozen
class UpdatesFailed:
    """No more updates can be read, though the chat may go on."""

    reason: str


@frozen
class StepExecuted:
    """A step of the script was executed, or failed."""

    step: ScriptStep
    result: StepResult


@frozen
class ChatLeftOpen:
    """The script is over and its chat is not: it is ended now."""


@frozen
class ProcessStarted:
    """The client's process was started, or started again."""

    pid: int


@frozen
class ProcessKilled:
    """The client's process was killed."""

    pid: int


@frozen
class PlayFinished:
    """Nothing more happens to this customer."""


PlayEvent: TypeAlias = (
    HandledEvent | Update | EntrySent | UpdatesFailed | StepExecuted | ChatLeftOpen | ProcessStarted | ProcessKilled
    | PlayFinished
)  # fmt: skip
"""Also each step of the engine, and each update."""
Listener: TypeAlias = Callable[[PlayEvent], None]
