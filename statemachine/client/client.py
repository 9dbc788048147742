"""`ChatClient`: the chats of an application's customers with one contact centre."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote, unquote
from weakref import WeakValueDictionary

from attrs import evolve
from structlog import get_logger

from statemachine.adapters.aio import LoopClock
from statemachine.adapters.driver import label
from statemachine.adapters.protocols import Archive, Observer
from statemachine.codec.http import Endpoint
from statemachine.store.errors import StoreError
from statemachine.store.memory import MemoryStore
from statemachine.store.sqlite import SqliteStore

from ..core import TranscriptUpdate
from .chat_parameters import ChatParameters
from .delivery import DeliveryScheduler, Handler, HandlerRunner, MergedUpdates, RetryPolicy
from .errors import BadSetting, ChatClosed, ChatError
from .file_limit import chats_within_file_limit
from .metrics import Metrics, MetricsObserver, Stats
from .middleware import Middleware, filter_intent, filter_update
from .options import Options
from .retention import Retention, traces_in
from .session import ChatSession, ClientContext
from .signals import on_first_signal

_log = get_logger(__name__)


REMOVAL_TIMEOUT: Final = timedelta(minutes=5)
"""To remove something from a large file takes its time."""


class ChatClient:
    """The chats of one application, each of another customer. Entered with `async with`, it takes up all stored ones.

    `url`: scheme and host of the contact centre. `tenant`: its `tenantUrl`; where None, the host of `url`. `app_id`: id
    of the messaging scenario entry. `store`: a path (a SQLite file, for one process at a time), an `Archive` of yours,
    or None: then the chats are forgotten with the process. `trace`: a directory for a bounded trace of each chat,
    without anybody's words, which `statemachine replay` reads. `observers` look on at every step of every session;
    `middleware` stands between the application and its chats; `metrics` gets the numbers.

    Closing the client ends no chat: opened again with the same store, they go on.

    Raises BadSetting; `async with` also a `StoreError`, which says what is wrong with the store.
    """

    def __init__(
        self,
        url: str,
        *,
        tenant: str | None = None,
        app_id: str,
        store: Archive | str | os.PathLike[str] | None = None,
        trace: str | os.PathLike[str] | None = None,
        options: Options | None = None,
        observers: Sequence[Observer] = (),
        middleware: Sequence[Middleware] = (),
        metrics: Metrics | None = None,
    ) -> None:
        self._options: Final = options or Options()
        self._store = store
        self._traces = None if trace is None else traces_in(trace, self._options.trace_bytes)
        own = (self._traces, MetricsObserver(metrics) if metrics else None)
        self._observers = (*observers, *(one for one in own if one is not None))
        self._metrics = metrics
        self._middleware = tuple(middleware)
        self._scheduler: Final = DeliveryScheduler()
        self._sessions: dict[str, ChatSession] = {}
        # Sessions that are over, with nothing left to tell: kept only while the application holds them.
        self._spent: WeakValueDictionary[str, ChatSession] = WeakValueDictionary()
        self._stack: AsyncExitStack | None = None
        self._closing: asyncio.Task[None] | None = None
        self._context: ClientContext | None = None
        self._closed = False
        self._fit: int | None = None
        self._said_full = False
        # Each session puts its own client id in the place of this one.
        self._endpoint = self._options.endpoint(url, tenant, app_id, "nobody")

    # --- open and close -----------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._stack is not None:
            raise ChatError("this client was entered before: make a new one")
        self._stack = AsyncExitStack()
        try:
            await self._open(self._stack)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of all chats without ending them: poll no more, send what is queued, save, and let the next one work.

        What is not sent within `Options.close_within` is sent when the chat is taken up again. Harmless when repeated.
        """
        if self._stack is not None:
            await asyncio.shield(self._close_soon(self._stack))  # whoever asks, all wait for the same end

    def _close_soon(self, stack: AsyncExitStack) -> asyncio.Task[None]:
        self._closed = True
        if self._closing is None:
            self._closing = asyncio.create_task(stack.aclose())
        return self._closing

    def close_on(self, *signals: int) -> None:
        """Close when the process gets one of these, such as `signal.SIGTERM`; news and `handle` then come to an end.

        The second signal does what it did before. Raises BadSetting where it cannot be caught (in another thread than
        the main one), ChatClosed.
        """
        if self._stack is None or self._closed:
            raise ChatClosed("the client is not open: use it inside `async with`")
        for number in signals:
            try:
                self._stack.callback(on_first_signal(number, partial(self._close_soon, self._stack)))
            except (ValueError, OSError) as error:
                raise BadSetting(f"close_on: signal {number} cannot be caught here: {error}") from None

    async def _open(self, stack: AsyncExitStack) -> None:
        store = await self._open_store(stack)
        self._fit = chats_within_file_limit()
        pool = await stack.enter_async_context(self._options.pool())
        self._context = ClientContext(
            store,
            pool,
            LoopClock(),
            self._options,
            self._observers,
            sending=partial(filter_intent, self._middleware),
            delivering=partial(filter_update, self._middleware),
            notify=self._scheduler.notify,
            resume=self._scheduler.resume,
            retire=self._retire,
        )
        stack.push_async_callback(self._close_sessions)
        stored = store.sessions()  # a store that cannot be read is told here
        taking_up = asyncio.create_task(self._take_up(self._context, stored))
        stack.callback(taking_up.cancel)

    async def _open_store(self, stack: AsyncExitStack) -> Archive:
        """The store; ours are closed with the client, yours are not. A process that is being stopped is waited for."""
        store, transcript = self._store, self._options.transcript
        if store is None:
            return MemoryStore(transcript=transcript)
        if isinstance(store, str | os.PathLike):
            call_soon = asyncio.get_running_loop().call_soon_threadsafe
            opening = asyncio.create_task(
                asyncio.to_thread(SqliteStore, store, call_soon=call_soon, transcript=transcript)
            )
            stack.push_async_callback(_close_opened, opening)  # also one that is opened although nobody waits any more
            store = await asyncio.shield(opening)
        return store

    async def _take_up(self, context: ClientContext, stored: Sequence[str]) -> None:
        """Go on with the stored chats, in no order and spread out: each reads its history from the server."""
        mine = [session_id for session_id in stored if session_id.startswith(_prefix(self._endpoint))]
        pause = 2 / self._options.opened_per_second
        for session_id in random.sample(mine, len(mine)):
            if session_id in self._sessions:
                continue
            try:
                chat = self._make(context, session_id)
            except StoreError as error:  # the others live
                _log.error("session_unreadable", session=label(session_id), error=str(error))
                continue
            if chat.outcome is None or chat.unread:
                self._work(chat)
                await asyncio.sleep(random.uniform(0, pause))

    async def _close_sessions(self) -> None:
        chats = {id(chat): chat for chat in (*self._sessions.values(), *self._spent.values())}
        await asyncio.gather(*(chat.close() for chat in chats.values()))
        self._scheduler.close()

    # --- sessions -----------------------------------------------------------------------------------------------------

    async def session(
        self,
        client_id: str,
        *,
        start: bool = True,
        parameters: Mapping[str, object] | None = None,
        phone_number: str | None = None,
        from_: str | None = None,
    ) -> ChatSession:
        """The chat of this customer: the one at work, or the stored one, or, with `start`, one asked for now.

        `client_id`: the customer on this device: one for each, made once and kept. A chat that is over is given as it
        is: `ChatSession.send(…, new_chat=True)` begins the next. What else is given is for new chats, see
        `ChatSession.start`.

        Raises BadSetting, ChatClosed, ChatStopped, NotSaved, and a `StoreError` where the stored chat cannot be read.
        """
        chat = await self._find(self._opened(), client_id)
        about = ChatParameters(parameters, phone_number, from_)
        if about != ChatParameters():
            chat.parameters = about
        if start and chat.phase == "idle":
            await chat.request()
        return chat

    def _opened(self) -> ClientContext:
        if self._context is None or self._closed:
            raise ChatClosed("the client is not open: use it inside `async with`")
        return self._context

    async def _find(self, context: ClientContext, client_id: str) -> ChatSession:
        session_id = _session_id(_for(self._endpoint, client_id))
        chat = self._sessions.get(session_id) or self._spent.get(session_id)
        if chat and not chat.stopped:
            return chat
        if chat:  # it could not go on; perhaps it can now
            await chat.close()
        chat = self._make(context, session_id)
        self._work(chat)
        await asyncio.sleep(0)  # a caller that opens thousands, one after the other, leaves the others their turn
        return chat

    def _make(self, context: ClientContext, session_id: str) -> ChatSession:
        client_id = unquote(session_id.rpartition("/")[2])
        return ChatSession(session_id, _for(self._endpoint, client_id), context)

    def _work(self, chat: ChatSession) -> None:
        self._sessions[chat.id] = chat
        if self._fit is not None and len(self._sessions) > self._fit and not self._said_full:
            self._said_full = True
            _log.warning("too_many_chats", fit=self._fit, remedy="raise the limit of open files: ulimit -n")
        chat.work()
        self._scheduler.notify(chat)

    def _retire(self, chat: ChatSession) -> None:
        """It is over, and all is dealt with: no longer held here."""
        if self._sessions.get(chat.id) is chat:
            self._spent[chat.id] = self._sessions.pop(chat.id)

    def sessions(self) -> tuple[ChatSession, ...]:
        """The chats at work: those that live, and those whose news is not dealt with yet."""
        return tuple(self._sessions.values())

    def stats(self) -> Stats:
        """How the sessions stand now, for whoever watches them."""
        chats = self.sessions()
        down = self._context is not None and self._context.pool.breaker.is_open
        return Stats(
            Counter(chat.phase for chat in chats),
            sum(chat.unread for chat in chats),
            sum(chat.slot.place == "parked" for chat in chats),
            down,
        )

    async def reauthorized(self, *, app_id: str | None = None, tenant: str | None = None) -> None:
        """Authorization or configuration was refused, and is right now: all chats go on. What is given is new.

        Raises BadSetting, ChatClosed, ChatStopped, NotSaved.
        """
        at = self._endpoint
        self._endpoint = self._options.endpoint(
            at.url,
            at.tenant if tenant is None else tenant,
            at.app_id if app_id is None else app_id,
            at.client_id,
        )
        for chat in self.sessions():
            chat.move(self._endpoint)
            await chat.reauthorized()

    # --- what is kept -------------------------------------------------------------------------------------------------

    def transcript(self, client_id: str, *, after: int = 0, limit: int = 1_000) -> tuple[TranscriptUpdate, ...]:
        """The next `limit` news of this customer with a `seq` above `after`, dealt with or not.

        All of it with `Options.transcript`, until it is purged or forgotten; else only what is not acknowledged. Raises
        BadSetting, ChatClosed, and a `StoreError`.
        """
        return self._opened().store.transcript(_session_id(_for(self._endpoint, client_id)), after, limit)

    async def purge(self, older_than: timedelta, *, unread: bool = False, within: timedelta = REMOVAL_TIMEOUT) -> None:
        """Remove what was over so long ago: chats, kept transcripts, traces. A chat that lives stays.

        One with news that the application has not dealt with stays too, unless `unread`. Whose chat was removed begins
        anew, with `seq` 1. Raises ChatClosed, NotSaved (not done `within` this time; it may yet be), and a `StoreError`
        or OSError, which say what could not be removed.
        """
        context = self._opened()
        before = context.clock.now() - older_than // timedelta(milliseconds=1)
        held = [*self._sessions.values(), *self._spent.values()]
        await self._drop([chat for chat in held if chat.was_over(before) and (unread or not chat.unread)])
        await Retention(context.store, self._traces, within).purge(before, unread=unread)

    async def forget(self, client_id: str, *, within: timedelta = REMOVAL_TIMEOUT) -> None:
        """Remove all that is kept of this customer, whatever became of the chat, from store, transcript and traces.

        A chat that lives is not ended: `ChatSession.end` it first. Of a SQLite file no part holds anything of them
        afterwards; it is written anew for that, and saves wait meanwhile (up to a second for 10 MB). Raises as `purge`
        does, and BadSetting; until it returns it is not promised: repeat it after an error or a crash.
        """
        context = self._opened()
        session_id = _session_id(_for(self._endpoint, client_id))
        await self._drop([chat for held in (self._sessions, self._spent) if (chat := held.get(session_id))])
        await Retention(context.store, self._traces, within).forget(session_id)

    async def _drop(self, chats: Sequence[ChatSession]) -> None:
        """Hold these no longer. What they were about to save comes before what is asked of the store from now on."""
        for chat in chats:
            self._sessions.pop(chat.id, None)
            self._spent.pop(chat.id, None)
        await asyncio.gather(*(chat.close(timedelta(0)) for chat in chats))

    # --- news ---------------------------------------------------------------------------------------------------------

    def updates(self, *, auto_ack: bool = True) -> MergedUpdates:
        """What happens in all chats, as an async iterator of (session, news); it ends when the client is closed.

        Each session's news comes in the order and with the promises of `ChatSession.news`; sessions take turns. A
        session that could not go on tells `Stopped`. `async for session, news in client` is the same.
        """
        return MergedUpdates(self._scheduler, self._begin, auto_ack=auto_ack)

    def __aiter__(self) -> MergedUpdates:
        return self.updates()

    async def handle(
        self,
        handler: Handler,
        *,
        concurrency: int = 32,
        tries: int = 5,
        pause: timedelta = timedelta(seconds=1),
        within: timedelta | None = None,
        auto_ack: bool = True,
    ) -> None:
        """Call `handler(session, news)` for all news, until the client is closed or this is cancelled.

        At most `concurrency` calls at once, never two for one session. When it returns the news is dealt with; without
        `auto_ack`, when `ChatSession.ack` says so. When it raises, or takes longer than `within`, it is called again
        after `pause`, then twice that, and so on; after `tries` the session is parked: its chat goes on, its news waits
        in the journal for `ChatSession.resume` or a restart.

        Raises BadSetting, ChatClosed, ChatError.
        """
        if concurrency < 1 or tries < 1:
            raise BadSetting("handle: concurrency and tries must be at least 1")
        run = self._begin()
        policy = RetryPolicy(tries, pause, within, auto_ack, self._count_failure)
        await HandlerRunner(self._scheduler, handler, policy).run(run, concurrency)

    def _count_failure(self) -> None:
        if self._metrics:
            self._metrics.count("chat_handler_failures_total", {})

    def _begin(self) -> int:
        if self._context is None:
            raise ChatClosed("the client is not open: use it inside `async with`")
        return self._scheduler.begin(self.sessions())


async def _close_opened(opening: asyncio.Task[SqliteStore]) -> None:
    await asyncio.wait([opening])
    if not opening.cancelled() and not opening.exception():
        await asyncio.to_thread(opening.result().close)


def _for(endpoint: Endpoint, client_id: str) -> Endpoint:
    try:
        return evolve(endpoint, client_id=client_id)
    except ValueError as error:
        raise BadSetting(str(error)) from None


def _prefix(endpoint: Endpoint) -> str:
    return f"{quote(endpoint.tenant, safe='')}/{quote(endpoint.app_id, safe='')}/"


def _session_id(endpoint: Endpoint) -> str:
    """What a server takes for one customer (protocol.md 1.1), as one readable text."""
    return _prefix(endpoint) + quote(endpoint.client_id, safe="")
