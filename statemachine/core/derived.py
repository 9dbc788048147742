"""What can be read off a session: the commands it owes, its deadlines, and what differs between two.

Nothing here is stored, so nothing can disagree with the state. The order of the lists below is the order in which
things due at the same millisecond are done.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from . import signals as sig
from .commands import Command, CreateChat, FindChat, Poll, Post, PostCourtesy, ReadHistory, Upload
from .draft import Draft
from .news import CaseChanged, FormsChanged, Level, LinkChanged, PhaseChanged, RosterChanged, TypingChanged
from .record import record
from .session import (
    CourtesyPosting,
    HistoryCurrent,
    Item,
    ItemUploading,
    LinkOff,
    LinkPolling,
    Queued,
    Session,
)
from .tables import MACHINES
from .tables.reactions import Kind

State: TypeAlias = Session | Draft


# --- commands -------------------------------------------------------------------------------------------------------


@record
class Owed:
    """A record that owes a command: what kind of call, its id, and the item it is for."""

    kind: Kind
    call: int
    item: Item | None = None


def owing(s: State) -> Iterator[Owed]:
    """Every command the session waits for."""
    opening = s.lifecycle.opening
    if opening is not None and opening.call is not None:
        yield Owed("find" if opening.find else "create", opening.call)
    if s.link.call is not None:
        yield Owed("poll", s.link.call)
    if s.history.call is not None:
        yield Owed("history", s.history.call)
    for item in s.items:
        if item.state.call is not None:
            yield Owed("upload" if type(item.state) is ItemUploading else "post", item.state.call, item)
    if s.courtesy.call is not None:
        yield Owed("courtesy", s.courtesy.call)


def command(s: State, owed: Owed) -> Command:
    """The command that a record owes, rebuilt from it."""
    config, chat_id, item = s.config, s.chat.chat_id, owed.item
    match owed.kind:
        case "create":
            o = s.lifecycle.opening
            assert o is not None
            return CreateChat(owed.call, config.request_timeout, o.parameters, o.phone_number, o.from_)
        case "find":
            return FindChat(owed.call, config.request_timeout)
        case "poll":
            return Poll(owed.call, config.poll_timeout, chat_id)
        case "history":
            return ReadHistory(owed.call, config.request_timeout, chat_id)
        case "courtesy":
            assert isinstance(s.courtesy, CourtesyPosting)
            return PostCourtesy(owed.call, config.request_timeout, chat_id, s.courtesy.entry)
        case "upload":
            assert item is not None
            return Upload(owed.call, config.upload_timeout, item.id, item.ref, item.name)
        case "post":
            assert item is not None
            assert item.entry is not None
            return Post(owed.call, config.request_timeout, chat_id, item.id, item.entry)


def outbox(session: Session) -> tuple[Command, ...]:
    """Every command still owed, by id. After a restart, and at any other time, this is what is under way."""
    return tuple(sorted((command(session, owed) for owed in owing(session)), key=lambda c: c.id))


# --- deadlines ------------------------------------------------------------------------------------------------------


@record
class Deadline:
    """Something that happens by itself. With `owed`, the answer `timeout`; else `signal` in `machine`."""

    due: int
    slack: int = 0
    machine: str = ""
    signal: type[sig.Signal] | None = None
    owed: Owed | None = None
    item: Item | None = None


_MACHINE_ORDER: Final = ("link", "history")


def deadlines(s: State) -> Iterator[Deadline]:
    """Every deadline that runs."""
    calls = {owed.call: owed for owed in owing(s)}
    opening = s.lifecycle.opening
    if opening is not None:
        yield _deadline("lifecycle", opening, calls, sig.OpenDue)
    if s.lifecycle.due is not None:
        yield Deadline(s.lifecycle.due, machine="lifecycle", signal=_signal("lifecycle", s.lifecycle))
    for name in _MACHINE_ORDER:
        record = getattr(s, name)
        if record.due is not None:
            yield _deadline(name, record, calls)
    for item in s.items:
        if item.state.due is not None:
            yield _deadline("item", item.state, calls, item=item)
    if s.courtesy.due is not None:
        yield _deadline("courtesy", s.courtesy, calls)
    if s.asides.due is not None:
        yield Deadline(s.asides.due, machine="lifecycle", signal=sig.OwnTypingExpired)
    if s.room.typists:
        yield Deadline(min(t.due for t in s.room.typists), machine="lifecycle", signal=sig.TypingExpired)
    forms = [f.due for f in s.room.forms if f.due is not None]
    if forms:
        yield Deadline(min(forms), machine="lifecycle", signal=sig.FormExpired)


def _signal(machine: str, state: Any) -> type[sig.Signal]:
    return MACHINES[machine].deadlines[type(state)]


def _deadline(
    machine: str,
    record: Any,
    calls: dict[int, Owed],
    signal: type[sig.Signal] | None = None,
    item: Item | None = None,
) -> Deadline:
    if record.call is not None:
        return Deadline(record.due, owed=calls[record.call])
    slack = getattr(record, "slack", 0)
    return Deadline(record.due, slack, machine, signal or _signal(machine, record), item=item)


def next_deadline(s: State) -> int | None:
    """When something will happen by itself, in milliseconds since the epoch; None if nothing will.

    The same as the least of `deadlines`, without building them: it is asked once for each event.

    It may change with every step. Waking early does no harm; waking late is told by `Tick.at`.
    """
    first = s.lifecycle.due
    opening = s.lifecycle.opening
    if opening is not None and (first is None or opening.due < first):
        first = opening.due
    for owner in (s.link, s.history, s.courtesy, s.asides):
        due = owner.due
        if due is not None and (first is None or due < first):
            first = due
    for item in s.items:
        due = item.state.due
        if due is not None and (first is None or due < first):
            first = due
    room = s.room
    for typist in room.typists:
        if first is None or typist.due < first:
            first = typist.due
    for form in room.forms:
        due = form.due
        if due is not None and (first is None or due < first):
            first = due
    return first


def wake_window(session: Session) -> tuple[int, int] | None:
    """(earliest, latest) moment to wake: anywhere within is right, which is where the adapter's jitter comes from."""
    running = list(deadlines(session))
    if not running:
        return None
    return min(d.due for d in running), min(d.due + d.slack for d in running)


