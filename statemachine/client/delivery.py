"""The updates of all sessions of a client: in which order they are delivered, and handlers that may fail.

Sessions with updates wait in one queue, each at most once, and each delivers one update at a time. So the updates of a
session stay in order, two handlers never have updates of the same session, and a busy session delays no other. After a
handler has failed, it gets the same update again, with a growing pause. After the last try the session is *parked*: its
updates stay in the journal, its chat continues, and no handler is called until `ChatSession.resume()` or a restart.
"""

# pyright: reportPrivateUsage=false
# Sessions have methods for the client alone; users do not see them.

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from inspect import isawaitable, signature
from typing import TypeAlias
from weakref import ref

from attrs import define, field

from statemachine.store.errors import Fenced

from ..core import TranscriptUpdate
from ..logs import Logger, error_values
from .errors import BadSetting, ChatError
from .home_loop import check_loop
from .session import ChatSession
from .stream import DeliverySlot, Stopped, Update

_log = Logger()

Handler: TypeAlias = Callable[[ChatSession, Update | Stopped], Awaitable[object]]
"""The application's function: called with each update and its session."""
ErrorHook: TypeAlias = Callable[[ChatSession, Update | Stopped | None, BaseException], object]
"""Called with the exception of a handler, the session, and the update; None for one that could not be read."""


class DeliveryScheduler:
    """The queue of sessions with updates. One run over it at a time; the next run starts at the cursors.

    A run ends with its reader, the loop or handler that has begun it. Without one, no session is queued, and none kept.
    """

    def __init__(self, on_reader_gone: Callable[[], None]) -> None:
        self._queue: asyncio.Queue[ChatSession | None] = asyncio.Queue()
        self._on_reader_gone = on_reader_gone
        self._reader: ref[object] | None = None
        self._run = 0
        self._readers = 0

    @property
    def has_reader(self) -> bool:
        """Whether updates are taken from here."""
        return self._reader is not None

    def notify(self, chat: ChatSession) -> None:
        """Queue a session that has updates, or has stopped."""
        if self.has_reader and chat._slot.place == "idle":
            chat._slot.place = "queued"
            self._queue.put_nowait(chat)

    def begin(self, reader: object, chats: Iterable[ChatSession]) -> int:
        """Begin a new run: every session from its cursor. Returns the run's number. Raises ChatError."""
        if self._readers:
            raise ChatError("another loop or handler takes the updates of this client: use one at a time")
        self._run += 1
        self._reader = ref(reader, self._reader_gone)
        self._empty()
        for chat in chats:
            slot = chat._slot
            slot.stream = slot.update = None
            if slot.place in ("out", "queued"):
                slot.place = "idle"
            self.notify(chat)
        return self._run

    def _reader_gone(self, reader: ref[object]) -> None:
        if reader is self._reader:
            self._reader = None
            self._empty()
            self._on_reader_gone()

    def _empty(self) -> None:
        closed = False
        while not self._queue.empty():
            chat = self._queue.get_nowait()
            closed = closed or chat is None
            if chat and chat._slot.place == "queued":
                chat._slot.place = "idle"
        if closed:
            self.close()

    @contextmanager
    def reading(self) -> Generator[None]:
        """Let no other run begin meanwhile."""
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1

    async def take(
        self, run: int, failed: Callable[[ChatSession, BaseException], None], *, auto_ack: bool
    ) -> tuple[ChatSession, Update | Stopped] | None:
        """The next session and its update, for `done` or `again`; None when the client is closed. Raises ChatError.

        `failed`: called for a session whose update cannot be read; it calls `again` or `park`.
        """
        if run != self._run:
            raise ChatError("another loop over the updates of this client has begun")
        while True:
            await asyncio.sleep(0)  # a reader that never waits must not block the polls
            chat = await self._queue.get()
            if chat is None:
                self._queue.put_nowait(None)  # for the other readers
                return None
            if update := self._look(chat, failed, auto_ack):
                return chat, update
            del chat  # while this waits, nothing here may hold a chat that has ended

    def _look(
        self, chat: ChatSession, failed: Callable[[ChatSession, BaseException], None], auto_ack: bool
    ) -> Update | Stopped | None:
        slot = chat._slot
        if slot.place != "queued":
            return None
        slot.place = "idle"
        if slot.update is None:
            slot.stream = slot.stream or chat._read(auto_ack=auto_ack)
            try:
                slot.update = slot.stream.look() or _stop_of(chat)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # the journal cannot be read, or a middleware fails
                slot.place = "out"
                failed(chat, error)
        if slot.update is not None:
            slot.place = "out"
        return slot.update

    def done(self, run: int, chat: ChatSession, *, ack: bool) -> None:
        """The update of this session was delivered."""
        if run != self._run:  # the present run began at the cursor again
            return
        if ack and chat._slot.stream:
            chat._slot.stream.acknowledge()
        self._give_back(chat)

    def again(self, run: int, chat: ChatSession) -> None:
        """The update of this session was not delivered: queue it again."""
        if run == self._run and chat._slot.place == "out":
            chat._slot.place = "idle"
            self.notify(chat)

    def resume(self, chat: ChatSession) -> None:
        """Queue a parked session again. Updates acknowledged meanwhile are not delivered again."""
        if chat._slot.place == "parked":
            chat._slot.stream = None
            self._give_back(chat)

    def _give_back(self, chat: ChatSession) -> None:
        slot = chat._slot
        slot.update, slot.failures = None, 0
        if slot.place != "apart":
            slot.place = "idle"
            self.notify(chat)

    def close(self) -> None:
        """End all runs."""
        self._queue.put_nowait(None)


