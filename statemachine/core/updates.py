"""What comes out of `reduce` to be told.

*Transcript news* owes: it carries a strictly increasing `seq`, goes to the store's journal in the same transaction as
the session, and is told at least once. *Anomalies* owe nothing: something odd came from outside and was survived.
*Level news* is not returned at all: it stands in the session; `changes(before, after)` names what differs.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from .events import FailureKind
from .record import field, record
from .wire import Entry, redacted

Reason: TypeAlias = Literal["not_sent", "unknown", "refused", "unreadable"]
Progression: TypeAlias = Literal["sent", "delivered", "read", "failed"]
Outcome: TypeAlias = Literal["ended", "completed", "failed", "refused", "gave_up", "timed_out", "gone"]
Phase: TypeAlias = Literal[
    "idle",
    "requesting",
    "establishing",
    "ivr",
    "queued",
    "connecting",
    "connected",
    "agent_joined",
    "warned",
    "wrapping_up",
    "ending",
    "ended",
    "failed",
    "timed_out",
    "gone",
]
ConnectionState: TypeAlias = Literal["off", "polling", "backing_off", "paused", "blocked"]
AnomalyKind: TypeAlias = Literal[
    "forms_full",
    "malformed_entry",
    "more_anomalies",
    "receipts_dropped",
    "repaired_answer",
    "repeated_batch",
    "roster_full",
    "seconds",
    "unknown_entry",
    "unknown_state",
]


@record
class Received:
    """An entry of the transcript: a message, file, location, form, warning, signal, or one of no known name.

    `own`: this customer sent it, from another device or before the store was lost. `historic`: told from the log as the
    past, not as live. `late`: it came after the session's end.
    """

    seq: int
    at: int
    entry: Entry
    own: bool = False
    historic: bool = False
    late: bool = False


@record
class DeliveryUpdate:
    """The outcome of one thing sent. `item`: its message id; `key`, `note`: the application's, as they were given.

    `reason` (failed only): not_sent: the server never had it; unknown: it may have arrived; refused: the server said
    no, with `code`; unreadable: the host could not read the file or the form values. `party_id` (delivered, read): who
    has it.
    """

    seq: int
    at: int
    item: str
    state: Progression
    key: str | None = None
    reason: Reason | None = None
    code: int | None = None
    party_id: str = ""
    note: str = field(default="", repr=redacted)


@record
class Finished:
    """The outcome of the session, once. `text`: what the server wants shown. `code`: why it was refused."""

    seq: int
    at: int
    phase: Phase
    outcome: Outcome
    text: str = field(default="", repr=redacted)
    code: int | None = None


@record
class HistoryGap:
    """The log no longer reaches back to what is known, or could not be read: something may be missing here."""

    seq: int
    at: int


@record
class Anomaly:
    """Something odd was survived. `kind` is a stable name; `detail` never quotes what people wrote."""

    at: int
    kind: AnomalyKind
    detail: str = ""


TranscriptUpdate: TypeAlias = Received | DeliveryUpdate | Finished | HistoryGap
Notification: TypeAlias = TranscriptUpdate | Anomaly

TRANSCRIPT: Final[tuple[type[TranscriptUpdate], ...]] = get_args(TranscriptUpdate)


# --- level news -----------------------------------------------------------------------------------------------------


@record
class PhaseChanged:
    """The public phase is now this one. `ewt`: estimated wait in milliseconds, where the phase is queued."""

    phase: Phase
    ewt: int | None = None


@record
class RosterChanged:
    """Who takes part now: (party id, type, display name), in order of joining."""

    parties: tuple[tuple[str, str, str], ...]


@record
class TypingChanged:
    """Whose typing shows now: party ids."""

    parties: tuple[str, ...]


@record
class ConnectionChanged:
    """The connection's health: off, polling, backing_off, paused, blocked.

    `tries`: failures in a row. While it backs off: `reason`, how the last call failed (`Failure.kind`), with `code`
    where the server gave one, and `detail`, in words for people; `next_try`, when it is tried again, in milliseconds
    since the epoch. The same while a chat is requested. Since when it is so is not said, for a session keeps no
    instants but deadlines: `ChatSession.connection_since` does.
    """

    state: ConnectionState
    tries: int = 0
    code: int | None = None
    reason: FailureKind | None = None
    next_try: int | None = None
    detail: str = ""


@record
class FormsChanged:
    """The forms open now: (request id, name or form id, secure)."""

    forms: tuple[tuple[str, str, bool], ...]


@record
class CaseChanged:
    """The case of this session; "" for none."""

    case_id: str


StatusUpdate: TypeAlias = PhaseChanged | RosterChanged | TypingChanged | ConnectionChanged | FormsChanged | CaseChanged
Update: TypeAlias = TranscriptUpdate | StatusUpdate
"""All that an application is to show."""
