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
from statemachine.adapters.driver import chat_log, label
from statemachine.adapters.http import HttpTransport
from statemachine.adapters.http_client import ConnectionPool
from statemachine.adapters.protocols import Archive, Observer, SavedStep
from statemachine.codec.http import Endpoint
from statemachine.store.errors import UnreadableSession

from .. import core
from ..core import Carryover, Intent, Phase, Session
from ..core.wire import SendableEntry
from ..logs import error_name
from .advice import remedy
from .arguments import made, whole_number
from .centre import DOWNLOAD_LIMIT, ContactCentre
from .chat_parameters import ChatParameters, new_origin
from .errors import ChatClosed, ending
from .home_loop import check_loop
from .options import Options
from .outgoing import FileSource, Outgoing, place, readable
from .runner import IntentFactory, SessionRunner, SubmittedIntent
from .sending import Sending
from .stream import DeliverySlot, Update, UpdateStream


@frozen
class ClientContext:
    """The parts that the sessions of a client share.

    `sending`, `delivering`: the middleware. `changed`: the session has updates, or has stopped. `resume`: call its
    handler again. `config`: of new chats, one object for all.
    """

    store: Archive
    pool: ConnectionPool
    clock: LoopClock
    options: Options
    config: core.Config
    observers: Sequence[Observer]
    sending: Callable[[ChatSession, Intent], Intent]
    delivering: Callable[[ChatSession, Update], Update | None]
    changed: Callable[[ChatSession], None]
    resume: Callable[[ChatSession], None]


