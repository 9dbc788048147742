"""Entries of the conversation: whether one is ours, reporting it, and the outcome of the session."""

from __future__ import annotations

from typing import Any

from .. import states as s
from .. import wire
from ..draft import Draft
from ..events import PushReceived
from ..updates import Finished, HistoryGap, Received
from .memory import is_own
from .participants import never_left
from .timing import after, failure_code

# --- guards ---------------------------------------------------------------------------------------------------------


def own_item(d: Draft, e: Any) -> s.Item | None:
    """The item of ours that this entry is, come back to us: by message id, else by what it is about."""
    for item in d.items:
        if getattr(e, "msg_id", "") == item.id or (item.entry is not None and _same_thing(item, item.entry, e)):
            return item
    return None


def _same_thing(item: s.Item, ours: wire.Entry, theirs: Any) -> bool:
    if isinstance(ours, wire.SessionDisconnect):
        return isinstance(theirs, wire.SessionDisconnect)
    if isinstance(ours, wire.File):
        return isinstance(theirs, wire.File) and ours.file_id == theirs.file_id != ""
    if isinstance(ours, wire.FormData) and isinstance(theirs, wire.FormData) and not never_left(item):
        return ours.form_request_id == theirs.form_request_id
    return False


def is_proof(d: Draft, e: Any) -> bool:
    """An entry of the log that shows something we are sending."""
    if isinstance(e, wire.Message | wire.File | wire.Location):
        return echoes_own_item(d, e)
    return isinstance(e, wire.FormData | wire.Navigation) and echoes_item(d, e)


def echoes_item(d: Draft, e: Any) -> bool:
    """`items` has an item that this entry is, come back from the server (see `own_item`)."""
    return bool(d.items) and own_item(d, e) is not None


def echoes_own_item(d: Draft, e: Any) -> bool:
    """The entry is the customer's own (`is_own`), and `items` has an item that it is."""
    return bool(d.items) and is_own(d, e) and own_item(d, e) is not None


def is_historic(d: Draft, e: object) -> bool:
    """The entry comes from a log of which nothing was known, or from the first log that was read."""
    return d.past


def is_followed_in_log(d: Draft, e: object) -> bool:
    """The entry comes from a log, and a later entry of that log is no `Navigation`: it was answered already."""
    return d.reading and not d.newest


def is_about_this_chat(d: Draft, e: PushReceived) -> bool:
    """The chat id of the push equals `chat.chat_id`, in any case of letters, and is not empty."""
    return e.chat_id.lower() == d.chat.chat_id.lower() != ""


def end_was_sent(d: Draft, e: object) -> bool:
    """The phase is `ending`, no call of the opening is owed or planned, and no item carries a `SessionEnd`."""
    if type(d.lifecycle) is not s.Ending or type(d.opening) is not s.OpeningIdle:
        return False
    return not any(isinstance(item.entry, wire.SessionEnd) for item in d.items)


def stage_is_unknown(d: Draft, e: object) -> bool:
    return type(d.lifecycle) is s.Establishing


def end_is_noted(d: Draft, e: object) -> bool:
    """An earlier entry of the same batch or log ends the session (`note_end`)."""
    return d.end is not None


def batch_is_open(d: Draft, e: object) -> bool:
    """More entries of the same batch may follow; false when the noted end is applied after the last one."""
    return not d.applying_end


# --- reporting entries ----------------------------------------------------------------------------------------------


def report(d: Draft, e: wire.Entry, own: bool = False, historic: bool = False, late: bool = False) -> None:
    """Emit `Received` for this entry."""
    d.seq = seq = d.seq + 1
    d.updates.append(Received(seq, d.now, e, own, historic, late))


def report_historic(d: Draft, e: wire.Entry) -> None:
    """Emit `Received` for this entry, with `historic`."""
    report(d, e, historic=True)


def report_own(d: Draft, e: wire.Entry) -> None:
    """Emit `Received` for this entry with `own`; also with `historic` where `is_historic` holds."""
    report(d, e, own=True, historic=d.past)


def report_late(d: Draft, e: Any) -> None:
    """Emit `Received` for this entry with `late`; with `own` where it is the customer's message, file or location."""
    own = isinstance(e, wire.Message | wire.File | wire.Location) and is_own(d, e)
    report(d, e, own=own, late=True)


def note_malformed(d: Draft, e: Any) -> None:
    """Note the anomaly `malformed_entry` with the entry's `problem`."""
    d.note_anomaly("malformed_entry", e.problem)


def note_unknown(d: Draft, e: Any) -> None:
    """Note the anomaly `unknown_entry` with the entry's `name`, cut to `config.id_limit`."""
    d.note_anomaly("unknown_entry", e.name[: d.config.id_limit])


def note_unknown_state(d: Draft, e: Any) -> None:
    """Note the anomaly `unknown_state` with the status's `state`, cut to `config.id_limit`."""
    d.note_anomaly("unknown_state", e.state[: d.config.id_limit])


def report_gap(d: Draft, e: object) -> None:
    """Emit `HistoryGap`: something may be missing here."""
    d.seq = seq = d.seq + 1
    d.updates.append(HistoryGap(seq, d.now))


# --- the end --------------------------------------------------------------------------------------------------------


def note_end(d: Draft, e: wire.Entry) -> None:
    """Keep the entry until the last entry of its batch is handled; then it is handled again and ends the session
    (design 10).
    """
    d.end = e


def report_outcome(d: Draft, e: object) -> None:
    """Emit `Finished` at the end of the step, after the outcomes of items: no text, no code."""
    d.finish = "", None


def report_outcome_with_text(d: Draft, e: wire.InactivityTimeout) -> None:
    """As `report_outcome`, with the entry's `msg` as text."""
    d.finish = e.msg, None


def report_outcome_with_code(d: Draft, e: object) -> None:
    """As `report_outcome`, with the failure's `code`, or else its `status`, as code."""
    d.finish = "", failure_code(e)


def emit_outcome(d: Draft) -> None:
    """Transcript update: the outcome of the session, the last before anything late."""
    if d.finish is not None:
        state: Any = d.lifecycle
        d.seq = seq = d.seq + 1
        d.updates.append(Finished(seq, d.now, state.name, state.outcome, *d.finish))
        d.finish = None


# --- makers ---------------------------------------------------------------------------------------------------------


def completed(d: Draft, e: object) -> s.Ended:
    """`Ended` with the outcome `completed`."""
    return s.Ended("completed")


def refused(d: Draft, e: object) -> s.Failed:
    """`Failed` with the outcome `refused`."""
    return s.Failed("refused")


def gave_up(d: Draft, e: object) -> s.Failed:
    """`Failed` with the outcome `gave_up`."""
    return s.Failed("gave_up")


def requesting(d: Draft, e: object) -> s.Requesting:
    """`Requesting`, due `config.request_within` from now."""
    return s.Requesting(after(d, d.config.request_within))


def ending(d: Draft, e: object) -> s.Ending:
    """`Ending`, due `config.ending_within` from now."""
    return s.Ending(after(d, d.config.ending_within))


def queued(d: Draft, e: wire.Status) -> s.Queued:
    """`Queued` with the status's `ewt`; where the phase is queued with this `ewt` already, the same state."""
    state = d.lifecycle
    return state if type(state) is s.Queued and state.ewt == e.ewt else s.Queued(e.ewt)
