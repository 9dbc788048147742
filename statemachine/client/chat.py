"""`ChatClient`: one customer's chat with a contact centre, as an asyncio object."""

from __future__ import annotations

import asyncio
import mimetypes
import os
import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from attrs import evolve

from statemachine import (
    AnswerForm,
    AnswerSecureForm,
    Background,
    CancelForm,
    Disconnect,
    End,
    Event,
    Foreground,
    MarkRead,
    Outcome,
    Progress,
    Pushed,
    Reattach,
    Reauthorized,
    Request,
    Say,
    Send,
    SendFile,
    Session,
    StartTyping,
    StopTyping,
)
from statemachine.adapters.aio import LoopClock
from statemachine.adapters.http import HttpTransport
from statemachine.adapters.protocols import Observer, Store, Told
from statemachine.codec.http import Endpoint
from statemachine.store.memory import MemoryStore
from statemachine.store.sqlite import SqliteStore
from statemachine.wire import Location, SecureFormData

from .errors import BadSetting, ChatClosed, ChatError
from .options import Options
from .runner import Runner
from .stream import NewsReader
from .vault import Vault

__all__ = ["ChatClient"]


class ChatClient:
    """One customer's chat. Entered with `async with`, it takes up the stored chat of this customer, if there is one.

    `url`: scheme and host of the contact centre. `tenant`: its `tenantUrl`; where None, the host of `url`. `app_id`: id
    of the messaging scenario entry. `client_id`: the customer on this device: one for each, made once and kept.
    `store`: a path (a SQLite file), a `Store` of yours, or None: then the chat is forgotten with the process.

    What is asked for is durable when a method returns; the client sees to it that it happens, and `news` tells how it
    went. Closing the client ends no chat: opened again with the same store, it goes on.

    Every method but `news` raises NotPossible (SessionOver after the end; nothing has happened), ChatStopped (the store
    failed) or ChatClosed. A method cancelled while it waits for its save is carried out all the same.

    Raises BadSetting; `async with` also a `StoreError`, which says what is wrong with the store.
    """

    def __init__(
        self,
        url: str,
        *,
        tenant: str | None = None,
        app_id: str,
        client_id: str,
        store: Store | str | os.PathLike[str] | None = None,
        options: Options | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._options = options or Options()
        self._store = store
        self._observer = observer
        self._vault = Vault()
        self._stack: AsyncExitStack | None = None
        self._runner: Runner | None = None
        self._transport: HttpTransport | None = None
        self._endpoint = self._options.endpoint(url, tenant, app_id, client_id)

    # --- open and close -----------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._stack is not None:
            raise ChatError("this client was entered before: make a new one")
        self._stack = AsyncExitStack()
        try:
            await self._open(self._stack)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the chat without ending it. Messages on the wire get `Options.close_within` to arrive."""
        if self._stack is not None:
            await self._stack.aclose()

    async def _open(self, stack: AsyncExitStack) -> None:
        store = self._open_store(stack)
        pool = await stack.enter_async_context(self._options.pool())
        vault = self._vault
        self._transport = await stack.enter_async_context(
            HttpTransport(pool, self._endpoint, open_file=vault.open_file, form_values=vault.values)
        )
        self._runner = Runner(
            _session_id(self._endpoint),
            store=store,
            transport=self._transport,
            clock=LoopClock(),
            config=self._options.core(),
            told=self._told,
            observer=self._observer,
        )
        stack.push_async_callback(self._runner.close, self._options.close_within)
        self._runner.start()

    def _open_store(self, stack: AsyncExitStack) -> Store:
        """The store; ours are closed with the client, yours are not. Opening a file takes milliseconds."""
        store = self._store
        if store is None:
            return MemoryStore()
        if isinstance(store, str | os.PathLike):
            store = SqliteStore(store, call_soon=asyncio.get_running_loop().call_soon_threadsafe)
            stack.push_async_callback(asyncio.to_thread, store.close)
        return store

    def _told(self, news: Told) -> None:
        if any(isinstance(one, Progress) for one in news.transcript):
            self._vault.retain(_refs(self.session))

    @property
    def _running(self) -> Runner:
        if self._runner is None:
            raise ChatClosed("the client is not open: use it inside `async with`")
        return self._runner

    # --- how things stand ---------------------------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """The whole session, as the engine sees it now."""
        return self._running.session

    @property
    def phase(self) -> str:
        """Where the chat is: idle, requesting, queued, agent_joined, ended…"""
        return self.session.phase

    @property
    def outcome(self) -> Outcome | None:
        """How the chat ended, or None while it has not."""
        return self.session.outcome

    def news(self) -> NewsReader:
        """What happens, as an async iterator; it ends with the chat, or when the client is closed.

        Transcript news (`Received`, `Progress`, `Finished`, `HistoryGap`) comes in order of `seq`, each at least once:
        it counts as dealt with when the next one is asked for, so what a loop broke off at comes again, with the same
        `seq`, in the next loop or after a restart. Level news (`PhaseChanged`, `RosterChanged`, …) comes in between and
        only says how things stand now. However slow the loop, the chat goes on. Raises ChatStopped.
        """
        return self._running.news()

    # --- the chat -----------------------------------------------------------------------------------------------------

    async def start(
        self,
        *,
        parameters: Mapping[str, object] | None = None,
        text: str | None = None,
        phone_number: str | None = None,
        from_: str | None = None,
        key: str | None = None,
    ) -> str:
        """Ask for a chat; where the last one is over, for a new one.

        `text`: a first message; its id is returned, "" without one.
        `parameters` go to the contact centre's scenario. `from_`: shown as who writes. `key`: of the first message.
        """
        runner = self._running
        after = await runner.renew()
        request = Request(
            runner.now(),
            secrets.token_hex(8),
            parameters or {},
            phone_number,
            from_,
            text,
            key,
            after,
        )
        return await self._send(request)

    async def reattach(self, chat_id: str | None = None) -> None:
        """Look for a chat of this customer that lives on the server though no store knows it; or for this very one."""
        runner = self._running
        after = await runner.renew()
        await runner.ask(Reattach(runner.now(), secrets.token_hex(8), chat_id, after))

    async def disconnect(self) -> None:
        """End the conversation. The session stays: a survey may follow."""
        await self._running.ask(Disconnect(self._running.now()))

    async def end(self) -> None:
        """End the chat. What still waits to be sent is sent before."""
        await self._running.ask(End(self._running.now()))

    # --- sending ------------------------------------------------------------------------------------------------------

    async def send(self, text: str, *, key: str | None = None) -> str:
        """Send a text, and return its message id, which its news carry: `Progress` sent, delivered, read or failed.

        `key`: your own name for it: sent again with the same key while the first is remembered, it is one message.
        """
        return await self._send(Say(self._running.now(), text, key))

    async def send_location(
        self,
        latitude: str | float | Decimal,
        longitude: str | float | Decimal,
        *,
        url: str = "",
        key: str | None = None,
    ) -> str:
        """Send a place, in degrees. Returns the message id."""
        place = Location(_decimal(latitude), _decimal(longitude), url)
        return await self._send(Send(self._running.now(), place, key))

    async def send_file(
        self,
        source: bytes | str | os.PathLike[str],
        *,
        name: str | None = None,
        image: bool | None = None,
        key: str | None = None,
    ) -> str:
        """Upload a file and send it. `source`: its path, or its bytes, which a restart of the process loses.

        `name`: shown to the agent. `image`: shown as a picture; where None, the name's ending decides. Returns the
        message id.
        """
        if name is None:
            name = "" if isinstance(source, bytes) else Path(source).name
        if image is None:
            image = (mimetypes.guess_type(name)[0] or "").startswith("image/")
        now = self._running.now()
        ref = self._vault.keep_file(source)
        return await self._send_kept(SendFile(now, ref, name, "image" if image else "attachment", key), ref)

    async def answer_form(self, form_request_id: str, data: Mapping[str, object], *, key: str | None = None) -> str:
        """Answer an open form, once. The values of a secure form are kept in memory only, until they are sent."""
        now = self._running.now()
        if any(form.id == form_request_id and form.secure for form in self.session.room.forms):
            ref = self._vault.keep_values(data)
            return await self._send_kept(AnswerSecureForm(now, form_request_id, ref, key), ref)
        return await self._send(AnswerForm(now, form_request_id, data, key))

    async def cancel_form(self, form_request_id: str) -> None:
        """Close an open form without an answer."""
        await self._running.ask(CancelForm(self._running.now(), form_request_id))

    async def _send_kept(self, intent: Event, ref: str) -> str:
        """Send what the vault keeps until the session needs it no more."""
        try:
            return await self._send(intent)
        except ChatError:
            self._vault.forget(ref)
            raise

    async def _send(self, intent: Event) -> str:
        """The id of the item that the intent put into the queue, or of the one that its key stands for already."""
        before, after = await self._running.ask(intent)
        return _item_of(before, after, getattr(intent, "key", None))

    # --- courtesies ---------------------------------------------------------------------------------------------------

    async def typing(self, draft: str = "") -> None:
        """The customer types; call it as often as you like."""
        await self._running.ask(StartTyping(self._running.now(), draft))

    async def stop_typing(self) -> None:
        """The customer stopped without sending."""
        await self._running.ask(StopTyping(self._running.now()))

    async def mark_read(self, msg_id: str) -> None:
        """The customer has seen this message."""
        await self._running.ask(MarkRead(self._running.now(), msg_id))

    # --- the connection -----------------------------------------------------------------------------------------------

    async def background(self) -> None:
        """Stop asking the server for news; the chat stays."""
        await self._running.ask(Background(self._running.now()))

    async def foreground(self) -> None:
        """Catch up, and ask for news again."""
        await self._running.ask(Foreground(self._running.now()))

    async def pushed(self, chat_id: str) -> None:
        """A push message of the server (`chatID`) says that this chat has news."""
        await self._running.ask(Pushed(self._running.now(), chat_id))

    async def reauthorized(self, *, app_id: str | None = None, tenant: str | None = None) -> None:
        """Authorization or configuration was refused, and is right now: go on. What is given replaces what was."""
        runner, transport = self._running, self._transport
        assert transport is not None
        old = transport.endpoint
        try:
            transport.endpoint = evolve(
                old,
                app_id=old.app_id if app_id is None else app_id,
                tenant=old.tenant if tenant is None else tenant,
            )
        except ValueError as error:
            raise BadSetting(str(error)) from None
        await runner.ask(Reauthorized(runner.now()))


def _session_id(endpoint: Endpoint) -> str:
    """What a server takes for one customer (protocol.md 1.1), as one readable text."""
    return "/".join(quote(part, safe="") for part in (endpoint.tenant, endpoint.app_id, endpoint.client_id))


def _item_of(before: Session, after: Session, key: str | None) -> str:
    known = {item.id for item in before.items}
    for item in after.items:
        if item.id not in known or (key is not None and item.key == key):
            return item.id
    return ""


def _refs(session: Session) -> set[str]:
    """What the session may still need of the vault."""
    entries = [item.entry for item in session.items]
    return {item.ref for item in session.items} | {e.ref for e in entries if isinstance(e, SecureFormData)}


def _decimal(degrees: str | float | Decimal) -> str:
    """Degrees as plain decimal text, as exact as they came."""
    return (
        degrees
        if isinstance(degrees, str)
        else format(Decimal(repr(degrees) if isinstance(degrees, float) else degrees), "f")
    )
