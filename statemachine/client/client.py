"""`ChatClient`: the chats of an application's customers with one contact centre."""

# pyright: reportPrivateUsage=false
# Sessions have methods for the client alone; users do not see them.

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from typing import Final, Self
from urllib.parse import quote, unquote
from weakref import WeakValueDictionary

from attrs import evolve

from statemachine.adapters.aio import LoopClock
from statemachine.adapters.driver import label
from statemachine.adapters.protocols import Archive, Observer
from statemachine.codec.http import Endpoint
from statemachine.store.errors import StoreError, UnreadableSession
from statemachine.store.memory import MemoryStore
from statemachine.store.names import is_url
from statemachine.store.sqlite import SqliteStore

from ..core import TranscriptUpdate
from ..logs import Logger
from .arguments import duration, of_type, path, seconds, text, whole_number, with_methods
from .chat_parameters import ChatParameters
from .delivery import DeliveryScheduler, ErrorHook, Handler, HandlerRunner, MergedUpdates
from .errors import BadSetting, ChatClosed, ChatElsewhere, ChatError
from .health import Health, store_fault
from .home_loop import check_loop, running_loop
from .metrics import GuardedMetrics, Metrics, MetricsObserver, Stats
from .middleware import Middleware, filter_intent, filter_update
from .options import Options
from .process import chats_within_file_limit
from .retention import Retention, traces_in
from .session import ChatSession, ClientContext
from .signals import on_first_signal

_log = Logger()
_RANDOM: Final = random.SystemRandom()
"""It has no state: that of the shared generator belongs to the application."""

CLOCK_CHECK_S: Final = 1.0
_CATCH_UP_S: Final = 0.1
"""What resuming a chat takes counts for the rate of resuming; so much of a longer delay is caught up."""

REMOVAL_TIMEOUT: Final = timedelta(minutes=5)
"""How long a deletion may take; a large file is written anew."""


