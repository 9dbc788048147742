"""The states of the machines, and the items whose states some of them are.

Two conventions hold throughout, and everything derived rests on them (`derived.py`):

* a record that can expire has a field `due` (milliseconds since the epoch); leaving the record drops the deadline;
* a record that owes a command has a field `call`, the command's id; leaving the record withdraws the command.
  Its `kind` says which command.

A state's `name` is the public literal that snapshots, vectors and `--json` carry.
"""

from __future__ import annotations

from typing import ClassVar, Final, Literal, TypeAlias, get_args

from .commands import Kind
from .events import FailureKind
from .record import field, record
from .updates import Outcome
from .wire import Entry, redacted


@record
class _NoDue:
    """A state without a deadline.

    It has the slot all the same: each step reads seven of them, in 8 ns; a class variable takes 20.
    """

    due: None = field(default=None, init=False)


class _NoCall:
    """A state that owes no command."""

    __slots__ = ()
    call: ClassVar[None] = None


class _NoTries:
    """A state that counts no failures."""

    __slots__ = ()
    tries: ClassVar[int] = 0


# --- lifecycle ------------------------------------------------------------------------------------------------------


@record
class Idle(_NoDue):
    name: ClassVar[Literal["idle"]] = "idle"


@record
class Requesting:
    """A chat id is being searched for (machine `opening`). `due`: when to give up."""

    name: ClassVar[Literal["requesting"]] = "requesting"
    due: int


@record
class Establishing(_NoDue):
    """The chat exists; no stage is known yet."""

    name: ClassVar[Literal["establishing"]] = "establishing"


@record
class Ivr(_NoDue):
    name: ClassVar[Literal["ivr"]] = "ivr"


@record
class Queued(_NoDue):
    """`ewt`: estimated wait in milliseconds; None is unknown."""

    name: ClassVar[Literal["queued"]] = "queued"
    ewt: int | None = None


@record
class Connecting(_NoDue):
    name: ClassVar[Literal["connecting"]] = "connecting"


@record
class Connected(_NoDue):
    """The server says connected; no agent has been announced yet."""

    name: ClassVar[Literal["connected"]] = "connected"


@record
class AgentJoined(_NoDue):
    name: ClassVar[Literal["agent_joined"]] = "agent_joined"


@record
class WrappingUp(_NoDue):
    """The conversation is over, the session is open: a farewell, a survey, another queue may follow."""

    name: ClassVar[Literal["wrapping_up"]] = "wrapping_up"


@record
class Ending:
    """The customer ended. `due`: when to stop waiting for the server's confirmation."""

    name: ClassVar[Literal["ending"]] = "ending"
    due: int


@record
class Ended(_NoDue):
    """Over in good order; `outcome` is ended or completed."""

    name: ClassVar[Literal["ended"]] = "ended"
    outcome: Outcome = "ended"


@record
class Failed(_NoDue):
    """`outcome`: failed (the server's word), refused (configuration), gave_up (no answer in time)."""

    name: ClassVar[Literal["failed"]] = "failed"
    outcome: Outcome = "failed"


@record
class TimedOut(_NoDue):
    name: ClassVar[Literal["timed_out"]] = "timed_out"
    outcome: ClassVar[Outcome] = "timed_out"


@record
class Gone(_NoDue):
    """The server does not know this chat any more (404, 5005)."""

    name: ClassVar[Literal["gone"]] = "gone"
    outcome: ClassVar[Outcome] = "gone"


# fmt: off
Lifecycle: TypeAlias = (
    Idle | Requesting | Establishing | Ivr | Queued | Connecting | Connected | AgentJoined | WrappingUp | Ending
    | Ended | Failed | TimedOut | Gone
)
# fmt: on

# --- opening: the search for a chat id ------------------------------------------------------------------------------


@record
class OpeningIdle(_NoDue, _NoCall, _NoTries):
    """No chat id is being searched for."""

    name: ClassVar[str] = "idle"


@record
class OpeningCreating:
    """E4 is in flight. `parameters`, `phone_number`, `from_`: of the request."""

    name: ClassVar[str] = "creating"
    kind: ClassVar[Kind] = "create"
    call: int
    due: int
    tries: int = 0
    parameters: str = field(default="{}", repr=redacted)
    phone_number: str | None = field(default=None, repr=redacted)
    from_: str | None = field(default=None, repr=redacted)


