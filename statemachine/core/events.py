"""Events: the inputs of `reduce`. Each is one frozen value that carries its own time.

`at` is always the first field: integer milliseconds since the epoch, UTC. Four families:

* intents: requests of the local application. Only these can be refused (`IllegalIntent`);
* answers: the result of a command (`Answered`), by the command's id;
* incoming: server events that no call of this client brought (a replayed capture, a push payload);
* the clock: `Tick`, and `Restarted` after the process was down.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import ClassVar, Final, Literal, TypeAlias, cast, get_args

from attrs.validators import in_, instance_of, optional

from .intent import check_entry, checked_record
from .record import field, record
from .wire import Entry, SendableEntry, redacted

_JSON_ONLY: Final = "must hold only text, finite numbers, True, False, None, and lists and mappings of these"


def json_object(value: Mapping[str, object] | str) -> str:
    """A JSON object as canonical text.

    Args:
        value: A mapping from names to JSON values, or the text of a JSON object.

    Raises:
        TypeError: It is neither, or something in it is of a type that JSON does not have.
        ValueError: The text is no JSON, or a number in it is not finite.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError("must be a mapping, or the text of a JSON object: this text is no JSON") from None
    if not isinstance(value, Mapping):
        raise TypeError(f"must be a mapping from names to values, not {type(value).__name__}")
    names = cast(Iterable[object], value)
    if not all(isinstance(name, str) for name in names):
        raise TypeError("must have names that are text (str)")
    try:
        return json.dumps(dict(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except TypeError:
        raise TypeError(_JSON_ONLY) from None
    except (ValueError, RecursionError):
        raise ValueError(_JSON_ONLY) from None


def _named(name: str, value: Mapping[str, object] | str) -> str:
    """`json_object(value)` with errors that name the argument."""
    try:
        return json_object(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} {error}") from None


def _parameters(value: Mapping[str, object] | str) -> str:
    return _named("RequestChat.parameters", value)


def _data(value: Mapping[str, object] | str) -> str:
    return _named("AnswerForm.data", value)


def _entry(entry: SendableEntry) -> SendableEntry:
    return cast(SendableEntry, check_entry(entry))


# --- from a session to the one that follows it -------------------------------------------------------------


@record
class Carryover:
    """The part of a session that its successor continues: made by `carry_over(session)`, so that nothing is repeated.

    `origin`, `ids`: the origin of message ids, and the last number used. `seq`: the last update's number. `entries`,
    `batches`, `marks`: the dedupe window, as packed digests.
    """

    chat_id: str
    origin: str
    ids: int
    seq: int
    entries: bytes = field(repr=False)
    batches: bytes = field(repr=False)
    marks: bytes = field(default=b"", repr=False)


# --- local intents --------------------------------------------------------------------------------------------------


@checked_record
class RequestChat:
    """Start a chat.

    `origin`: an opaque random text, new for each session, made by the host: the prefix of every message id, so that a
    second device or a lost store never reuses one. `parameters`: a mapping, kept as JSON text. `text`: a first message,
    queued until the chat exists, with its `key` and `note` as in `SendText`.
    """

    at: int
    origin: str
    parameters: str = field(default="{}", converter=_parameters, repr=redacted)
    phone_number: str | None = field(default=None, repr=redacted)
    from_: str | None = field(default=None, repr=redacted)
    text: str | None = field(default=None, repr=redacted)
    key: str | None = None
    after: Carryover | None = field(default=None, validator=optional(instance_of(Carryover)))
    note: str = field(default="", repr=redacted)


@checked_record
class Reattach:
    """Continue the active chat of this client, or the one that `chat_id` names."""

    at: int
    origin: str
    chat_id: str | None = None
    after: Carryover | None = field(default=None, validator=optional(instance_of(Carryover)))


@checked_record
class SendText:
    """Send a text.

    `text`: plain text. `key`: the application's own id of the message, returned in its delivery updates; two texts with
    the same key are one message.
    """

    at: int
    text: str = field(repr=redacted)
    key: str | None = None
    note: str = field(default="", repr=redacted)


@checked_record
class SendEntry:
    """Send another kind of entry through the same queue. Its message id is given by the engine."""

    at: int
    entry: SendableEntry = field(converter=_entry)
    key: str | None = None
    note: str = field(default="", repr=redacted)


@checked_record
class SendFile:
    """Upload and send a file. `ref` names its bytes for the host; the engine never sees them.

    `name`: shown to the agent. `type`: image or attachment.
    """

    at: int
    ref: str
    name: str = field(default="", repr=redacted)
    type: Literal["image", "attachment"] = field(default="attachment", validator=in_(("image", "attachment")))
    key: str | None = None
    note: str = field(default="", repr=redacted)


@checked_record
class AnswerForm:
    """Answer an open form, once. `data`: a mapping, kept as JSON text."""

    at: int
    form_request_id: str
    data: str = field(converter=_data, repr=redacted)
    key: str | None = None
    note: str = field(default="", repr=redacted)


@checked_record
class AnswerSecureForm:
    """Answer an open secure form, once. `ref` names the values for the host; they never enter the engine."""

    at: int
    form_request_id: str
    ref: str
    key: str | None = None
    note: str = field(default="", repr=redacted)


@checked_record
class CancelForm:
    """Close an open form, secure or not, without an answer."""

    at: int
    form_request_id: str
    key: str | None = None


@checked_record
class Disconnect:
    """End the conversation and keep the session: a survey may follow. Before any agent has joined, it is an `End`."""

    at: int


@checked_record
class End:
    """End the session."""

    at: int


@checked_record
class StartTyping:
    """The user is typing. It may be repeated at each key. `draft`: the text so far, for tenants that show drafts."""

    at: int
    draft: str = field(default="", repr=redacted)


@checked_record
class StopTyping:
    """The user stopped typing without sending. Without it, the typing signal expires by itself."""

    at: int


@checked_record
class MarkDelivered:
    """The user has received this message: send its delivered receipt (v2), where `Config.receipts` is off."""

    at: int
    msg_id: str


@checked_record
class MarkRead:
    """The user has seen this message: send its read receipt (v2)."""

    at: int
    msg_id: str


@checked_record
class Background:
    """Stop polling after the poll in flight; the session stays open."""

    at: int


@checked_record
class Foreground:
    """Read the history, then poll again."""

    at: int


@checked_record
class PushReceived:
    """A push payload (`chatID`) announces events of this chat: read the history, even in the background."""

    at: int
    chat_id: str


@checked_record
class Reauthorized:
    """The host has new credentials, or corrected its configuration: a blocked connection continues."""

    at: int


# --- answers --------------------------------------------------------------------------------------------------------
#
# `repaired`: why the body had to be read leniently, and what was left out, in words that quote nothing of it; "" if it
# was read as it came.


@checked_record
class ChatOpened:
    """The answer to `CreateChat` or `FindChat`.

    `state`: the stage on the wire. `ewt`: the estimated wait in milliseconds; None: not known. `is_new_chat`: None
    where the answer does not say.
    """

    chat_id: str
    state: str = ""
    ewt: int | None = None
    is_new_chat: bool | None = None
    phone_number: str = field(default="", repr=redacted)
    repaired: str = ""
    incomplete: ClassVar[bool] = False


@record
class EventBatch:
    """Server events in the order they came: the answer of a poll, or of a post (v1; v2: empty).

    `incomplete`: the list has no end, or more entries than are read; the log has the others.
    """

    entries: tuple[Entry, ...] = ()
    repaired: str = ""
    incomplete: bool = False


@record
class HistoryLog:
    """The answer to `ReadHistory`: the whole log of the chat, both sides, oldest first.

    `incomplete`: the list has no end; it proves nothing about what it lacks. A log beyond the limit of entries lacks
    its oldest ones only, and is complete.
    """

    entries: tuple[Entry, ...] = ()
    repaired: str = ""
    incomplete: bool = False


@checked_record
class FileUploaded:
    """The answer to `Upload`."""

    repaired: ClassVar[str] = ""
    incomplete: ClassVar[bool] = False
    file_id: str
    file_name: str = field(default="", repr=redacted)


FailureKind: TypeAlias = Literal["http", "timeout", "cut", "unsent", "no_payload", "unreadable", "restart"]


@checked_record
class Failure:
    """A call that did not succeed.

    `kind`: http: the server (or a proxy) answered with an error; timeout, cut: no whole answer came, so the effect on
    the server is not known; unsent: the request certainly never left (name, connection, TLS); no_payload: the host
    cannot read the file or the form values to send, which is final; unreadable: a success whose body cannot be read;
    restart: the process was down meanwhile. `status`: the HTTP status. `code`: the body's `error_code`. `retry_after`:
    in milliseconds.
    """

    repaired: ClassVar[str] = ""
    incomplete: ClassVar[bool] = False
    kind: FailureKind = field(validator=in_(get_args(FailureKind)))
    status: int | None = None
    code: int | None = None
    retry_after: int | None = None
    detail: str = ""


Reply: TypeAlias = ChatOpened | EventBatch | HistoryLog | FileUploaded | Failure


@record
class Answered:
    """A command was answered.

    An answer to a command that is not owed is ignored; the server events that it carries are not. `command`: the
    command's id. `reply`: the answer.
    """

    at: int
    command: int
    reply: Reply


@record
class Incoming:
    """Server events that came otherwise than by an answer."""

    at: int
    entries: tuple[Entry, ...]


# --- the clock ------------------------------------------------------------------------------------------------------


@record
class Tick:
    """Time has passed. It may be fed at any moment."""

    at: int


@record
class Restarted:
    """The process had ended and runs again: time stood still, and calls in flight have no known result."""

    at: int


@record
class ClockChanged:
    """The wall clock was corrected, or the machine slept: time went on, but the clock shows another time.

    `at`: the time that the clock shows now. `by`: the milliseconds by which it was moved, either way; None: the whole
    difference between `at` and the session's own time.
    Deadlines move with it, those that are due then fire; calls in flight are left alone.
    """

    at: int
    by: int | None = None


# fmt: off
Intent: TypeAlias = (
    RequestChat | Reattach | SendText | SendEntry | SendFile | AnswerForm | AnswerSecureForm | CancelForm
    | Disconnect | End | StartTyping | StopTyping | MarkDelivered | MarkRead | Background | Foreground
    | PushReceived | Reauthorized
)
# fmt: on
Event: TypeAlias = Intent | Answered | Incoming | Tick | Restarted | ClockChanged

INTENTS: Final[tuple[type[Intent], ...]] = get_args(Intent)
EVENTS: Final[tuple[type[Event], ...]] = get_args(Event)
