"""Read files into a capture: the format of each file, and its content in order.

The forms: a wire container (`{"events": […]}`), JSON lines of containers or of single events, a HAR file, a trace
written by this product. What a form allows is read tolerantly; a file of no known form is a `BadCapture`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias, cast

from attrs import evolve, frozen

from ..codec.body import MAX_BODY, Problem, as_object, parse_body
from ..codec.errors import BadRecord
from ..codec.har import is_har, unpacked
from ..codec.records import decode_event, encode_event
from ..codec.snapshot import restore, snapshot
from ..codec.trace import RecordedStep, is_header, read_trace
from ..codec.wire import decode_entries, decode_entry
from ..core import Answered, Entry, Incoming, Session
from ..core.wire import Malformed
from .har import CapturedCall, read_har


class BadCapture(ValueError):
    """A file that cannot be replayed. The text is one line; what `read_capture` raises begins with the file's name."""


@frozen
class ServerEvents:
    """Server events whose call is not known. `single`: one event by itself, not a container of them."""

    entries: tuple[Entry, ...]
    single: bool = False


@frozen
class TraceHeader:
    """The header of a trace: the product that wrote it, and the session at its start (None: a new one)."""

    product: str
    session: Session | None


Part: TypeAlias = ServerEvents | CapturedCall | TraceHeader | RecordedStep


@frozen
class Capture:
    """The content of the files, in order. `forms`: the format of each file; `chat_id`: the first one found, or ""."""

    parts: tuple[Part, ...]
    forms: tuple[str, ...]
    chat_id: str = ""


def read_capture(files: Iterable[tuple[str, bytes]]) -> Capture:
    """One capture of several files, (name, content) each, in order. Raises BadCapture."""
    parts: list[Part] = []
    forms: list[str] = []
    chat_id = ""
    for name, data in files:
        try:
            form, found, named = _read(unpacked(data))
        except BadCapture as refused:
            raise BadCapture(f"{name}: {refused}") from None
        forms.append(form)
        parts += found
        chat_id = chat_id or named
    return Capture(tuple(parts), tuple(forms), chat_id)


def redacted(capture: Capture) -> Capture:
    """The same capture with texts, names, numbers and file names replaced by their length."""
    return evolve(capture, parts=tuple(map(_redacted, capture.parts)))


def _redacted(part: Part) -> Part:
    match part:
        case RecordedStep():
            return evolve(part, event=_hidden(part.event))
        case ServerEvents():
            return evolve(part, entries=_hidden(Incoming(0, part.entries)).entries)
        case CapturedCall():
            reply = None if part.reply is None else _hidden(Answered(0, 0, part.reply)).reply
            return evolve(part, reply=reply, posted=_hidden(Incoming(0, part.posted)).entries, asked={})
        case TraceHeader():
            session = None if part.session is None else restore(snapshot(part.session, redacted=True))
            return evolve(part, session=session)


def _hidden(event: Any) -> Any:
    return decode_event(encode_event(event, redacted=True))


# --- bytes ----------------------------------------------------------------------------------------------------------

_FORMS: Final = "a wire container, JSON lines of events, a HAR file, or a trace"


# --- forms ----------------------------------------------------------------------------------------------------------


def _read(data: bytes) -> tuple[str, list[Part], str]:
    """(form, parts, the chat id they name)."""
    if len(data) > MAX_BODY:
        raise BadCapture(f"larger than {MAX_BODY // 1_000_000} MB; keep the calls of one chat and try again")
    if not data.removeprefix(b"\xef\xbb\xbf").strip():
        raise BadCapture(f"empty; expected {_FORMS}")
    value = parse_body(data)
    if isinstance(value, Problem):
        return _read_lines(data, value)
    if is_har(value):
        calls = read_har(value)
        if not calls:
            raise BadCapture("a HAR file without a call of a chat (no path with /clientweb/api/v1/ or /v2/)")
        return "HAR", list(calls), next((call.chat_id for call in calls if call.chat_id), "")
    if _is_trace_head(value):
        return "trace", _read_trace(data), ""
    items = cast(list[object], value) if isinstance(value, list) else [value]
    if not items or not all(map(_holds_events, items)):
        raise BadCapture(f"JSON, but not a capture; expected {_FORMS}")
    return "container", [_arrived(item) for item in items], _named(items)


def _holds_events(value: object) -> bool:
    item = as_object(value)
    return "events" in item or isinstance(item.get("event"), str)


def _arrived(value: object) -> ServerEvents:
    item = as_object(value)
    if "events" in item:
        return ServerEvents(decode_entries(item))
    return ServerEvents((decode_entry(item),), single=True)


def _named(values: Iterable[object]) -> str:
    """The chat id beside the events, or ""."""
    named = (as_object(value).get("chat_id") for value in values)
    return next((one for one in named if isinstance(one, str) and one), "")


# --- lines ----------------------------------------------------------------------------------------------------------


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(number, line) of those that hold something."""
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if line := line.strip():
            yield number, line


def _read_lines(data: bytes, whole: Problem) -> tuple[str, list[Part], str]:
    lines = list(_lines(data))
    values = [parse_body(line) for _, line in lines]
    if _is_trace_head(values[0]):
        return "trace", _read_trace(data), ""
    if not any(map(_holds_events, values)):
        if any({"event", "phase", "commands"} <= as_object(value).keys() for value in values):
            raise BadCapture("a trace without its first line, which has the session at its start")
        raise BadCapture(f"{whole.text}; expected {_FORMS}")
    parts: list[Part] = [_line(number, value) for (number, _), value in zip(lines, values, strict=True)]
    return "JSON lines", parts, _named(values)


def _line(number: int, value: object) -> ServerEvents:
    """One line. Anything but an event or a container becomes a malformed entry."""
    if isinstance(value, Problem):
        return ServerEvents((Malformed(f"line {number}: {value.text}"),), single=True)
    if not _holds_events(value):
        return ServerEvents((Malformed(f"line {number}: neither an event nor a container of events"),), single=True)
    return _arrived(value)


def _is_trace_head(value: object) -> bool:
    return {"trace", "product"} <= as_object(value).keys()


def _read_trace(data: bytes) -> list[Part]:
    """The traces of a file. The last line of each may have been cut when its process died."""
    lines = data.decode("utf-8-sig", errors="replace").split("\n")
    heads = [number for number, line in enumerate(lines) if is_header(line)]
    starts = sorted({0, *heads})
    parts: list[Part] = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        if any(map(str.strip, lines[start:end])):
            parts += _read_one_trace(lines[start:end], start + 1)
    return parts


def _read_one_trace(lines: list[str], first: int) -> list[Part]:
    while lines and not lines[-1].strip():
        lines.pop()
    try:
        trace = read_trace(lines, first)
    except BadRecord as error:
        if len(lines) < 2 or not isinstance(parse_body(lines[-1].encode()), Problem):
            raise BadCapture(str(error)) from None
        return [*_read_one_trace(lines[:-1], first), _cut_line(first + len(lines) - 1)]
    return [TraceHeader(trace.product, trace.session), *trace.steps]


def _cut_line(number: int) -> ServerEvents:
    return ServerEvents((Malformed(f"line {number}: cut off"),), single=True)
