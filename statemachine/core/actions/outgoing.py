"""The one queue out: what enters it, which item is next, and the outcome of each (design 8)."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeAlias

from attrs import evolve

from .. import events as ev
from .. import states as s
from .. import wire
from ..draft import Draft
from ..session import OpenForm
from ..updates import Reason
from . import participants
from .conversation import end_was_sent, own_item
from .memory import is_marked, remember_sent
from .timing import after, back_off, can_send, failure_code, retry_after

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
    """At least `config.items_limit` items are neither sent nor delivered."""
    limit = d.config.items_limit
    return len(d.items) >= limit and sum(not isinstance(item.state, s.ITEM_TRACKED) for item in d.items) >= limit


def is_too_long(d: Draft, e: Any) -> bool:
    """A text field of the intent, or of its entry, has more than `config.text_limit` characters (design 12)."""
    limit, values = d.config.text_limit, e.field_values
    if type(e) is ev.SendEntry:
        entry: Any = e.entry
        values += entry.field_values
    return bool([value for value in values if type(value) is str and len(value) > limit])


def is_not_sendable(d: Draft, e: Any) -> bool:
    """The entry is of a type that `SendEntry` does not accept."""
    return not isinstance(e.entry, wire.SENDABLE_ENTRIES)


def is_empty(d: Draft, e: ev.SendText) -> bool:
    """`text` is empty."""
    return not e.text


def key_is_known(d: Draft, e: Any) -> bool:
    """The intent has a `key`, and an item has the same, or one that was sent had it."""
    if e.key is None:
        return False
    return any(item.key == e.key for item in d.items) or is_marked(d, "key", e.key)


def answers_prompt(d: Draft, e: ev.SendText) -> bool:
    """A form without a name is open, is not secure, and has no answer yet."""
    return bool(d.participants.forms) and participants.prompt(d) is not None


# --- what goes into the queue ---------------------------------------------------------------------------------------


def _new_id(d: Draft) -> str:
    """The id of a new item: it is made when the user acts, and stays its own for ever (design 7)."""
    d.ids = number = d.ids + 1
    return f"{d.chat.origin}:{number}"


def queue_text(d: Draft, e: ev.SendText | ev.RequestChat) -> None:
    """A new item, with a new id `origin:n`, that carries a `Message` with this text and the item's id."""
    item_id = _new_id(d)
    d.subject = s.Item(item_id, ABSENT, wire.Message(item_id, msg_text=e.text), e.key, note=e.note)


def queue_prompt_answer(d: Draft, e: ev.SendText) -> None:
    """A new item that answers the last open form without a name: `FormData` with the data `{"text":"…"}`, without
    blanks, and with nothing escaped that need not be (F31); that form's `answer` is the item's id.
    """
    form = participants.prompt(d)
    assert form is not None
    data = json.dumps({"text": e.text}, ensure_ascii=False, separators=(",", ":"))
    _queue_answer(d, form, wire.FormData(form.id, form.name, data), e.key, e.note)


def queue_entry(d: Draft, e: ev.SendEntry) -> None:
    """A new item that carries the entry; where such an entry has a `msg_id`, it is the item's id."""
    item_id, entry = _new_id(d), e.entry
    if isinstance(entry, NUMBERED):
        entry = evolve(entry, msg_id=item_id)
    d.subject = s.Item(item_id, ABSENT, entry, e.key, note=e.note)


def queue_file(d: Draft, e: ev.SendFile) -> None:
    """A new item that carries a `File` without a `file_id`; it keeps `ref` and `name` for the upload."""
    item_id = _new_id(d)
    d.subject = s.Item(item_id, ABSENT, wire.File("", e.type, e.name, item_id), e.key, e.ref, e.name, note=e.note)


def _queue_answer(d: Draft, form: OpenForm, entry: wire.Entry, key: str | None, note: str = "") -> None:
    """This item answers the form: one answer a request (F31)."""
    item_id = _new_id(d)
    d.subject = s.Item(item_id, ABSENT, entry, key, form=form.id, note=note)
    forms = d.participants.forms
    participants.set_forms(d, (evolve(one, answer=item_id) if one.id == form.id else one for one in forms))


def queue_form_answer(d: Draft, e: ev.AnswerForm) -> None:
    """A new item that carries `FormData` for the open form of this id; the form's `answer` is the item's id."""
    form = participants.form(d, e.form_request_id)
    _queue_answer(d, form, wire.FormData(form.id, form.name, e.data), e.key, e.note)


def queue_secure_answer(d: Draft, e: ev.AnswerSecureForm) -> None:
    """A new item that carries `SecureFormData` with `ref` for the open form of this id; the form's `answer` is the
    item's id.
    """
    form = participants.form(d, e.form_request_id)
    _queue_answer(d, form, wire.SecureFormData(form.id, form.name, e.ref), e.key, e.note)


def queue_form_cancel(d: Draft, e: ev.CancelForm) -> None:
    """A new item that carries `FormDataCancel`, or `SecureFormCancel` for a secure form; the form's `answer` is the
    item's id.
    """
    form = participants.form(d, e.form_request_id)
    cancel = wire.SecureFormCancel if form.secure else wire.FormDataCancel
    _queue_answer(d, form, cancel(form.id, form.name), e.key)