def _stop_of(chat: ChatSession) -> Stopped | None:
    """Why the session could not continue, once."""
    if chat._slot.stop_delivered or chat._error is None or isinstance(chat._error, Fenced):  # its new owner continues
        return None
    chat._slot.stop_delivered = True
    return Stopped(chat._error)


def park(chat: ChatSession, error: BaseException) -> None:
    """Call no handler for this session any more."""
    chat._slot.place = "parked"
    _log.error("session_parked", session=chat.label, **_update_values(chat._slot), **error_values(error))


def _update_values(slot: DeliverySlot) -> dict[str, object]:
    """The update of this slot in a log line, without its content; nothing where it could not be read."""
    values: dict[str, object] = {} if slot.update is None else {"update": type(slot.update).__name__}
    return values | ({"seq": slot.update.seq} if isinstance(slot.update, TranscriptUpdate) else {})


class MergedUpdates(AsyncIterator[tuple[ChatSession, Update | Stopped]]):
    """Iterates over the updates of all sessions, until the client is closed; `ChatClient.updates` gives it.

    With `auto_ack`, asking for the next update acknowledges the transcript update before it.
    """

    def __init__(self, scheduler: DeliveryScheduler, begin: Callable[[object], int], *, auto_ack: bool) -> None:
        self._scheduler = scheduler
        self._begin = begin
        self._auto_ack = auto_ack
        self._run: int | None = None
        self._loop: asyncio.AbstractEventLoop
        self._out: ChatSession | None = None

    def __repr__(self) -> str:
        return f"<MergedUpdates, {'not begun' if self._run is None else 'begun'}, auto_ack={self._auto_ack}>"

    async def __anext__(self) -> tuple[ChatSession, Update | Stopped]:
        """The next update and its session. Raises ChatError."""
        if self._run is None:
            self._run = self._begin(self)
            self._loop = asyncio.get_running_loop()
        check_loop(self._loop)
        if self._out:
            self._scheduler.done(self._run, self._out, ack=self._auto_ack)
            self._out = None
        with self._scheduler.reading():
            taken = await self._scheduler.take(self._run, park, auto_ack=self._auto_ack)
        if taken is None:
            raise StopAsyncIteration
        self._out, _ = taken
        return taken


