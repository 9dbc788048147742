"""Entries of the conversation: whether one is ours, reporting it, and the outcome of the session."""

from __future__ import annotations

from typing import Any

from .. import states as s
from .. import wire
from ..draft import Draft
from ..events import PushReceived
from ..updates import Finished, HistoryGap
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
    """Something we are sending came back: the server has it."""
    return bool(d.items) and own_item(d, e) is not None


def echoes_own_item(d: Draft, e: Any) -> bool:
    """The same, where others send such entries too."""
    return bool(d.items) and is_own(d, e) and own_item(d, e) is not None


def is_historic(d: Draft, e: object) -> bool:
    """It comes from a log of which nothing was known."""
    return d.past


def is_followed_in_log(d: Draft, e: object) -> bool:
    """In the log, and something came after it: answered already (protocol.md 5.1)."""
    return d.reading and not d.newest


def is_about_this_chat(d: Draft, e: PushReceived) -> bool:
    """Before the chat is known, no notification is: an empty id names nothing."""
    return e.chat_id.lower() == d.chat.chat_id.lower() != ""


def end_was_sent(d: Draft, e: object) -> bool:
    """The customer has ended, and the server has received our end."""
    if type(d.lifecycle) is not s.Ending or type(d.opening) is not s.OpeningIdle:
        return False
    return not any(isinstance(item.entry, wire.SessionEnd) for item in d.items)


def stage_is_unknown(d: Draft, e: object) -> bool:
    return type(d.lifecycle) is s.Establishing


def end_is_noted(d: Draft, e: object) -> bool:
    """An earlier entry of this batch ends the session."""
    return d.end is not None


def batch_is_open(d: Draft, e: object) -> bool:
    """More entries of the same batch may follow."""
    return not d.applying_end


# --- reporting entries ----------------------------------------------------------------------------------------------


def report(d: Draft, e: wire.Entry) -> None:
    d.emit(e)


def report_historic(d: Draft, e: wire.Entry) -> None:
    d.emit(e, historic=True)


def report_own(d: Draft, e: wire.Entry) -> None:
    """Ours, from another device or an earlier session."""
    d.emit(e, own=True, historic=d.past)


def report_late(d: Draft, e: Any) -> None:
    own = isinstance(e, wire.Message | wire.File | wire.Location) and is_own(d, e)
    d.emit(e, own=own, late=True)


def note_malformed(d: Draft, e: Any) -> None:
    d.note_anomaly("malformed_entry", e.problem)


def note_unknown(d: Draft, e: Any) -> None:
    d.note_anomaly("unknown_entry", e.name[: d.config.id_limit])


def note_unknown_state(d: Draft, e: Any) -> None:
    d.note_anomaly("unknown_state", e.state[: d.config.id_limit])


def report_gap(d: Draft, e: object) -> None:
    """Something may be missing here."""
    d.seq = seq = d.seq + 1
    d.updates.append(HistoryGap(seq, d.now))


# --- the end --------------------------------------------------------------------------------------------------------


def note_end(d: Draft, e: wire.Entry) -> None:
    """Keep it until the last entry of its batch is handled (design 10)."""
    d.end = e


def report_outcome(d: Draft, e: object) -> None:
    """The outcome is reported at the end of the step, after the outcomes of what was not sent."""
    d.finish = "", None


def report_outcome_with_text(d: Draft, e: wire.InactivityTimeout) -> None:
    d.finish = e.msg, None


def report_outcome_with_code(d: Draft, e: object) -> None:
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
    return s.Ended("completed")


def refused(d: Draft, e: object) -> s.Failed:
    return s.Failed("refused")


def gave_up(d: Draft, e: object) -> s.Failed:
    return s.Failed("gave_up")


def requesting(d: Draft, e: object) -> s.Requesting:
    return s.Requesting(after(d, d.config.request_within))


def ending(d: Draft, e: object) -> s.Ending:
    return s.Ending(after(d, d.config.ending_within))


def queued(d: Draft, e: wire.Status) -> s.Queued:
    """`ewt` is meaningful only here; a refresh that says the same changes nothing."""
    state = d.lifecycle
    return state if type(state) is s.Queued and state.ewt == e.ewt else s.Queued(e.ewt)