class ChatSession:
    """One customer's chat; `ChatClient.session` gives it.

    `key` and `note` of all sending methods are those of `send`.

    A method returns when its intent is saved; updates report the result. Cancelling a method while it waits for the
    save does not withdraw the intent.

    Every method raises WrongType for a value of a wrong type, NotPossible (SessionOver after the end; in both cases
    nothing has happened), ChatStopped (the store failed), NotSaved (the store did not answer in time) or ChatClosed,
    and WrongLoop in another event loop or thread; further errors stand at the method.
    """

    def __init__(self, session_id: str, endpoint: Endpoint, context: ClientContext) -> None:
        self.id: Final = session_id
        """Tenant, app and client id as one text: the session's name in the store and for observers."""
        self._context = context
        self._out = Outgoing()
        self._connection_state = "off"
        self._connection_since: int | None = None
        self._ended_at: int | None = None  # by the present clock, where it ended in this process
        self._slot: Final = DeliverySlot()
        self._parameters = ChatParameters()
        self._log: Final = chat_log(session_id)
        self._transport = HttpTransport(
            context.pool,
            endpoint,
            open_file=self._out.payloads.open_file,
            form_values=self._out.payloads.values,
            remedy=remedy,
            cookies=context.store.cookies(session_id),
            on_cookies=self._keep_cookies,
            log=self._log,
        )
        self._runner = SessionRunner(
            session_id,
            store=context.store,
            transport=self._transport,
            clock=context.clock,
            config=context.config,
            on_saved=self._saved,
            update_filter=partial(context.delivering, self),
            on_change=self._changed,
            on_received=self._received if context.options.receipts == "on_ack" else None,
            observers=context.observers,
            save_timeout=context.options.save_within,
            worker=context.pool.worker,
            log=self._log,
        )

    def __repr__(self) -> str:
        return f"<ChatSession {self.label}, phase={self.phase!r}, outcome={self.outcome!r}, unread={self.unread}>"

    # --- state --------------------------------------------------------------------------------------------------------

    @property
    def label(self) -> str:
        """The name of this chat in log lines, errors and traces: a digest of `id`, which may hold a phone number.

        `statemachine store show FILE LABEL` finds the customer.
        """
        return label(self.id)

    @property
    def client_id(self) -> str:
        """The customer's id."""
        return self._transport.endpoint.client_id

    @property
    def session(self) -> Session:
        """The engine's session as it is now."""
        return self._runner.session

    @property
    def phase(self) -> Phase:
        """The phase: idle, requesting, queued, agent_joined, ended…"""
        return self.session.phase

    @property
    def outcome(self) -> core.Outcome | None:
        """How the chat ended, or None while it has not."""
        return self.session.outcome

    @property
    def unreadable(self) -> UnreadableSession | None:
        """Why the stored chat cannot be read, until a new chat begins in its place; else None."""
        return self._runner.unreadable

    @property
    def connection_since(self) -> int | None:
        """When the connection entered its present state (`ConnectionChanged.state`), in milliseconds since the epoch.

        Never before this process loaded the chat; None before the first update about it.
        """
        return self._connection_since

    @property
    def unread(self) -> int:
        """The number of transcript updates in the journal that are not acknowledged yet."""
        return self._runner.feed.unread

    def updates(self, *, auto_ack: bool = True) -> UpdateStream:
        """The updates of this chat, as an async iterator; it ends with the chat, or when the client is closed.

        Transcript updates (`Received`, `DeliveryUpdate`, `Finished`, `HistoryGap`) come in order of `seq`, each at
        least once; one that is not acknowledged comes again, with the same `seq`, in the next loop or after a restart.
        Status updates (`PhaseChanged`, `RosterChanged`, …) come in between and hold the present state only. A slow loop
        does not delay the chat. From now on the client's own stream leaves this session out.

        Args:
            auto_ack: Acknowledge each update when the next one is requested; False: `ack` does it.

        Raises:
            ChatStopped: The chat has stopped.
        """
        check_loop(self._runner.loop)
        self._slot.place = "apart"
        return self._read(auto_ack=auto_ack)

    async def ack(self, seq: int) -> None:
        """Acknowledge updates: they are not delivered again after a restart.

        Args:
            seq: Of the last of them; all before it are acknowledged too.
        """
        await self._runner.acknowledge(whole_number("ack: seq", seq))

    def resume(self) -> None:
        """Call the handler again that failed too often for this session. To skip an update, `ack` it before."""
        check_loop(self._runner.loop)
        self._context.resume(self)

    # --- the chat -----------------------------------------------------------------------------------------------------

    async def start(
        self,
        *,
        parameters: Mapping[str, object] | None = None,
        phone_number: str | None = None,
        from_: str | None = None,
    ) -> None:
        """Request a chat; after the end of the last one, a new one. The server may return one that is still active.

        Args:
            parameters: For the contact centre's scenario.
            phone_number: The customer's phone number.
            from_: The customer's name as shown to agents.
        """
        self._parameters = ChatParameters.checked("start", parameters, phone_number, from_)
        await self.request()

    async def reattach(self, chat_id: str | None = None) -> None:
        """Continue an active chat of this customer that the store does not know.

        Args:
            chat_id: The chat's id; None: the server names it.
        """

        intent = made("reattach", core.Reattach, self._now(), new_origin(), chat_id)

        def opening(after: Carryover | None) -> Intent:
            return self._filtered(evolve(intent, at=self._now(), after=after))

        await self._runner.wait_saved(await self._runner.begin(opening))

    async def disconnect(self) -> None:
        """End the conversation. The session stays open: a survey may follow."""
        await self._ask(core.Disconnect(self._now()))

    async def end(self) -> None:
        """End the chat, after all queued items have been sent."""
        await self._ask(core.End(self._now()))

    async def request(self) -> None:
        """Request a chat with the last parameters."""
        await self._runner.wait_saved(await self._runner.begin(self._requesting()))

    def _requesting(self, text: str | None = None, key: str | None = None, note: str = "") -> IntentFactory:
        about = self._parameters
        return lambda after: self._filtered(about.request(self._now(), after, text, key, note))

    # --- sending ------------------------------------------------------------------------------------------------------

    async def send(self, text: str, *, key: str | None = None, note: str = "", new_chat: bool = False) -> Sending:
        """Send a text. Delivery updates carry the `id` of the result: sent, delivered, read or failed.

        Args:
            text: Plain text.
            key: An idempotency key: two texts with the same key are one message, also in the next chat, while the first
                is remembered.
            note: Any text, returned in the delivery updates, also after a restart; it is not sent.
            new_chat: After the end of the chat, begin a new one with this text and the last parameters.

        Returns:
            The text on its way; its `sent`, `delivered` and `read` can be awaited.
        """
        saying = self._filtered(made("send", core.SendText, self._now(), text, key, note))
        if new_chat:
            submitted = await self._runner.begin(self._requesting(text, key, note), saying)
        else:
            submitted = self._runner.submit(saying)
        return await self._handle_when_saved(submitted, saying)

    async def send_location(
        self,
        latitude: str | float | Decimal,
        longitude: str | float | Decimal,
        *,
        url: str = "",
        key: str | None = None,
        note: str = "",
    ) -> Sending:
        """Send a location.

        Args:
            latitude: In degrees, as a number or as text.
            longitude: In degrees, as a number or as text.
            url: Of a map that shows it.
            key: See `send`.
            note: See `send`.

        Returns:
            The location on its way, as for `send`.

        Raises:
            BadSetting: A value is no finite number.
        """
        entry = place(latitude, longitude, url)
        return await self._send(made("send_location", core.SendEntry, self._now(), entry, key, note))

    async def send_entry(self, entry: SendableEntry, *, key: str | None = None, note: str = "") -> Sending:
        """Send another entry of the protocol: signaling, co-browsing, navigation (`statemachine.wire`).

        Args:
            entry: Any of `SendableEntry`.
            key: See `send`.
            note: See `send`.

        Returns:
            The entry on its way, as for `send`.
        """
        return await self._send(made("send_entry", core.SendEntry, self._now(), entry, key, note))

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
        """Upload a file and send it.

        A file that cannot be read any more when it is uploaded fails with the reason `unreadable`, and so does one that
        is not a regular file.

        Args:
            source: The file's path; or its bytes, which are lost when the process ends.
            name: The name shown to the agent.
            image: Show it as a picture; None: the name's extension decides.
            uploaded: Called with the bytes uploaded so far and the size; a repeated upload begins at 0 again.
            key: See `send`.
            note: See `send`.

        Returns:
            The file on its way, as for `send`.

        Raises:
            BadSetting: The file does not exist, or may not be read.
        """
        found = await readable(source)
        return await self._send(self._out.file(self._now(), found, name, image, uploaded, key, note))

    async def download(self, file_id: str, *, limit: int = DOWNLOAD_LIMIT) -> AsyncGenerator[bytes]:
        """Download a file of this chat in pieces; see `ContactCentre.download`.

        Args:
            file_id: Of the `File`.
            limit: At most so many bytes.

        Returns:
            Its bytes, piece by piece.
        """
        check_loop(self._runner.loop)
        if self._stopped:
            raise ChatClosed("the client is closed")
        async with aclosing(self.centre.download(self.session.chat.chat_id, file_id, limit=limit)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def answer_form(
        self, form_request_id: str, data: Mapping[str, object], *, key: str | None = None, note: str = ""
    ) -> Sending:
        """Answer an open form, once.

        Args:
            form_request_id: Of the `FormShow`.
            data: Values by field. Those of a secure form are kept in memory only, until they are sent.
            key: See `send`.
            note: See `send`.

        Returns:
            The answer on its way, as for `send`.
        """
        return await self._send(self._out.answer(self.session, self._now(), form_request_id, data, key, note))

    async def cancel_form(self, form_request_id: str) -> None:
        """Close an open form without an answer.

        Args:
            form_request_id: Of the `FormShow`.
        """
        await self._ask(made("cancel_form", core.CancelForm, self._now(), form_request_id))

    async def _send(self, intent: Intent) -> Sending:
        with self._out.kept_for(intent):
            filtered = self._filtered(intent)
            return await self._handle_when_saved(self._runner.submit(filtered), filtered)

    async def _handle_when_saved(self, submitted: SubmittedIntent, intent: Intent) -> Sending:
        sending = self._out.handle(submitted.before, submitted.after, getattr(intent, "key", None))
        await self._runner.wait_saved(submitted)
        return sending

    # --- typing and receipts (best effort) ----------------------------------------------------------------------------

    async def typing(self, draft: str = "") -> None:
        """The customer is typing; may be called at each key.

        Args:
            draft: The text so far, for tenants that show drafts.
        """
        await self._ask(made("typing", core.StartTyping, self._now(), draft))

    async def stop_typing(self) -> None:
        """The customer stopped typing without sending."""
        await self._ask(core.StopTyping(self._now()))

    async def mark_read(self, msg_id: str) -> None:
        """The customer has seen a message.

        Args:
            msg_id: Of the `Message`.
        """
        await self._ask(made("mark_read", core.MarkRead, self._now(), msg_id))

    # --- the connection -----------------------------------------------------------------------------------------------

    async def background(self) -> None:
        """Stop polling; the chat stays open."""
        await self._ask(core.Background(self._now()))

    async def foreground(self) -> None:
        """Read the history, and poll again."""
        await self._ask(core.Foreground(self._now()))

    async def pushed(self, chat_id: str) -> None:
        """A push message has announced events of this chat.

        Args:
            chat_id: Its `chatID`.
        """
        await self._ask(made("pushed", core.PushReceived, self._now(), chat_id))

    async def reauthorized(self) -> None:
        """Continue after the refused authorization or configuration has been corrected."""
        await self._ask(core.Reauthorized(self._now()))

    @property
    def centre(self) -> ContactCentre:
        """The calls outside the conversation for this customer: cases, files, push… Needs no `async with`."""
        at = self.endpoint
        return ContactCentre(
            at.url,
            tenant=at.tenant,
            app_id=at.app_id,
            client_id=at.client_id,
            options=self._context.options,
            http=self._transport.http,
        )

    # --- for the client -----------------------------------------------------------------------------------------------

    @property
    def endpoint(self) -> Endpoint:
        """The server, and the customer's credentials."""
        return self._transport.endpoint

    @property
    def _over(self) -> bool:
        """The chat has ended, and its end is saved."""
        return self._runner.feed.over

    @property
    def _stopped(self) -> bool:
        """The session has stopped, or its client was closed."""
        return self._runner.feed.closed

    def _read(self, *, auto_ack: bool) -> UpdateStream:
        """The updates from the cursor on."""
        return UpdateStream(self._runner.feed, auto_ack=auto_ack)

    @property
    def _error(self) -> BaseException | None:
        """The error that stopped the session, or None."""
        return self._runner.feed.error

    def _move(self, endpoint: Endpoint) -> None:
        """Use this endpoint for the next calls, for the same customer."""
        self._transport.endpoint = evolve(endpoint, client_id=self.client_id)

    def _was_over(self, before: int) -> bool:
        """The chat ended before this time (ms)."""
        return self.outcome is not None and (self._ended_at or self.session.now) < before

    def _clock_changed(self, by: int) -> None:
        """The clock was moved by `by` milliseconds."""
        self._runner.clock_changed(by)
        if self._connection_since is not None:
            self._connection_since += by
        if self._ended_at is not None:
            self._ended_at += by

    async def _close(self, within: timedelta | None = None, *, drain: bool = False) -> None:
        """Release the chat without ending it. Queued items are sent for at most `within` (`Options.close_within`).

        `drain`: the poll in flight is waited for as long.
        """
        try:
            await self._runner.close(self._context.options.close_within if within is None else within, drain=drain)
        finally:
            await self._transport.close()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _now(self) -> int:
        return self._context.clock.now()

    async def _ask(self, intent: Intent) -> None:
        await self._runner.submit_saved(self._filtered(intent))

    def _filtered(self, intent: Intent) -> Intent:
        return self._context.sending(self, intent)

    def _changed(self) -> None:
        feed = self._runner.feed
        if feed.closed:
            self._out.close(ending(feed.error, self.id))
        self._context.changed(self)

    def _keep_cookies(self, cookies: str) -> None:
        self._context.store.keep_cookies(self.id, cookies, self._cookies_kept)

    def _cookies_kept(self, error: BaseException | None) -> None:
        if error:
            self._log.warning("cookies_not_stored", error=error_name(error))

    def _received(self, msg_id: str) -> None:
        self._runner.submit_optional(core.MarkDelivered(self._now(), msg_id))

    def _saved(self, step: SavedStep) -> None:
        self._out.saved(step, self.session)
        over = any(isinstance(one, core.Finished) for one in step.transcript)
        self._ended_at = step.session.now if over else self._ended_at if self.outcome else None
        for status in step.statuses:
            if isinstance(status, core.ConnectionChanged):
                if status.state != self._connection_state:
                    self._connection_since = step.session.now
                self._connection_state = status.state