@define(eq=False)
class HandlerRunner:
    """Calls a handler with the updates of all sessions. No failure of it ends the calls for other sessions.

    Raises BadSetting for a handler that cannot be called with a session and an update.

    Args:
        scheduler: Delivers the updates.
        handler: The application's function.
        tries: The most calls for one update.
        pause: After the first failure; it doubles with each.
        timeout: Of one call; None: unlimited.
        auto_ack: Acknowledge an update when the handler returns.
        on_failure: Called after each failure; it does not raise.
    """

    scheduler: DeliveryScheduler
    handler: Handler
    tries: int
    pause: timedelta
    timeout: timedelta | None
    auto_ack: bool
    on_failure: Callable[[ChatSession, BaseException], None]
    has_returned_awaitable: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        _check_signature(self.handler)

    async def run(self, run: int, concurrency: int) -> None:
        """Run until the client is closed. Cancelled, it cancels the handlers; their updates are delivered again.

        Raises BadSetting where the first call of the handler returns nothing to await.
        """
        with self.scheduler.reading():
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(concurrency):
                        group.create_task(self._work(run))
            except ExceptionGroup as failed:
                raise failed.exceptions[0] from None

    async def _work(self, run: int) -> None:
        worker = asyncio.current_task()
        while taken := await self.scheduler.take(run, partial(self._failed, run), auto_ack=False):
            chat, update = taken
            error = await self._result(chat, update)
            is_cancelled = worker is not None and worker.cancelling() > 0
            if error is None:
                self.scheduler.done(run, chat, ack=self.auto_ack)
            elif is_cancelled:
                self.scheduler.again(run, chat)
            elif type(error) is _NothingToAwait and not self.has_returned_awaitable:
                self.scheduler.again(run, chat)
                raise BadSetting(f"handle: {error}")
            else:
                self._failed(run, chat, error)
            if is_cancelled:  # the handler may have suppressed it
                raise asyncio.CancelledError

    async def _result(self, chat: ChatSession, update: Update | Stopped) -> BaseException | None:
        """The exception of a call of the handler; None: it has returned.

        It runs in a task of its own: a CancelledError that ends it is then not the cancellation of this task.
        """
        calling = asyncio.create_task(self._call(chat, update))
        try:
            return await calling
        except asyncio.CancelledError as cancelled:  # before the first step of the task
            return cancelled

    async def _call(self, chat: ChatSession, update: Update | Stopped) -> BaseException | None:
        try:
            result = self.handler(chat, update)
            if not isawaitable(result):
                raise _NothingToAwait(
                    "the handler must be an async function (async def), or return an awaitable: "
                    f"it returned {type(result).__name__}"
                )
            self.has_returned_awaitable = True
            async with asyncio.timeout(self.timeout.total_seconds() if self.timeout else None):
                await result
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: argparse raises it for texts of customers
            return error
        return None

    def _failed(self, run: int, chat: ChatSession, error: BaseException) -> None:
        slot = chat._slot
        slot.failures += 1
        _log.warning(
            "handler_failed", session=chat.label, **_update_values(slot), tries=slot.failures, **error_values(error)
        )
        self.on_failure(chat, error)
        if slot.failures >= self.tries:
            park(chat, error)
            return
        pause = self.pause * 2 ** (slot.failures - 1)
        asyncio.get_running_loop().call_later(pause.total_seconds(), self.scheduler.again, run, chat)


class _NothingToAwait(TypeError):
    """A handler returned no awaitable."""


def _check_signature(handler: Handler) -> None:
    try:
        parameters = signature(handler)
    except (TypeError, ValueError):  # not callable; or a built-in function without a signature
        if callable(handler):
            return
        raise BadSetting(f"handle: the handler must be an async function, not {type(handler).__name__}") from None
    try:
        parameters.bind(None, None)
    except TypeError as error:
        raise BadSetting(f"handle: the handler must take two arguments, (session, update): {error}") from None
