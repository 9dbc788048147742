"""`reduce`: one event in; the next session, commands and updates out. Total, deterministic, pure.

A step, in order:

1. every deadline due by `event.at` fires, earliest first, each followed by send slots;
2. the event is handled: an intent by the lifecycle; an answer by the reactions; entries by the fold, each in turn, with
   the first terminal entry applied after the last;
3. send slots are offered: to the head of the queue, to an upload, to an ephemeral entry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from attrs import evolve

from . import events as ev
from . import signals as sig
from .actions import outgoing
from .actions.conversation import emit_outcome
from .actions.memory import note_silence
from .commands import Command
from .derived import WITH_DEADLINE, Owed, awaited, deadlines, next_deadline, outbox, owing
from .draft import Draft
from .fold import end_batch, fold, fold_log, unfold
from .session import TERMINAL, Session, wrong_instant
from .tables import REACTIONS, move, move_item
from .tables.reactions import Kind, classify
from .updates import Notification
from .wire import Status


def reduce(
    session: Session, event: ev.Event, *, log: list[Any] | None = None
) -> tuple[Session, tuple[Command | Notification, ...]]:
    """The session after this event, its commands and its updates.

    The commands that this step created and that are still owed at its end come first, by id; then transcript updates by
    `seq`; then anomalies. An event that changes nothing returns the very same session and nothing else.

    The rules for a program that executes the commands are in statemachine/DRIVER.md.

    Args:
        session: The session before.
        event: What happened; its `at` is the time.
        log: Where `explain` collects the transitions.

    Raises:
        IllegalIntent: A local intent is not possible now. The session, being frozen, is as good as before.
        TypeError: A time in the event is no `int`.
    """
    d, kind = Draft(session, event.at, log), type(event)
    due = next_deadline(session)
    if due is not None and due <= d.now and kind not in _WITHOUT_TIME:
        _fire(d)
    _HANDLERS[kind](d, event)
    if d.end is not None:
        end_batch(d)
    if d.items or d.ephemeral_queue.pending or d.finish is not None:
        _conclude(d)
    after = d.freeze()
    if after is session:
        return session, ()
    owed = outbox(after, session.ids) if after.ids != session.ids else ()  # ids only grow
    if d.updates or d.anomalies:
        return after, (*owed, *d.updates, *d.anomalies)
    return after, owed


_WITHOUT_TIME: Final = (ev.Restarted, ev.ClockChanged)
"""Events that show another time although no time has passed."""

# --- time -----------------------------------------------------------------------------------------------------------


def _fire(d: Draft) -> None:
    while (due := next_deadline(d)) is not None and due <= d.now:
        first = next(deadline for deadline in deadlines(d) if deadline.due == due)
        if first.owed is not None:
            _answer(d, first.owed, ev.Failure("timeout"))
        elif first.item is not None:
            move_item(d, first.item, first.signal, None)
        else:
            move(d, getattr(d, first.machine), first.signal, None)
        _conclude(d)


def _conclude(d: Draft) -> None:
    """The end of an event or of a deadline: send slots are offered; the session's outcome is reported last."""
    if d.items:
        for item in outgoing.next_to_send(d):
            move_item(d, item, sig.SendSlot, None)
    if d.ephemeral_queue.pending:
        move(d, d.ephemeral, sig.SendSlot, None)
    if d.finish is not None:
        emit_outcome(d)


def _restart(d: Draft, event: ev.Restarted) -> None:
    """Time stood still, and what was in flight has an unknown outcome: one rule for every call (design 3).

    So has a poll made since the last save: steps with nothing but polls are not saved (`must_save`).
    """
    if isinstance(d.lifecycle, TERMINAL):
        return
    d.now = event.at
    shift = event.at - d.base.now
    if shift:
        _shift(d, shift)
    failure = ev.Failure("restart")
    for owed in owing(d):
        _answer(d, owed, failure)
    move(d, d.connection, sig.PollFailed, failure)


def _change_clock(d: Draft, event: ev.ClockChanged) -> None:
    if isinstance(d.lifecycle, TERMINAL):
        return
    d.now = event.at
    shift = event.at - d.base.now if event.by is None else event.by
    if type(shift) is not int:
        raise wrong_instant(shift)
    if shift:
        _shift(d, shift)
    _fire(d)


def _shift(d: Draft, by: int) -> None:
    def later(record: Any) -> Any:
        return record if record.due is None else evolve(record, due=record.due + by)

    for name in (*WITH_DEADLINE, "ephemeral", "ephemeral_queue"):
        setattr(d, name, later(getattr(d, name)))
    d.items = tuple(evolve(item, state=later(item.state)) for item in d.items)
    d.participants = evolve(
        d.participants, typists=tuple(map(later, d.participants.typists)), forms=tuple(map(later, d.participants.forms))
    )


# --- events ---------------------------------------------------------------------------------------------------------


def _intend(d: Draft, event: ev.Intent) -> None:
    move(d, d.lifecycle, type(event), event)


def _tick(d: Draft, event: ev.Tick) -> None:
    """The deadlines have been seen to already."""


def _answered(d: Draft, event: ev.Answered) -> None:
    owed = awaited(d, event.command)
    if owed is None:
        _take_entries(d, None, event.reply)
    else:
        _answer(d, owed, event.reply)


def _answer(d: Draft, owed: Owed, reply: ev.Reply) -> None:
    """Entries first, then the reaction to the answer."""
    _, kind, owner = owed
    if reply.repaired:
        d.note_anomaly("repaired_answer", reply.repaired)
    _take_entries(d, kind, reply)
    for machine, signal in REACTIONS[kind][classify(kind, reply)].signals:
        if machine == "item":
            move_item(d, owner, signal, reply)
        else:
            move(d, getattr(d, machine), signal, reply)
    if type(reply) is ev.ChatOpened and reply.state and kind in ("create", "find"):
        unfold(d, Status(reply.state, reply.ewt))


def _take_entries(d: Draft, kind: Kind | None, reply: ev.Reply) -> None:
    """What an answer brought, awaited (of this kind) or not."""
    if type(reply) is ev.EventBatch:
        if reply.entries:
            fold(d, reply, kind == "poll")
        elif kind == "poll":
            note_silence(d)
    elif type(reply) is ev.HistoryLog:
        fold_log(d, reply, kind is not None)


_HANDLERS: Final[dict[type[Any], Callable[[Draft, Any], None]]] = {
    **dict.fromkeys(ev.INTENTS, _intend),
    ev.Tick: _tick,
    ev.Answered: _answered,
    ev.Incoming: fold,
    ev.Restarted: _restart,
    ev.ClockChanged: _change_clock,
}
assert set(_HANDLERS) == set(ev.EVENTS)
