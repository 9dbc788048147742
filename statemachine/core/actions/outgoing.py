"""The one queue out: what goes into it, whose turn it is, and what becomes of it (D2.8)."""

from __future__ import annotations

import json
from typing import Any, Final

from attrs import evolve

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
from ..session import (
    LIVE,
    ConnectionBlocked,
    Ending,
    Item,
    ItemAbsent,
    ItemInDoubt,
    ItemPending,
    ItemSending,
    ItemUploading,
)
from ..updates import Reason
from ..wire import (
    ENTRIES,
    SENDABLE_ENTRIES,
    Entry,
    File,
    FormData,
    FormDataCancel,
    Location,
    Message,
    MessageDelivered,
    MessageRead,
    SecureFormCancel,
    SecureFormData,
    SessionDisconnect,
    SessionEnd,
)
from . import participants
from .conversation import end_was_sent, own_item
from .memory import is_marked, remember_sent
from .timing import after, answer_due, back_off

ABSENT: Final = ItemAbsent()
_QUEUED: Final = (ItemPending, ItemSending, ItemInDoubt)
WAITING: Final = (ItemUploading, *_QUEUED)
RESETS_IDLE_TIMER: Final = tuple([one for one in ENTRIES if one.wire.resets_idle_timer])
TRACELESS: Final = tuple([one for one in ENTRIES if one.wire.in_doubt == "unknown"])
REPEATABLE: Final = tuple([one for one in ENTRIES if one.wire.in_doubt == "resend"])
NUMBERED: Final[tuple[type[Any], ...]] = tuple([one for one in ENTRIES if "msg_id" in one.__match_args__])
"""The entries that carry the message id of their item."""
RECEIPTED: Final = (Message, File, Location)
"""What a party may confirm as delivered and read."""


# --- guards of intents ----------------------------------------------------------------------------------------------


def is_waiting(item: Item) -> bool:
    return isinstance(item.state, WAITING)


def queue_is_full(d: Draft, e: object) -> bool:
    return sum(map(is_waiting, d.items)) >= d.config.items_limit


def is_too_long(d: Draft, e: Any) -> bool:
    """Some text in this intent, or in its entry, would make the session larger than it may be (D2.12)."""
    inner = getattr(e, "entry", None)
    parts = (*_texts(e), *(_texts(inner) if inner is not None else ()))
    return any(len(part) > d.config.text_limit for part in parts)


def _texts(record: Any) -> tuple[str, ...]:
    return tuple(value for value in (getattr(record, name) for name in record.__match_args__) if isinstance(value, str))


def is_not_sendable(d: Draft, e: Any) -> bool:
    """Said at run time too: an end sent as a plain entry would be an end nobody knows of."""
    return not isinstance(e.entry, SENDABLE_ENTRIES)


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


def _new(d: Draft, entry: Entry | None, key: str | None = None, **more: str) -> Item:
    """A new item: its id is born now, when the user acts, and is its own for ever (D2.7)."""
    item_id = f"{d.chat.origin}:{d.next_id()}"
    if isinstance(entry, NUMBERED):
        entry = evolve(entry, msg_id=item_id)
    d.context.item = ABSENT
    d.context.subject = item = Item(item_id, ABSENT, entry, key, **more)
    return item


def queue_text(d: Draft, e: SendText) -> None:
    _new(d, Message(msg_text=e.text), e.key, note=e.note)


def queue_first_text(d: Draft, e: RequestChat) -> None:
    _new(d, Message(msg_text=e.text), e.key, note=e.note)


def queue_prompt_answer(d: Draft, e: SendText) -> None:
    """The text is the answer of the open prompt, in the field `text`, and no message beside it (F31)."""
    found = participants.prompt(d)
    assert found is not None
    data = json.dumps({"text": e.text}, ensure_ascii=False, separators=(",", ":"))
    item = _new(d, FormData(found.id, found.name, data), e.key, form=found.id, note=e.note)
    participants.reserve_form(d, found.id, item.id)


def queue_entry(d: Draft, e: SendEntry) -> None:
    _new(d, e.entry, e.key, note=e.note)


def queue_file(d: Draft, e: SendFile) -> None:
    item = _new(d, None, e.key, ref=e.ref, name=e.name, note=e.note)
    d.context.subject = evolve(item, entry=File("", e.type, e.name, item.id))


def queue_form_answer(d: Draft, e: AnswerForm) -> None:
    found = participants.form(d, e.form_request_id)
    assert found is not None
    item = _new(d, FormData(found.id, found.name, e.data), e.key, form=found.id, note=e.note)
    participants.reserve_form(d, found.id, item.id)


