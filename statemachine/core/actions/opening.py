"""The search for a chat id: E4 to create, E5 to find, with back-off between tries."""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve

from .. import states as s
from ..draft import Draft
from ..events import ChatOpened, Reattach, RequestChat
from ..session import Chat, DedupeWindow
from .memory import beginning, remember
from .timing import answer_due, back_off, failure_words

SECONDS: Final = range(1_000_000_000, 10_000_000_000)
"""Times that are dates from 2001 on if they are seconds, and days of 1970 if they are milliseconds."""

# --- guards ---------------------------------------------------------------------------------------------------------


def lacks_origin(d: Draft, e: RequestChat | Reattach) -> bool:
    return not e.origin.strip()


def has_first_text(d: Draft, e: RequestChat) -> bool:
    return bool(e.text)


def names_chat(d: Draft, e: Reattach) -> bool:
    return bool(e.chat_id)


def customer_has_ended(d: Draft, e: object) -> bool:
    """The chat is searched for only in order to end it."""
    return type(d.lifecycle) is s.Ending


def chat_has_ended(d: Draft, e: ChatOpened) -> bool:
    """The server may return an old session that has ended but was not yet purged (protocol.md 10, row 25)."""
    return e.state.lower() in ("failed", "completed")


def is_new_chat(d: Draft, e: ChatOpened) -> bool:
    """Certainly new: the server says so, and no earlier try of ours can have made it."""
    return e.is_new_chat is True


def may_only_find(d: Draft, e: object) -> bool:
    """It was a search by E5, or the customer has ended meanwhile."""
    o: Any = d.opening
    return bool(o.find)


# --- actions --------------------------------------------------------------------------------------------------------


def apply_carryover(d: Draft, e: RequestChat | Reattach) -> None:
    """Origin, counters and window of the session before (design 18)."""
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
    adopt_chat(d, ChatOpened(e.chat_id or ""))


def adopt_chat(d: Draft, e: ChatOpened) -> None:
    """The window of another chat says nothing about this one; the application's keys are the same in all."""
    if d.chat.former.lower() != e.chat_id.lower():
        d.window = DedupeWindow(anomalies=d.window.anomalies, marks=d.window.marks)
    d.chat = evolve(d.chat, chat_id=e.chat_id, phone_number=e.phone_number)


def mark_beginning(d: Draft, e: ChatOpened) -> None:
    """From here on the log is known from its first entry."""
    remember(d, beginning(d))


# --- makers ---------------------------------------------------------------------------------------------------------


def creating(d: Draft, e: RequestChat) -> s.OpeningCreating:
    return s.OpeningCreating(d.next_id(), _answer_due(d), 0, e.parameters, e.phone_number, e.from_)


def finding(d: Draft, e: Reattach) -> s.OpeningFinding:
    return s.OpeningFinding(d.next_id(), _answer_due(d))


def creating_again(d: Draft, e: object) -> s.OpeningCreating:
    o: Any = d.opening
    return s.OpeningCreating(d.next_id(), _answer_due(d), o.tries, o.parameters, o.phone_number, o.from_)


def finding_again(d: Draft, e: object) -> s.OpeningFinding:
    o: Any = d.opening
    return s.OpeningFinding(d.next_id(), _answer_due(d), o.tries)


def to_create_later(d: Draft, e: object) -> s.OpeningBackingOff:
    o: Any = d.opening
    due, slack = back_off(d, e, o.tries + 1)
    return s.OpeningBackingOff(due, o.tries + 1, slack, False, o.parameters, o.phone_number, o.from_, *failure_words(e))


def to_find_later(d: Draft, e: object) -> s.OpeningBackingOff:
    o: Any = d.opening
    due, slack = back_off(d, e, o.tries + 1)
    reason, code, detail = failure_words(e)
    return s.OpeningBackingOff(due, o.tries + 1, slack, True, reason=reason, code=code, detail=detail)


def to_find_only(d: Draft, e: object) -> s.OpeningBackingOff:
    """The same pause, but the next call only asks (E5)."""
    o: Any = d.opening
    return s.OpeningBackingOff(o.due, o.tries, o.slack, True, reason=o.reason, code=o.code, detail=o.detail)


def _answer_due(d: Draft) -> int:
    return answer_due(d, d.config.request_timeout)
