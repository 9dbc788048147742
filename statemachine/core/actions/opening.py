"""How a chat id is found: E4 to create, E5 to find, with pauses between tries."""

from __future__ import annotations

from attrs import evolve

from ..draft import Draft
from ..events import Carryover, ChatOpened, Failure, Reattach, RequestChat
from ..session import Chat, DedupeWindow, Ending, Failed, Opening, Requesting
from .memory import beginning, remember
from .timing import after, answer_due, back_off

# --- guards ---------------------------------------------------------------------------------------------------------


def lacks_origin(d: Draft, e: RequestChat | Reattach) -> bool:
    return not e.origin.strip()


def has_first_text(d: Draft, e: RequestChat) -> bool:
    return bool(e.text)


def names_chat(d: Draft, e: Reattach) -> bool:
    return bool(e.chat_id)


def reports_the_end(d: Draft, e: ChatOpened) -> bool:
    """E4 may return an old session that has ended but was not yet purged (protocol.md 10, row 25)."""
    return e.state.lower() in ("failed", "completed")


def finds_the_end(d: Draft, e: ChatOpened) -> bool:
    """The same, where we only asked (E5)."""
    opening = d.lifecycle.opening
    return opening is not None and opening.find and reports_the_end(d, e)


def is_new_chat(d: Draft, e: ChatOpened) -> bool:
    """Certainly new: the server says so, and no earlier try of ours can have made it."""
    return e.is_new_chat is True


def opening_waits(d: Draft, e: object) -> bool:
    """Ending, and the chat id is still unknown."""
    return isinstance(d.lifecycle, Ending) and d.lifecycle.opening is not None


# --- effects --------------------------------------------------------------------------------------------------------


def _take_over(d: Draft, origin: str, past: Carryover | None) -> None:
    if past is None:
        d.chat = Chat(origin)
        return
    d.chat = Chat(past.origin or origin, former=past.chat_id)
    d.ids = max(d.ids, past.ids)
    d.seq = max(d.seq, past.seq)
    d.window = DedupeWindow(past.entries, past.batches, d.window.anomalies, past.marks)


def take_over_past(d: Draft, e: RequestChat | Reattach) -> None:
    """Origin, counters and window of the session before (D3)."""
    _take_over(d, e.origin, e.after)


def adopt_named_chat(d: Draft, e: Reattach) -> None:
    adopt_chat(d, ChatOpened(e.chat_id or ""))


def adopt_chat(d: Draft, e: ChatOpened) -> None:
    """What was told of another chat says nothing about this one; the application's keys are the same in all."""
    if d.chat.former.lower() != e.chat_id.lower():
        d.window = DedupeWindow(anomalies=d.window.anomalies, marks=d.window.marks)
    d.chat = evolve(d.chat, chat_id=e.chat_id, phone_number=e.phone_number)


def mark_beginning(d: Draft, e: ChatOpened) -> None:
    """From here on the log is known from its first entry."""
    remember(d, beginning(d))


# --- makers ---------------------------------------------------------------------------------------------------------


def _ask(d: Draft, opening: Opening) -> Opening:
    return evolve(opening, call=d.next_id(), due=answer_due(d, d.config.request_timeout), slack=0)


def _pause(d: Draft, opening: Opening, e: object) -> Opening:
    tries = opening.tries + 1
    retry_after = e.retry_after if isinstance(e, Failure) else None
    due, slack = back_off(d, tries, retry_after=retry_after)
    return evolve(opening, call=None, due=due, slack=slack, tries=tries)


def _opening(d: Draft) -> Opening:
    state = d.lifecycle
    assert isinstance(state, Requesting | Ending)
    assert state.opening is not None
    return state.opening


def creating(d: Draft, e: RequestChat) -> Requesting:
    blank = Opening(False, None, 0, parameters=e.parameters, phone_number=e.phone_number, from_=e.from_)
    return Requesting(_ask(d, blank), after(d, d.config.request_within))


def finding(d: Draft, e: Reattach) -> Requesting:
    return Requesting(_ask(d, Opening(True, None, 0)), after(d, d.config.request_within))


def pausing(d: Draft, e: object) -> Requesting:
    state = d.lifecycle
    assert isinstance(state, Requesting)
    return Requesting(_pause(d, state.opening, e), state.due)


def asking_again(d: Draft, e: object) -> Requesting:
    state = d.lifecycle
    assert isinstance(state, Requesting)
    return Requesting(_ask(d, state.opening), state.due)


def ending(d: Draft, e: object) -> Ending:
    """A search for the chat id that is under way goes on: what it finds must be ended too.

    A call in flight is awaited; the next one, if any, only asks (E5): never create a chat in order to end it (D3).
    """
    opening = d.lifecycle.opening if isinstance(d.lifecycle, Requesting) else None
    if opening is not None and opening.call is None:
        opening = evolve(opening, find=True)
    return Ending(after(d, d.config.ending_within), opening)


def ending_known_chat(d: Draft, e: object) -> Ending:
    state = d.lifecycle
    assert isinstance(state, Ending)
    return Ending(state.due, None)


def ending_pausing(d: Draft, e: object) -> Ending:
    """From now on only E5: never create a chat in order to end it (D3)."""
    state = d.lifecycle
    assert isinstance(state, Ending)
    return Ending(state.due, evolve(_pause(d, _opening(d), e), find=True))


def ending_asking_again(d: Draft, e: object) -> Ending:
    state = d.lifecycle
    assert isinstance(state, Ending)
    return Ending(state.due, _ask(d, _opening(d)))


def refused(d: Draft, e: object) -> Failed:
    return Failed("refused")


def gave_up(d: Draft, e: object) -> Failed:
    return Failed("gave_up")
