"""Several gateways on one PostgreSQL database: any of them takes a request, the owner of the chat carries it out.

Texts, locations, receipts and ends go through the inbox, which keeps their order and needs no living owner. All else
is forwarded to the owner's address, with a secret that all gateways share: files, answers of forms, typing, starts.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, web
from attrs import define, frozen
from yarl import URL

from statemachine.adapters.driver import label
from statemachine.client import BadSetting, ChatClient
from statemachine.client.errors import ChatElsewhere
from statemachine.cluster import Inbox, Worker
from statemachine.cluster.intake import KEYED
from statemachine.serving.server import break_off
from statemachine.store.errors import StoreError
from statemachine.store.sealing import Cipher, Sealing

from ..logs import Logger, error_values
from .chats import Call, Handler, answer, done
from .contract import Operation
from .postgres_feed import PostgresFeed
from .problems import Problem, no_chat
from .settings import GatewaySettings
from .tokens import PEER, SecretFile
from .webhooks import WebhookSender

if TYPE_CHECKING:
    from .telemetry import Telemetry

_log = Logger(10)

OWNER_WITHIN_S: Final = 10.0
"""How long a request waits for an owner: longer than a takeover takes."""
_PAUSE_S: Final = 0.2
_REFUSED_WITHIN_S: Final = 2.0
"""How long an answer waits for the owner's refusal."""
_REFUSED_PAUSE_S: Final = 0.03
_TIMEOUT: Final = ClientTimeout(total=None, sock_connect=2, sock_read=60)
_PASSED: Final = ("Content-Type", "Content-Length", "Idempotency-Key")
_RETURNED: Final = ("Content-Type", "Content-Disposition", "X-Content-Type-Options", "Cache-Control", "Retry-After")
_PIECE: Final = 65_536
_LOOK_S: Final = 1.0


def worker(url: str, settings: GatewaySettings, secret: SecretFile | None, about: Mapping[str, Any]) -> Worker:
    """The client of a gateway on PostgreSQL. `about`: further arguments. Raises BadSetting."""
    if secret is None:
        raise BadSetting("peer_secret: gateways on PostgreSQL need a file with a secret that all of them share")
    return Worker(url, store=str(settings.store), lease=settings.lease, drain=settings.drain, **about)


async def open_peers(
    stack: AsyncExitStack,
    worker: ChatClient,
    settings: GatewaySettings,
    url: str,
    http: ClientSession,
    cipher: Cipher | None,
    telemetry: Telemetry | None,
) -> Peers:
    """Join the others. `url`: of this gateway. Raises a `StoreError`, BadSetting."""
    assert isinstance(worker, Worker), "made by `worker`"
    assert settings.peer_secret is not None, "checked there"
    worker.address = settings.address or url
    if telemetry is not None:
        worker.within = telemetry.within
    await stack.enter_async_context(worker)
    inbox = await stack.enter_async_context(Inbox(str(settings.store), cipher=cipher))
    feed = PostgresFeed(str(settings.store), worker, Sealing(cipher))
    stack.callback(feed.close)
    return Peers(worker, inbox, feed, http, SecretFile(settings.peer_secret), telemetry)


@frozen
class _Intent:
    """A call of the inbox: the method of `ChatSession`, and its arguments by the names of the API."""

    call: str
    arguments: Mapping[str, str]


_NOTE: Final = {"note": "note"}
_INTENTS: Final[Mapping[str, _Intent]] = {
    "sendText": _Intent("send", {"text": "text", **_NOTE}),
    "sendLocation": _Intent("send_location", {"latitude": "latitude", "longitude": "longitude", "url": "url", **_NOTE}),
    "markRead": _Intent("mark_read", {"message_id": "msg_id"}),
    "disconnectChat": _Intent("disconnect", {}),
    "endChat": _Intent("end", {}),
}


