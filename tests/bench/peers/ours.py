"""`statemachine.reduce` with entries of the wire; and the baseline, a dict of closures over the same records."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from _serve import PATH, serve

from statemachine import Answered, ChatOpened, Event, Incoming, RequestChat, Session, __version__, new_session, reduce
from statemachine.records import (
    AgentJoined,
    Connected,
    Connecting,
    Ivr,
    Participants,
    Party,
    Queued,
    WrappingUp,
)
from statemachine.wire import PartyJoined, PartyLeft, Status

ENTRIES: dict[str, Callable[[str], Any]] = {
    "joined": lambda agent: PartyJoined(agent, "internal"),
    "left": PartyLeft,
}
EVENTS = [Incoming(1_300, (ENTRIES.get(on, lambda _, on=on: Status(on))(agent),)) for on, agent in PATH]


def live() -> Session:
    """A chat that was asked for and found: it polls."""
    session, (create,) = reduce(new_session(1_000), RequestChat(1_000, "bench"))
    return reduce(session, Answered(1_200, create.id, ChatOpened("chat", "ivr", is_new_chat=True)))[0]


def start() -> Session:
    """The same, past its first conversation."""
    session, _ = reduce(live(), Incoming(1_300, (Status("connected"), Status("ivr"))))
    return session


def lap(session: Session) -> Session:
    step = reduce
    for event in EVENTS:
        session, _ = step(session, event)
    return session


def states(session: Session) -> list[str]:
    passed: list[str] = []
    for event in EVENTS:
        session, _ = reduce(session, event)
        passed.append(session.phase)
    return passed


# --- the baseline ---------------------------------------------------------------------------------------------------
#
# The minimum for this lifecycle, written by hand: find the row, ask its guard, build the next session. It has no
# deadlines, batches, log or checks.

Arc = Callable[[Session, Any, int], Session]


def _next(s: Session, now: int, lifecycle: Any, participants: Participants) -> Session:
    return Session(
        now, s.ids, s.seq, s.config, s.chat, lifecycle, s.opening, s.attention, s.connection, s.history, s.presence,
        s.items, s.ephemeral, s.ephemeral_queue, participants, s.window,
    )  # fmt: skip


def _to(state: Any) -> Arc:
    return lambda s, e, now: _next(s, now, state, s.participants)


def _connected(s: Session, e: Status, now: int) -> Session:
    return _next(s, now, AgentJoined() if s.participants.parties else Connected(), s.participants)


def _queued(s: Session, e: Status, now: int) -> Session:
    return _next(s, now, Queued(e.ewt), s.participants)


def _joined(s: Session, e: PartyJoined, now: int) -> Session:
    party = Party(e.party_id, e.type, e.display_name, e.first_name, e.last_name)
    return _next(
        s,
        now,
        AgentJoined(),
        Participants((*s.participants.parties, party), s.participants.typists, s.participants.forms),
    )


def _left(s: Session, e: PartyLeft, now: int) -> Session:
    others = tuple([party for party in s.participants.parties if party.id != e.party_id])
    participants = Participants(others, s.participants.typists, s.participants.forms)
    return _next(s, now, s.lifecycle if others else WrappingUp(), participants)


_COMMON: dict[str, Arc] = {
    "queued": _queued,
    "connecting": _to(Connecting()),
    "connected": _connected,
    "ivr": _to(Ivr()),
}
_OVER: dict[str, Arc] = {**_COMMON, "ivr": _to(WrappingUp())}
BASELINE: dict[type[Any], dict[Any, Arc]] = {
    state: {**(_OVER if state in (Connected, AgentJoined) else _COMMON), PartyJoined: _joined, PartyLeft: _left}
    for state in (Ivr, Queued, Connecting, Connected, AgentJoined, WrappingUp)
}


def baseline_step(session: Session, event: Event) -> tuple[Session, tuple[()]]:
    (entry,) = event.entries  # type: ignore[union-attr]
    on = entry.state if type(entry) is Status else type(entry)
    now = event.at if event.at > session.now else session.now
    return BASELINE[type(session.lifecycle)][on](session, entry, now), ()


def baseline_lap(session: Session) -> Session:
    step = baseline_step
    for event in EVENTS:
        session, _ = step(session, event)
    return session


def baseline_states(session: Session) -> list[str]:
    passed: list[str] = []
    for event in EVENTS:
        session, _ = baseline_step(session, event)
        passed.append(session.phase)
    return passed


if __name__ == "__main__":
    if "--baseline" in sys.argv:
        serve(__version__, start, baseline_lap, baseline_states)
    else:
        serve(__version__, start, lap, states)