@record
class OpeningFinding:
    """E5 is in flight."""

    name: ClassVar[str] = "finding"
    kind: ClassVar[Kind] = "find"
    call: int
    due: int
    tries: int = 0


@record
class OpeningBackingOff(_NoCall):
    """Waiting to try again: with E5 where `find`, else with E4 and what the request gave.

    `reason`, `code`, `detail`: of the failure that caused it.
    """

    name: ClassVar[Literal["backing_off"]] = "backing_off"
    due: int
    tries: int
    slack: int = 0
    find: bool = False
    parameters: str = field(default="{}", repr=redacted)
    phone_number: str | None = field(default=None, repr=redacted)
    from_: str | None = field(default=None, repr=redacted)
    reason: FailureKind | None = None
    code: int | None = None
    detail: str = ""


Opening: TypeAlias = OpeningIdle | OpeningCreating | OpeningFinding | OpeningBackingOff

# --- attention ------------------------------------------------------------------------------------------------------


@record
class Calm:
    name: ClassVar[str] = "calm"


@record
class Warned:
    """The server has warned that it will end an idle session."""

    name: ClassVar[Literal["warned"]] = "warned"


Attention: TypeAlias = Calm | Warned

# --- link: the one poll ---------------------------------------------------------------------------------------------


@record
class ConnectionOff(_NoDue, _NoCall):
    """Not polling: no chat yet, the history first, or over. `tries`: failures in a row so far."""

    name: ClassVar[Literal["off"]] = "off"
    tries: int = 0


@record
class ConnectionPolling:
    """`fast_empty_polls`: instant answers in a row that brought nothing; `fast_polls`: all of them."""

    name: ClassVar[Literal["polling"]] = "polling"
    kind: ClassVar[Kind] = "poll"
    call: int
    due: int
    tries: int = 0
    fast_empty_polls: int = 0
    fast_polls: int = 0


@record
class ConnectionBackingOff(_NoCall):
    """Waiting to try again. `slack`: how much later is as good. `reason`, `code`, `detail`: of the failure before.

    With no failure (`tries` is 0) it is the brake on instant answers, whose counts go on.
    """

    name: ClassVar[Literal["backing_off"]] = "backing_off"
    due: int
    tries: int
    slack: int = 0
    code: int | None = None
    fast_empty_polls: int = 0
    fast_polls: int = 0
    reason: FailureKind | None = None
    detail: str = ""


@record
class ConnectionPaused(_NoTries):
    """In the background. A poll in flight may still answer."""

    name: ClassVar[Literal["paused"]] = "paused"
    kind: ClassVar[Kind] = "poll"
    call: int | None = None
    due: int | None = None


@record
class ConnectionBlocked(_NoDue, _NoCall, _NoTries):
    """Authorization or configuration was refused in mid-session: waiting for `Reauthorized` or `End`.

    `paused`: in the background meanwhile, so that nothing is polled afterwards either.
    """

    name: ClassVar[Literal["blocked"]] = "blocked"
    code: int | None = None
    paused: bool = False


Connection: TypeAlias = ConnectionOff | ConnectionPolling | ConnectionBackingOff | ConnectionPaused | ConnectionBlocked

# --- history --------------------------------------------------------------------------------------------------------


@record
class HistoryCurrent(_NoDue, _NoCall, _NoTries):
    name: ClassVar[str] = "current"
    rejections: ClassVar[int] = 0


@record
class HistoryReading:
    name: ClassVar[str] = "reading"
    kind: ClassVar[Kind] = "history"
    call: int
    due: int
    tries: int = 0
    rejections: int = 0


@record
class HistoryStale:
    """A reading is in flight that began too early to prove anything about a post in doubt: read again after it."""

    name: ClassVar[str] = "stale"
    kind: ClassVar[Kind] = "history"
    call: int
    due: int
    tries: int = 0
    rejections: int = 0


@record
class HistoryBackingOff(_NoCall):
    name: ClassVar[str] = "backing_off"
    due: int
    tries: int
    slack: int = 0
    rejections: int = 0


History: TypeAlias = HistoryCurrent | HistoryReading | HistoryStale | HistoryBackingOff

# --- presence: whether the server knows the chat --------------------------------------------------------------------


@record
class Present(_NoDue):
    name: ClassVar[str] = "present"


@record
class Doubted:
    """A call was answered "no such chat", and nothing has decided it yet. `due`: when that answer is believed."""

    name: ClassVar[str] = "doubted"
    due: int


