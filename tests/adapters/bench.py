"""What a driver is tried on: a clock, virtual or asyncio's; a transport, a store and a listener that tests steer."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from typing import Protocol, TypeVar

from attrs import define

from statemachine import (
    ChatOpened,
    Command,
    Config,
    CreateChat,
    Event,
    Poll,
    Reply,
    RequestChat,
    SendText,
    Session,
    new_session,
)
from statemachine.adapters.aio import LoopClock
from statemachine.adapters.driver import Driver
from statemachine.adapters.protocols import Answer, Checkpoint, Clock, Done, HandledEvent, Save, SavedStep
from statemachine.store.memory import MemoryStore

QUICK = Config(
    request_timeout=20, poll_timeout=40, answer_margin=10, settle=20, backoff_start=10, brake=1, ending_within=5_000
)
T = TypeVar("T", bound=Command)


@define(eq=False)
class VirtualAlarm:
    callback: Callable[[], None] | None

    def cancel(self) -> None:
        self.callback = None


class VirtualClock:
    """Time that passes only when it is told to."""

    def __init__(self) -> None:
        self.time = 1_000_000
        self.jitters = 0
        self._alarms: list[tuple[int, int, VirtualAlarm]] = []
        self._count = 0

    def now(self) -> int:
        return self.time

    def call_at(self, at: int, callback: Callable[[], None]) -> VirtualAlarm:
        alarm = VirtualAlarm(callback)
        self._count += 1
        heappush(self._alarms, (at, self._count, alarm))
        return alarm

    def jitter(self, earliest: int, latest: int) -> int:
        self.jitters += 1
        return latest

    def armed(self) -> list[int]:
        return [at for at, _, alarm in self._alarms if alarm.callback]

    def run(self, ms: int) -> None:
        until = self.time + ms
        while self._alarms and self._alarms[0][0] <= until:
            at, _, alarm = heappop(self._alarms)
            self.time = max(self.time, at)
            if callback := alarm.callback:
                alarm.callback = None
                callback()
        self.time = until


class Bench(Protocol):
    clock: Clock

    def run(self, ms: int) -> None:
        """Let this much time pass."""


class VirtualBench:
    def __init__(self) -> None:
        self.clock = VirtualClock()

    def run(self, ms: int) -> None:
        self.clock.run(ms)

    def close(self) -> None:
        pass


class SkippingSelector(selectors.DefaultSelector):
    """Waits for nothing: time is moved on to the moment until which an event loop would have slept."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 1_000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "nothing would ever happen"
            self.time += timeout
        return ready


class SkippingLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop, on which no time passes but that for which everybody waits: no load can make it late."""

    def __init__(self) -> None:
        self._skipping = SkippingSelector()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.time


class LoopBench:
    def __init__(self) -> None:
        self._loop = SkippingLoop()
        time = self._loop.time
        self.clock = LoopClock(self._loop, seed=1, monotonic=time, wall_clock=lambda: int(time() * 1_000))

    def run(self, ms: int) -> None:
        self._loop.run_until_complete(asyncio.sleep(ms / 1_000))

    def close(self) -> None:
        self._loop.close()


class HandTransport:
    """Notes what it is given; the test answers. `replies` are given at once, from within `execute`."""

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes
        self.executed: list[Command] = []
        self.aborted: list[int] = []
        self.replies: dict[type[Command], Reply] = {}
        self._answers: dict[int, Answer] = {}

    def execute(self, command: Command, answer: Answer) -> None:
        self.notes.append(f"execute {type(command).__name__}")
        self.executed.append(command)
        self._answers[command.id] = answer
        if reply := self.replies.pop(type(command), None):
            answer(reply)

    def abort(self, command_id: int) -> None:
        self.aborted.append(command_id)

    def last(self, kind: type[T]) -> T:
        return [one for one in self.executed if isinstance(one, kind)][-1]

    def answer(self, kind: type[Command], reply: Reply) -> None:
        self._answers[self.last(kind).id](reply)

    def kinds(self) -> list[str]:
        return [type(one).__name__ for one in self.executed]


class HandStore(MemoryStore):
    """A memory store that holds its answers back while `held`, and fails with `failure` where that is set."""

    def __init__(self, notes: list[str]) -> None:
        super().__init__()
        self.notes = notes
        self.saves: list[Save] = []
        self.held = False
        self.failure: BaseException | None = None
        self._waiting: list[Callable[[], None]] = []

    def save(self, save: Save, done: Done) -> None:
        self.saves.append(save)
        self._waiting.append(partial(self._finish, save, done))
        if not self.held:
            self.release()

    def release(self) -> None:
        waiting, self._waiting = self._waiting, []
        for finish in waiting:
            finish()

    def _finish(self, save: Save, done: Done) -> None:
        self.notes.append(f"save {save.version}")
        if self.failure:
            done(self.failure)
        else:
            super().save(save, done)


class RecordingListener:
    """Keeps all calls of the driver."""

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes
        self.steps: list[SavedStep] = []
        self.ends: list[BaseException | None] = []
        self.failure: Exception | None = None

    def saved(self, step: SavedStep) -> None:
        self.notes.append("published")
        self.steps.append(step)
        if self.failure:
            raise self.failure

    def finished(self) -> None:
        self.notes.append("finished")

    def stopped(self, error: BaseException | None) -> None:
        self.ends.append(error)


class RecordingObserver:
    """Keeps all events and checkpoints."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.checkpoints: list[tuple[Checkpoint, int]] = []
        self.failure: Exception | None = None

    def event_handled(self, step: HandledEvent) -> None:
        self.events.append(step.event)
        if self.failure:
            raise self.failure

    def checkpoint(self, session_id: str, checkpoint: Checkpoint, number: int) -> None:
        self.checkpoints.append((checkpoint, number))
        if self.failure:
            raise self.failure


class Rig:
    """A driver with its store, transport, listener and observer."""

    def __init__(self, bench: Bench, session: Session | None = None, version: int = 0) -> None:
        self.bench = bench
        self.notes: list[str] = []
        self.transport = HandTransport(self.notes)
        self.store = HandStore(self.notes)
        self.listener = RecordingListener(self.notes)
        self.observer = RecordingObserver()
        self.driver = Driver(
            "session",
            session or new_session(bench.clock.now(), QUICK),
            version,
            clock=bench.clock,
            transport=self.transport,
            store=self.store,
            listener=self.listener,
            observers=(self.observer,),
        )
        self.driver.start()

    def now(self) -> int:
        return self.bench.clock.now()

    def request(self) -> Session:
        return self.driver.feed(RequestChat(self.now(), "origin"))

    def live(self) -> Rig:
        """A chat with its poll in flight."""
        self.request()
        self.transport.answer(CreateChat, ChatOpened("chat", "queued", None, is_new_chat=True))
        assert self.transport.last(Poll).chat_id == "chat"
        return self

    def say(self, text: str = "hello") -> str:
        return self.driver.feed(SendText(self.now(), text)).items[-1].id
