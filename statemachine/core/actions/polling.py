"""The poll and the history: their calls, their back-off, and the brake on instant answers (design 9, design 11).

Each function serves rows of one state, and takes its fields for granted.
"""

from __future__ import annotations

from attrs import evolve

from .. import states as s
from ..draft import Draft
from ..events import HistoryLog
from .memory import knows_some
from .timing import after, back_off, failure_code, failure_words

# --- guards: connection ---------------------------------------------------------------------------------------------


def chat_is_known(d: Draft, e: object) -> bool:
    """`chat.chat_id` is not empty."""
    return d.chat.chat_id != ""


def poll_is_in_flight(d: Draft, e: object) -> bool:
    """`connection.call` is not null."""
    return d.connection.call is not None


def no_poll_is_held(d: Draft, e: object) -> bool:
    """The next poll waits for the history, or the connection is paused."""
    return isinstance(d.connection, s.ConnectionOff | s.ConnectionPaused) and d.connection.call is None


def is_spinning(d: Draft, e: object) -> bool:
    """With this answer, more than `config.brake_after` polls in a row were answered within `config.brake` with nothing
    new, or more than `config.brake_new_after` were answered so fast at all (F34).
    """
    empty, fast = _fast_polls(d)
    return empty > d.config.brake_after or fast > d.config.brake_new_after


def _fast_polls(d: Draft) -> tuple[int, int]:
    """Instant answers in a row, with this one: those that brought nothing, and all."""
    config = d.config
    asked = d.connection.due - config.poll_timeout - config.answer_margin
    if d.now - asked >= config.brake:
        return 0, 0
    return 0 if d.fresh else d.connection.fast_empty_polls + 1, d.connection.fast_polls + 1


def has_failed_before(d: Draft, e: object) -> bool:
    """`connection.tries` is above 0: the poll that was cut before may have consumed events."""
    return bool(d.connection.tries)


def is_braking(d: Draft, e: object) -> bool:
    """`connection.tries` is 0: the pause follows fast answers, not a failure."""
    return not d.connection.tries


def is_in_background(d: Draft, e: object) -> bool:
    """`connection.paused` is true."""
    return bool(d.connection.paused)


# --- makers: connection ---------------------------------------------------------------------------------------------


def _poll(d: Draft, tries: int, fast_empty_polls: int = 0, fast_polls: int = 0) -> s.ConnectionPolling:
    return s.ConnectionPolling(*d.new_call(d.config.poll_timeout), tries, fast_empty_polls, fast_polls)


def polling(d: Draft, e: object) -> s.ConnectionPolling:
    """`ConnectionPolling` owes `Poll` under a new id, due `config.poll_timeout` + `config.answer_margin` from now, with
    the same `tries`; no fast answers are counted yet.
    """
    return _poll(d, d.connection.tries)


def polling_on(d: Draft, e: object) -> s.ConnectionPolling:
    """As `polling`, with `tries` 0 and the counts of fast answers, this one included."""
    return s.ConnectionPolling(*d.new_call(d.config.poll_timeout), 0, *_fast_polls(d))


def polling_slowly(d: Draft, e: object) -> s.ConnectionPolling:
    """As `polling`, with `tries` 0 and the counts of fast answers of the pause."""
    return _poll(d, 0, d.connection.fast_empty_polls, d.connection.fast_polls)


def braking(d: Draft, e: object) -> s.ConnectionBackingOff:
    """`ConnectionBackingOff` with `tries` 0 and the counts of fast answers, this one included, due after the back-off
    of as many failures as answers exceed their limit, at most `config.brake_cap`.
    """
    empty, fast = _fast_polls(d)
    excess = max(empty - d.config.brake_after, fast - d.config.brake_new_after)
    due, slack = back_off(d, None, excess, d.config.brake_cap)
    return s.ConnectionBackingOff(due, 0, slack, fast_empty_polls=empty, fast_polls=fast)


def backing_off(d: Draft, e: object, cap: int | None = None) -> s.ConnectionBackingOff:
    """`ConnectionBackingOff` with `tries` + 1 and the failure, due after the back-off of that many failures."""
    tries = d.connection.tries + 1
    due, slack = back_off(d, e, tries, cap)
    reason, code, detail = failure_words(e)
    return s.ConnectionBackingOff(due, tries, slack, code, reason=reason, detail=detail)


def backing_off_busy(d: Draft, e: object) -> s.ConnectionBackingOff:
    """As `backing_off`, with `config.busy_cap` in place of `config.backoff_cap` (5509, 429; protocol.md 4.2)."""
    return backing_off(d, e, d.config.busy_cap)


