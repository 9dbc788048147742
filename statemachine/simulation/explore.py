"""Every history of a session up to a depth, breadth first: what is found here is the shortest by construction.

From `new_session` on, each state is given each event of a small alphabet: what the customer may want, one answer of
each kind to each command owed, the next deadline, a restart. Two states count as one when they differ in nothing but
the time, the numbers of commands and messages, and `seq`: instants are compared relative to now, or nothing would ever
repeat.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, cast

from attrs import define, evolve, field, fields, frozen, has

from statemachine.conformance import laws
from statemachine.core import events as ev
from statemachine.core import wire
from statemachine.core.commands import Command, CreateChat, FindChat, Poll, Post, PostEphemeral, ReadHistory, Upload
from statemachine.core.derived import next_deadline, outbox
from statemachine.core.events import ChatOpened, Event, EventBatch, Failure, FileUploaded, HistoryLog, Reply
from statemachine.core.session import Config, DedupeWindow, Item, OpenForm, Session, new_session

from .reach import Reach

__all__ = ["Exploration", "Path", "explore"]

_CONFIG: Final = Config(window=8)
_CHAT: Final = "chat"
_AGENT: Final = "agent"
_JOINED: Final = wire.PartyJoined(_AGENT, "internal", timestamp=1_000)
_WORD: Final = wire.Message("0", _AGENT, "hello", timestamp=1_000)

_CUT: Final = Failure("cut")
_GONE: Final = Failure("http", 404, 5005)
_BLOCKED: Final = Failure("http", 401, 2000)
_REFUSED: Final = Failure("http", 400, 5003)
_BUSY: Final = Failure("http", 429, 5509)

_OPENED: Final = (ChatOpened(_CHAT, "ivr", is_new_chat=True), ChatOpened(_CHAT, "connected", is_new_chat=False), _CUT)
_REPLIES: Final[dict[type[Command], tuple[Reply, ...]]] = {
    CreateChat: (*_OPENED, Failure("http", 403, 3000)),
    FindChat: (*_OPENED, _GONE),
    Poll: (
        EventBatch(),
        EventBatch((wire.Status("queued", 30_000),)),
        EventBatch((wire.Status("connected"), _JOINED)),
        EventBatch((_WORD,)),
        EventBatch((wire.PartyLeft(_AGENT),)),
        EventBatch((wire.TimeoutWarning("still there?", 1_000),)),
        EventBatch((wire.SessionEnded(),)),
        _CUT,
        _BUSY,
        _BLOCKED,
        _GONE,
    ),
    ReadHistory: (HistoryLog(), HistoryLog((_JOINED, _WORD)), _CUT, _REFUSED, _BLOCKED, _GONE),
    Post: (EventBatch(), _CUT, Failure("unsent"), _REFUSED, _BLOCKED, _GONE),
    PostEphemeral: (EventBatch(), _GONE),
    Upload: (FileUploaded("file"), _CUT, _REFUSED),
}


@frozen
class Path:
    """The events that led somewhere, shortest first by construction."""

    events: tuple[Event, ...] = ()


@define
class Exploration:
    """What was found. `depth`: completed; `broken`: the first law broken, with the path to it."""

    states: int = 0
    edges: int = 0
    depth: int = 0
    seconds: float = 0.0
    phases: Counter[str] = field(factory=Counter[str])
    broken: tuple[str, Path] | None = None


def alphabet(session: Session) -> Iterator[Event]:
    """What may happen to this session next."""
    at = session.now
    yield ev.RequestChat(at, "origin")
    yield ev.RequestChat(at, "origin", text="first")
    yield ev.Reattach(at, "origin")
    yield ev.Reattach(at, "origin", _CHAT)
    if len(session.items) < 2:
        yield ev.SendText(at, "text")
    for intent in (ev.Disconnect, ev.End, ev.Background, ev.Foreground, ev.Reauthorized, ev.StartTyping):
        yield intent(at)
    yield ev.PushReceived(at, _CHAT)
    yield ev.Restarted(at)
    due = next_deadline(session)
    if due is not None:
        yield ev.Tick(due)
    for command in outbox(session):
        for reply in _REPLIES[type(command)]:
            yield ev.Answered(at, command.id, reply)
        if isinstance(command, ReadHistory):
            for item in session.items:
                yield ev.Answered(
                    at, command.id, HistoryLog((_JOINED, _WORD, wire.Message(item.id, _CHAT, timestamp=1_000)))
                )


def explore(depth: int, budget: float = 600.0, reach: Reach | None = None) -> Exploration:
    """Try everything up to `depth`, or until so many seconds are over. Stops at the first law broken."""
    found = Exploration(states=1)
    began = time.perf_counter()
    start = new_session(0, _CONFIG)
    seen = {_shape(start)}
    level: list[tuple[Session, Path]] = [(start, Path())]
    while level and found.depth < depth:
        following: list[tuple[Session, Path]] = []
        for session, path in level:
            if time.perf_counter() - began > budget:
                found.seconds = time.perf_counter() - began
                return found
            for event in alphabet(session):
                broken, after = _step(session, event, reach)
                found.edges += 1
                if broken is not None:
                    found.broken = broken, Path((*path.events, event))
                    found.seconds = time.perf_counter() - began
                    return found
                shape = _shape(after)
                if shape not in seen:
                    seen.add(shape)
                    found.phases[after.phase] += 1
                    following.append((after, Path((*path.events, event))))
        level = following
        found.depth += 1
        found.states = len(seen)
    found.seconds = time.perf_counter() - began
    return found


_DEEP: Final = (laws.law_05_restore, laws.law_10_input, laws.law_11_order, laws.law_12_rows)
_QUICK: Final = tuple(law for law in laws.STEP_LAWS if law not in _DEEP)


def _step(session: Session, event: Event, reach: Reach | None) -> tuple[str | None, Session]:
    try:
        step = laws.take(session, event)
        if reach is not None:
            reach.saw(step)
        if step.refused:
            return None, session
        for law in _QUICK:
            law(step)
        laws.law_09_numbers(step, laws.Ledger(session.ids, session.seq))
    except laws.BrokenLaw as broken:
        return str(broken), session
    return None, step.after


# --- when two states are one ----------------------------------------------------------------------------------------


def _shape(session: Session) -> object:
    """The session without its time, its numbers, and what only counts."""
    names = {item.id: f"item {rank}" for rank, item in enumerate(session.items)}
    calls = {command.id: rank for rank, command in enumerate(outbox(session))}
    plain = evolve(session, now=0, ids=0, seq=0, config=_CONFIG, window=_known(session, names))
    return _relative(plain, session.now, names, calls)


def _known(session: Session, names: dict[str, str]) -> DedupeWindow:
    """How much of the window is taken, and whether this session has told anything: its digests name the ids."""
    return DedupeWindow(session.window.entries[:8] and b"told", session.window.batches[:8] and b"batch")


def _relative(value: object, now: int, names: dict[str, str], calls: dict[int, int]) -> object:
    if isinstance(value, tuple):
        return tuple([_relative(one, now, names, calls) for one in cast("tuple[object, ...]", value)])
    cls = cast("type[Any]", type(value))
    if not has(cls):
        return value
    parts: list[object] = [cls]
    for a in _fields(cls):
        part = getattr(value, a)
        if a == "due":
            part = part - now if part is not None else None
        elif a == "call":
            part = calls.get(part)
        elif a in ("id", "msg_id", "answer", "item") and isinstance(value, (Item, OpenForm, wire.Message)):
            part = names.get(part, part)
        else:
            part = _relative(part, now, names, calls)
        parts.append(part)
    return tuple(parts)


_NAMES: Final[dict[type[Any], tuple[str, ...]]] = {}


def _fields(cls: type[Any]) -> tuple[str, ...]:
    names = _NAMES.get(cls)
    if names is None:
        names = _NAMES[cls] = tuple(a.name for a in fields(cls))
    return names
