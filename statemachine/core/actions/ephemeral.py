"""Receipts and typing signals: what is queued for the server, and posting it, one at a time."""

from __future__ import annotations

from .. import states as s
from ..draft import Draft
from ..events import MarkDelivered, MarkRead, StartTyping
from ..wire import Entry, Message, MessageDelivered, MessageRead, NotTyping, Typing
from .memory import is_marked, mark
from .timing import after, answer_due, can_send

# --- guards ---------------------------------------------------------------------------------------------------------


def needs_receipt(d: Draft, e: Message) -> bool:
    """Others' live messages, once, in v2 (F15)."""
    return d.config.receipts and d.config.api == "v2" and 0 < len(e.msg_id) <= d.config.id_limit and not d.past


def may_confirm_delivery(d: Draft, e: MarkDelivered) -> bool:
    """Not where the engine does it by itself; read implies delivered."""
    return not d.config.receipts and may_confirm_reading(d, e) and not is_marked(d, "delivered", e.msg_id)


def may_confirm_reading(d: Draft, e: MarkDelivered | MarkRead) -> bool:
    """Receipts are v2, one for each message, and for others' messages only."""
    if d.config.api != "v2" or not 0 < len(e.msg_id) <= d.config.id_limit or is_marked(d, "read", e.msg_id):
        return False
    return not e.msg_id.startswith(f"{d.chat.origin}:")


def announcement_is_due(d: Draft, e: StartTyping) -> bool:
    """Own typing is not announced yet, or so long ago that it is time again."""
    due = d.ephemeral_queue.due
    return due is None or due - d.now <= d.config.typing_expires - d.config.typing_every


def typing_is_announced(d: Draft, e: object) -> bool:
    return d.ephemeral_queue.due is not None


def may_post(d: Draft, e: object) -> bool:
    """Something waits, the customer has not ended, and the server can be sent something."""
    return bool(d.ephemeral_queue.pending) and type(d.lifecycle) in s.LIVE and can_send(d)


# --- the queue ------------------------------------------------------------------------------------------------------


def _queue(d: Draft, pending: tuple[Entry, ...], entry: Entry, due: int | None) -> None:
    if len(pending) >= d.config.ephemeral_limit:
        pending = pending[1:]
        d.note_anomaly("receipts_dropped", "too many were waiting")
    d.ephemeral_queue = s.EphemeralQueue((*pending, entry), due)


def _without_typing(d: Draft) -> tuple[Entry, ...]:
    return tuple(p for p in d.ephemeral_queue.pending if not isinstance(p, Typing | NotTyping))


def queue_delivered(d: Draft, e: Message | MarkDelivered) -> None:
    _queue(d, d.ephemeral_queue.pending, MessageDelivered(e.msg_id), d.ephemeral_queue.due)


def mark_delivered(d: Draft, e: MarkDelivered) -> None:
    mark(d, "delivered", e.msg_id)


def queue_read(d: Draft, e: MarkRead) -> None:
    """Read implies delivered."""
    mark(d, "read", e.msg_id)
    receipts = (MessageDelivered, MessageRead)
    others = tuple(p for p in d.ephemeral_queue.pending if not (isinstance(p, receipts) and p.ref_msg_id == e.msg_id))
    _queue(d, others, MessageRead(e.msg_id), d.ephemeral_queue.due)


def queue_typing(d: Draft, e: StartTyping) -> None:
    _queue(d, _without_typing(d), Typing(msg=e.draft), after(d, d.config.typing_expires))


def queue_not_typing(d: Draft, e: object) -> None:
    _queue(d, _without_typing(d), NotTyping(), None)


def clear_typing(d: Draft, e: object) -> None:
    """A text ends our typing without a signal (agents' desktops hide it on a message).

    Unless its announcement is in flight: that may arrive after the text, so the expiry stays and takes it back.
    """
    due = d.ephemeral_queue.due
    if due is not None:
        announcing = isinstance(d.ephemeral, s.EphemeralPosting) and isinstance(d.ephemeral.entry, Typing)
        d.ephemeral_queue = s.EphemeralQueue(_without_typing(d), due if announcing else None)


def take_back_typing(d: Draft, e: object) -> None:
    """The text goes out as the answer of a form, and no message hides the typing."""
    if d.ephemeral_queue.due is not None:
        queue_not_typing(d, e)


def drop_ephemeral(d: Draft, e: object) -> None:
    """Nothing is sent after the end."""
    if d.ephemeral_queue.pending or d.ephemeral_queue.due is not None:
        d.ephemeral_queue = s.EphemeralQueue()


def drop_pending(d: Draft, e: object) -> None:
    """Our own typing still expires, and is then taken back."""
    if d.ephemeral_queue.pending:
        d.ephemeral_queue = s.EphemeralQueue((), d.ephemeral_queue.due)


# --- posting --------------------------------------------------------------------------------------------------------


def posting(d: Draft, e: object) -> s.EphemeralPosting:
    first, *others = d.ephemeral_queue.pending
    d.ephemeral_queue = s.EphemeralQueue(tuple(others), d.ephemeral_queue.due)
    return s.EphemeralPosting(d.next_id(), answer_due(d, d.config.request_timeout), first)