def waiting(d: Draft, e: object) -> s.ConnectionOff:
    """`ConnectionOff` with the same `tries`: the history is read first."""
    return s.ConnectionOff(d.connection.tries)


def blocked(d: Draft, e: object) -> s.ConnectionBlocked:
    """`ConnectionBlocked` with the failure's code, not paused."""
    return s.ConnectionBlocked(failure_code(e))


def blocked_while_paused(d: Draft, e: object) -> s.ConnectionBlocked:
    """`ConnectionBlocked` with the failure's code, paused."""
    return s.ConnectionBlocked(failure_code(e), True)


def blocked_in_background(d: Draft, e: object) -> s.ConnectionBlocked:
    """`ConnectionBlocked` with the same code, paused."""
    return s.ConnectionBlocked(d.connection.code, True)


def blocked_in_foreground(d: Draft, e: object) -> s.ConnectionBlocked:
    """`ConnectionBlocked` with the same code, not paused."""
    return s.ConnectionBlocked(d.connection.code)


def paused_with_poll(d: Draft, e: object) -> s.ConnectionPaused:
    """`ConnectionPaused` that still owes the poll in flight, with its id and deadline."""
    return s.ConnectionPaused(d.connection.call, d.connection.due)


def resuming_poll(d: Draft, e: object) -> s.ConnectionPolling:
    """`ConnectionPolling` with the paused poll that is still in flight: its id and deadline."""
    return s.ConnectionPolling(d.connection.call, d.connection.due)


# --- guards and makers: history -------------------------------------------------------------------------------------


def log_cannot_be_empty(d: Draft) -> bool:
    """Something of this log was reported or sent, or there are participants."""
    return knows_some(d) or bool(d.participants.parties)


def log_is_missing(d: Draft, e: HistoryLog) -> bool:
    """The log is empty, although something of it was reported or sent, or a party is on the roster: a proxy, or a
    server in trouble.
    """
    return not e.entries and log_cannot_be_empty(d)


def log_is_missing_so_far(d: Draft, e: HistoryLog) -> bool:
    """`log_is_missing` and `may_repeat_reading` hold."""
    return log_is_missing(d, e) and may_repeat_reading(d, e)


def may_repeat_reading(d: Draft, e: object) -> bool:
    """`history.rejections` + 1 is below `config.limited_tries`; failures in between do not count."""
    return bool(d.history.rejections + 1 < d.config.limited_tries)


def is_second_reading(d: Draft, e: object) -> bool:
    """`history.tries` is 0: the pause is no failure's, it gives the poll before time to end."""
    return not d.history.tries


def _read(d: Draft, tries: int, rejections: int) -> s.HistoryReading:
    return s.HistoryReading(*d.new_call(d.config.request_timeout), tries, rejections)


def reading(d: Draft, e: object) -> s.HistoryReading:
    """`HistoryReading` owes `ReadHistory` under a new id, due `config.request_timeout` + `config.answer_margin` from
    now, with the same `tries` and `rejections`.
    """
    return _read(d, d.history.tries, d.history.rejections)


def reading_again(d: Draft, e: object) -> s.HistoryReading:
    """As `reading`, with `tries` and `rejections` 0."""
    return _read(d, 0, 0)


def stale(d: Draft, e: object) -> s.HistoryStale:
    """`HistoryStale` with the reading in flight: its id, deadline, `tries` and `rejections`."""
    return s.HistoryStale(d.history.call, d.history.due, d.history.tries, d.history.rejections)


def reading_second(d: Draft, e: object) -> s.HistoryBackingOff:
    """`HistoryBackingOff` with `tries` 0, due `config.settle` from now, with half of that as slack."""
    return s.HistoryBackingOff(after(d, d.config.settle), 0, d.config.settle // 2)


def reading_later(d: Draft, e: object) -> s.HistoryBackingOff:
    """`HistoryBackingOff` with `tries` + 1 and the same `rejections`, due after the back-off of that many failures."""
    tries = d.history.tries + 1
    due, slack = back_off(d, e, tries)
    return s.HistoryBackingOff(due, tries, slack, d.history.rejections)


def reading_after_rejection(d: Draft, e: object) -> s.HistoryBackingOff:
    """As `reading_later`, with `rejections` + 1."""
    return evolve(reading_later(d, e), rejections=d.history.rejections + 1)


# --- maker: presence ------------------------------------------------------------------------------------------------


def doubted(d: Draft, e: object) -> s.Doubted:
    """`Doubted`, due `config.presence_timeout` from now."""
    return s.Doubted(after(d, d.config.presence_timeout))
