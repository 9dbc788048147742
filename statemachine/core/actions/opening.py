"""The search for a chat id: E4 to create, E5 to find, with back-off between tries."""

from __future__ import annotations

from typing import Final

from attrs import evolve

from .. import states as s
from ..draft import Draft
from ..events import ChatOpened, Reattach, RequestChat
from ..session import Chat, DedupeWindow
from .memory import beginning, remember
from .timing import back_off, failure_words

SECONDS: Final = range(1_000_000_000, 10_000_000_000)
"""Times that are dates from 2001 on if they are seconds, and days of 1970 if they are milliseconds."""

# --- guards ---------------------------------------------------------------------------------------------------------


def lacks_origin(d: Draft, e: RequestChat | Reattach) -> bool:
    """`origin` is empty or blank."""
    return not e.origin.strip()


def has_first_text(d: Draft, e: RequestChat) -> bool:
    """`text` is not empty."""
    return bool(e.text)


def names_chat(d: Draft, e: Reattach) -> bool:
    """`chat_id` is not empty."""
    return bool(e.chat_id)


def customer_has_ended(d: Draft, e: object) -> bool:
    """The phase is `ending`: the chat is searched for only in order to end it."""
    return type(d.lifecycle) is s.Ending


def chat_has_ended(d: Draft, e: ChatOpened) -> bool:
    """The reply's `state` is `failed` or `completed`, in any case of letters: the server may return a session that has
    ended (protocol.md 10, row 25).
    """
    return e.state.lower() in ("failed", "completed")


def is_new_chat(d: Draft, e: ChatOpened) -> bool:
    """The reply's `is_new_chat` is true."""
    return e.is_new_chat is True


def may_only_find(d: Draft, e: object) -> bool:
    """`opening.find` is true: it was a search, or the customer has ended meanwhile."""
    return bool(d.opening.find)


# --- actions --------------------------------------------------------------------------------------------------------


def apply_carryover(d: Draft, e: RequestChat | Reattach) -> None:
    """Without `after`, `chat` is new, with this `origin`. With it, `chat.origin`, `ids`, `seq` and the dedupe window
    continue (`ids` and `seq`: the larger number), and `chat.former` is its chat id, or its own `former` where it had no
    chat (design 18).

    A time between 10^9 and 10^10 looks like seconds, and is noted as the anomaly `seconds`.
    """
    if d.now in SECONDS:
        d.note_anomaly("seconds", "the times of events look like seconds, and must be milliseconds since the epoch")
    before = e.after
    if before is None:
        d.chat = Chat(e.origin)
        return
    d.chat = Chat(before.origin or e.origin, former=before.chat_id)
    d.ids = max(d.ids, before.ids)
    d.seq = max(d.seq, before.seq)
    d.window = DedupeWindow(before.entries, before.batches, d.window.anomalies, before.marks)


def adopt_named_chat(d: Draft, e: Reattach) -> None:
    """As `adopt_chat`, with the intent's `chat_id`."""
    adopt_chat(d, ChatOpened(e.chat_id or ""))


def adopt_chat(d: Draft, e: ChatOpened) -> None:
    """`chat.chat_id` and `chat.phone_number` are those of the reply. Where `chat.former` is another chat, or
    none, the dedupe window is emptied, except the application's keys and the anomaly counts.
    """
    if d.chat.former.lower() != e.chat_id.lower():
        d.window = DedupeWindow(anomalies=d.window.anomalies, marks=d.window.marks)
    d.chat = evolve(d.chat, chat_id=e.chat_id, phone_number=e.phone_number)


def mark_beginning(d: Draft, e: ChatOpened) -> None:
    """Remember that the log of this chat is known from its first entry."""
    remember(d, beginning(d))


# --- makers ---------------------------------------------------------------------------------------------------------


def creating(d: Draft, e: RequestChat) -> s.OpeningCreating:
    """`OpeningCreating` owes `CreateChat` under a new id, due `config.request_timeout` + `config.answer_margin` from
    now, with the intent's parameters and no failed tries.
    """
    return s.OpeningCreating(*d.new_call(d.config.request_timeout), 0, e.parameters, e.phone_number, e.from_)


def finding(d: Draft, e: Reattach) -> s.OpeningFinding:
    """`OpeningFinding` owes `FindChat` under a new id, due `config.request_timeout` + `config.answer_margin` from now,
    with no failed tries.
    """
    return s.OpeningFinding(*d.new_call(d.config.request_timeout))


def creating_again(d: Draft, e: object) -> s.OpeningCreating:
    """As `creating`, with the parameters and `tries` of the present state."""
    o = d.opening
    return s.OpeningCreating(*d.new_call(d.config.request_timeout), o.tries, o.parameters, o.phone_number, o.from_)


def finding_again(d: Draft, e: object) -> s.OpeningFinding:
    """As `finding`, with the `tries` of the present state."""
    return s.OpeningFinding(*d.new_call(d.config.request_timeout), d.opening.tries)


def to_create_later(d: Draft, e: object) -> s.OpeningBackingOff:
    """`OpeningBackingOff` with `tries` + 1, due after the back-off of that many failures; it keeps the parameters and
    the failure, and `find` is false.
    """
    o = d.opening
    due, slack = back_off(d, e, o.tries + 1)
    return s.OpeningBackingOff(due, o.tries + 1, slack, False, o.parameters, o.phone_number, o.from_, *failure_words(e))


def to_find_later(d: Draft, e: object) -> s.OpeningBackingOff:
    """`OpeningBackingOff` with `tries` + 1, due after the back-off of that many failures; it keeps the failure, and
    `find` is true.
    """
    o = d.opening
    due, slack = back_off(d, e, o.tries + 1)
    reason, code, detail = failure_words(e)
    return s.OpeningBackingOff(due, o.tries + 1, slack, True, reason=reason, code=code, detail=detail)


def to_find_only(d: Draft, e: object) -> s.OpeningBackingOff:
    """The present pause, with `find` true and without the parameters."""
    o = d.opening
    return s.OpeningBackingOff(o.due, o.tries, o.slack, True, reason=o.reason, code=o.code, detail=o.detail)
