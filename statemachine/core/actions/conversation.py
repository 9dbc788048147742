"""Telling what was said, receipts, and how it ended."""

from __future__ import annotations

from typing import Any

from ..draft import Draft
from ..events import Failure, MarkDelivered, MarkRead, StartTyping, StopTyping
from ..session import Ended, Ending, EphemeralPosting, EphemeralQueue, Establishing, Item
from ..updates import Finished, HistoryGap, Outcome
from ..wire import (
    Entry,
    File,
    FormData,
    Location,
    Message,
    MessageDelivered,
    MessageRead,
    Navigation,
    NotTyping,
    SessionDisconnect,
    SessionEnd,
    Typing,
)
from .memory import is_marked, is_own, mark
from .participants import failure_code, never_left
from .timing import after

# --- guards ---------------------------------------------------------------------------------------------------------


def own_item(d: Draft, e: Any) -> Item | None:
    """The item of ours that this entry is, come back to us: by message id, else by what it is about."""
    for item in d.items:
        if getattr(e, "msg_id", "") == item.id or (item.entry is not None and _same_thing(item, item.entry, e)):
            return item
    return None


def _same_thing(item: Item, ours: Entry, theirs: Any) -> bool:
    if isinstance(ours, SessionDisconnect):
        return isinstance(theirs, SessionDisconnect)
    if isinstance(ours, File):
        return isinstance(theirs, File) and ours.file_id == theirs.file_id != ""
    if isinstance(ours, FormData) and isinstance(theirs, FormData) and not never_left(item):
        return ours.form_request_id == theirs.form_request_id
    return False


def is_proof(d: Draft, e: Any) -> bool:
    """An entry of the log that shows something we are sending."""
    if isinstance(e, Message | File | Location):
        return echoes_spoken(d, e)
    return isinstance(e, FormData | Navigation) and echoes_item(d, e)


def echoes_item(d: Draft, e: Any) -> bool:
    """Something we are sending came back: the server has it."""
    return bool(d.items) and own_item(d, e) is not None


def echoes_spoken(d: Draft, e: Any) -> bool:
    return bool(d.items) and is_own(d, e) and own_item(d, e) is not None


def is_past(d: Draft, e: object) -> bool:
    """It is being told as the past: nothing of the log was known."""
    return d.context.past


def is_answered_past(d: Draft, e: object) -> bool:
    """In the log, and something came after it: answered already (protocol.md 5.1)."""
    return d.context.reading and not d.context.newest


def wants_receipt(d: Draft, e: Message) -> bool:
    """Others' live messages, once, in v2 (F15)."""
    return d.config.receipts and d.config.api == "v2" and 0 < len(e.msg_id) <= d.config.id_limit and not d.context.past


def can_deliver(d: Draft, e: MarkDelivered) -> bool:
    """Not where it was done by the engine itself; read implies delivered."""
    return not d.config.receipts and can_read(d, e) and not is_marked(d, "delivered", e.msg_id)


def can_read(d: Draft, e: MarkDelivered | MarkRead) -> bool:
    """Receipts are v2, one for each message, and for others' messages only."""
    if d.config.api != "v2" or not 0 < len(e.msg_id) <= d.config.id_limit or is_marked(d, "read", e.msg_id):
        return False
    return not e.msg_id.startswith(f"{d.chat.origin}:")


def typing_is_new(d: Draft, e: StartTyping) -> bool:
    """Not announced yet, or so long ago that it is time again."""
    due = d.ephemeral_queue.due
    return due is None or due - d.now <= d.config.typing_expires - d.config.typing_every


def is_typing(d: Draft, e: object) -> bool:
    return d.ephemeral_queue.due is not None


def end_was_sent(d: Draft, e: object) -> bool:
    """Our end has reached the server, so its silence means that it is over."""
    state = d.lifecycle
    unknown_chat = isinstance(state, Ending) and state.opening is not None
    return not unknown_chat and not any(isinstance(item.entry, SessionEnd) for item in d.items)


def stage_is_unknown(d: Draft, e: object) -> bool:
    return type(d.lifecycle) is Establishing


# --- telling --------------------------------------------------------------------------------------------------------


def tell_live(d: Draft, e: Entry) -> None:
    d.emit(e)


def tell_past(d: Draft, e: Entry) -> None:
    d.emit(e, historic=True)


def tell_own(d: Draft, e: Entry) -> None:
    """Ours, from another device or an earlier life."""
    d.emit(e, own=True, historic=d.context.past)


def tell_late(d: Draft, e: Any) -> None:
    own = isinstance(e, Message | File | Location) and is_own(d, e)
    d.emit(e, own=own, late=True)