def queue_disconnect(d: Draft, e: object) -> None:
    """A new item that carries a `SessionDisconnect`."""
    d.subject = s.Item(_new_id(d), ABSENT, wire.SessionDisconnect())


def queue_end(d: Draft, e: object) -> None:
    """A new item that carries a `SessionEnd`."""
    d.subject = s.Item(_new_id(d), ABSENT, wire.SessionEnd())


def disconnect_is_queued(d: Draft, e: object) -> bool:
    """An item carries a `SessionDisconnect`."""
    return any(isinstance(item.entry, wire.SessionDisconnect) for item in d.items)


# --- which item is next -----------------------------------------------------------------------------------------------


def may_post(d: Draft, e: object) -> bool:
    """A chat is known, its presence is not doubted, the connection is not blocked, and the end was not sent
    (`end_was_sent`; protocol.md 6.2).
    """
    return can_send(d) and not end_was_sent(d, e)


def has_deadline(d: Draft, e: object) -> bool:
    """The item's `due` is not null: a call is in flight, or a pause is running."""
    return d.item.due is not None


def next_to_send(d: Draft) -> tuple[s.Item, ...]:
    """The items that a send slot is offered to: the head of the queue, and the first file being uploaded."""
    head: tuple[s.Item, ...] = ()
    upload: tuple[s.Item, ...] = ()
    for item in d.items:
        if type(item.state) in s.ITEM_QUEUED:
            head = head or (item,)
        elif type(item.state) is s.ItemUploading:
            upload = upload or (item,)
    return head + upload


def without_receipts(d: Draft) -> list[s.Item]:
    """Sent items of which no receipt is awaited: none can come, or more than `tracked_limit` newer ones wait too."""
    tracked = [item for item in d.items if type(item.state) in s.ITEM_TRACKED]
    awaited = [item for item in tracked if item.entry is None]
    return [item for item in tracked if item.entry is not None] + awaited[: -d.config.tracked_limit]


def all_items(d: Draft, e: object) -> tuple[s.Item, ...]:
    """Every item, in the order of the queue."""
    return d.items


def new_item(d: Draft, e: object) -> tuple[s.Item, ...]:
    """The item that this step has made."""
    return (d.subject,)


def item_of_receipt(d: Draft, e: wire.MessageDelivered | wire.MessageRead) -> list[s.Item]:
    """The item whose id is the receipt's `ref_msg_id`."""
    return [item for item in d.items if item.id == e.ref_msg_id]


def item_of_echo(d: Draft, e: Any) -> tuple[s.Item, ...]:
    """The item that this entry is: by message id, else a disconnect by its type, a file by its `file_id`, an answer by
    its form once it was sent.
    """
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
    guard.__doc__ = f"The item carries an entry of one of these types: {', '.join([kind.__name__ for kind in kinds])}."
    return guard


resets_idle_timer: Final = _carries("resets_idle_timer", RESETS_IDLE_TIMER)
is_traceless: Final = _carries("is_traceless", TRACELESS)
is_repeatable: Final = _carries("is_repeatable", REPEATABLE)


def is_done_by_roster(d: Draft, e: object) -> bool:
    """The item carries a `SessionDisconnect`, and no agent is on the roster: a disconnect leaves no id in the log."""
    return isinstance(d.subject.entry, wire.SessionDisconnect) and not participants.has_agent(d, e)


def may_retry(d: Draft, e: object) -> bool:
    """`tries` + 1 is below `config.limited_tries`."""
    return d.item.tries + 1 < d.config.limited_tries


# --- actions of the item machine ------------------------------------------------------------------------------------


def report_sent(d: Draft, e: object) -> None:
    """Emit `DeliveryUpdate` sent; the form that it answers is closed; its entry is remembered in the dedupe window. In
    v2, a message, file or location forgets its entry and waits for receipts.
    """
    item = d.subject
    d.emit_delivery(item, "sent")
    participants.settle_form(d, e)
    remember_sent(d, item)
    entry = None if isinstance(item.entry, RECEIPTED) and d.config.api == "v2" else item.entry
    d.subject = s.Item(item.id, item.state, entry, item.key, item.ref, item.name, note=item.note)


def report_delivered(d: Draft, e: Any) -> None:
    """Emit `DeliveryUpdate` delivered, with the party of the receipt, if there is one."""
    d.emit_delivery(d.subject, "delivered", party_id=getattr(e, "party_id", ""))


def report_read(d: Draft, e: Any) -> None:
    """Emit `DeliveryUpdate` read, with the party of the receipt, if there is one."""
    d.emit_delivery(d.subject, "read", party_id=getattr(e, "party_id", ""))


def _fail(d: Draft, reason: Reason, e: object) -> None:
    """A form may be answered anew, but a prompt takes one text: one that refuses would take every text to come, and the
    echo of an answer that has arrived after all would be taken for the next one's.
    """
    entry = d.subject.entry
    d.emit_delivery(d.subject, "failed", reason=reason, code=failure_code(e) if reason == "refused" else None)
    is_prompted = isinstance(entry, wire.FormData) and not entry.form_name
    (participants.settle_form if is_prompted else participants.release_form)(d, e)


