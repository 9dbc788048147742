"""What a play reports while it goes on, as data: the same within one process and between two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from attrs import frozen

from statemachine.adapters.protocols import HandledEvent
from statemachine.client import Update
from statemachine.scripted.result import StepResult
from statemachine.scripted.script import ScriptStep


@frozen
class EntrySent:
    """The customer sent something, as this item. ``text``: the text, or words for what it is."""

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
    HandledEvent
    | Update
    | EntrySent
    | UpdatesFailed
    | StepExecuted
    | ChatLeftOpen
    | ProcessStarted
    | ProcessKilled
    | PlayFinished
)
"""Also each step of the engine, and each update."""
Listener: TypeAlias = Callable[[PlayEvent], None]