def note_malformed(d: Draft, e: Any) -> None:
    d.note_anomaly("malformed_entry", e.problem)


def note_unknown(d: Draft, e: Any) -> None:
    d.note_anomaly("unknown_entry", e.name[: d.config.id_limit])


def note_unknown_state(d: Draft, e: Any) -> None:
    d.note_anomaly("unknown_state", e.state[: d.config.id_limit])


# --- courtesies -----------------------------------------------------------------------------------------------------


def _queue(d: Draft, pending: tuple[Entry, ...], entry: Entry, due: int | None) -> None:
    if len(pending) >= d.config.ephemeral_limit:
        pending = pending[1:]
        d.note_anomaly("receipts_dropped", "too many were waiting")
    d.ephemeral_queue = EphemeralQueue((*pending, entry), due)


def _without_typing(d: Draft) -> tuple[Entry, ...]:
    return tuple(p for p in d.ephemeral_queue.pending if not isinstance(p, Typing | NotTyping))


def owe_delivered(d: Draft, e: Message) -> None:
    _queue(d, d.ephemeral_queue.pending, MessageDelivered(e.msg_id), d.ephemeral_queue.due)


def owe_delivered_on_word(d: Draft, e: MarkDelivered) -> None:
    mark(d, "delivered", e.msg_id)
    _queue(d, d.ephemeral_queue.pending, MessageDelivered(e.msg_id), d.ephemeral_queue.due)


def owe_read(d: Draft, e: MarkRead) -> None:
    """Read implies delivered."""
    mark(d, "read", e.msg_id)
    receipts = (MessageDelivered, MessageRead)
    others = tuple(p for p in d.ephemeral_queue.pending if not (isinstance(p, receipts) and p.ref_msg_id == e.msg_id))
    _queue(d, others, MessageRead(e.msg_id), d.ephemeral_queue.due)


def owe_typing(d: Draft, e: StartTyping) -> None:
    _queue(d, _without_typing(d), Typing(msg=e.draft), after(d, d.config.typing_expires))


def owe_not_typing(d: Draft, e: StopTyping | object) -> None:
    _queue(d, _without_typing(d), NotTyping(), None)


def forget_typing(d: Draft, e: object) -> None:
    """A text says it all: our typing is over without a word (agents' desktops hide it on a message).

    Unless its announcement is still on its way: that may arrive after the text, so it is taken back in time.
    """
    due = d.ephemeral_queue.due
    if due is not None:
        announcing = isinstance(d.ephemeral, EphemeralPosting) and isinstance(d.ephemeral.entry, Typing)
        d.ephemeral_queue = EphemeralQueue(_without_typing(d), due if announcing else None)


def take_back_typing(d: Draft, e: object) -> None:
    """The text goes out as the answer of a form, and no message hides the typing."""
    if d.ephemeral_queue.due is not None:
        owe_not_typing(d, e)


def drop_ephemeral(d: Draft, e: object) -> None:
    """Nothing is sent after the end."""
    if d.ephemeral_queue.pending or d.ephemeral_queue.due is not None:
        d.ephemeral_queue = EphemeralQueue()


# --- the end --------------------------------------------------------------------------------------------------------


def _finish(d: Draft, phase: str, outcome: Outcome, text: str = "", code: int | None = None) -> None:
    """Told when all that follows from the end has been told: what was not sent, above all."""
    d.context.finish = phase, outcome, text, code


def tell_finish(d: Draft) -> None:
    """Transcript news: the outcome of the session, the last before anything late."""
    if d.context.finish is not None:
        d.seq = seq = d.seq + 1
        d.context.updates.append(Finished(seq, d.now, *d.context.finish))
        d.context.finish = None


def told_ended(d: Draft, e: object) -> None:
    _finish(d, "ended", "ended")


def told_completed(d: Draft, e: object) -> None:
    _finish(d, "ended", "completed")


def told_failed(d: Draft, e: object) -> None:
    _finish(d, "failed", "failed")


def told_refused(d: Draft, e: Failure) -> None:
    _finish(d, "failed", "refused", code=failure_code(e))


def told_gave_up(d: Draft, e: object) -> None:
    _finish(d, "failed", "gave_up")


def told_timed_out(d: Draft, e: Any) -> None:
    _finish(d, "timed_out", "timed_out", text=e.msg)


def told_gone(d: Draft, e: object) -> None:
    _finish(d, "gone", "gone", code=failure_code(e))


def tell_gap(d: Draft, e: object) -> None:
    """Something may be missing here."""
    d.seq = seq = d.seq + 1
    d.context.updates.append(HistoryGap(seq, d.now))


def completed(d: Draft, e: object) -> Ended:
    return Ended("completed")
