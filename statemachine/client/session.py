"""One customer's chat with a contact centre, as an object of `ChatClient`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Final

from attrs import evolve, frozen

from statemachine.adapters.aio import LoopClock
from statemachine.adapters.http import HttpTransport
from statemachine.adapters.http_client import ConnectionPool
from statemachine.adapters.protocols import Archive, Observer, SavedStep
from statemachine.codec.http import Endpoint

from ..core import (
    Background,
    CancelForm,
    Carryover,
    ConnectionChanged,
    Disconnect,
    End,
    Foreground,
    Intent,
    MarkDelivered,
    MarkRead,
    Outcome,
    PushReceived,
    Reattach,
    Reauthorized,
    SendEntry,
    SendText,
    Session,
    StartTyping,
    StopTyping,
)
from ..core.wire import SendableEntry
from .centre import DOWNLOAD_LIMIT, ContactCentre
from .chat_parameters import ChatParameters, new_origin
from .delivery import DeliveryScheduler, DeliverySlot
from .errors import ChatClosed, ending
from .middleware import Middleware, send_through, tell_through
from .options import Options
from .outgoing import FileSource, Outgoing, place
from .runner import IntentFactory, SessionRunner, SubmittedIntent
from .sending import Sending
from .stream import UpdateStream

__all__ = ["ChatSession", "ClientContext"]


@frozen
class ClientContext:
    """What all sessions of a client share. `retire`: called when one is over and all its news is dealt with."""

    store: Archive
    pool: ConnectionPool
    clock: LoopClock
    options: Options
    observers: Sequence[Observer]
    middleware: Sequence[Middleware]
    turns: DeliveryScheduler
    retire: Callable[[ChatSession], None]


class ChatSession:
    """One customer's chat; `ChatClient.session` gives it.

    What is asked for is durable when a method returns; the client sees to it that it happens, and the news tell how it
    went. A method that is cancelled while it waits for its save is carried out all the same.

    Every method raises NotPossible (SessionOver after the end; nothing has happened), ChatStopped (the store failed),
    NotSaved (the store did not answer in time) or ChatClosed; what it raises besides is said there.
    """

    def __init__(self, session_id: str, endpoint: Endpoint, context: ClientContext) -> None:
        self.id: Final = session_id
        """Tenant, app and client id as one text: the session's name in the store and to observers."""
        self._context = context
        self._out = Outgoing()
        self._link = ConnectionChanged("off")
        self._link_since: int | None = None
        self.turn: Final = DeliverySlot(self)
        self.parameters_of_next_chat = ChatParameters()
        self._transport = HttpTransport(
            context.pool, endpoint, open_file=self._out.vault.open_file, form_values=self._out.vault.values
        )
        self._runner = SessionRunner(
            session_id,
            store=context.store,
            transport=self._transport,
            clock=context.clock,
            config=context.options.core(),
            told=self._told,
            telling=partial(tell_through, context.middleware, self),
            notify=self._changed,
            received=self._received if context.options.receipts == "on_ack" else None,
            observers=context.observers,
            within=context.options.save_within,
        )

    # --- how things stand ---------------------------------------------------------------------------------------------

    @property
    def client_id(self) -> str:
        """Which customer this is."""
        return self._transport.endpoint.client_id

    @property
    def session(self) -> Session:
        """The whole session, as the engine sees it now."""
        return self._runner.session

    @property
    def phase(self) -> str:
        """Where the chat is: idle, requesting, queued, agent_joined, ended…"""
        return self.session.phase

    @property
    def outcome(self) -> Outcome | None:
        """How the chat ended, or None while it has not."""
        return self.session.outcome

    @property
    def connection_since(self) -> int | None:
        """Since when the connection's health (`ConnectionChanged.state`) is what it is, in milliseconds since the epoch.

        At the earliest since this process knows the chat; None before any news of it.
        """
        return self._link_since

    @property
    def unread(self) -> int:
        """How many transcript news are in the journal, not acknowledged yet."""
        return self._runner.stream.unread

    def updates(self, *, auto_ack: bool = True) -> UpdateStream:
        """What happens, as an async iterator; it ends with the chat, or when the client is closed.

        Transcript news (`Received`, `DeliveryUpdate`, `Finished`, `HistoryGap`) comes in order of `seq`, each at least once.
        With `auto_ack` it counts as dealt with when the next one is asked for, else when `ack` says so; what a loop
        broke off at comes again, with the same `seq`, in the next loop or after a restart. Level news (`PhaseChanged`,
        `RosterChanged`, …) comes in between and only says how things stand now. However slow the loop, the chat goes
        on. From here on the client's own stream tells nothing of this session. Raises ChatStopped.
        """
        self._context.turns.claim(self.turn)
        return self.read(auto_ack=auto_ack)

    async def ack(self, seq: int) -> None:
        """All news up to this `seq` are dealt with: after a restart they are not told again."""
        await self._runner.acknowledge(seq)

    def resume(self) -> None:
        """A handler failed too often at this session's news: call it again. To leave one out, `ack` it before."""
        self._context.turns.resume(self.turn)

    # --- the chat -----------------------------------------------------------------------------------------------------

    async def start(
        self,
        *,
        parameters: Mapping[str, object] | None = None,
        phone_number: str | None = None,
        from_: str | None = None,
    ) -> None:
        """Ask for a chat; where the last one is over, for a new one. The server may know one that lives: then that.

        `parameters` go to the contact centre's scenario. `from_`: shown as who writes.
        """
        self.parameters_of_next_chat = ChatParameters(parameters, phone_number, from_)
        await self.request()

    async def reattach(self, chat_id: str | None = None) -> None:
        """Look for a chat of this customer that lives on the server though no store knows it; or for this very one."""

        def opening(after: Carryover | None) -> Intent:
            return self._through(Reattach(self._now(), new_origin(), chat_id, after))

        await self._runner.saved(await self._runner.begin(opening))

    async def disconnect(self) -> None:
        """End the conversation. The session stays: a survey may follow."""
        await self._ask(Disconnect(self._now()))

    async def end(self) -> None:
        """End the chat. What still waits to be sent is sent before."""
        await self._ask(End(self._now()))

    async def request(self) -> None:
        """`start` with what was given last."""
        await self._runner.saved(await self._runner.begin(self._requesting()))

    def _requesting(self, text: str | None = None, key: str | None = None, note: str = "") -> IntentFactory:
        about = self.parameters_of_next_chat
        return lambda after: self._through(about.request(self._now(), after, text, key, note))

    # --- sending ------------------------------------------------------------------------------------------------------

    async def send(self, text: str, *, key: str | None = None, note: str = "", new_chat: bool = False) -> Sending:
        """Send a text. What is returned can be waited on; its news carry its `id`: sent, delivered, read or failed.

        `key`: your own name for it: sent again with the same key while the first is remembered, it is one message, also
        after the end of the chat and in the next.
        `note`: whatever you want to find in its news, also after a restart; nobody else sees it.
        `new_chat`: where the chat is over, begin a new one with this text, and the parameters given last.
        """
        saying = self._through(SendText(self._now(), text, key, note))
        if new_chat:
            return await self._followed(await self._runner.begin(self._requesting(text, key, note), saying), key)
        return await self._followed(self._runner.feed(saying), key)

    async def send_location(
        self,
        latitude: str | float | Decimal,
        longitude: str | float | Decimal,
        *,
        url: str = "",
        key: str | None = None,
        note: str = "",
    ) -> Sending:
        """Send a place, in degrees."""
        return await self.send_entry(place(latitude, longitude, url), key=key, note=note)

    async def send_entry(
        self,
        entry: SendableEntry,
        *,
        key: str | None = None,
        note: str = "",
    ) -> Sending:
        """Send an entry of the wire: a call's signals, a co-browsing session's, where the customer is on a site."""
        return await self._send(SendEntry(self._now(), entry, key, note))

    async def send_file(
        self,
        source: FileSource,
        *,
        name: str | None = None,
        image: bool | None = None,
        uploaded: Callable[[int, int], None] | None = None,
        key: str | None = None,
        note: str = "",
    ) -> Sending:
        """Upload a file and send it. `source`: its path, or its bytes, which a restart of the process loses.

        `name`: shown to the agent. `image`: shown as a picture; where None, the name's ending decides. `uploaded`:
        called as it goes, with the bytes so far and all; from the beginning again where an upload is repeated. Raises
        BadSetting for a file that cannot be read.
        """
        return await self._send(self._out.file(self._now(), source, name, image, uploaded, key, note))

    async def download(self, file_id: str, *, limit: int = DOWNLOAD_LIMIT) -> AsyncGenerator[bytes]:
        """A file of this chat (`File.file_id`), in pieces as they come: `async for piece in chat.download(…)`.

        See `ContactCentre.download`, with its errors.
        """
        if self.stopped:
            raise ChatClosed("the client is closed")
        async with aclosing(self.centre.download(self.session.chat.chat_id, file_id, limit=limit)) as pieces:
            async for piece in pieces:
                yield piece

    async def answer_form(
        self, form_request_id: str, data: Mapping[str, object], *, key: str | None = None, note: str = ""
    ) -> Sending:
        """Answer an open form, once. The values of a secure form are kept in memory only, until they are sent."""
        return await self._send(self._out.answer(self.session, self._now(), form_request_id, data, key, note))

    async def cancel_form(self, form_request_id: str) -> None:
        """Close an open form without an answer."""
        await self._ask(CancelForm(self._now(), form_request_id))

    async def _send(self, intent: Intent) -> Sending:
        with self._out.kept_for(intent):
            return await self._followed(self._runner.feed(self._through(intent)), getattr(intent, "key", None))

    async def _followed(self, asked: SubmittedIntent, key: str | None) -> Sending:
        sending = self._out.handle(asked.before, asked.after, key)
        await self._runner.saved(asked)
        return sending

    # --- courtesies ---------------------------------------------------------------------------------------------------

    async def typing(self, draft: str = "") -> None:
        """The customer types; call it as often as you like."""
        await self._ask(StartTyping(self._now(), draft))

    async def stop_typing(self) -> None:
        """The customer stopped without sending."""
        await self._ask(StopTyping(self._now()))

    async def mark_read(self, msg_id: str) -> None:
        """The customer has seen this message."""
        await self._ask(MarkRead(self._now(), msg_id))

    # --- the connection -----------------------------------------------------------------------------------------------

    async def background(self) -> None:
        """Stop asking the server for news; the chat stays."""
        await self._ask(Background(self._now()))

    async def foreground(self) -> None:
        """Catch up, and ask for news again."""
        await self._ask(Foreground(self._now()))

    async def pushed(self, chat_id: str) -> None:
        """A push message of the server (`chatID`) says that this chat has news."""
        await self._ask(PushReceived(self._now(), chat_id))

    async def reauthorized(self) -> None:
        """Authorization or configuration was refused, and is right now: go on."""
        await self._ask(Reauthorized(self._now()))

    @property
    def centre(self) -> ContactCentre:
        """The calls beside the conversation, as this customer: its cases, files, push… It needs no `async with`."""
        door = self.endpoint
        return ContactCentre(
            door.url,
            tenant=door.tenant,
            app_id=door.app_id,
            client_id=door.client_id,
            options=self._context.options,
            http=self._transport.http,
        )

    # --- for the client -----------------------------------------------------------------------------------------------

    @property
    def endpoint(self) -> Endpoint:
        """Where this session's calls go, and as whom."""
        return self._transport.endpoint

    @property
    def stopped(self) -> bool:
        """The session could not go on, or its client was closed."""
        return self._runner.stream.closed

    def work(self) -> None:
        """Begin, or go on with what was stored."""
        self._runner.start()

    def read(self, *, auto_ack: bool) -> UpdateStream:
        """A run over the news."""
        return UpdateStream(self._runner.stream, auto_ack=auto_ack)

    @property
    def error(self) -> BaseException | None:
        """Why the session could not go on, or None."""
        return self._runner.stream.error

    def move(self, door: Endpoint) -> None:
        """The next calls go to this door, as the same customer."""
        self._transport.endpoint = evolve(door, client_id=self.client_id)

    def was_over(self, before: int) -> bool:
        """The chat was over before this instant (ms)."""
        return self.outcome is not None and self.session.now < before

    async def close(self, within: timedelta | None = None) -> None:
        """Let go of the chat without ending it. What is queued gets so long (`Options.close_within`) to be sent."""
        try:
            await self._runner.close(self._context.options.close_within if within is None else within)
        finally:
            await self._transport.close()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _now(self) -> int:
        return self._context.clock.now()

    async def _ask(self, intent: Intent) -> None:
        await self._runner.ask(self._through(intent))

    def _through(self, intent: Intent) -> Intent:
        return send_through(self._context.middleware, self, intent)

    def _changed(self) -> None:
        stream = self._runner.stream
        if stream.closed:
            self._out.close(ending(stream.error))
        self._context.turns.notify(self.turn)
        if stream.over and not stream.unread:
            self._context.retire(self)

    def _received(self, msg_id: str) -> None:
        self._runner.say(MarkDelivered(self._now(), msg_id))

    def _told(self, updates: SavedStep) -> None:
        self._out.told(updates, self.session)
        for level in updates.levels:
            if isinstance(level, ConnectionChanged):
                if level.state != self._link.state:
                    self._link_since = updates.session.now
                self._link = level
