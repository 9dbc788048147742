"""`reduce`: one event in, the next session and what is to be done and told out. Total, deterministic, pure.

A step, in order:

1. whatever is due by `event.at` happens, earliest first, each with a turn for who waits;
2. the event is handled: an intent by the lifecycle; an answer by the reactions; entries by the fold, each in turn, with
   the first terminal signal applied after the last;
3. who waits for a turn gets one (the head of the queue, an upload, a courtesy).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from attrs import evolve

from . import signals as sig
from .actions import outgoing
from .actions.conversation import tell_finish
from .actions.memory import note_silence
from .commands import Command
from .derived import Owed, deadlines, next_deadline, outbox, owing
from .draft import Draft, freeze, open_draft
from .events import (
    EVENTS,
    INTENTS,
    Answered,
    ChatOpened,
    Event,
    EventBatch,
    Failure,
    HistoryLog,
    Incoming,
    Intent,
    Reply,
    Restarted,
    Tick,
)
from .fold import fold, fold_log, unfold
from .session import TERMINAL, Session
from .tables import MACHINES, REACTIONS, move, move_item
from .tables.reactions import Kind, classify
from .updates import Notification
from .vocabulary import check_vocabulary
from .wire import Status

_LIFECYCLE: Final = MACHINES["lifecycle"]
_COURTESY: Final = MACHINES["ephemeral"]


def reduce(session: Session, event: Event) -> tuple[Session, tuple[Command | Notification, ...]]:
    """The session after this event, and what is to be done and told.

    The commands that this step created and that still stand at its end come first, by id; then transcript news by
    `seq`; then anomalies. An event that changes nothing returns the very same session and nothing else.

    Raises IllegalIntent for a local intent that is not possible now, and for nothing else; the session, being frozen,
    is then as good as before.
    """
    return step(open_draft(session, event.at), event)


def step(d: Draft, event: Event) -> tuple[Session, tuple[Command | Notification, ...]]:
    """The same on a draft, which `explain` looks into afterwards."""
    scratch, kind = d.context, type(event)
    session = scratch.base
    due = next_deadline(session)
    if due is not None and due <= d.now and kind is not Restarted:  # no time has passed for one that nobody ran
        _fire(d)
    _HANDLERS[kind](d, event)
    if scratch.terminal is not None:
        _end_batch(d)
    if d.items or d.ephemeral_queue.pending or scratch.finish is not None:
        _conclude(d)
    after = freeze(d)
    if after is session:
        return session, ()
    owed = outbox(after, session.ids) if after.ids != session.ids else ()  # ids only grow
    if scratch.updates or scratch.anomalies:
        return after, (*owed, *scratch.updates, *scratch.anomalies)
    return after, owed


# --- time -----------------------------------------------------------------------------------------------------------


def _fire(d: Draft) -> None:
    while True:
        first = min(deadlines(d), key=lambda deadline: deadline.due, default=None)
        if first is None or first.due > d.now:
            return
        if first.owed is not None:
            _answer(d, first.owed, Failure("timeout"))
        elif first.item is not None:
            assert first.signal is not None
            move_item(d, first.item.id, None, first.signal, None)
        else:
            assert first.signal is not None
            move(d, MACHINES[first.machine], first.signal, None)
        _conclude(d)


def _conclude(d: Draft) -> None:
    """The end of what one event, or one deadline, began: turns are given, and an outcome is told last."""
    if d.items:
        for item in outgoing.next_to_send(d, None):
            move_item(d, item.id, None, sig.SendSlot, None)
    if d.ephemeral_queue.pending:
        move(d, _COURTESY, sig.SendSlot, None)
    if d.context.finish is not None:
        tell_finish(d)


def _restart(d: Draft, event: Restarted) -> None:
    """Time stood still, and what was in flight has an unknown outcome: one rule for every call (D2.3)."""
    if isinstance(d.lifecycle, TERMINAL):
        return
    d.now = event.at
    shift = event.at - d.context.base.now
    if shift:
        _shift(d, shift)
    for owed in sorted(owing(d), key=lambda owed: owed[0]):
        _answer(d, owed, Failure("restart"))


def _shift(d: Draft, by: int) -> None:
    def later(record: Any) -> Any:
        return record if record.due is None else evolve(record, due=record.due + by)

    opening = d.lifecycle.opening
    if opening is not None:
        d.lifecycle = evolve(d.lifecycle, opening=later(opening))
    d.lifecycle = later(d.lifecycle)
    d.connection = later(d.connection)
    d.history = later(d.history)
    d.ephemeral = later(d.ephemeral)
    d.ephemeral_queue = later(d.ephemeral_queue)
    d.items = tuple(evolve(item, state=later(item.state)) for item in d.items)
    d.participants = evolve(
        d.participants, typists=tuple(map(later, d.participants.typists)), forms=tuple(map(later, d.participants.forms))
    )


# --- events ---------------------------------------------------------------------------------------------------------


def _intend(d: Draft, event: Intent) -> None:
    move(d, _LIFECYCLE, type(event), event)


def _tick(d: Draft, event: Tick) -> None:
    """The deadlines have been seen to already."""


def _answered(d: Draft, event: Answered) -> None:
    for owed in owing(d):
        if owed[0] == event.command:
            _answer(d, owed, event.reply)
            return
    _take_entries(d, None, event.reply)


def _answer(d: Draft, owed: Owed, reply: Reply) -> None:
    """Entries first, then what the answer means, then the end if it brought one."""
    _, kind, owner = owed
    _take_entries(d, kind, reply)
    for machine, signal in REACTIONS[kind][classify(kind, reply)].signals:
        if machine == "item":
            move_item(d, owner.id, None, signal, reply)
        else:
            move(d, MACHINES[machine], signal, reply)
    if type(reply) is ChatOpened and reply.state and kind in ("create", "find"):
        unfold(d, Status(reply.state, reply.ewt))
    if d.context.terminal is not None:
        _end_batch(d)


def _take_entries(d: Draft, kind: Kind | None, reply: Reply) -> None:
    """What an answer brought, awaited (of this kind) or not."""
    d.context.fresh = False
    if type(reply) is EventBatch:
        if reply.entries:
            fold(d, reply, kind == "poll")
        elif kind == "poll":
            note_silence(d)
    elif type(reply) is HistoryLog:
        fold_log(d, reply.entries, kind is not None)


def _end_batch(d: Draft) -> None:
    """The first terminal signal of the batch fixes the outcome, now that the last entry is folded (D2.10)."""
    assert d.context.terminal is not None
    on, entry = d.context.terminal
    d.context.terminal = None
    move(d, _LIFECYCLE, on, entry)


_HANDLERS: Final[dict[type[Any], Callable[[Draft, Any], None]]] = {
    **dict.fromkeys(INTENTS, _intend),
    Tick: _tick,
    Answered: _answered,
    Incoming: fold,
    Restarted: _restart,
}
assert set(_HANDLERS) == set(EVENTS)

check_vocabulary(sys.modules[__name__])