def report_not_sent(d: Draft, e: object) -> None:
    """Emit `DeliveryUpdate` failed with the reason `not_sent`; the form that it answers may be answered again, but one
    without a name is closed.
    """
    _fail(d, "not_sent", e)


def report_unknown(d: Draft, e: object) -> None:
    """Emit `DeliveryUpdate` failed with the reason `unknown`; the form that it answers may be answered again, but one
    without a name is closed.
    """
    _fail(d, "unknown", e)


def report_refused(d: Draft, e: object) -> None:
    """Emit `DeliveryUpdate` failed, `unreadable` for the failure `no_payload`, else `refused` with the failure's code;
    its form may be answered again, but one without a name is closed.
    """
    _fail(d, "unreadable" if isinstance(e, ev.Failure) and e.kind == "no_payload" else "refused", e)


def take_file_id(d: Draft, e: ev.FileUploaded) -> None:
    """The item's entry gets the reply's `file_id`, and its `file_name` where it has none; the item forgets `ref` and
    moves to the end of the queue.
    """
    item = d.subject
    assert isinstance(item.entry, wire.File)
    name = item.entry.file_name or e.file_name
    d.subject = evolve(item, entry=evolve(item.entry, file_id=e.file_id, file_name=name), ref="")
    d.items = tuple(other for other in d.items if other.id != item.id)


def clear_message_id(d: Draft, e: object) -> None:
    """The item's file entry loses its `msg_id`: some servers take it only so (protocol.md 10, row 18)."""
    entry = d.subject.entry
    assert isinstance(entry, wire.File)
    d.subject = evolve(d.subject, entry=evolve(entry, msg_id=""))


# --- makers ---------------------------------------------------------------------------------------------------------


def waiting_upload(d: Draft, e: object) -> s.ItemUploading:
    """`ItemUploading` without a call or a deadline, with the same `tries`."""
    return s.ItemUploading(tries=d.item.tries)


def uploading(d: Draft, e: object) -> s.ItemUploading:
    """`ItemUploading` owes `Upload` under a new id, due `config.upload_timeout` + `config.answer_margin` from now, with
    the same `tries`.
    """
    return s.ItemUploading(*d.new_call(d.config.upload_timeout), d.item.tries)


def upload_pausing(d: Draft, e: object) -> s.ItemUploading:
    """`ItemUploading` without a call, with `tries` + 1, due after the back-off of that many failures."""
    tries = d.item.tries + 1
    due, slack = back_off(d, e, tries)
    return s.ItemUploading(None, due, tries, slack)


def queued(d: Draft, e: object) -> s.ItemPending:
    """`ItemPending` with no failed tries and no deadline."""
    return s.ItemPending()


def pending(d: Draft, e: object) -> s.ItemPending:
    """`ItemPending` with the same `tries` and no deadline."""
    return s.ItemPending(None, d.item.tries)


def pausing(d: Draft, e: object) -> s.ItemPending:
    """`ItemPending` with `tries` + 1, due after the back-off of that many failures."""
    tries = d.item.tries + 1
    due, slack = back_off(d, e, tries)
    return s.ItemPending(due, tries, slack)


def sending(d: Draft, e: object) -> s.ItemSending:
    """`ItemSending` owes `Post` under a new id, due `config.request_timeout` + `config.answer_margin` from now, with
    the same `tries`.
    """
    return s.ItemSending(*d.new_call(d.config.request_timeout), d.item.tries)


def _settled_at(d: Draft, e: object) -> int:
    """When it cannot land any more; later where the server asks for a longer pause."""
    return after(d, max(d.config.settle, min(retry_after(e) or 0, d.config.retry_after_cap)))


def in_doubt(d: Draft, e: object) -> s.ItemInDoubt:
    """`ItemInDoubt` with the same `tries`, due `config.settle` from now, or after the failure's `retry_after` (at most
    `config.retry_after_cap`) where that is later.
    """
    return s.ItemInDoubt(_settled_at(d, e), d.item.tries)


def in_doubt_again(d: Draft, e: object) -> s.ItemInDoubt:
    """As `in_doubt`, with `tries` + 1."""
    return s.ItemInDoubt(_settled_at(d, e), d.item.tries + 1)


def settled(d: Draft, e: object) -> s.ItemInDoubt:
    """`ItemInDoubt` without a deadline, with the same `tries`: the next log decides."""
    return s.ItemInDoubt(None, d.item.tries)


# --- bookkeeping ----------------------------------------------------------------------------------------------------


def store_item(d: Draft) -> None:
    """Write the item in focus back to its place; a new one goes to the end, one outside the session is dropped."""
    i, place = d.subject, 0
    for item in d.items:
        if item.id == i.id:
            break
        place += 1
    outside = type(d.item) in s.ITEM_OUTSIDE
    new = () if outside else (s.Item(i.id, d.item, i.entry, i.key, i.ref, i.name, i.form, i.note),)
    d.items = (*d.items[:place], *new, *d.items[place + 1 :])
