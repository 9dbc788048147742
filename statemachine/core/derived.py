"""What can be read off a session: the commands it owes, its deadlines, and what differs between two.

Nothing here is stored, so nothing can disagree with the state. The order of the lists below is the order in which
things due at the same millisecond are done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any, Final, TypeAlias

from attrs import fields

from . import signals as sig
from . import states as st
from . import updates as up
from .commands import READS, Command, CreateChat, FindChat, Poll, Post, PostEphemeral, ReadHistory, Upload
from .draft import Draft
from .record import record
from .session import Item, Session
from .tables import MACHINES
from .tables.reactions import Kind

State: TypeAlias = Session | Draft


# --- commands -------------------------------------------------------------------------------------------------------


Owed: TypeAlias = tuple[int, Kind, Any]
"""A command that is owed: its id, what kind of call it is, and who owes it: a machine's state, or an item."""


def owing(s: State, since: int = 0) -> list[Owed]:
    """Every command the session waits for whose id is above `since`, in order of their ids."""
    owner: Any
    owners: tuple[Any, ...] = (s.opening, s.connection, s.history, s.ephemeral)
    owed: list[Owed] = [(owner.call, owner.kind, owner) for owner in owners if (owner.call or 0) > since]
    for owner in s.items:
        if (owner.state.call or 0) > since:
            owed.append((owner.state.call, owner.state.kind, owner))
    if owed[1:]:
        owed.sort()
    return owed


def awaited(s: State, call: int) -> Owed | None:
    """The command of this id, if the session waits for it."""
    owner: Any
    for owner in (s.connection, s.ephemeral, s.history, s.opening):
        if owner.call == call:
            return call, owner.kind, owner
    for owner in s.items:
        if owner.state.call == call:
            return call, owner.state.kind, owner
    return None


def _command(s: State, call: int, kind: Kind, owner: Any) -> Command:
    config, chat_id = s.config, s.chat.chat_id
    match kind:
        case "poll":
            return Poll(call, config.poll_timeout, chat_id)
        case "post":
            return Post(call, config.request_timeout, chat_id, owner.id, owner.entry)
        case "ephemeral":
            return PostEphemeral(call, config.request_timeout, chat_id, owner.entry)
        case "history":
            return ReadHistory(call, config.request_timeout, chat_id)
        case "create":
            return CreateChat(call, config.request_timeout, owner.parameters, owner.phone_number, owner.from_)
        case "find":
            return FindChat(call, config.request_timeout)
        case "upload":
            return Upload(call, config.upload_timeout, owner.id, owner.ref, owner.name)


def outbox(session: Session, since: int = 0) -> tuple[Command, ...]:
    """Every command that a session owes, in order of their ids.

    Args:
        session: The session after any step.
        since: Only commands with an id above this one.
    """
    return tuple([_command(session, *owed) for owed in owing(session, since)])


def can_abort(session: Session, command: Command) -> bool:
    """Whether a command in flight that is no longer owed may be aborted: a read, before the end.

    A read in flight at the end of the session may still bring its last messages, which are delivered late.

    Args:
        session: As it is now.
        command: One in flight that the session does not owe.
    """
    return isinstance(command, READS) and session.outcome is None


# --- saving ---------------------------------------------------------------------------------------------------------

_READING: Final = frozenset({"now", "ids", "connection", "history"})
_kept: Final = attrgetter(*[field.name for field in fields(Session) if field.name not in _READING])


def must_save(saved: Session, session: Session) -> bool:
    """Whether a driver must save a session before it executes the commands of the step.

    Not where it differs from the last saved one only in its polls and its reading of the history: after a restart both
    begin anew, from the saved session. So an idle chat, whose polls come back empty, is never saved. No message id is
    used twice: the session that has created one is saved.

    Args:
        saved: The session as last saved.
        session: The session after the step.
    """
    return bool(_kept(saved) != _kept(session))


# --- deadlines ------------------------------------------------------------------------------------------------------


@record
class Deadline:
    """Something that happens by itself: with `owed`, the answer `timeout`; else `signal`, in `machine`."""

    due: int
    slack: int = 0
    machine: str = ""
    signal: Any = None
    owed: Owed | None = None
    item: Item | None = None


WITH_DEADLINE: Final = ("opening", "lifecycle", "connection", "history", "presence")
"""The machines whose deadlines come before those of the items."""


def deadlines(s: State) -> Iterator[Deadline]:
    """Every deadline that runs."""
    for machine in WITH_DEADLINE:
        state = getattr(s, machine)
        if state.due is not None:
            yield _deadline(machine, state)
    for item in s.items:
        if item.state.due is not None:
            yield _deadline("item", item.state, item)
    if s.ephemeral.due is not None:
        yield _deadline("ephemeral", s.ephemeral)
    if s.ephemeral_queue.due is not None:
        yield Deadline(s.ephemeral_queue.due, 0, "lifecycle", sig.OwnTypingExpired)
    if s.participants.typists:
        yield Deadline(min(t.due for t in s.participants.typists), 0, "lifecycle", sig.TypingExpired)
    forms = [f.due for f in s.participants.forms if f.due is not None]
    if forms:
        yield Deadline(min(forms), 0, "lifecycle", sig.FormExpired)