Presence: TypeAlias = Present | Doubted

# --- item: one thing going out --------------------------------------------------------------------------------------


@record
class ItemAbsent(_NoDue, _NoCall, _NoTries):
    """Not yet, or no longer, in the session."""

    name: ClassVar[str] = "absent"


@record
class ItemUploading:
    """A file on its way to the server (E12); it takes its place in the queue when it is there.

    With neither `call` nor `due` it waits for its turn to be uploaded.
    """

    name: ClassVar[str] = "uploading"
    kind: ClassVar[Kind] = "upload"
    call: int | None = None
    due: int | None = None
    tries: int = 0
    slack: int = 0


@record
class ItemPending(_NoCall):
    """In the queue. `due`: not before this (after a refusal that was only for now)."""

    name: ClassVar[str] = "pending"
    due: int | None = None
    tries: int = 0
    slack: int = 0


@record
class ItemSending:
    name: ClassVar[str] = "sending"
    kind: ClassVar[Kind] = "post"
    call: int
    due: int
    tries: int = 0


@record
class ItemInDoubt(_NoCall):
    """The post's answer was lost. `due`: when history may prove something; None once that moment has passed."""

    name: ClassVar[str] = "in_doubt"
    due: int | None
    tries: int = 0


@record
class ItemSent(_NoDue, _NoCall, _NoTries):
    name: ClassVar[str] = "sent"


@record
class ItemDelivered(_NoDue, _NoCall, _NoTries):
    name: ClassVar[str] = "delivered"


@record
class ItemRead(_NoDue, _NoCall, _NoTries):
    name: ClassVar[str] = "read"


@record
class ItemFailed(_NoDue, _NoCall, _NoTries):
    name: ClassVar[str] = "failed"


# fmt: off
ItemState: TypeAlias = (
    ItemAbsent | ItemUploading | ItemPending | ItemSending | ItemInDoubt | ItemSent | ItemDelivered | ItemRead
    | ItemFailed
)
# fmt: on


@record
class Item:
    """One thing going out. `id`: its message id, for ever. `entry`: what goes on the wire; None once it was sent.

    `ref`, `name`: a file not uploaded yet. An item answers the open form `form`, where that is not "". `note`: the
    application's, for its news.
    """

    id: str
    state: ItemState
    entry: Entry | None
    key: str | None = None
    ref: str = ""
    name: str = field(default="", repr=redacted)
    form: str = ""
    note: str = field(default="", repr=redacted)


# --- courtesy: receipts and typing, beside the queue ----------------------------------------------------------------


@record
class EphemeralQuiet(_NoDue, _NoCall):
    name: ClassVar[str] = "quiet"


@record
class EphemeralPosting:
    name: ClassVar[str] = "posting"
    kind: ClassVar[Kind] = "ephemeral"
    call: int
    due: int
    entry: Entry


Ephemeral: TypeAlias = EphemeralQuiet | EphemeralPosting


@record
class EphemeralQueue:
    """Receipts and typing signals that wait to be sent. `due`: when our own typing expires."""

    pending: tuple[Entry, ...] = ()
    due: int | None = None


ITEM_QUEUED: Final = (ItemPending, ItemSending, ItemInDoubt)
"""In the queue out; only the first of them is sent."""
ITEM_TRACKED: Final = (ItemSent, ItemDelivered)
"""Sent, and kept in the session for receipts."""
ITEM_OUTSIDE: Final = (ItemAbsent, ItemRead, ItemFailed)
"""Not, or no longer, in the session."""

LIVE: Final = (Establishing, Ivr, Queued, Connecting, Connected, AgentJoined, WrappingUp)
TERMINAL: Final = (Ended, Failed, TimedOut, Gone)

LIFECYCLE: Final[tuple[type[Lifecycle], ...]] = get_args(Lifecycle)
OPENING: Final[tuple[type[Opening], ...]] = get_args(Opening)
ATTENTION: Final[tuple[type[Attention], ...]] = get_args(Attention)
CONNECTION: Final[tuple[type[Connection], ...]] = get_args(Connection)
PRESENCE: Final[tuple[type[Presence], ...]] = get_args(Presence)
HISTORY: Final[tuple[type[History], ...]] = get_args(History)
ITEM: Final[tuple[type[ItemState], ...]] = get_args(ItemState)
EPHEMERAL: Final[tuple[type[Ephemeral], ...]] = get_args(Ephemeral)
