"""Ours on real work: whole conversations, bytes to bytes, snapshots, age; and what is exact on any machine."""

from __future__ import annotations

import cProfile
import gc
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from attrs import fields, frozen, has

from statemachine.codec.http import Endpoint, read_reply, to_http
from statemachine.codec.snapshot import restore, snapshot
from statemachine.core import (
    Answered,
    ChatOpened,
    Command,
    Config,
    Event,
    EventBatch,
    Failure,
    HistoryLog,
    Incoming,
    Poll,
    RequestChat,
    SendText,
    Session,
    Tick,
    explain,
    new_session,
    next_deadline,
    outbox,
    reduce,
)
from statemachine.core.wire import (
    Message,
    MessageDelivered,
    MessageRead,
    NotTyping,
    PartyJoined,
    PartyLeft,
    Status,
    Typing,
)
from tests.bench.race import Spread, spread

__all__ = ["TURN", "Work", "allocated", "calls", "conversation", "counted", "live_session", "run_work", "weight"]

_AGENT: Final = "AGENT-1"
_COLLEAGUE: Final = "AGENT-2"
_CHAT: Final = "6f1e3a52-7d0b-4c1e-9a57-0c8f7b8e6a11"
_SLICES: Final = 15
TURN: Final = 19
"""Events in a turn of the conversation."""
_YOUNG: Final = 100
_OLD: Final = 100_000
_AGE_SLICE: Final = 1_000
_REPEATED: Final = 1_000
_CROWD: Final = 20_000


# --- the session and its events -------------------------------------------------------------------------------------


def live_session(config: Config | None = None) -> Session:
    """A chat with one agent, polling, with nothing pending."""
    session, _ = reduce(new_session(1_000, config or Config()), RequestChat(1_000, "bench"))
    (create,) = outbox(session)
    session, _ = reduce(session, Answered(1_200, create.id, ChatOpened(_CHAT, "queued", is_new_chat=True)))
    (poll,) = outbox(session)
    entries = (Status("connected"), PartyJoined(_AGENT, "internal", "Ann"))
    return reduce(session, Answered(9_000, poll.id, EventBatch(entries)))[0]


def conversation(session: Session) -> Iterator[tuple[Event, Session]]:
    """An endless conversation: (event, the session after it). Each turn is `TURN` events, as a real one has them.

    The agent types and writes; the client confirms; the customer answers; the agent's desktop confirms; nothing happens
    for a while; a colleague comes and goes; a poll fails, is tried again when its time has come, and the log read
    before it. Every command is answered, so the queue is empty at the end of each turn.
    """
    at, turn = session.now, 0

    def take(event: Event) -> tuple[Event, Session]:
        nonlocal session
        session, _ = reduce(session, event)
        return event, session

    def poll() -> int:
        return next(one.id for one in outbox(session) if isinstance(one, Poll))

    def others() -> int:
        return next(one.id for one in outbox(session) if not isinstance(one, Poll))

    while True:
        turn += 1
        at += 5_000
        yield take(Answered(at, poll(), EventBatch((Typing(_AGENT, timestamp=at),))))
        at += 3_000
        word = Message(str(2 * turn), _AGENT, f"This is word {turn} of the agent.", None, at)
        yield take(Answered(at, poll(), EventBatch((NotTyping(_AGENT, timestamp=at), word))))
        yield take(Answered(at + 40, others(), EventBatch()))
        at += 4_000
        yield take(SendText(at, f"This is answer {turn} of the customer."))
        item = session.items[-1].id
        yield take(Answered(at + 40, others(), EventBatch()))
        yield take(Answered(at + 900, poll(), EventBatch((MessageDelivered(item, _AGENT, at),))))
        yield take(Tick(at + 1_000))
        at += 2_000
        yield take(Answered(at, poll(), EventBatch((MessageRead(item, _AGENT, at),))))
        at += 15_000
        yield take(Answered(at, poll(), EventBatch()))
        yield take(Tick(at + 10))
        at += 15_000
        yield take(Answered(at, poll(), EventBatch()))
        at += 5_000
        yield take(Answered(at, poll(), EventBatch((PartyJoined(_COLLEAGUE, "internal", "Bob"),))))
        at += 10_000
        yield take(Answered(at, poll(), EventBatch((PartyLeft(_COLLEAGUE),))))
        at += 10_000
        yield take(Answered(at, poll(), Failure("http", 503)))
        at = next_deadline(session) or at
        yield take(Tick(at))
        log = (Status("connected"), PartyJoined(_AGENT, "internal", "Ann"), word)
        yield take(Answered(at + 30, others(), HistoryLog(log)))
        at += 24_000
        yield take(Answered(at, poll(), EventBatch()))  # after trouble the log is read a second time, a little later
        at += 10_000
        yield take(Tick(at))
        yield take(Answered(at + 30, others(), HistoryLog(log)))