def _deadline(machine: str, state: Any, item: Item | None = None) -> Deadline:
    if getattr(state, "call", None) is not None:
        return Deadline(state.due, owed=(state.call, state.kind, item or state))
    signal = MACHINES[machine].deadlines[type(state)]
    return Deadline(state.due, getattr(state, "slack", 0), machine, signal, item=item)


def next_deadline(s: State) -> int | None:
    """The time at which a session needs a `Tick`, in milliseconds since the epoch; None: it needs none.

    The same as the least of `deadlines`, without building them: it is asked once for each event, so each field is read
    in a line of its own, which takes half the time of a loop.

    It may change with every step. Waking early or late does no harm: `Tick.at` has the time.

    Args:
        s: The session.
    """
    first = s.connection.due
    due = s.lifecycle.due
    if due is not None and (first is None or due < first):
        first = due
    due = s.opening.due
    if due is not None and (first is None or due < first):
        first = due
    due = s.history.due
    if due is not None and (first is None or due < first):
        first = due
    due = s.presence.due
    if due is not None and (first is None or due < first):
        first = due
    due = s.ephemeral.due
    if due is not None and (first is None or due < first):
        first = due
    due = s.ephemeral_queue.due
    if due is not None and (first is None or due < first):
        first = due
    participants = s.participants
    if s.items or participants.typists or participants.forms:
        one: Any
        for one in (*[item.state for item in s.items], *participants.typists, *participants.forms):
            due = one.due
            if due is not None and (first is None or due < first):
                first = due
    return first


def wake_window(session: Session) -> tuple[int, int] | None:
    """The earliest and the latest time for the next `Tick`, in milliseconds since the epoch; None: it needs none.

    Any time between is right: choose one at random, so that many sessions do not wake together.

    Args:
        session: The session after any step.
    """
    running = list(deadlines(session))
    if not running:
        return None
    return min(d.due for d in running), min(d.due + d.slack for d in running)


# --- status updates -------------------------------------------------------------------------------------------------


def changes(before: Session, after: Session) -> tuple[up.StatusUpdate, ...]:
    """The status updates that lead from one session to another.

    Args:
        before: The session as the application knows it.
        after: The session as it is now.
    """
    if before is after:
        return ()
    changed = [part for part in _SHOWN if getattr(before, part) is not getattr(after, part)]
    told: list[up.StatusUpdate] = []
    for read, parts in _LEVELS:
        if not parts.isdisjoint(changed) and (new := read(after)) != read(before):
            told.append(new)
    return tuple(told)


def _phase(s: Session) -> up.PhaseChanged:
    return up.PhaseChanged(s.phase, s.lifecycle.ewt if isinstance(s.lifecycle, st.Queued) else None)


def _roster(s: Session) -> up.RosterChanged:
    return up.RosterChanged(tuple((p.id, p.type, p.display_name or _full_name(p)) for p in s.participants.parties))


def _typing(s: Session) -> up.TypingChanged:
    return up.TypingChanged(tuple(t.party_id for t in s.participants.typists))


def _forms(s: Session) -> up.FormsChanged:
    return up.FormsChanged(tuple((f.id, f.name, f.secure) for f in s.participants.forms if not f.answer))


def _case(s: Session) -> up.CaseChanged:
    return up.CaseChanged(s.chat.case_id)


def _full_name(party: Any) -> str:
    return f"{party.first_name} {party.last_name}".strip()


def _link(s: Session) -> up.ConnectionChanged:
    """Failures to request a chat or to read the history count too, until a poll succeeds."""
    opening, history = s.opening, s.history
    link: Any = s.connection
    if type(link) is st.ConnectionOff and type(opening) is st.OpeningBackingOff:
        link = opening
    if isinstance(link, st.ConnectionBackingOff | st.OpeningBackingOff):
        return up.ConnectionChanged(link.name, link.tries, link.code, link.reason, link.due, link.detail)
    state, tries, next_try = link.name, link.tries, None
    if type(link) is st.ConnectionOff and opening.tries:
        state, tries = "polling", opening.tries
    elif type(link) is st.ConnectionOff and type(history) is not st.HistoryCurrent:
        state, tries = "polling", max(tries, history.tries)
        next_try = history.due if type(history) is st.HistoryBackingOff else None
    if state == "polling" and tries:
        state = "backing_off"
    return up.ConnectionChanged(state, tries, getattr(link, "code", None), next_try=next_try)


_LEVELS: Final[tuple[tuple[Callable[[Session], up.StatusUpdate], frozenset[str]], ...]] = (
    (_phase, frozenset({"lifecycle", "attention"})),
    (_roster, frozenset({"participants"})),
    (_typing, frozenset({"participants"})),
    (_link, frozenset({"opening", "connection", "history"})),
    (_forms, frozenset({"participants"})),
    (_case, frozenset({"chat"})),
)
"""Each level, in the order of telling, and the parts of a session that it is read from. Most steps leave most alone."""
_SHOWN: Final = frozenset[str]().union(*[parts for _, parts in _LEVELS])
