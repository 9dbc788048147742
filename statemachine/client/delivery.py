"""The updates of all sessions of a client: in which order they are delivered, and handlers that may fail.

Sessions with updates wait in one queue, each at most once, and each delivers one update at a time. So the updates of a
session stay in order, two handlers never have updates of the same session, and a busy session delays no other. After a
handler has failed, it gets the same update again, with a growing pause. After the last try the session is *parked*: its
updates stay in the journal, its chat continues, and no handler is called until `ChatSession.resume()` or a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeAlias

from attrs import frozen

from statemachine.adapters.driver import label

from ..core import TranscriptUpdate
from ..logs import Logger
from .errors import ChatError
from .session import ChatSession
from .stream import Stopped, Update

_log = Logger()

Handler: TypeAlias = Callable[[ChatSession, Update | Stopped], Awaitable[object]]
"""The application's function: called with each update and its session."""


class DeliveryScheduler:
    """The queue of sessions with updates. One run over it at a time; the next run starts at the cursors."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[ChatSession | None] = asyncio.Queue()
        self._run = 0
        self._readers = 0

    def notify(self, chat: ChatSession) -> None:
        """Queue a session that has updates, or has stopped."""
        if chat.slot.place == "idle":
            chat.slot.place = "queued"
            self._queue.put_nowait(chat)

    def begin(self, chats: Iterable[ChatSession]) -> int:
        """Begin a new run: every session from its cursor. Returns the run's number. Raises ChatError."""
        if self._readers:
            raise ChatError("another loop or handler takes the updates of this client: use one at a time")
        self._run += 1
        for chat in chats:
            slot = chat.slot
            slot.stream = slot.update = None
            if slot.place == "out":
                slot.place = "idle"
            self.notify(chat)
        return self._run

    @contextmanager
    def reading(self) -> Generator[None]:
        """Let no other run begin meanwhile."""
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1

    async def take(self, run: int, *, auto_ack: bool) -> tuple[ChatSession, Update | Stopped] | None:
        """The next session and its update, for `done` or `again`; None when the client is closed. Raises ChatError."""
        if run != self._run:
            raise ChatError("another loop over the updates of this client has begun")
        while True:
            await asyncio.sleep(0)  # a reader that never waits must not block the polls
            chat = await self._queue.get()
            if chat is None:
                self._queue.put_nowait(None)  # for the other readers
                return None
            if update := self._look(chat, auto_ack):
                return chat, update

    def _look(self, chat: ChatSession, auto_ack: bool) -> Update | Stopped | None:
        slot = chat.slot
        if slot.place != "queued":
            return None
        slot.place = "idle"
        if slot.update is None:
            slot.stream = slot.stream or chat.read(auto_ack=auto_ack)
            try:
                slot.update = slot.stream.look() or _stop_of(chat)
            except Exception as error:  # the journal cannot be read, or a middleware fails
                park(chat, error)
        if slot.update is not None:
            slot.place = "out"
        return slot.update

    def done(self, run: int, chat: ChatSession, *, ack: bool) -> None:
        """The update of this session was delivered."""
        if run != self._run:  # the present run began at the cursor again
            return
        if ack and chat.slot.stream:
            chat.slot.stream.acknowledge()
        self._give_back(chat)

    def again(self, run: int, chat: ChatSession) -> None:
        """The update of this session was not delivered: queue it again."""
        if run == self._run and chat.slot.place == "out":
            chat.slot.place = "idle"
            self.notify(chat)

    def resume(self, chat: ChatSession) -> None:
        """Queue a parked session again. What was acknowledged meanwhile is not delivered again."""
        if chat.slot.place == "parked":
            chat.slot.stream = None
            self._give_back(chat)

    def _give_back(self, chat: ChatSession) -> None:
        slot = chat.slot
        slot.update, slot.failures = None, 0
        if slot.place != "apart":
            slot.place = "idle"
            self.notify(chat)

    def close(self) -> None:
        """End all runs."""
        self._queue.put_nowait(None)


def _stop_of(chat: ChatSession) -> Stopped | None:
    """Why the session could not continue, once."""
    if chat.slot.stop_delivered or chat.error is None:
        return None
    chat.slot.stop_delivered = True
    return Stopped(chat.error)


def park(chat: ChatSession, error: Exception) -> None:
    """Call no handler for this session any more."""
    slot = chat.slot
    slot.place = "parked"
    kind = type(slot.update).__name__
    seq = slot.update.seq if isinstance(slot.update, TranscriptUpdate) else None
    _log.error("session_parked", session=label(chat.id), update=kind, seq=seq, error=type(error).__name__)


class MergedUpdates(AsyncIterator[tuple[ChatSession, Update | Stopped]]):
    """Iterates over the updates of all sessions, until the client is closed.

    With `auto_ack`, asking for the next update acknowledges the transcript update before it.
    """

    def __init__(self, scheduler: DeliveryScheduler, begin: Callable[[], int], *, auto_ack: bool) -> None:
        self._scheduler = scheduler
        self._begin = begin
        self._auto_ack = auto_ack
        self._run: int | None = None
        self._out: ChatSession | None = None

    async def __anext__(self) -> tuple[ChatSession, Update | Stopped]:
        """The next update and its session. Raises ChatError."""
        if self._run is None:
            self._run = self._begin()
        if self._out:
            self._scheduler.done(self._run, self._out, ack=self._auto_ack)
            self._out = None
        with self._scheduler.reading():
            taken = await self._scheduler.take(self._run, auto_ack=self._auto_ack)
        if taken is None:
            raise StopAsyncIteration
        self._out, _ = taken
        return taken


@frozen
class HandlerRunner:
    """Calls a handler with the updates of all sessions.

    `tries`: the most calls for one update. `pause`: after the first failure; it doubles with each. `timeout`: of one
    call, None: unlimited. `on_failure`: called after each failure.
    """

    scheduler: DeliveryScheduler
    handler: Handler
    tries: int
    pause: timedelta
    timeout: timedelta | None
    auto_ack: bool
    on_failure: Callable[[], None]

    async def run(self, run: int, concurrency: int) -> None:
        """Run until the client is closed. Cancelled, it cancels the handlers; their updates are delivered again."""
        with self.scheduler.reading():
            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(self._work(run))

    async def _work(self, run: int) -> None:
        timeout = self.timeout.total_seconds() if self.timeout else None
        while taken := await self.scheduler.take(run, auto_ack=False):
            chat, update = taken
            try:
                async with asyncio.timeout(timeout):
                    await self.handler(chat, update)
            except Exception as error:
                self._failed(run, chat, error)
            except BaseException:
                self.scheduler.again(run, chat)
                raise
            else:
                self.scheduler.done(run, chat, ack=self.auto_ack)

    def _failed(self, run: int, chat: ChatSession, error: Exception) -> None:
        slot = chat.slot
        slot.failures += 1
        self.on_failure()
        # The type alone: the text of an application's error may quote the chat.
        name, kind = type(error).__name__, type(slot.update).__name__
        _log.warning("handler_failed", session=label(chat.id), update=kind, tries=slot.failures, error=name)
        if slot.failures >= self.tries:
            park(chat, error)
            return
        pause = self.pause.total_seconds() * 2 ** (slot.failures - 1)
        asyncio.get_running_loop().call_later(pause, self.scheduler.again, run, chat)