def _recorded(count: int) -> tuple[Session, list[Event]]:
    start = live_session()
    lived = conversation(start)
    return start, [next(lived)[0] for _ in range(count)]


# --- timing, in one run ---------------------------------------------------------------------------------------------


def _rate(job: Callable[[], int]) -> float:
    begun = time.process_time()
    count = job()
    return count / (time.process_time() - begun)


def _replay(session: Session, events: Sequence[Event]) -> int:
    for event in events:
        session, _ = reduce(session, event)
    return len(events)


def _phase_changes() -> Callable[[], int]:
    start = live_session()
    events = [Incoming(10_000, (Status(state),)) for state in ("queued", "connecting", "queued", "ivr")] * 100
    return lambda: _replay(start, events)


def _conversations() -> Callable[[], int]:
    start, events = _recorded(100 * TURN)
    return lambda: _replay(start, events)


def _bytes_to_bytes() -> Callable[[], int]:
    """Each answer as the bytes of an HTTP reply, each command as those of a request."""
    start = live_session()
    lived = conversation(start)
    session, steps = start, list[tuple[Event, Command | None, int, bytes]]()
    for _ in range(50 * TURN):
        event, after = next(lived)
        command, status, body = None, 200, b""
        if isinstance(event, Answered):
            command = next(one for one in outbox(session) if one.id == event.command)
            status, body = (503 if isinstance(event.reply, Failure) else 200), _wire(event)
        steps.append((event, command, status, body))
        session = after

    def run() -> int:
        session = start
        for event, command, status, body in steps:
            session = _carried(session, event, command, status, body)
        return len(steps)

    return run


_ENDPOINT: Final = Endpoint("https://chat.example", "chat.example", "app", "client")


def _carried(session: Session, event: Event, command: Command | None, status: int, body: bytes) -> Session:
    """One step, with the answer to `command` read from its bytes, and with the requests of its commands."""
    if command is not None:
        event = Answered(event.at, command.id, read_reply(command, status, {}, body, redirected=False))
    session, out = reduce(session, event)
    for one in out:
        if isinstance(one, Command):
            to_http(one, _ENDPOINT, nonce="1")
    return session


def _wire(event: Answered) -> bytes:
    from statemachine.codec.outwards import encode_entry

    if isinstance(event.reply, Failure):
        return b""
    assert isinstance(event.reply, EventBatch | HistoryLog)
    return json.dumps({"events": [encode_entry(entry) for entry in event.reply.entries]}).encode()


def _snapshots() -> Callable[[], int]:
    session = live_session()

    def run() -> int:
        for _ in range(50):
            restore(json.loads(json.dumps(snapshot(session))))
        return 50

    return run


def _explained() -> Callable[[], int]:
    start, events = _recorded(10 * TURN)

    def run() -> int:
        session = start
        for event in events:
            explain(session, event)
            session, _ = reduce(session, event)
        return len(events)

    return run


_JOBS: Final[dict[str, Callable[[], Callable[[], int]]]] = {
    "phase changes": _phase_changes,
    "whole conversations": _conversations,
    "bytes to bytes": _bytes_to_bytes,
    "snapshot and restore": _snapshots,
    "with explain": _explained,
}


def _age(progress: Callable[[str], None]) -> Spread:
    """How much slower the 100,000th event of a session is than its hundredth: the same kinds of events, in turns."""
    progress(f"living {_OLD:,} events of one session")
    lived = conversation(live_session())
    young = old = live_session()
    events: dict[str, list[Event]] = {"young": [], "old": []}
    for number, (event, session) in enumerate(lived, 1):
        young = session if number == _YOUNG else young
        old = session if number == _OLD else old
        if _YOUNG < number <= _YOUNG + _AGE_SLICE:
            events["young"].append(event)
        elif number > _OLD:
            events["old"].append(event)
        if number == _OLD + _AGE_SLICE:
            break
    ratios: list[float] = []
    for _ in range(_SLICES):
        rate = _rate(lambda: _replay(young, events["young"]))
        ratios.append(rate / _rate(lambda: _replay(old, events["old"])))
    return spread(ratios)