class ChatClient:
    """The chats of one application, one for each customer. `async with` opens it, and resumes all stored chats.

    It belongs to the event loop in which it was opened: in another loop or thread, its methods and those of its chats
    raise WrongLoop, which says what to do; `stats()` and `sessions()` may be called anywhere.

    Closing the client ends no chat: opened again with the same store, they continue. Raises BadSetting; `async with`
    also raises a `StoreError` that says what to do.
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
        """Check the settings; nothing is opened yet.

        Args:
            url: Scheme and host of the contact centre.
            tenant: Its `tenantUrl`; None: the host of `url`.
            app_id: The id of the messaging scenario entry.
            store: The path of a SQLite file, or the URL of a PostgreSQL database ("postgresql://…"), for one process at
                a time; an `Archive`; None: in memory only. `statemachine.cluster` is for several processes.
            trace: A directory for a bounded trace of each chat, without texts, for `statemachine replay`.
            options: Durations and choices.
            observers: See every step of every session.
            middleware: Changes or drops intents and updates.
            metrics: Receives counters and histograms.

        Raises:
            BadSetting: A value cannot work, or has a wrong type (WrongType).
        """
        self._options: Final = Options() if options is None else of_type("options", options, "Options", Options)
        if isinstance(store, str | os.PathLike):
            store = path("store", store)
        elif store is not None:
            with_methods("store", [store], "load", "save", "sessions")
        self._store: Final = store
        self._traces = None if trace is None else traces_in(trace, self._options.trace_bytes)
        receiving = with_methods("metrics", [] if metrics is None else [metrics], "count", "observe")
        self._metrics = GuardedMetrics(*receiving) if receiving else None
        own = (self._traces, MetricsObserver(self._metrics) if self._metrics else None)
        observing = with_methods("observers", observers, "event_handled", "checkpoint")
        self._observers = (*observing, *(one for one in own if one is not None))
        self._middleware = with_methods("middleware", middleware, "sending", "delivering")
        self._scheduler: Final = DeliveryScheduler(self._let_go)
        self._sessions: dict[str, ChatSession] = {}
        # Sessions that are over, and are not to be delivered: kept only while the application holds them.
        self._retired: WeakValueDictionary[str, ChatSession] = WeakValueDictionary()
        self._left_unread = False  # the store may have updates of ended sessions that are not here
        self._stack: AsyncExitStack | None = None
        self._loop: asyncio.AbstractEventLoop
        self._closing: asyncio.Task[None] | None = None
        self._context: ClientContext | None = None
        self._closed = False
        self._capacity: int | None = None
        self._warned_full = False
        # Each session puts its own client id in the place of this one.
        self._endpoint = self._options.endpoint(url, tenant, app_id, "any")

    def __repr__(self) -> str:
        state = "closed" if self._closed else "new" if self._stack is None else "open"
        return f"<ChatClient {self._endpoint.url!r}, {state}, {len(self._sessions)} chats>"

    # --- open and close -----------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._stack is not None:
            raise ChatError("this client was entered before: make a new one")
        self._loop = running_loop()
        self._stack = AsyncExitStack()
        try:
            await self._open(self._stack)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Release all chats without ending them: stop polling, send queued items, save, and release the store.

        Items not sent within `Options.close_within` are sent when the chat is resumed. May be repeated.
        """
        if self._stack is not None and not (self._closing and self._closing.done()):
            check_loop(self._loop)
            await asyncio.shield(self._close_soon(self._stack))  # all callers wait for the same task

    def _close_soon(self, stack: AsyncExitStack) -> asyncio.Task[None]:
        self._closed = True
        if self._closing is None:
            self._closing = asyncio.create_task(stack.aclose())
        return self._closing

    def close_on(self, *signals: int) -> None:
        """Close at the first of these signals; update streams and `handle` then end.

        The second signal has its earlier effect.

        Args:
            signals: Such as `signal.SIGTERM`.

        Raises:
            BadSetting: A signal cannot be caught here, for this is not the main thread.
            ChatClosed: The client is closed.
        """
        if self._stack is None or self._closed:
            raise ChatClosed("the client is not open: use it inside `async with`")
        check_loop(self._loop)
        for number in signals:
            try:
                self._stack.callback(on_first_signal(number, partial(self._close_soon, self._stack)))
            except (TypeError, ValueError, OverflowError, OSError) as error:
                raise BadSetting(f"close_on: signal {number!r} cannot be caught here: {error}") from None

    async def _open(self, stack: AsyncExitStack) -> None:
        store = await self._open_store(stack)
        self._capacity = chats_within_file_limit()
        pool = await stack.enter_async_context(self._options.pool(self._may_send))
        self._context = ClientContext(
            store,
            pool,
            LoopClock(on_change=partial(self._clock_changed, store)),
            self._options,
            self._options.core(),
            self._observers,
            sending=partial(filter_intent, self._middleware),
            delivering=partial(filter_update, self._middleware),
            changed=self._changed,
            resume=self._scheduler.resume,
        )
        stack.push_async_callback(self._close_sessions)
        stored = store.sessions()  # a store that cannot be read raises here
        shuffled = _RANDOM.sample(stored, len(stored))
        resuming = asyncio.create_task(self._resume_stored(self._context, shuffled))
        stack.callback(resuming.cancel)
        watching = asyncio.create_task(_watch(self._context.clock))
        stack.callback(watching.cancel)

    def _prefix(self) -> str:
        """What the ids of all its sessions begin with: tenant and app id."""
        return f"{quote(self._endpoint.tenant, safe='')}/{quote(self._endpoint.app_id, safe='')}/"

    def _may_send(self) -> bool:
        """Whether this process may act for its chats."""
        return True

    def _is_here(self, session_id: str) -> bool:
        """Whether this process has this chat."""
        return True

    def _clock_changed(self, store: Archive, since: int, until: int, by: int) -> None:
        store.clock_changed(since, until, by, _log_failure)
        for chat in (*self._sessions.values(), *self._retired.values()):
            chat._clock_changed(by)

    async def _open_store(self, stack: AsyncExitStack) -> Archive:
        """The store. One made here is closed with the client. Waits for a stopping process to release the file."""
        store, transcript = self._store, self._options.transcript
        if store is None:
            return MemoryStore(transcript=transcript)
        if isinstance(store, str):
            call_soon = asyncio.get_running_loop().call_soon_threadsafe
            kind = postgres_store() if is_url(store) else SqliteStore
            opening = asyncio.create_task(
                asyncio.to_thread(kind, store, call_soon=call_soon, transcript=transcript, cipher=self._options.cipher)
            )
            stack.push_async_callback(_close_opened, opening)  # also after this task was cancelled
            store = await asyncio.shield(opening)
        return store

    async def _resume_stored(self, context: ClientContext, stored: Sequence[str], *, ended_only: bool = False) -> None:
        """Resume the stored chats in this order and at a limited rate: each reads its history from the server.

        Of the ended ones, those with unread updates, where somebody takes them.
        """
        mine = [session_id for session_id in stored if session_id.startswith(self._prefix())]
        pause, clock = 2 / self._options.opened_per_second, asyncio.get_running_loop().time
        due = clock()
        for session_id in mine:
            await asyncio.sleep(0)
            if session_id in self._sessions or not self._is_here(session_id):
                continue
            if kept := self._retired.get(session_id):
                self._changed(kept)
                continue
            try:
                chat = self._make(context, session_id)
            except StoreError as error:  # the other chats continue
                _log.error("session_unreadable", session=label(session_id), error=str(error))
                continue
            if chat._over and chat.unread:
                self._left_unread = True
                if self._scheduler.has_reader:
                    self._work(chat)
            elif not chat._over and not ended_only:
                self._work(chat)
                due = max(due + _RANDOM.uniform(0, pause), clock() - _CATCH_UP_S)
                await asyncio.sleep(due - clock())

    async def _close_sessions(self) -> None:
        chats = {id(chat): chat for chat in (*self._sessions.values(), *self._retired.values())}
        await asyncio.gather(*(chat._close() for chat in chats.values()))
        self._scheduler.close()

    # --- sessions -----------------------------------------------------------------------------------------------------

    async def session(
        self,
        client_id: str,
        *,
        start: bool = True,
        new_chat: bool = False,
        parameters: Mapping[str, object] | None = None,
        phone_number: str | None = None,
        from_: str | None = None,
    ) -> ChatSession:
        """The chat of this customer: the running one, the stored one, or a new one.

        Args:
            client_id: The customer on this device: create one for each, and keep it.
            start: Request a chat if there is none. An ended chat is returned as it is:
                `new_chat`, or `ChatSession.send(…, new_chat=True)`, begins the next.
            new_chat: Also begin a new chat after the end of the last one, and in the place of a stored chat that cannot
                be read: what that one had not sent yet is lost, its updates are still delivered. Without `start`, such
                a chat is returned in phase idle, and nothing is saved before a chat begins.
            parameters: For new chats, see `ChatSession.start`, as for `phone_number` and `from_`.
            phone_number: The customer's phone number.
            from_: The customer's name as shown to agents.

        Raises:
            BadSetting: The id cannot be sent, or a value has a wrong type (WrongType).
            StoreError: The stored chat cannot be read (UnreadableSession; not without `start`), or the store cannot.
            ChatClosed, ChatStopped, NotSaved: See `ChatSession`.
        """
        about = ChatParameters.checked("session", parameters, phone_number, from_)
        context = self._opened()
        chat = await self._find(context, self._session_id("session", client_id))
        if start and chat.unreadable and not new_chat:
            raise chat.unreadable
        if about != ChatParameters():
            chat._parameters = about
        if start and (chat.phase == "idle" or (new_chat and chat.outcome is not None)):
            await chat.request()
        return chat

    def _opened(self) -> ClientContext:
        if self._context is None or self._closed:
            raise ChatClosed("the client is not open: use it inside `async with`")
        check_loop(self._loop)
        return self._context

    async def _find(self, context: ClientContext, session_id: str) -> ChatSession:
        chat = self._sessions.get(session_id) or self._retired.get(session_id)
        if chat and not chat._stopped:
            return chat
        if chat:  # it has stopped: try again
            await chat._close()
        chat = self._make(context, session_id)
        self._work(chat)
        await asyncio.sleep(0)  # a caller that opens thousands must not block the other tasks
        return chat

    def _make(self, context: ClientContext, session_id: str) -> ChatSession:
        if not self._is_here(session_id):
            raise ChatElsewhere(f"chat {label(session_id)} is at another worker: send by the inbox")
        client_id = unquote(session_id.rpartition("/")[2])
        return ChatSession(session_id, _for(self._endpoint, client_id), context)

    def _work(self, chat: ChatSession) -> None:
        self._sessions[chat.id] = chat
        if chat.unreadable:  # its updates are delivered nevertheless
            _log.error("session_unreadable", session=chat.label, error=str(chat.unreadable))
        if self._capacity is not None and len(self._sessions) > self._capacity and not self._warned_full:
            self._warned_full = True
            _log.warning("too_many_chats", fit=self._capacity, remedy="call raise_file_limit(), or ulimit -n")
        chat._runner.start()
        self._changed(chat)

    def _changed(self, chat: ChatSession) -> None:
        """Hold this session while it is active, and then until its updates are delivered, where somebody takes them.

        Unread updates of others stay in the store.
        """
        if not self._is_done(chat):
            if not chat._stopped:
                self._sessions[chat.id] = chat
        elif self._sessions.get(chat.id) is chat:
            self._retired[chat.id] = self._sessions.pop(chat.id)
            self._left_unread = self._left_unread or chat.unread > 0
        self._scheduler.notify(chat)

    def _is_done(self, chat: ChatSession) -> bool:
        place = chat._slot.place
        delivered = place != "parked" and (place == "apart" or not self._scheduler.has_reader)
        return chat._over and (delivered or not chat.unread)

    def _let_go(self) -> None:
        """Nobody takes the updates of all chats any more."""
        for chat in self.sessions():
            self._changed(chat)

    def sessions(self) -> tuple[ChatSession, ...]:
        """The active chats, and the ended ones whose last updates are being delivered by `updates` or `handle`."""
        return tuple(self._sessions.values())

    def knows(self, client_id: str) -> bool:
        """Whether a customer has a chat, active or stored.

        Args:
            client_id: The customer's id.

        Raises:
            BadSetting: The id cannot be sent.
            ChatClosed: The client is closed.
            StoreError: The store cannot be read.
        """
        store, session_id = self._opened().store, self._session_id("knows", client_id)
        if session_id in self._sessions or session_id in self._retired:
            return True
        try:
            return store.load(session_id) is not None
        except UnreadableSession:
            return True

    def label(self, client_id: str) -> str:
        """The name of a customer's chat in logs, see `ChatSession.label`.

        Args:
            client_id: The customer's id.

        Raises:
            BadSetting: The id cannot be sent.
        """
        return label(self._session_id("label", client_id))

    def _session_id(self, method: str, client_id: str) -> str:
        """Tenant, app and client id: what identifies a customer to a server (protocol.md 1.1), as one readable text."""
        endpoint = _for(self._endpoint, text(f"{method}: client_id", client_id))
        return self._prefix() + quote(endpoint.client_id, safe="")

    async def health(self, *, within: timedelta = timedelta(seconds=2)) -> Health:
        """Whether the store takes writes, and the contact centre answers.

        Args:
            within: How long the store may take.

        Raises:
            ChatClosed: The client is closed.
        """
        context = self._opened()
        duration("health: within", within)
        faults = [await store_fault(context.store, within)]
        if context.pool.breaker.is_open:
            faults.append("the contact centre does not answer")
        return Health(tuple(filter(None, faults)))

    def stats(self) -> Stats:
        """The present state of all sessions, for monitoring."""
        chats = self.sessions()
        down = self._context is not None and self._context.pool.breaker.is_open
        return Stats(
            Counter(chat.phase for chat in chats),
            sum(chat.unread for chat in chats),
            sum(chat._slot.place == "parked" for chat in chats),
            down,
        )

    async def reauthorized(self, *, app_id: str | None = None, tenant: str | None = None) -> None:
        """Continue all chats after the refused authorization or configuration has been corrected.

        Args:
            app_id: The corrected value; None: unchanged.
            tenant: The corrected value; None: unchanged.

        Raises:
            BadSetting: A value cannot be sent.
            ChatClosed, ChatStopped, NotSaved: See `ChatSession`.
        """
        self._opened()
        at = self._endpoint
        tenant = at.tenant if tenant is None else tenant
        self._endpoint = self._options.endpoint(at.url, tenant, at.app_id if app_id is None else app_id, at.client_id)
        for chat in self.sessions():
            chat._move(self._endpoint)
            await chat.reauthorized()

    # --- stored data --------------------------------------------------------------------------------------------------

    def transcript(self, client_id: str, *, after: int = 0, limit: int = 1_000) -> tuple[TranscriptUpdate, ...]:
        """The next transcript updates of a customer, in order of `seq`.

        With `Options.transcript` all of them, until they are purged or forgotten; else those not acknowledged.

        Args:
            client_id: The customer's id.
            after: Only updates with a `seq` above this one.
            limit: At most so many.

        Raises:
            BadSetting: The id cannot be sent.
            ChatClosed: The client is closed.
            StoreError: The store cannot be read.
        """
        session_id = self._session_id("transcript", client_id)
        first, number = whole_number("transcript: after", after), whole_number("transcript: limit", limit)
        return self._opened().store.transcript(session_id, first, number)

    async def purge(self, older_than: timedelta, *, unread: bool = False, within: timedelta = REMOVAL_TIMEOUT) -> None:
        """Delete the chats that ended so long ago, and older transcripts and traces. Active chats stay.

        The next chat of a deleted one's customer begins with `seq` 1.

        Args:
            older_than: The age, counted from the end of the chat.
            unread: Also delete ended chats with updates that were not acknowledged.
            within: How long to wait until it is done.

        Raises:
            ChatClosed: The client is not open.
            NotSaved: It is not done `within` this time; it may still be.
            StoreError, OSError: The text says what could not be deleted.
        """
        context = self._opened()
        duration("purge: older_than", older_than)
        duration("purge: within", within)
        before = context.clock.now() - older_than // timedelta(milliseconds=1)
        held = [*self._sessions.values(), *self._retired.values()]
        await self._drop([chat for chat in held if chat._was_over(before) and (unread or not chat.unread)])
        await Retention(context.store, self._traces, within).purge(before, unread=unread)

    async def forget(self, client_id: str, *, within: timedelta = REMOVAL_TIMEOUT) -> None:
        """Delete all data of this customer, in any phase, from store, transcript and traces.

        An active chat is not ended: call `ChatSession.end` first. A SQLite file is written anew, so that no part of it
        holds the data; saves wait meanwhile (up to a second for 10 MB). Until it returns nothing is guaranteed: repeat
        it after an error or a crash.

        Args:
            client_id: The customer.
            within: How long to wait until it is done.

        Raises:
            BadSetting: The id cannot be one.
            ChatClosed, NotSaved, StoreError, OSError: As for `purge`.
        """
        context = self._opened()
        session_id = self._session_id("forget", client_id)
        duration("forget: within", within)
        await self._drop([chat for held in (self._sessions, self._retired) if (chat := held.get(session_id))])
        await Retention(context.store, self._traces, within).forget(session_id)

    async def _drop(
        self, chats: Sequence[ChatSession], within: timedelta = timedelta(0), *, drain: bool = False
    ) -> None:
        """Release these chats. Their last saves come before the next request to the store."""
        await asyncio.gather(*(chat._close(within, drain=drain) for chat in chats))
        for chat in chats:
            self._sessions.pop(chat.id, None)
            self._retired.pop(chat.id, None)

    # --- updates ------------------------------------------------------------------------------------------------------

    def updates(self, *, auto_ack: bool = True) -> MergedUpdates:
        """The updates of all chats, as an async iterator of (session, update); it ends when the client is closed.

        Each session's updates come as from `ChatSession.updates`; sessions take turns. A stopped session delivers
        `Stopped`. `async for session, update in client` is the same.

        Args:
            auto_ack: As for `ChatSession.updates`.
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
        on_error: ErrorHook | None = None,
    ) -> None:
        """Call `handler(session, update)` for all updates, until the client is closed or this is cancelled.

        A handler that raises (any exception but KeyboardInterrupt) or takes longer than `within` is called again after
        `pause`, then twice that, and so on; after `tries` the session is parked: its chat continues, and its updates
        wait in the journal for `ChatSession.resume` or a restart. Other sessions are not affected.

        Args:
            handler: An async function. Called with one update at a time for each session.
            concurrency: The most calls at once.
            tries: The most calls for one update.
            pause: After the first failure.
            within: The time limit of a call; None: unlimited.
            auto_ack: Acknowledge an update when the handler returns; else `ChatSession.ack` does.
            on_error: Called with the session, the update and the exception after each failure; must return at once.
                The log has the exception's type and place only, because its message may quote the chat.

        Raises:
            BadSetting: The handler cannot be called so, or its first call returned nothing to await. No update is lost.
            ChatClosed: The client is not open.
            ChatError: Another loop or handler takes the updates.
        """
        seconds("handle: within", within)
        duration("handle: pause", pause)
        if whole_number("handle: concurrency", concurrency) < 1 or whole_number("handle: tries", tries) < 1:
            raise BadSetting("handle: concurrency and tries must be at least 1")
        runner = HandlerRunner(
            self._scheduler,
            handler,
            tries=tries,
            pause=pause,
            timeout=within,
            auto_ack=auto_ack,
            on_failure=partial(self._handler_failed, on_error),
        )
        await runner.run(self._begin(runner), concurrency)

    def _handler_failed(self, on_error: ErrorHook | None, chat: ChatSession, error: BaseException) -> None:
        if self._metrics:
            self._metrics.count("chat_handler_failures_total", {})
        if on_error:
            with _log.errors("on_error_failed", session=chat.label):
                on_error(chat, chat._slot.update, error)

    def _begin(self, reader: object) -> int:
        context, stack = self._context, self._stack
        if context is None or stack is None:
            raise ChatClosed("the client is not open: use it inside `async with`")
        check_loop(self._loop)
        run = self._scheduler.begin(reader, self.sessions())
        if self._left_unread and not self._closed:
            self._left_unread = False
            resuming = asyncio.create_task(self._resume_stored(context, context.store.sessions(), ended_only=True))
            stack.callback(resuming.cancel)
        return run


async def _watch(clock: LoopClock) -> None:
    """Notice a corrected clock while nothing else happens."""
    while True:
        await asyncio.sleep(CLOCK_CHECK_S)
        clock.now()


def _log_failure(error: BaseException | None) -> None:
    if error:
        _log.error("clock_change_not_stored", error=type(error).__name__)


def postgres_store() -> Callable[..., Archive]:
    """`PostgresStore`, loaded only where it is used: it needs an extra."""
    from statemachine.store.postgres import PostgresStore

    return PostgresStore


async def _close_opened(opening: asyncio.Task[Archive]) -> None:
    await asyncio.wait([opening])
    if not opening.cancelled() and not opening.exception():
        await asyncio.to_thread(opening.result().close)


def _for(endpoint: Endpoint, client_id: str) -> Endpoint:
    try:
        return evolve(endpoint, client_id=client_id)
    except ValueError as error:
        raise BadSetting(str(error)) from None