def queue_secure_answer(d: Draft, e: AnswerSecureForm) -> None:
    found = participants.form(d, e.form_request_id)
    assert found is not None
    item = _new(d, SecureFormData(found.id, found.name, e.ref), e.key, form=found.id, note=e.note)
    participants.reserve_form(d, found.id, item.id)


def queue_form_cancel(d: Draft, e: CancelForm) -> None:
    found = participants.form(d, e.form_request_id)
    assert found is not None
    cancel = SecureFormCancel if found.secure else FormDataCancel
    item = _new(d, cancel(found.id, found.name), e.key, form=found.id)
    participants.reserve_form(d, found.id, item.id)


def queue_disconnect(d: Draft, e: object) -> None:
    _new(d, SessionDisconnect())


def queue_end(d: Draft, e: object) -> None:
    _new(d, SessionEnd())


def disconnect_is_queued(d: Draft, e: object) -> bool:
    return any(isinstance(item.entry, SessionDisconnect) for item in d.items)


# --- whose turn it is -----------------------------------------------------------------------------------------------


def may_post(d: Draft, e: object) -> bool:
    """There is a chat to send to, the link is not blocked, and our end has not been sent yet (protocol.md 6.2)."""
    if d.chat.chat_id == "" or type(d.connection) is ConnectionBlocked:
        return False
    return isinstance(d.lifecycle, LIVE) or (isinstance(d.lifecycle, Ending) and not end_was_sent(d, e))


def next_to_send(d: Draft, e: object) -> tuple[Item, ...]:
    """Who may take a turn: the head of the queue if it waits for nothing, and one file if none is being uploaded."""
    head: Item | None = None
    upload: Item | None = None
    for item in d.items:
        kind = type(item.state)
        if head is None and kind in _QUEUED:
            head = item
        elif upload is None and kind is ItemUploading:
            upload = item
    takes = head is not None and type(head.state) is ItemPending and head.state.due is None
    uploads = upload is not None and upload.state.call is None and upload.state.due is None
    return (*((head,) if takes and head else ()), *((upload,) if uploads and upload else ()))


def everyone(d: Draft, e: object) -> tuple[Item, ...]:
    return d.items


def the_subject(d: Draft, e: object) -> tuple[Item, ...]:
    return (d.context.subject,)


def referred(d: Draft, e: MessageDelivered | MessageRead) -> tuple[Item, ...]:
    """The item that a receipt names."""
    return tuple(item for item in d.items if item.id == e.ref_msg_id)


def echoed(d: Draft, e: Any) -> tuple[Item, ...]:
    found = own_item(d, e)
    return () if found is None else (found,)


# --- guards of the item machine -------------------------------------------------------------------------------------


def is_repeatable(d: Draft, e: object) -> bool:
    return isinstance(d.context.subject.entry, REPEATABLE)


def is_traceless(d: Draft, e: object) -> bool:
    return isinstance(d.context.subject.entry, TRACELESS)


def is_unsettled(d: Draft, e: object) -> bool:
    """Too early: the post may still land."""
    return d.context.item.due is not None


def is_done_by_roster(d: Draft, e: object) -> bool:
    """A disconnect leaves no id behind, but no agent either."""
    return isinstance(d.context.subject.entry, SessionDisconnect) and not participants.has_agent(d, e)


def is_file(d: Draft, e: object) -> bool:
    return isinstance(d.context.subject.entry, File)


def is_disconnect(d: Draft, e: object) -> bool:
    return isinstance(d.context.subject.entry, SessionDisconnect)


def is_end(d: Draft, e: object) -> bool:
    return isinstance(d.context.subject.entry, SessionEnd)


def is_end_or_disconnect(d: Draft, e: object) -> bool:
    """A wish that the session's end has fulfilled."""
    return isinstance(d.context.subject.entry, SessionDisconnect | SessionEnd)


def resets_idle_timer(d: Draft, e: object) -> bool:
    return isinstance(d.context.subject.entry, RESETS_IDLE_TIMER)


def may_repeat_post(d: Draft, e: object) -> bool:
    return _tries(d) + 1 < d.config.limited_tries


def may_retry(d: Draft, e: object) -> bool:
    state = d.context.item
    assert isinstance(state, ItemUploading)
    return state.tries + 1 < d.config.limited_tries


# --- effects of the item machine ------------------------------------------------------------------------------------


def told_sent(d: Draft, e: object) -> None:
    """The server has it. What it was is forgotten; its id is kept for receipts, where there can be any."""
    item = d.context.subject
    d.emit_delivery(item, "sent")
    participants.settle_form(d, e)
    remember_sent(d, item)
    entry = None if isinstance(item.entry, RECEIPTED) and d.config.api == "v2" else item.entry
    d.context.subject = Item(item.id, item.state, entry, item.key, item.ref, item.name, note=item.note)