@define(eq=False, repr=False)
class Peers:
    """The gateways that share a database, this one among them."""

    _worker: Worker
    _inbox: Inbox
    feed: PostgresFeed
    _http: ClientSession
    _secret: SecretFile
    _telemetry: Telemetry | None
    forwarded: int = 0
    """Requests that another gateway has answered."""

    async def answer(self, operation: Operation, call: Call, handler: Handler) -> web.StreamResponse:
        """Carry out an operation where its chat is."""
        if operation.id == "listChats":
            return await self._list(call)
        if not (operation.path.startswith("/chats/{client_id}") or operation.id == "replayWebhook"):
            return await handler(call)
        intent = _INTENTS.get(operation.id)
        if intent and call.values.get("new_chat", True):
            return await self._put(intent, call)
        return await self._at_owner(call, handler, is_repeatable=operation.media_type in (None, "application/json"))

    async def look(self, webhooks: Sequence[WebhookSender]) -> None:
        """Deliver what waits in chats that come from another gateway, until it is cancelled."""
        before: set[int] = set()
        while True:
            shards = set(self._worker.owned_shards())
            try:
                if not shards <= before:
                    for webhook in webhooks:
                        webhook.look()
                before = shards
            except StoreError as error:  # the next time
                _log.warning("gateway_feed_failed", **error_values(error))
            await asyncio.sleep(_LOOK_S)

    def numbers(self) -> Mapping[str, float]:
        """The values of the metrics."""
        stats = self._worker.cluster_stats()
        return {
            "gateway_forwarded_total": self.forwarded,
            "gateway_shards": stats.shards,
            "gateway_lease_seconds": stats.lease_left,
            "gateway_inbox_waiting": stats.inbox_depth,
            "gateway_inbox_oldest_seconds": stats.inbox_oldest_s,
            "gateway_takeovers_total": stats.takeovers,
            "gateway_fenced_total": stats.fenced,
        }

    # --- the inbox ----------------------------------------------------------------------------------------------------

    async def _put(self, intent: _Intent, call: Call) -> web.Response:
        if intent.call != "send" and not await self._inbox.knows(call.client_id):
            raise no_chat(call.client_id)
        given = call.values["idempotency_key"] or _new_key()
        key = given if intent.call in KEYED else f"{intent.call} {given}"
        values = {name: call.values[own] for own, name in intent.arguments.items() if own in call.values}
        await self._inbox.put(call.client_id, intent.call, key=key, context=self._context(), **values)
        if refused := await self._refusal(call.client_id, key):
            raise Problem(409, "not_possible", refused)
        if intent.call in KEYED:
            return answer({"message_id": "", "key": given, "state": "pending"}, 202)
        return done()

    def _context(self) -> str:
        return self._telemetry.context() if self._telemetry else ""

    async def _refusal(self, client_id: str, key: str) -> str | None:
        """Why the owner refuses it; None where it does not, or has not answered: the intent is saved all the same."""
        pause, left = _REFUSED_PAUSE_S, _REFUSED_WITHIN_S
        while (refused := await self._inbox.refusal(client_id, key)) is None and left > 0:
            await asyncio.sleep(pause)
            left -= pause
            pause *= 1.5
        return refused

    # --- the owner ----------------------------------------------------------------------------------------------------

    async def _at_owner(self, call: Call, handler: Handler, *, is_repeatable: bool) -> web.StreamResponse:
        loop = asyncio.get_running_loop()
        until = loop.time() + OWNER_WITHIN_S
        key = call.values.get("idempotency_key") or _new_key()
        while True:
            tried = False
            if self._worker.owns(call.client_id):
                try:
                    return await handler(call)
                except ChatElsewhere:
                    tried = True
            elif call.who != PEER:
                address = await self._inbox.owner_address(call.client_id)
                if address and address != self._worker.address:
                    tried = True
                    if response := await self._forward(call, address, key, is_repeatable=is_repeatable):
                        return response
            if call.who == PEER or loop.time() > until or (tried and not is_repeatable):
                detail = "the chat is moving to another gateway: repeat it, with the same Idempotency-Key"
                raise Problem(503, "elsewhere", detail, headers={"Retry-After": "1"})
            await asyncio.sleep(_PAUSE_S)

    async def _forward(self, call: Call, address: str, key: str, *, is_repeatable: bool) -> web.StreamResponse | None:
        """The owner's answer; None where it has gone, or has the chat no more."""
        request = call.request
        headers = {name: request.headers[name] for name in _PASSED if name in request.headers}
        headers |= {"Authorization": f"Bearer {self._secret.lines[0].decode()}", "Idempotency-Key": key}
        if context := self._context():
            headers["traceparent"] = context
        body = await request.read() if is_repeatable else request.content
        url = URL(address.rstrip("/") + request.rel_url.raw_path_qs, encoded=True)
        try:
            async with self._http.request(
                request.method, url, data=body or None, headers=headers, allow_redirects=False, timeout=_TIMEOUT
            ) as reply:
                if reply.status == 503 and is_repeatable:
                    return None
                self.forwarded += 1
                return await _passed_on(request, reply)
        except (ClientError, TimeoutError, OSError):
            return None

    # --- the list -----------------------------------------------------------------------------------------------------

    async def _list(self, call: Call) -> web.Response:
        """The active chats of all gateways, in the order of their ids in the database."""
        after, prefix = (
            self._worker.session_id(f"{text or ''}-")[:-1] for text in (call.values["after"], call.who.prefix)
        )
        query = (
            "SELECT id, snapshot FROM session WHERE ended_at IS NULL AND id > ?"
            " AND substr(id, 1, CAST(? AS INTEGER)) = ? ORDER BY id LIMIT ?"
        )
        rows = await asyncio.to_thread(self.feed.rows, query, after, len(prefix), prefix, call.values["limit"])
        sessions = [(name, self.feed.sealing.open_session(snapshot)) for name, snapshot in rows]
        page = [
            {"client_id": unquote(name.rpartition("/")[2]), "label": label(name), "phase": session.phase}
            for name, session in sessions
            if session.phase != "idle"
        ]
        return answer({"chats": page})


async def _passed_on(request: web.Request, reply: ClientResponse) -> web.StreamResponse:
    headers = {name: reply.headers[name] for name in _RETURNED if name in reply.headers}
    response = web.StreamResponse(status=reply.status, headers=headers)
    await response.prepare(request)
    try:
        async for piece in reply.content.iter_chunked(_PIECE):
            await response.write(piece)
        await response.write_eof()
    except (ClientError, TimeoutError) as error:
        break_off(request)
        raise ConnectionResetError from error
    return response


def _new_key() -> str:
    return f"gateway-{secrets.token_hex(16)}"
