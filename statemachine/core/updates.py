"""Updates: the outputs of `reduce` for the application.

*Transcript updates* have a strictly increasing `seq`, are saved in the store's journal in the same transaction as the
session, and are delivered at least once. *Anomalies* report odd input that was tolerated; they are not stored. *Status
updates* are not returned: they follow from the session, and `changes(before, after)` returns those that differ.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from .events import FailureKind
from .record import field, record
from .wire import Entry, redacted

Reason: TypeAlias = Literal["not_sent", "unknown", "refused", "unreadable"]
Progression: TypeAlias = Literal["sent", "delivered", "read", "failed"]
Outcome: TypeAlias = Literal["ended", "completed", "failed", "refused", "gave_up", "timed_out", "gone"]
# fmt: off
Phase: TypeAlias = Literal[
    "idle", "requesting", "establishing", "ivr", "queued", "connecting", "connected", "agent_joined", "warned",
    "wrapping_up", "ending", "ended", "failed", "timed_out", "gone",
]
ConnectionState: TypeAlias = Literal["off", "polling", "backing_off", "paused", "blocked"]
AnomalyKind: TypeAlias = Literal[
    "forms_full", "malformed_entry", "more_anomalies", "receipts_dropped", "repaired_answer", "repeated_batch",
    "roster_full", "seconds", "unknown_entry", "unknown_state",
]
# fmt: on


@record
class Received:
    """An entry of the transcript: a message, file, location, form, warning, signal, or one of no known name.

    `own`: this customer sent it, from another device or before the store was lost. `historic`: it was read from the
    history and is old. `late`: it came after the session's end.
    """

    seq: int
    at: int
    entry: Entry
    own: bool = False
    historic: bool = False
    late: bool = False


@record
class DeliveryUpdate:
    """A change in the delivery of an item. `key`, `note`: the application's own, as they were given.

    `state`: sent, delivered, read or failed. `reason` (of failed): not_sent: the server never received it; unknown: it
    may have arrived; refused: by the server, with `code`; unreadable: the host could not read the file or the form
    values. `party_id` (of delivered, read): the agent who received it.
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
    """The session is over; delivered once. `text`: the server's text to show. `code`: the error code of a refusal."""

    seq: int
    at: int
    phase: Phase
    outcome: Outcome
    text: str = field(default="", repr=redacted)
    code: int | None = None


@record
class HistoryGap:
    """The history does not reach back to the known entries, or could not be read: entries may be missing here."""

    seq: int
    at: int


@record
class Anomaly:
    """Odd input was tolerated. `kind` is a stable name; `detail` never quotes texts of people."""

    at: int
    kind: AnomalyKind
    detail: str = ""


TranscriptUpdate: TypeAlias = Received | DeliveryUpdate | Finished | HistoryGap
Notification: TypeAlias = TranscriptUpdate | Anomaly

TRANSCRIPT: Final[tuple[type[TranscriptUpdate], ...]] = get_args(TranscriptUpdate)


# --- status updates -------------------------------------------------------------------------------------------------


@record
class PhaseChanged:
    """The public phase is now this one. `ewt`: estimated wait in milliseconds, where the phase is queued."""

    phase: Phase
    ewt: int | None = None


@record
class RosterChanged:
    """The participants have changed. `parties`: (party id, type, display name) of each, in order of joining."""

    parties: tuple[tuple[str, str, str], ...]


@record
class TypingChanged:
    """Somebody started or stopped typing. `parties`: the ids of those who type now."""

    parties: tuple[str, ...]


@record
class ConnectionChanged:
    """The connection has changed. `state`: off, polling, backing_off, paused, blocked.

    `tries`: failures in a row. While it backs off: `reason`, the kind of the last failure (`Failure.kind`), with
    `code`, the server's error code or else the status, and `detail`, in words for people; `next_try`, the time of the
    next try in milliseconds since the epoch. The same while a chat is requested. `ChatSession.connection_since` is the
    time of the change.
    """

    state: ConnectionState
    tries: int = 0
    code: int | None = None
    reason: FailureKind | None = None
    next_try: int | None = None
    detail: str = ""


@record
class FormsChanged:
    """The open forms have changed. `forms`: (request id, name or form id, whether it is secure) of each."""

    forms: tuple[tuple[str, str, bool], ...]


@record
class CaseChanged:
    """The case of this session has changed. `case_id`: "" for none."""

    case_id: str


StatusUpdate: TypeAlias = PhaseChanged | RosterChanged | TypingChanged | ConnectionChanged | FormsChanged | CaseChanged
Update: TypeAlias = TranscriptUpdate | StatusUpdate
"""Transcript updates and status updates."""
