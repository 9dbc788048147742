"""The one queue out: what enters it, which item is next, and the outcome of each (D2.8)."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeAlias

from attrs import evolve

from .. import states as s
from .. import wire
from ..draft import Draft
from ..events import (
    AnswerForm,
    AnswerSecureForm,
    CancelForm,
    Failure,
    FileUploaded,
    RequestChat,
    SendEntry,
    SendFile,
    SendText,
)
from ..updates import Reason
from . import participants
from .conversation import end_was_sent, own_item
from .memory import is_marked, remember_sent
from .timing import after, answer_due, back_off, can_send, failure_code, retry_after

Guard: TypeAlias = Callable[[Draft, Any], bool]

ABSENT: Final = s.ItemAbsent()
RESETS_IDLE_TIMER: Final = tuple([one for one in wire.ENTRIES if one.wire.resets_idle_timer])
TRACELESS: Final = tuple([one for one in wire.ENTRIES if one.wire.in_doubt == "unknown"])
REPEATABLE: Final = tuple([one for one in wire.ENTRIES if one.wire.in_doubt == "resend"])
NUMBERED: Final[tuple[type[Any], ...]] = tuple([one for one in wire.ENTRIES if "msg_id" in one.__match_args__])
"""The entries that carry the message id of their item."""
RECEIPTED: Final = (wire.Message, wire.File, wire.Location)
"""What a party may confirm as delivered and read."""


# --- guards of intents ----------------------------------------------------------------------------------------------


def queue_is_full(d: Draft, e: object) -> bool:
    waiting = [item for item in d.items if isinstance(item.state, (s.ItemUploading, *s.ITEM_QUEUED))]
    return len(waiting) >= d.config.items_limit


def is_too_long(d: Draft, e: Any) -> bool:
    """Some text in this intent, or in its entry, would make the session larger than it may be (D2.12)."""
    inner = getattr(e, "entry", None)
    parts = (*_texts(e), *(_texts(inner) if inner is not None else ()))
    return any(len(part) > d.config.text_limit for part in parts)


def _texts(record: Any) -> tuple[str, ...]:
    return tuple(value for value in (getattr(record, name) for name in record.__match_args__) if isinstance(value, str))


def is_not_sendable(d: Draft, e: Any) -> bool:
    """Checked at run time too: an end sent as a plain entry would end the chat without the session."""
    return not isinstance(e.entry, wire.SENDABLE_ENTRIES)


def is_empty(d: Draft, e: SendText) -> bool:
    return not e.text


def key_is_known(d: Draft, e: Any) -> bool:
    """The application has sent this already, under its own name for it, and it did not fail."""
    if e.key is None:
        return False
    return any(item.key == e.key for item in d.items) or is_marked(d, "key", e.key)


def answers_prompt(d: Draft, e: SendText) -> bool:
    return participants.prompt(d) is not None


# --- what goes into the queue ---------------------------------------------------------------------------------------


def _new(d: Draft, entry: wire.Entry | None, key: str | None = None, **more: str) -> s.Item:
    """A new item: its id is born now, when the user acts, and is its own for ever (D2.7)."""
    item_id = f"{d.chat.origin}:{d.next_id()}"
    if isinstance(entry, NUMBERED):
        entry = evolve(entry, msg_id=item_id)
    d.item = ABSENT
    d.subject = item = s.Item(item_id, ABSENT, entry, key, **more)
    return item


def queue_text(d: Draft, e: SendText) -> None:
    _new(d, wire.Message(msg_text=e.text), e.key, note=e.note)


def queue_first_text(d: Draft, e: RequestChat) -> None:
    _new(d, wire.Message(msg_text=e.text), e.key, note=e.note)


def queue_prompt_answer(d: Draft, e: SendText) -> None:
    """The text is the answer of the open prompt, in the field `text`, and no message beside it (F31)."""
    found = participants.prompt(d)
    assert found is not None
    data = json.dumps({"text": e.text}, ensure_ascii=False, separators=(",", ":"))
    item = _new(d, wire.FormData(found.id, found.name, data), e.key, form=found.id, note=e.note)
    participants.reserve_form(d, found.id, item.id)


def queue_entry(d: Draft, e: SendEntry) -> None:
    _new(d, e.entry, e.key, note=e.note)


def queue_file(d: Draft, e: SendFile) -> None:
    item = _new(d, None, e.key, ref=e.ref, name=e.name, note=e.note)
    d.subject = evolve(item, entry=wire.File("", e.type, e.name, item.id))


def queue_form_answer(d: Draft, e: AnswerForm) -> None:
    found = participants.form(d, e.form_request_id)
    assert found is not None
    item = _new(d, wire.FormData(found.id, found.name, e.data), e.key, form=found.id, note=e.note)
    participants.reserve_form(d, found.id, item.id)


def queue_secure_answer(d: Draft, e: AnswerSecureForm) -> None:
    found = participants.form(d, e.form_request_id)
    assert found is not None
    item = _new(d, wire.SecureFormData(found.id, found.name, e.ref), e.key, form=found.id, note=e.note)
    participants.reserve_form(d, found.id, item.id)


def queue_form_cancel(d: Draft, e: CancelForm) -> None:
    found = participants.form(d, e.form_request_id)
    assert found is not None
    cancel = wire.SecureFormCancel if found.secure else wire.FormDataCancel
    item = _new(d, cancel(found.id, found.name), e.key, form=found.id)
    participants.reserve_form(d, found.id, item.id)


def queue_disconnect(d: Draft, e: object) -> None:
    _new(d, wire.SessionDisconnect())


def queue_end(d: Draft, e: object) -> None:
    _new(d, wire.SessionEnd())


def disconnect_is_queued(d: Draft, e: object) -> bool:
    return any(isinstance(item.entry, wire.SessionDisconnect) for item in d.items)


# --- which item is next -----------------------------------------------------------------------------------------------


def may_post(d: Draft, e: object) -> bool:
    """There is a chat, it is not doubted, the connection is not blocked, and our end was not sent (protocol.md 6.2)."""
    return can_send(d) and not end_was_sent(d, e)


def has_deadline(d: Draft, e: object) -> bool:
    """A call is in flight, or a pause is running."""
    return d.item.due is not None


def next_to_send(d: Draft, e: object) -> list[s.Item]:
    """The items that a send slot is offered to: the head of the queue, and the first file being uploaded."""
    head = next((item for item in d.items if isinstance(item.state, s.ITEM_QUEUED)), None)
    upload = next((item for item in d.items if isinstance(item.state, s.ItemUploading)), None)
    return [item for item in (head, upload) if item is not None]


def without_receipts(d: Draft, e: object) -> list[s.Item]:
    """Sent items of which no receipt is awaited: none can come, or more than `tracked_limit` newer ones wait too."""
    tracked = [item for item in d.items if isinstance(item.state, s.ITEM_TRACKED)]
    awaited = [item for item in tracked if item.entry is None]
    dropped = len(awaited) - d.config.tracked_limit
    return [item for item in tracked if item.entry is not None] + awaited[: max(0, dropped)]


def all_items(d: Draft, e: object) -> tuple[s.Item, ...]:
    return d.items


def new_item(d: Draft, e: object) -> tuple[s.Item, ...]:
    return (d.subject,)


def item_of_receipt(d: Draft, e: wire.MessageDelivered | wire.MessageRead) -> tuple[s.Item, ...]:
    """The item that a receipt names."""
    return tuple(item for item in d.items if item.id == e.ref_msg_id)


def item_of_echo(d: Draft, e: Any) -> tuple[s.Item, ...]:
    found = own_item(d, e)
    return () if found is None else (found,)


# --- guards of the item machine -------------------------------------------------------------------------------------


@cache
def entry_is(*kinds: type[wire.Entry]) -> Guard:
    """A guard: the item in focus carries an entry of one of these kinds."""
    return _carries(f"entry_is({','.join([kind.__name__ for kind in kinds])})", kinds)


def _carries(name: str, kinds: tuple[type[wire.Entry], ...]) -> Guard:
    def guard(d: Draft, e: object) -> bool:
        return isinstance(d.subject.entry, kinds)

    guard.__name__ = name
    return guard


resets_idle_timer: Final = _carries("resets_idle_timer", RESETS_IDLE_TIMER)
is_traceless: Final = _carries("is_traceless", TRACELESS)
is_repeatable: Final = _carries("is_repeatable", REPEATABLE)


def is_done_by_roster(d: Draft, e: object) -> bool:
    """A disconnect leaves no id behind, but no agent either."""
    return isinstance(d.subject.entry, wire.SessionDisconnect) and not participants.has_agent(d, e)


def may_retry(d: Draft, e: object) -> bool:
    return d.item.tries + 1 < d.config.limited_tries


# --- actions of the item machine ------------------------------------------------------------------------------------


def report_sent(d: Draft, e: object) -> None:
    """The server has it. What it was is forgotten; its id is kept for receipts, where there can be any."""
    item = d.subject
    d.emit_delivery(item, "sent")
    participants.settle_form(d, e)
    remember_sent(d, item)
    entry = None if isinstance(item.entry, RECEIPTED) and d.config.api == "v2" else item.entry
    d.subject = s.Item(item.id, item.state, entry, item.key, item.ref, item.name, note=item.note)


def report_delivered(d: Draft, e: Any) -> None:
    d.emit_delivery(d.subject, "delivered", party_id=getattr(e, "party_id", ""))


def report_read(d: Draft, e: Any) -> None:
    d.emit_delivery(d.subject, "read", party_id=getattr(e, "party_id", ""))


def _fail(d: Draft, reason: Reason, e: object) -> None:
    """A form may be answered anew, but not a prompt that was refused: it would take every text to come."""
    entry, refused = d.subject.entry, reason == "refused"
    d.emit_delivery(d.subject, "failed", reason=reason, code=failure_code(e) if refused else None)
    closes = refused and isinstance(entry, wire.FormData) and not entry.form_name
    (participants.settle_form if closes else participants.release_form)(d, e)


def report_not_sent(d: Draft, e: object) -> None:
    _fail(d, "not_sent", e)


def report_unknown(d: Draft, e: object) -> None:
    _fail(d, "unknown", e)


def report_refused(d: Draft, e: object) -> None:
    """Refused by the server; or the host cannot read the file or the form values."""
    _fail(d, "unreadable" if isinstance(e, Failure) and e.kind == "no_payload" else "refused", e)


def take_file_id(d: Draft, e: FileUploaded) -> None:
    """Uploaded: now it has something to send, and takes its place at the end of the queue."""
    item = d.subject
    assert isinstance(item.entry, wire.File)
    name = item.entry.file_name or e.file_name
    d.subject = evolve(item, entry=evolve(item.entry, file_id=e.file_id, file_name=name), ref="")
    d.items = tuple(other for other in d.items if other.id != item.id)


def clear_message_id(d: Draft, e: object) -> None:
    """A server that fails on a file event with a message id takes it without one (protocol.md 10, row 18)."""
    entry = d.subject.entry
    assert isinstance(entry, wire.File)
    d.subject = evolve(d.subject, entry=evolve(entry, msg_id=""))


# --- makers ---------------------------------------------------------------------------------------------------------


def waiting_upload(d: Draft, e: object) -> s.ItemUploading:
    return s.ItemUploading(tries=d.item.tries)


def uploading(d: Draft, e: object) -> s.ItemUploading:
    return s.ItemUploading(d.next_id(), answer_due(d, d.config.upload_timeout), d.item.tries)


def upload_pausing(d: Draft, e: object) -> s.ItemUploading:
    tries = d.item.tries + 1
    due, slack = back_off(d, e, tries)
    return s.ItemUploading(None, due, tries, slack)


def queued(d: Draft, e: object) -> s.ItemPending:
    return s.ItemPending()


def pending(d: Draft, e: object) -> s.ItemPending:
    return s.ItemPending(None, d.item.tries)


def pausing(d: Draft, e: object) -> s.ItemPending:
    tries = d.item.tries + 1
    due, slack = back_off(d, e, tries)
    return s.ItemPending(due, tries, slack)


def sending(d: Draft, e: object) -> s.ItemSending:
    return s.ItemSending(d.next_id(), answer_due(d, d.config.request_timeout), d.item.tries)


def _settled_at(d: Draft, e: object) -> int:
    """When it cannot land any more; later where the server asks for a longer pause."""
    return after(d, max(d.config.settle, min(retry_after(e) or 0, d.config.retry_after_cap)))


def in_doubt(d: Draft, e: object) -> s.ItemInDoubt:
    return s.ItemInDoubt(_settled_at(d, e), d.item.tries)


def in_doubt_again(d: Draft, e: object) -> s.ItemInDoubt:
    return s.ItemInDoubt(_settled_at(d, e), d.item.tries + 1)


def settled(d: Draft, e: object) -> s.ItemInDoubt:
    return s.ItemInDoubt(None, d.item.tries)


# --- bookkeeping ----------------------------------------------------------------------------------------------------


def store_item(d: Draft) -> None:
    """Write the item in focus back to its place; a new one goes to the end, one outside the session is dropped."""
    state, i = d.item, d.subject
    new = s.Item(i.id, state, i.entry, i.key, i.ref, i.name, i.form, i.note)
    if isinstance(state, s.ITEM_OUTSIDE):
        d.items = tuple([item for item in d.items if item.id != new.id])
    elif any(item.id == new.id for item in d.items):
        d.items = tuple([new if item.id == new.id else item for item in d.items])
    else:
        d.items = (*d.items, new)