def _crowd(progress: Callable[[str], None]) -> Spread:
    """How much slower a session's events are while the process holds `_CROWD` other sessions."""
    progress(f"holding {_CROWD:,} sessions")
    start, events = _recorded(20 * TURN)
    alone = [_rate(lambda: _replay(start, events)) for _ in range(_SLICES)]
    held = [live_session() for _ in range(_CROWD)]
    gc.collect()
    crowded = [_rate(lambda: _replay(start, events)) for _ in range(_SLICES)]
    del held
    return spread(one / other for one, other in zip(alone, crowded, strict=True))


# --- what is exact --------------------------------------------------------------------------------------------------


def calls(session: Session, event: Event) -> int:
    """Calls of Python and C functions that one step makes, as cProfile counts them: the same on every machine."""
    reduce(session, event)  # a record's constructor is made when the first one is built
    return counted(partial(reduce, session, event))


def counted(work: Callable[[], object]) -> int:
    """Calls of Python and C functions that this makes."""
    profile = cProfile.Profile()
    profile.enable()
    work()
    profile.disable()
    profile.create_stats()
    return sum(row[1] for row in profile.stats.values()) - 1  # `disable` itself


def allocated(session: Session, event: Event) -> int:
    """Blocks of memory, on average, that one such step leaves behind."""
    _repeat(session, event)
    gc.collect()
    before = sys.getallocatedblocks()
    _repeat(session, event)
    return (sys.getallocatedblocks() - before) // _REPEATED


def _repeat(session: Session, event: Event) -> None:
    for _ in range(_REPEATED):
        assert reduce(session, event)[0] is session


def weight(session: Session) -> int:
    """Bytes of a session: what it does not share with others (its config, texts of the program, small numbers)."""
    seen: set[int] = {id(session.config)}
    todo: list[Any] = [session]
    total = 0
    while todo:
        one = todo.pop()
        if id(one) in seen or one is None or isinstance(one, type | bool):
            continue
        seen.add(id(one))
        total += sys.getsizeof(one)
        if has(one.__class__):
            todo.extend(getattr(one, f.name) for f in fields(one.__class__))
        elif isinstance(one, tuple):
            todo.extend(one)  # pyright: ignore[reportUnknownArgumentType]
    return total


@frozen
class Work:
    """What ours does. `rates`: events a second. `age`: old over young. `crowd`: in a crowd over alone. `calls`: by name
    of the event.
    """

    rates: dict[str, Spread]
    age: Spread
    crowd: Spread
    calls: dict[str, int]
    allocated: int
    weight: int


def run_work(progress: Callable[[str], None]) -> Work:
    """Measure all of it, in turns."""
    jobs = {name: make() for name, make in _JOBS.items()}
    rates: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(_SLICES):
        progress(f"real work, round {number + 1} of {_SLICES}")
        for name, job in jobs.items():
            rates[name].append(_rate(job))
    session = live_session()
    due = next_deadline(session)
    assert due is not None
    return Work(
        {name: spread(figures) for name, figures in rates.items()},
        _age(progress),
        _crowd(progress),
        exact_calls(),
        allocated(session, Tick(due - 1)),
        weight(session),
    )


def exact_calls() -> dict[str, int]:
    """Calls of the steps that matter most."""
    session = live_session()
    poll = next(one for one in outbox(session) if isinstance(one, Poll))
    due = next_deadline(session)
    assert due is not None
    word = Message("2", _AGENT, "hello", None, 5_000)
    queued, _ = reduce(session, Incoming(10_000, (Status("queued"),)))
    answered = Answered(10_000, poll.id, EventBatch((word,)))
    carried = partial(_carried, session, answered, poll, 200, _wire(answered))
    carried()
    return {
        "a phase change": calls(queued, Incoming(11_000, (Status("connecting"),))),
        "a message with its receipt": calls(session, Incoming(10_000, (word,))),
        "a message that a poll brings": calls(session, answered),
        "a message from bytes to commands": counted(carried),
        "a text that is sent": calls(session, SendText(10_000, "hello")),
        "an empty poll": calls(session, Answered(24_000, poll.id, EventBatch())),
        "an early tick": calls(session, Tick(due - 1)),
    }
