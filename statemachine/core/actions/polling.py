"""The poll and the history: their calls, their pauses, the brake (D2.9, D2.11)."""

from __future__ import annotations

from ..draft import Draft
from ..events import Failure, HistoryLog
from ..session import (
    ConnectionBackingOff,
    ConnectionBlocked,
    ConnectionOff,
    ConnectionPaused,
    ConnectionPolling,
    HistoryBackingOff,
    HistoryReading,
    HistoryStale,
)
from .memory import knows_some
from .participants import failure_code
from .timing import after, answer_due, back_off

# --- guards ---------------------------------------------------------------------------------------------------------


def chat_is_known(d: Draft, e: object) -> bool:
    return d.chat.chat_id != ""


def is_in_flight(d: Draft, e: object) -> bool:
    return d.connection.call is not None


def is_spinning(d: Draft, e: object) -> bool:
    """Instant answers that bring nothing new, once too often (F34): a cache, or a server that does not hold."""
    return not d.context.fresh and _haste(d) > d.config.brake_after


def _haste(d: Draft) -> int:
    state = d.connection
    if d.context.fresh or type(state) is not ConnectionPolling:
        return 0
    config = d.config
    asked = state.due - config.poll_timeout - config.answer_margin
    return state.fast_empty_polls + 1 if d.now - asked < config.brake else 0


def _tries(d: Draft) -> int:
    state = d.connection
    return 0 if isinstance(state, ConnectionPaused | ConnectionBlocked) else state.tries


def may_repeat_poll(d: Draft, e: object) -> bool:
    return _tries(d) + 1 < d.config.limited_tries


def log_cannot_be_empty(d: Draft) -> bool:
    """Something of this log was told or sent, or somebody is in the room."""
    return knows_some(d) or bool(d.participants.parties)


def says_nothing(d: Draft, e: HistoryLog) -> bool:
    """An empty answer where there must be something: a proxy, or a server in trouble. It proves nothing."""
    return not e.entries and log_cannot_be_empty(d)


def says_nothing_yet(d: Draft, e: HistoryLog) -> bool:
    return says_nothing(d, e) and may_repeat_reading(d, e)


def may_repeat_reading(d: Draft, e: object) -> bool:
    return getattr(d.history, "tries", 0) + 1 < d.config.limited_tries


# --- makers: link ---------------------------------------------------------------------------------------------------


def _poll(d: Draft, tries: int, fast_empty_polls: int) -> ConnectionPolling:
    return ConnectionPolling(d.next_id(), answer_due(d, d.config.poll_timeout), tries, fast_empty_polls)


def polling(d: Draft, e: object) -> ConnectionPolling:
    """The first poll after a pause: failures in a row still count until it is answered."""
    return _poll(d, _tries(d), 0)


def polling_on(d: Draft, e: object) -> ConnectionPolling:
    """The next poll after an answer."""
    return _poll(d, 0, _haste(d))


def braking(d: Draft, e: object) -> ConnectionBackingOff:
    """A pause, no failure. The longer it goes on, the longer the pause, up to the cap."""
    fast_empty_polls = _haste(d)
    due, slack = back_off(d, fast_empty_polls - d.config.brake_after, d.config.brake_cap)
    return ConnectionBackingOff(due, 0, slack, fast_empty_polls=fast_empty_polls)


def was_in_trouble(d: Draft, e: object) -> bool:
    """The first answer after failures: a poll cut before may have been held on, and have eaten events meanwhile."""
    return type(d.connection) is ConnectionPolling and d.connection.tries > 0


def is_braking(d: Draft, e: object) -> bool:
    return isinstance(d.connection, ConnectionBackingOff) and d.connection.tries == 0


def polling_slowly(d: Draft, e: object) -> ConnectionPolling:
    """After the brake: nothing was lost, so no history; the count goes on."""
    assert isinstance(d.connection, ConnectionBackingOff)
    return _poll(d, 0, d.connection.fast_empty_polls)


def _backing_off(d: Draft, e: object, cap: int | None) -> ConnectionBackingOff:
    tries = _tries(d) + 1
    retry_after = e.retry_after if isinstance(e, Failure) else None
    due, slack = back_off(d, tries, cap, retry_after)
    return ConnectionBackingOff(due, tries, slack, failure_code(e), reason=e.kind if isinstance(e, Failure) else None)


def backing_off(d: Draft, e: object) -> ConnectionBackingOff:
    return _backing_off(d, e, None)


def backing_off_busy(d: Draft, e: object) -> ConnectionBackingOff:
    """5509, 429: shorter at most than for a server in trouble (protocol.md 4.2)."""
    return _backing_off(d, e, d.config.busy_cap)


def waiting(d: Draft, e: object) -> ConnectionOff:
    """The history first."""
    return ConnectionOff(_tries(d))


def blocked(d: Draft, e: object) -> ConnectionBlocked:
    return ConnectionBlocked(failure_code(e), isinstance(d.connection, ConnectionPaused))


def blocked_in_background(d: Draft, e: object) -> ConnectionBlocked:
    return ConnectionBlocked(d.connection.code if isinstance(d.connection, ConnectionBlocked) else None, True)


def blocked_in_foreground(d: Draft, e: object) -> ConnectionBlocked:
    return ConnectionBlocked(d.connection.code if isinstance(d.connection, ConnectionBlocked) else None)


def is_blocked_in_background(d: Draft, e: object) -> bool:
    return isinstance(d.connection, ConnectionBlocked) and d.connection.paused


def paused(d: Draft, e: object) -> ConnectionPaused:
    return ConnectionPaused()


def paused_with_poll(d: Draft, e: object) -> ConnectionPaused:
    """Pausing does not withdraw the poll in flight, it only starts no other."""
    state = d.connection
    assert isinstance(state, ConnectionPolling)
    return ConnectionPaused(state.call, state.due)


def resuming_poll(d: Draft, e: object) -> ConnectionPolling:
    state = d.connection
    assert isinstance(state, ConnectionPaused)
    assert state.call is not None
    assert state.due is not None
    return ConnectionPolling(state.call, state.due)


# --- makers: history ------------------------------------------------------------------------------------------------


def _read(d: Draft) -> tuple[int, int, int]:
    return d.next_id(), answer_due(d, d.config.request_timeout), getattr(d.history, "tries", 0)


def reading(d: Draft, e: object) -> HistoryReading:
    return HistoryReading(*_read(d))


def reading_again(d: Draft, e: object) -> HistoryReading:
    call, due, _ = _read(d)
    return HistoryReading(call, due)


def stale(d: Draft, e: object) -> HistoryStale:
    state = d.history
    assert isinstance(state, HistoryReading)
    return HistoryStale(state.call, state.due, state.tries)


def is_second_reading(d: Draft, e: object) -> bool:
    """The pause is no failure's: it only gives the poll before time to end."""
    return isinstance(d.history, HistoryBackingOff) and d.history.tries == 0


def reading_second(d: Draft, e: object) -> HistoryBackingOff:
    return HistoryBackingOff(after(d, d.config.settle), 0, d.config.settle // 2)


def reading_later(d: Draft, e: object) -> HistoryBackingOff:
    tries = getattr(d.history, "tries", 0) + 1
    retry_after = e.retry_after if isinstance(e, Failure) else None
    due, slack = back_off(d, tries, retry_after=retry_after)
    return HistoryBackingOff(due, tries, slack)
