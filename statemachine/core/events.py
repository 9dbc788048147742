"""What goes into `reduce`: every input is one frozen value that carries its own time.

`at` is always the first field: integer milliseconds since the epoch, UTC. Four families:

* intents: what the local application wants. Only these can be refused (`IllegalIntent`);
* answers: what became of a command (`Answered`), by the command's id;
* incoming: server events that no call of ours brought (a replayed capture, a push payload);
* the clock: `Tick`, and `Restarted` after the process was down.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, Literal, TypeAlias, cast, get_args

from attrs.validators import in_, instance_of, optional

from .intent import check_entry, checked_record
from .record import field, record
from .wire import Entry, SendableEntry, redacted

_JSON_ONLY: Final = "must hold only text, finite numbers, True, False, None, and lists and mappings of these"


def json_object(value: Mapping[str, object] | str) -> str:
    """A JSON object as canonical text.

    Args:
        value: A mapping from names to what JSON can say, or the text of a JSON object.

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


def _named(name: str, value: Any) -> str:
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


# --- the past of a session, for the one that follows it -------------------------------------------------------------


@record
class Carryover:
    """What a new session takes over from the one before (`past(session)`): nothing is told or numbered twice."""

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
    """Start a chat (E4).

    `origin`: an opaque random text, new for each session, made by the host: the prefix of every message id, so that a
    second device or a lost store never reuses one. `parameters`: a mapping, kept as JSON text. `text`: a first message,
    queued until the chat exists, with its `key` and `note` as in `SendText`. `after`: `carry_over(session)` of
    the session before.
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
    """Find the chat that may still live for this client (E5), or the one named by `chat_id`, and take it up again."""

    at: int
    origin: str
    chat_id: str | None = None
    after: Carryover | None = field(default=None, validator=optional(instance_of(Carryover)))


@checked_record
class SendText:
    """Send a text. `key`: the application's own name for it, echoed in its news; said twice, it is one message.

    `note`: whatever the application wants to find in the news of this message; nobody else sees it.
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
    """Upload and send a file. `ref` names its bytes for the host; the engine never sees them."""

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
    """End the conversation, keep the session: a survey may follow. Before any agent there it is sent as `End`."""

    at: int


@checked_record
class End:
    """End the session."""

    at: int


@checked_record
class StartTyping:
    """The user types; repeat at will, the engine throttles. `draft`: sent along where the tenant previews drafts."""

    at: int
    draft: str = field(default="", repr=redacted)


@checked_record
class StopTyping:
    """The user stopped typing without sending. Forgotten, the engine says it after a while by itself."""

    at: int


@checked_record
class MarkDelivered:
    """This message has reached the user: send its delivered receipt (v2), where the engine does not by itself."""

    at: int
    msg_id: str


@checked_record
class MarkRead:
    """The user has seen this message: send its read receipt (v2)."""

    at: int
    msg_id: str


@checked_record
class Background:
    """Stop polling after the poll in flight; the session stays."""

    at: int


@checked_record
class Foreground:
    """Catch up by history, then poll again."""

    at: int


@checked_record
class PushReceived:
    """A push payload (`chatID`) says that this chat has news: read the history once, even in the background."""

    at: int
    chat_id: str


@checked_record
class Reauthorized:
    """The host has new credentials, or corrected its configuration: a blocked link may go on."""

    at: int


# --- answers --------------------------------------------------------------------------------------------------------
#
# `repaired`: why the body had to be read leniently, and what was left out, in words that quote nothing of it; "" if it
# was read as it came.


@checked_record
class ChatOpened:
    """E4 or E5 answered. `is_new_chat` is None where the answer does not say (E5)."""

    chat_id: str
    state: str = ""
    ewt: int | None = None
    is_new_chat: bool | None = None
    phone_number: str = field(default="", repr=redacted)
    repaired: str = ""


@record
class EventBatch:
    """Server events in the order they came: the answer of a poll, or of a post (v1; v2: empty)."""

    entries: tuple[Entry, ...] = ()
    repaired: str = ""


@record
class HistoryLog:
    """E8 answered: the whole log of the chat, both sides, oldest first."""

    entries: tuple[Entry, ...] = ()
    repaired: str = ""


@checked_record
class FileUploaded:
    """E12 answered."""

    repaired: ClassVar[str] = ""
    file_id: str
    file_name: str = field(default="", repr=redacted)


FailureKind: TypeAlias = Literal["http", "timeout", "cut", "unsent", "no_payload", "unreadable", "restart"]


@checked_record
class Failure:
    """A call that did not succeed.

    `kind`: http: the server (or a proxy) answered with an error; timeout, cut: no whole answer came, what the server
    did is unknown; unsent: the request certainly never left (name, connect, TLS); no_payload: it never left
    either, for the host cannot read the file or the form values to send, which is final; unreadable: a success whose
    body made no sense; restart: the process was down meanwhile. `code`: the body's `error_code`. `retry_after`:
    milliseconds. `detail`: the host's words for people, without ids, secrets and chat text.
    """

    repaired: ClassVar[str] = ""
    kind: FailureKind = field(validator=in_(get_args(FailureKind)))
    status: int | None = None
    code: int | None = None
    retry_after: int | None = None
    detail: str = ""


Reply: TypeAlias = ChatOpened | EventBatch | HistoryLog | FileUploaded | Failure


@record
class Answered:
    """The command with this id was answered. An answer that nobody awaits is dropped; events it carries are not."""

    at: int
    command: int
    reply: Reply


@record
class Incoming:
    """Server events from somewhere else than an answer."""

    at: int
    entries: tuple[Entry, ...]


# --- the clock ------------------------------------------------------------------------------------------------------


@record
class Tick:
    """Time has passed. Harmless at any moment."""

    at: int


@record
class Restarted:
    """The process that drove this session was gone and is back: time stood still, what was in flight is unknown."""

    at: int


@record
class ClockChanged:
    """The wall clock was corrected, or the machine slept: time went on, but the clock shows another time (design 17).

    `at`: what the clock shows now. `by`: by how many milliseconds it was moved, either way; None: all that `at` differs
    from the session's own time. Deadlines move with it, those that are due then fire; calls in flight are left alone.
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