def told_delivered(d: Draft, e: Any) -> None:
    d.emit_delivery(d.context.subject, "delivered", party_id=getattr(e, "party_id", ""))


def told_read(d: Draft, e: Any) -> None:
    d.emit_delivery(d.context.subject, "read", party_id=getattr(e, "party_id", ""))


def _fail(d: Draft, reason: Reason, e: object) -> None:
    """A form may be answered anew, but not a prompt that was refused: it would take every text to come."""
    entry, refused = d.context.subject.entry, reason == "refused"
    d.emit_delivery(d.context.subject, "failed", reason=reason, code=participants.failure_code(e) if refused else None)
    closes = refused and isinstance(entry, FormData) and not entry.form_name
    (participants.settle_form if closes else participants.release_form)(d, e)


def told_not_sent(d: Draft, e: object) -> None:
    _fail(d, "not_sent", e)


def told_unknown(d: Draft, e: object) -> None:
    _fail(d, "unknown", e)


def told_item_refused(d: Draft, e: object) -> None:
    _fail(d, "refused", e)


def take_file_id(d: Draft, e: FileUploaded) -> None:
    """Uploaded: now it has something to send, and takes its place at the end of the queue."""
    item = d.context.subject
    assert isinstance(item.entry, File)
    name = item.entry.file_name or e.file_name
    d.context.subject = evolve(item, entry=evolve(item.entry, file_id=e.file_id, file_name=name), ref="")
    d.items = tuple(other for other in d.items if other.id != item.id)


def blank_message_id(d: Draft, e: object) -> None:
    """A server that fails on a file event with a message id takes it without one (protocol.md 10, row 18)."""
    entry = d.context.subject.entry
    assert isinstance(entry, File)
    d.context.subject = evolve(d.context.subject, entry=evolve(entry, msg_id=""))


# --- makers ---------------------------------------------------------------------------------------------------------


def _tries(d: Draft) -> int:
    return getattr(d.context.item, "tries", 0)


def _retry_after(e: object) -> int | None:
    return e.retry_after if isinstance(e, Failure) else None


def waiting_upload(d: Draft, e: object) -> ItemUploading:
    return ItemUploading(tries=_tries(d))


def uploading(d: Draft, e: object) -> ItemUploading:
    return ItemUploading(d.next_id(), answer_due(d, d.config.upload_timeout), _tries(d))


def upload_pausing(d: Draft, e: object) -> ItemUploading:
    tries = _tries(d) + 1
    due, slack = back_off(d, tries, retry_after=_retry_after(e))
    return ItemUploading(None, due, tries, slack)


def pending(d: Draft, e: object) -> ItemPending:
    return ItemPending(None, _tries(d))


def fresh(d: Draft, e: object) -> ItemPending:
    return ItemPending()


def pausing(d: Draft, e: object) -> ItemPending:
    tries = _tries(d) + 1
    due, slack = back_off(d, tries, retry_after=_retry_after(e))
    return ItemPending(due, tries, slack)


def sending(d: Draft, e: object) -> ItemSending:
    return ItemSending(d.next_id(), answer_due(d, d.config.request_timeout), _tries(d))


def _settled_at(d: Draft, e: object) -> int:
    """When it cannot land any more; later where the server asks for patience."""
    return after(d, max(d.config.settle, min(_retry_after(e) or 0, d.config.retry_after_cap)))


def in_doubt(d: Draft, e: object) -> ItemInDoubt:
    return ItemInDoubt(_settled_at(d, e), _tries(d))


def in_doubt_again(d: Draft, e: object) -> ItemInDoubt:
    return ItemInDoubt(_settled_at(d, e), _tries(d) + 1)


def settled(d: Draft, e: object) -> ItemInDoubt:
    return ItemInDoubt(None, _tries(d))


# --- bookkeeping ----------------------------------------------------------------------------------------------------


def store_item(d: Draft) -> None:
    """Write the item in focus back to where it stood; a new one goes to the end, a finished one is dropped."""
    state, subject = d.context.item, d.context.subject
    done = state.name in ("absent", "read", "failed") or (
        state.name in ("sent", "delivered") and subject.entry is not None
    )
    new = Item(subject.id, state, subject.entry, subject.key, subject.ref, subject.name, subject.form, subject.note)
    if done:
        d.items = tuple([item for item in d.items if item.id != new.id])
    elif any(item.id == new.id for item in d.items):
        d.items = tuple([new if item.id == new.id else item for item in d.items])
    else:
        d.items = (*d.items, new)
    tracked = [item for item in d.items if item.state.name in ("sent", "delivered")]
    if len(tracked) > d.config.tracked_limit:
        d.items = tuple(item for item in d.items if item is not tracked[0])
