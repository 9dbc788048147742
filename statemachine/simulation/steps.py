"""The laws of a single step, checked on every step of every world: D2's L1 to L4 and L6 to L9."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from statemachine.core.commands import COMMANDS, Command, Poll
from statemachine.core.derived import next_deadline, outbox
from statemachine.core.errors import IllegalIntent
from statemachine.core.events import Event, Reattach, Request, Restarted, Tick
from statemachine.core.news import TRANSCRIPT, Notification
from statemachine.core.reduce import reduce
from statemachine.core.session import TERMINAL, Session

__all__ = ["Broken", "Reduce", "broken_laws"]

Outputs: TypeAlias = Sequence[Command | Notification]
Reduce: TypeAlias = Callable[[Session, Event], tuple[Session, tuple[Command | Notification, ...]]]
Broken: TypeAlias = tuple[str, str]
"""The law, and how it was broken."""


def broken_laws(before: Session, event: Event, after: Session, outputs: Outputs) -> Iterator[Broken]:
    """Every law that this step breaks."""
    for law in _LAWS:
        for detail in law(before, event, after, outputs):
            yield law.__name__.removeprefix("_").upper(), detail


def _time(before: Session, event: Event) -> int:
    return event.at if isinstance(event, Restarted) else max(event.at, before.now)


def _l1(before: Session, event: Event, after: Session, outputs: Outputs) -> Iterator[str]:
    """A tick at the same time changes nothing any more."""
    again, more = reduce(after, Tick(_time(before, event)))
    if again is not after or more:
        yield "a tick at the time of the step changed something"


def _l2(before: Session, event: Event, after: Session, outputs: Outputs) -> Iterator[str]:
    """Due things first: the same as a tick, then the event."""
    due = next_deadline(before)
    if isinstance(event, Restarted) or due is None or due > event.at:
        return
    ticked, first = reduce(before, Tick(event.at))
    try:
        two, second = reduce(ticked, event)
    except IllegalIntent:
        yield "legal at once, illegal after the tick"
        return
    if two != after:
        yield "the state differs from that of a tick, then the event"
    standing = {command.id for command in outbox(two)}
    owed = [one for one in first if isinstance(one, COMMANDS) and one.id in standing]
    owed += [one for one in second if isinstance(one, COMMANDS)]
    if owed != [one for one in outputs if isinstance(one, COMMANDS)]:
        yield "the commands differ from those of a tick, then the event"


def _l3(before: Session, event: Event, after: Session, outputs: Outputs) -> Iterator[str]:
    """A tick before the next deadline changes nothing."""
    due = next_deadline(after)
    if due is not None and reduce(after, Tick(due - 1))[0] is not after:
        yield "a tick before the next deadline changed something"


def _l4(before: Session, event: Event, after: Session, outputs: Outputs) -> Iterator[str]:
    """The next deadline is in the future."""
    due = next_deadline(after)
    if due is not None and due <= _time(before, event):
        yield f"the next deadline lies {_time(before, event) - due} ms in the past"


def _l6(before: Session, event: Event, after: Session, outputs: Outputs) -> Iterator[str]:
    """What is returned is what the outbox has gained."""
    old = {command.id for command in outbox(before)}
    gained = [command for command in outbox(after) if command.id not in old]
    if gained != [one for one in outputs if isinstance(one, COMMANDS)]:
        yield "the commands returned are not what the outbox gained"


def _l7(before: Session, event: Event, after: Session, outputs: Outputs) -> Iterator[str]:
    """At most one poll."""
    if sum(isinstance(command, Poll) for command in outbox(after)) > 1:
        yield "two polls are owed"


def _l8(before: Session, event: Event, after: Session, outputs: Outputs) -> Iterator[str]:
    """Terminal is absorbing, owes nothing, and has no deadline."""
    if isinstance(before.lifecycle, TERMINAL) and after.lifecycle != before.lifecycle:
        yield f"{before.phase} became {after.phase}"
    if isinstance(after.lifecycle, TERMINAL) and (outbox(after) or next_deadline(after) is not None):
        yield f"{after.phase}, but something is owed or due"


def _l9(before: Session, event: Event, after: Session, outputs: Outputs) -> Iterator[str]:
    """Ids and seq strictly increase; an item keeps its id."""
    ids, seq = before.ids, before.seq
    for one in outputs:
        if isinstance(one, COMMANDS):
            if one.id <= ids:
                yield f"command {one.id} after {ids}"
            ids = one.id
        elif isinstance(one, TRANSCRIPT):
            if one.seq <= seq:
                yield f"news {one.seq} after {seq}"
            seq = one.seq
    # A session that takes over the past of another one begins where that one stopped.
    if after.ids < ids or (after.seq < seq if isinstance(event, Request | Reattach) else after.seq != seq):
        yield "the session's counters are not those of what was returned"
    names = [item.id for item in after.items]
    old = {item.id for item in before.items}
    if len(names) != len(set(names)):
        yield "two items have one id"
    for name in names:
        if name not in old and int(name.rpartition(":")[2]) <= before.ids:
            yield f"new item {name} has an old id"


_LAWS: Final = (_l1, _l2, _l3, _l4, _l6, _l7, _l8, _l9)