# --- level news -----------------------------------------------------------------------------------------------------


def changes(before: Session, after: Session) -> tuple[Level, ...]:
    """Level news: what an application shows that differs between two states of one session."""
    if before is after:
        return ()
    return tuple(new for old, new in zip(_levels(before), _levels(after), strict=True) if old != new)


def _levels(s: Session) -> tuple[Level, ...]:
    ewt = s.lifecycle.ewt if isinstance(s.lifecycle, Queued) else None
    return (
        PhaseChanged(s.phase, ewt),
        RosterChanged(tuple((p.id, p.type, p.display_name or _full_name(p)) for p in s.room.parties)),
        TypingChanged(tuple(t.party_id for t in s.room.typists)),
        _link(s),
        FormsChanged(tuple((f.id, f.name, f.secure) for f in s.room.forms if not f.answer)),
        CaseChanged(s.chat.case_id),
    )


def _full_name(party: Any) -> str:
    return f"{party.first_name} {party.last_name}".strip()


def _link(s: Session) -> LinkChanged:
    """While the history is read before the next poll, the link is what it was: trouble until a poll succeeds."""
    link = s.link
    if isinstance(link, LinkOff) and not isinstance(s.history, HistoryCurrent):
        tries = max(link.tries, getattr(s.history, "tries", 0))
        return LinkChanged("backing_off" if tries else "polling", tries)
    if isinstance(link, LinkPolling):
        return LinkChanged("backing_off" if link.tries else "polling", link.tries)
    return LinkChanged(link.name, getattr(link, "tries", 0), getattr(link, "code", None))
