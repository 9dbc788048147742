"""Traces: the events of a session and its outputs, as JSON lines.

First a header, `{"trace": 2, "product": …, "session": <snapshot or null>}`; then a line for each step,
`{"event": …, "phase": …, "commands": […], "updates": […]}`, with the phase after it. By default it holds no texts,
numbers, places or files of people (`records.py`), and never an authorization: the core holds none.

A file may hold several traces, one after the other, each with its header. One of an older format is lifted line by
line, one format at a time; one of a newer format is refused. Golden files hold every format ever released
(tests/codec/golden).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Final, cast

from attrs import frozen

from ..core import COMMANDS, Anomaly, Command, Event, Notification, Session, TranscriptUpdate
from .body import Object, is_array, is_object
from .errors import BadRecord, BadSnapshot
from .records import AnyUpdate, decode_command, decode_event, decode_update
from .records import encode_command as _command
from .records import encode_event as _event
from .records import encode_update as _update
from .snapshot import restore, snapshot
from .upgrades import from_format_1

FORMAT: Final = 2
UPGRADES: Final[dict[int, Callable[[Object], Object]]] = {1: from_format_1}
"""Format -> a pure function that makes of one of its step lines one of the next format."""

_STEP: Final = ("event", "phase", "commands", "updates")


@frozen
class RecordedStep:
    """One call of `reduce`. `phase`: the public phase after it."""

    event: Event
    phase: str
    commands: tuple[Command, ...] = ()
    updates: tuple[AnyUpdate, ...] = ()

    @classmethod
    def of(cls, event: Event, phase: str, outputs: Iterable[Command | Notification]) -> RecordedStep:
        """A step with its outputs sorted out."""
        found = tuple(outputs)
        return cls(
            event,
            phase,
            tuple(one for one in found if isinstance(one, COMMANDS)),
            tuple(one for one in found if isinstance(one, TranscriptUpdate | Anomaly)),
        )


@frozen
class Trace:
    """A whole trace. `product`: what wrote it; `session`: where it began, None for a new session."""

    product: str
    session: Session | None
    steps: tuple[RecordedStep, ...]


def header_line(product: str, session: Session | None = None, *, redacted: bool = True) -> str:
    """The first line, without its line end."""
    start = None if session is None else snapshot(session, redacted=redacted)
    return _line({"trace": FORMAT, "product": product, "session": start})


def step_line(step: RecordedStep, *, redacted: bool = True) -> str:
    """The line of one step, without its line end."""
    return _line(
        {
            "event": _event(step.event, redacted=redacted),
            "phase": step.phase,
            "commands": [_command(command, redacted=redacted) for command in step.commands],
            "updates": [_update(update, redacted=redacted) for update in step.updates],
        }
    )


def is_header(line: str) -> bool:
    """This line begins a trace."""
    return line.lstrip().startswith('{"trace":')


def read_trace(lines: Iterable[str], first: int = 1) -> Trace:
    """The trace of these lines; empty ones do not count. Raises `BadRecord` with the number of the line.

    `first`: the number of the first one.
    """
    numbered = ((number, line) for number, line in enumerate(lines, first) if line.strip())
    number, line = next(numbered, (first, "null"))
    header = _object(number, line)
    product, session = _read_header(number, header)
    return Trace(product, session, tuple(_read_steps(numbered, cast(int, header["trace"]))))


def _line(value: Object) -> str:
    return json.dumps(value, separators=(",", ":"))  # ASCII: any text survives any terminal, pipe and log


def _object(number: int, line: str) -> Object:
    try:
        value: object = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if not is_object(value):
        raise BadRecord(f"line {number}: expected a JSON object")
    return value


def _read_header(number: int, header: Object) -> tuple[str, Session | None]:
    form = header.get("trace")
    if type(form) is not int or form < 1 or not isinstance(header.get("product"), str):
        raise BadRecord(f"line {number}: expected the header of a trace, with trace {FORMAT} and a product")
    if form > FORMAT:
        raise BadRecord(
            f"line {number}: trace {form} was written by a newer version; this one reads up to {FORMAT}. "
            "Update chat-session-statemachine"
        )
    try:
        session = None if header.get("session") is None else restore(header["session"])
    except BadSnapshot as error:
        raise BadRecord(f"line {number}: session: {error}") from None
    return cast(str, header["product"]), session


def _read_steps(lines: Iterator[tuple[int, str]], form: int) -> Iterator[RecordedStep]:
    for number, line in lines:
        step = _object(number, line)
        for older in range(form, FORMAT):
            step = UPGRADES[older](step)
        event, phase, commands, updates = [step.pop(name, None) for name in _STEP]
        if step or not isinstance(phase, str) or not is_array(commands) or not is_array(updates):
            raise BadRecord(f"line {number}: expected a step: {', '.join(_STEP)} and nothing else")
        try:
            yield RecordedStep(
                decode_event(event),
                phase,
                tuple([decode_command(command) for command in commands]),
                tuple([decode_update(item) for item in updates]),
            )
        except BadRecord as error:
            raise BadRecord(f"line {number}: {error}") from None
