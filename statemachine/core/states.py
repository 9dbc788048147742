"""The states of the machines, and the items whose states some of them are.

Two conventions hold throughout, and everything derived rests on them (`derived.py`):

* a record that can expire has a field `due` (milliseconds since the epoch); leaving the record drops the deadline;
* a record that owes a command has a field `call`, the command's id; leaving the record withdraws the command.

A state's `name` is the public literal that snapshots, vectors and `--json` carry.
"""

from __future__ import annotations

from typing import ClassVar, Final, TypeAlias

from .events import FailureKind
from .record import field, record
from .updates import Outcome
from .wire import Entry, redacted


class _NoDue:
    """A state without a deadline."""

    __slots__ = ()
    due: ClassVar[None] = None


class _NoCall:
    """A state that owes no command."""

    __slots__ = ()
    call: ClassVar[None] = None


# --- lifecycle ------------------------------------------------------------------------------------------------------


@record
class Opening:
    """The search for a chat id: E4, or E5 where `find`. `due`: the answer's deadline; between calls, the next try.

    `parameters`, `phone_number`, `from_`: of the request.
    """

    find: bool
    call: int | None
    due: int
    tries: int = 0
    slack: int = 0
    parameters: str = field(default="{}", repr=redacted)
    phone_number: str | None = field(default=None, repr=redacted)
    from_: str | None = field(default=None, repr=redacted)


class _Stage(_NoDue):
    """A stage that looks for no chat id."""

    __slots__ = ()
    opening: ClassVar[None] = None


@record
class Idle(_Stage):
    name: ClassVar[str] = "idle"


@record
class Requesting:
    """`due`: when to give up."""

    name: ClassVar[str] = "requesting"
    opening: Opening
    due: int


@record
class Establishing(_Stage):
    """The chat exists; no stage is known yet."""

    name: ClassVar[str] = "establishing"


@record
class Ivr(_Stage):
    name: ClassVar[str] = "ivr"


@record
class Queued(_Stage):
    """`ewt`: estimated wait in milliseconds; None is unknown."""

    name: ClassVar[str] = "queued"
    ewt: int | None = None


@record
class Connecting(_Stage):
    name: ClassVar[str] = "connecting"


@record
class Connected(_Stage):
    """The server says connected; no agent has been announced yet."""

    name: ClassVar[str] = "connected"


@record
class AgentJoined(_Stage):
    name: ClassVar[str] = "agent_joined"


@record
class WrappingUp(_Stage):
    """The conversation is over, the session is open: a farewell, a survey, another queue may follow."""

    name: ClassVar[str] = "wrapping_up"


@record
class Ending:
    """The customer ended. `due`: when to stop waiting for the server's word. `opening`: no chat id is known yet."""

    name: ClassVar[str] = "ending"
    due: int
    opening: Opening | None = None


@record
class Ended(_Stage):
    """Over in good order; `outcome` is ended or completed."""

    name: ClassVar[str] = "ended"
    outcome: Outcome = "ended"


@record
class Failed(_Stage):
    """`outcome`: failed (the server's word), refused (configuration), gave_up (no answer in time)."""

    name: ClassVar[str] = "failed"
    outcome: Outcome = "failed"


@record
class TimedOut(_Stage):
    name: ClassVar[str] = "timed_out"
    outcome: ClassVar[Outcome] = "timed_out"


@record
class Gone(_Stage):
    """The server does not know this chat any more (404, 5005)."""

    name: ClassVar[str] = "gone"
    outcome: ClassVar[Outcome] = "gone"


Lifecycle: TypeAlias = (
    Idle
    | Requesting
    | Establishing
    | Ivr
    | Queued
    | Connecting
    | Connected
    | AgentJoined
    | WrappingUp
    | Ending
    | Ended
    | Failed
    | TimedOut
    | Gone
)

# --- attention ------------------------------------------------------------------------------------------------------


@record
class Calm:
    name: ClassVar[str] = "calm"


@record
class Warned:
    """The server has warned that it will end an idle session."""

    name: ClassVar[str] = "warned"


Attention: TypeAlias = Calm | Warned

# --- link: the one poll ---------------------------------------------------------------------------------------------


@record
class ConnectionOff(_NoDue, _NoCall):
    """Not polling: no chat yet, the history first, or over. `tries`: failures in a row so far."""

    name: ClassVar[str] = "off"
    tries: int = 0


@record
class ConnectionPolling:
    """`fast_empty_polls`: instant answers in a row that brought nothing."""

    name: ClassVar[str] = "polling"
    call: int
    due: int
    tries: int = 0
    fast_empty_polls: int = 0


@record
class ConnectionBackingOff(_NoCall):
    """Waiting to try again. `slack`: how much later is as good. `reason`, `code`: of the failure that caused it.

    With no failure (`tries` is 0) it is the brake on instant answers, which go on counting in `fast_empty_polls`.
    """

    name: ClassVar[str] = "backing_off"
    due: int
    tries: int
    slack: int = 0
    code: int | None = None
    fast_empty_polls: int = 0
    reason: FailureKind | None = None


@record
class ConnectionPaused:
    """In the background. A poll in flight may still answer."""

    name: ClassVar[str] = "paused"
    call: int | None = None
    due: int | None = None


