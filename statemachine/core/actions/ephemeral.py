"""Receipts and typing signals: what is queued for the server, and posting it, one at a time."""

from __future__ import annotations

from .. import states as s
from ..draft import Draft
from ..events import MarkDelivered, MarkRead, StartTyping
from ..wire import Entry, Message, MessageDelivered, MessageRead, NotTyping, Typing
from .memory import is_marked, mark
from .timing import after, can_send

# --- guards ---------------------------------------------------------------------------------------------------------


def needs_receipt(d: Draft, e: Message) -> bool:
    """`config.receipts` is on, `config.api` is v2, the message has an id of at most `config.id_limit` characters, and
    it is not historic (F15).
    """
    return d.config.receipts and d.config.api == "v2" and 0 < len(e.msg_id) <= d.config.id_limit and not d.past


def may_confirm_delivery(d: Draft, e: MarkDelivered) -> bool:
    """`config.receipts` is off, `may_confirm_reading` holds, and this message was not confirmed as delivered before."""
    return not d.config.receipts and may_confirm_reading(d, e) and not is_marked(d, "delivered", e.msg_id)


def may_confirm_reading(d: Draft, e: MarkDelivered | MarkRead) -> bool:
    """`config.api` is v2, the id is not empty, not longer than `config.id_limit`, not one of ours (`origin:`), and was
    not confirmed as read before.
    """
    if d.config.api != "v2" or not 0 < len(e.msg_id) <= d.config.id_limit or is_marked(d, "read", e.msg_id):
        return False
    return not e.msg_id.startswith(f"{d.chat.origin}:")


def announcement_is_due(d: Draft, e: StartTyping) -> bool:
    """`ephemeral_queue.due` is null, or own typing was announced at least `config.typing_every` ago."""
    due = d.ephemeral_queue.due
    return due is None or due - d.now <= d.config.typing_expires - d.config.typing_every


def typing_is_announced(d: Draft, e: object) -> bool:
    """`ephemeral_queue.due` is not null."""
    return d.ephemeral_queue.due is not None


def may_post(d: Draft, e: object) -> bool:
    """Something waits in `ephemeral_queue.pending`, the phase is live, a chat is known, its presence is not doubted,
    and the connection is not blocked.
    """
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
    """Append `MessageDelivered` for this message to `ephemeral_queue.pending`; at `config.ephemeral_limit` the earliest
    entry is dropped, with the anomaly `receipts_dropped`.
    """
    _queue(d, d.ephemeral_queue.pending, MessageDelivered(e.msg_id), d.ephemeral_queue.due)


def mark_delivered(d: Draft, e: MarkDelivered) -> None:
    """Remember that this message was confirmed as delivered."""
    mark(d, "delivered", e.msg_id)


def queue_read(d: Draft, e: MarkRead) -> None:
    """Remember that this message was confirmed as read; replace its waiting receipts by `MessageRead` at the end of
    `ephemeral_queue.pending`.
    """
    mark(d, "read", e.msg_id)
    receipts = (MessageDelivered, MessageRead)
    others = tuple(p for p in d.ephemeral_queue.pending if not (isinstance(p, receipts) and p.ref_msg_id == e.msg_id))
    _queue(d, others, MessageRead(e.msg_id), d.ephemeral_queue.due)


def queue_typing(d: Draft, e: StartTyping) -> None:
    """Replace waiting typing signals by `Typing` with the draft, at the end of the queue; `ephemeral_queue.due` is
    `config.typing_expires` from now.
    """
    _queue(d, _without_typing(d), Typing(msg=e.draft), after(d, d.config.typing_expires))


def queue_not_typing(d: Draft, e: object) -> None:
    """Replace waiting typing signals by `NotTyping`, at the end of the queue; `ephemeral_queue.due` is null."""
    _queue(d, _without_typing(d), NotTyping(), None)


def clear_typing(d: Draft, e: object) -> None:
    """Where typing is announced, drop waiting typing signals and set `ephemeral_queue.due` to null: agents' desktops
    hide typing on a message.

    While its announcement is in flight, `due` stays: the announcement may arrive after the text, and the expiry takes
    it back.
    """
    due = d.ephemeral_queue.due
    if due is not None:
        announcing = isinstance(d.ephemeral, s.EphemeralPosting) and isinstance(d.ephemeral.entry, Typing)
        d.ephemeral_queue = s.EphemeralQueue(_without_typing(d), due if announcing else None)


def take_back_typing(d: Draft, e: object) -> None:
    """As `queue_not_typing`, where typing is announced: the text is sent as the answer of a form, and no message hides
    the typing.
    """
    if d.ephemeral_queue.due is not None:
        queue_not_typing(d, e)


def drop_ephemeral(d: Draft, e: object) -> None:
    """Empty `ephemeral_queue.pending` and set its `due` to null: nothing is sent after the end."""
    if d.ephemeral_queue.pending or d.ephemeral_queue.due is not None:
        d.ephemeral_queue = s.EphemeralQueue()


def drop_pending(d: Draft, e: object) -> None:
    """Empty `ephemeral_queue.pending`; its `due` stays, so own typing still expires and is taken back."""
    if d.ephemeral_queue.pending:
        d.ephemeral_queue = s.EphemeralQueue((), d.ephemeral_queue.due)


# --- posting --------------------------------------------------------------------------------------------------------


def posting(d: Draft, e: object) -> s.EphemeralPosting:
    """Take the first entry from `ephemeral_queue.pending`: `EphemeralPosting` owes its post under a new id, due
    `config.request_timeout` + `config.answer_margin` from now.
    """
    first, *others = d.ephemeral_queue.pending
    d.ephemeral_queue = s.EphemeralQueue(tuple(others), d.ephemeral_queue.due)
    return s.EphemeralPosting(*d.new_call(d.config.request_timeout), first)
