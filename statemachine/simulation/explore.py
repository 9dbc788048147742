"""Every sequence of events up to a length, breadth first: so the first violation found is one of the shortest.

From `new_session` on, each state is fed each event of a small alphabet: the customer's intents, one answer of each kind
to each command owed, the next deadline, a restart. Two states count as one if they differ only in the time, the numbers
of commands and messages, and `seq`. Instants are compared relative to now, or no state would ever repeat.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, cast

from attrs import define, evolve, field, fields, has

from statemachine import core
from statemachine.conformance import laws
from statemachine.core import wire
from statemachine.core.session import Config, DedupeWindow, Item, OpenForm, Session, new_session

from .coverage import Coverage

_CONFIG: Final = Config(window=8)
_CHAT: Final = "chat"
_AGENT: Final = "agent"
_JOINED: Final = wire.PartyJoined(_AGENT, "internal", timestamp=1_000)
_WORD: Final = wire.Message("0", _AGENT, "hello", timestamp=1_000)

_CUT: Final = core.Failure("cut")
_GONE: Final = core.Failure("http", 404, 5005)
_BLOCKED: Final = core.Failure("http", 401, 2000)
_REFUSED: Final = core.Failure("http", 400, 5003)
_BUSY: Final = core.Failure("http", 429, 5509)

_OPENED: Final = (
    core.ChatOpened(_CHAT, "ivr", is_new_chat=True),
    core.ChatOpened(_CHAT, "connected", is_new_chat=False),
    _CUT,
)
_REPLIES: Final[dict[type[core.Command], tuple[core.Reply, ...]]] = {
    core.CreateChat: (*_OPENED, core.Failure("http", 403, 3000)),
    core.FindChat: (*_OPENED, _GONE),
    core.Poll: (
        core.EventBatch(),
        core.EventBatch((wire.Status("queued", 30_000),)),
        core.EventBatch((wire.Status("connected"), _JOINED)),
        core.EventBatch((_WORD,)),
        core.EventBatch((wire.PartyLeft(_AGENT),)),
        core.EventBatch((wire.TimeoutWarning("still there?", 1_000),)),
        core.EventBatch((wire.SessionEnded(),)),
        _CUT,
        _BUSY,
        _BLOCKED,
        _GONE,
    ),
    core.ReadHistory: (core.HistoryLog(), core.HistoryLog((_JOINED, _WORD)), _CUT, _REFUSED, _BLOCKED, _GONE),
    core.Post: (core.EventBatch(), _CUT, core.Failure("unsent"), _REFUSED, _BLOCKED, _GONE),
    core.PostEphemeral: (core.EventBatch(), _GONE),
    core.Upload: (core.FileUploaded("file"), _CUT, _REFUSED),
}


@define
class Exploration:
    """The result. `depth`: completed; `broken`: the first broken law, and the events that lead to it."""

    states: int = 0
    edges: int = 0
    depth: int = 0
    seconds: float = 0.0
    phases: Counter[str] = field(factory=Counter[str])
    broken: tuple[str, tuple[core.Event, ...]] | None = None


def alphabet(session: Session) -> Iterator[core.Event]:
    """The events that this session is fed next."""
    at = session.now
    yield core.RequestChat(at, "origin")
    yield core.RequestChat(at, "origin", text="first")
    yield core.Reattach(at, "origin")
    yield core.Reattach(at, "origin", _CHAT)
    if len(session.items) < 2:
        yield core.SendText(at, "text")
    for intent in (core.Disconnect, core.End, core.Background, core.Foreground, core.Reauthorized, core.StartTyping):
        yield intent(at)
    yield core.PushReceived(at, _CHAT)
    yield core.Restarted(at)
    due = core.next_deadline(session)
    if due is not None:
        yield core.Tick(due)
    for command in core.outbox(session):
        for reply in _REPLIES[type(command)]:
            yield core.Answered(at, command.id, reply)
        if isinstance(command, core.ReadHistory):
            for item in session.items:
                yield core.Answered(
                    at, command.id, core.HistoryLog((_JOINED, _WORD, wire.Message(item.id, _CHAT, timestamp=1_000)))
                )


def explore(depth: int, budget: float = 600.0, coverage: Coverage | None = None) -> Exploration:
    """Feed every sequence of up to `depth` events, for `budget` seconds at most. Stops at the first broken law."""
    found = Exploration(states=1)
    began = time.perf_counter()
    start = new_session(0, _CONFIG)
    seen = {_shape(start)}
    level: list[tuple[Session, tuple[core.Event, ...]]] = [(start, ())]
    while level and found.depth < depth:
        following: list[tuple[Session, tuple[core.Event, ...]]] = []
        for session, path in level:
            found.seconds = time.perf_counter() - began
            if found.seconds > budget:
                return found
            for event in alphabet(session):
                broken, after = _step(session, event, coverage)
                found.edges += 1
                if broken is not None:
                    found.broken = broken, (*path, event)
                    return found
                shape = _shape(after)
                if shape not in seen:
                    seen.add(shape)
                    found.phases[after.phase] += 1
                    following.append((after, (*path, event)))
        level = following
        found.depth += 1
        found.states = len(seen)
    return found


def _step(session: Session, event: core.Event, coverage: Coverage | None) -> tuple[str | None, Session]:
    try:
        step = laws.take_step(session, event)
        if coverage is not None:
            coverage.record(step)
        if step.refused:
            return None, session
        for law in laws.QUICK_LAWS:
            law(step)
        laws.law_09_numbers(step, laws.Ledger(session.ids, session.seq))
    except laws.BrokenLaw as broken:
        return str(broken), session
    return None, step.after


# --- when two states are one ----------------------------------------------------------------------------------------


def _shape(session: Session) -> object:
    """The session without its time, its numbers and its counters."""
    names = {item.id: f"item {rank}" for rank, item in enumerate(session.items)}
    calls = {command.id: rank for rank, command in enumerate(core.outbox(session))}
    # Of the dedupe window only whether it is in use: its digests contain the ids.
    window = DedupeWindow(session.window.entries[:8] and b"entry", session.window.batches[:8] and b"batch")
    plain = evolve(session, now=0, ids=0, seq=0, config=_CONFIG, window=window)
    return _relative(plain, session.now, names, calls)


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


@cache
def _fields(cls: type[Any]) -> tuple[str, ...]:
    return tuple(a.name for a in fields(cls))