@record
class ConnectionBlocked(_NoDue, _NoCall):
    """Authorization or configuration was refused in mid-session: waiting for `Reauthorized` or `End`.

    `paused`: in the background meanwhile, so that nothing is polled afterwards either.
    """

    name: ClassVar[str] = "blocked"
    code: int | None = None
    paused: bool = False


Connection: TypeAlias = ConnectionOff | ConnectionPolling | ConnectionBackingOff | ConnectionPaused | ConnectionBlocked

# --- history --------------------------------------------------------------------------------------------------------


@record
class HistoryCurrent(_NoDue, _NoCall):
    name: ClassVar[str] = "current"


@record
class HistoryReading:
    name: ClassVar[str] = "reading"
    call: int
    due: int
    tries: int = 0


@record
class HistoryStale:
    """A reading is in flight that began too early to prove anything about a post in doubt: read again after it."""

    name: ClassVar[str] = "stale"
    call: int
    due: int
    tries: int = 0


@record
class HistoryBackingOff(_NoCall):
    name: ClassVar[str] = "backing_off"
    due: int
    tries: int
    slack: int = 0


History: TypeAlias = HistoryCurrent | HistoryReading | HistoryStale | HistoryBackingOff

# --- item: one thing going out --------------------------------------------------------------------------------------


@record
class ItemAbsent(_NoDue, _NoCall):
    """Not yet, or no longer, in the session."""

    name: ClassVar[str] = "absent"


@record
class ItemUploading:
    """A file on its way to the server (E12); it takes its place in the queue when it is there.

    With neither `call` nor `due` it waits for its turn to be uploaded.
    """

    name: ClassVar[str] = "uploading"
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
class ItemSent(_NoDue, _NoCall):
    name: ClassVar[str] = "sent"


@record
class ItemDelivered(_NoDue, _NoCall):
    name: ClassVar[str] = "delivered"


@record
class ItemRead(_NoDue, _NoCall):
    name: ClassVar[str] = "read"


@record
class ItemFailed(_NoDue, _NoCall):
    name: ClassVar[str] = "failed"


ItemState: TypeAlias = (
    ItemAbsent
    | ItemUploading
    | ItemPending
    | ItemSending
    | ItemInDoubt
    | ItemSent
    | ItemDelivered
    | ItemRead
    | ItemFailed
)


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
    call: int
    due: int
    entry: Entry


Ephemeral: TypeAlias = EphemeralQuiet | EphemeralPosting


@record
class EphemeralQueue:
    """Courtesies waiting for their turn, and our own typing: `due` is when it is taken back unless renewed."""

    pending: tuple[Entry, ...] = ()
    due: int | None = None


LIVE: Final = (Establishing, Ivr, Queued, Connecting, Connected, AgentJoined, WrappingUp)
TERMINAL: Final = (Ended, Failed, TimedOut, Gone)

LIFECYCLE: Final[tuple[type[Lifecycle], ...]] = (Idle, Requesting, *LIVE, Ending, *TERMINAL)
ATTENTION: Final[tuple[type[Attention], ...]] = (Calm, Warned)
CONNECTION: Final[tuple[type[Connection], ...]] = (
    ConnectionOff,
    ConnectionPolling,
    ConnectionBackingOff,
    ConnectionPaused,
    ConnectionBlocked,
)
HISTORY: Final[tuple[type[History], ...]] = (HistoryCurrent, HistoryReading, HistoryStale, HistoryBackingOff)
ITEM: Final[tuple[type[ItemState], ...]] = (
    ItemAbsent,
    ItemUploading,
    ItemPending,
    ItemSending,
    ItemInDoubt,
    ItemSent,
    ItemDelivered,
    ItemRead,
    ItemFailed,
)
EPHEMERAL: Final[tuple[type[Ephemeral], ...]] = (EphemeralQuiet, EphemeralPosting)


__all__ = [
    "ATTENTION",
    "CONNECTION",
    "EPHEMERAL",
    "HISTORY",
    "ITEM",
    "LIFECYCLE",
    "LIVE",
    "TERMINAL",
    "AgentJoined",
    "Attention",
    "Calm",
    "Connected",
    "Connecting",
    "Connection",
    "ConnectionBackingOff",
    "ConnectionBlocked",
    "ConnectionOff",
    "ConnectionPaused",
    "ConnectionPolling",
    "Ended",
    "Ending",
    "Ephemeral",
    "EphemeralPosting",
    "EphemeralQueue",
    "EphemeralQuiet",
    "Establishing",
    "Failed",
    "Gone",
    "History",
    "HistoryBackingOff",
    "HistoryCurrent",
    "HistoryReading",
    "HistoryStale",
    "Idle",
    "Item",
    "ItemAbsent",
    "ItemDelivered",
    "ItemFailed",
    "ItemInDoubt",
    "ItemPending",
    "ItemRead",
    "ItemSending",
    "ItemSent",
    "ItemState",
    "ItemUploading",
    "Ivr",
    "Lifecycle",
    "Opening",
    "Queued",
    "Requesting",
    "TimedOut",
    "Warned",
    "WrappingUp",
]
