"""The gateway as an HTTP server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from aiohttp import ClientSession, web
from aiohttp.typedefs import Handler as AnyHandler
from attrs import evolve
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from statemachine.adapters.aio import Tasks
from statemachine.client import BadSetting, ChatClient, ChatClosed, ChatSession, Options, Stopped, Update
from statemachine.client.errors import ChatElsewhere
from statemachine.client.prometheus import PrometheusMetrics
from statemachine.core import DeliveryUpdate, TranscriptUpdate
from statemachine.serving.addresses import host_name, is_cross_site, is_loopback
from statemachine.serving.server import HttpServer
from statemachine.store.errors import StoreError

from ..logs import Logger, error_values
from . import console
from .chats import Call, Chats, Handler, answer, done
from .contract import DOCUMENT, OPERATIONS, Operation
from .feed import Feed
from .metrics import BothMetrics, GatewayMetrics
from .problems import Problem, problem_of
from .settings import GatewaySettings
from .sqlite_feed import SqliteFeed
from .streams import Streams, reader_of
from .tokens import ANYBODY, PEER, RateLimits, SecretFile, Tokens
from .uploads import Uploads
from .webhooks import WebhookSender

if TYPE_CHECKING:
    from .peers import Peers
    from .telemetry import Telemetry

_log = Logger()
_refusal_log = Logger(10)

LARGEST_BODY: Final = 1_000_000
"""Bytes of JSON in one request."""
READERS: Final = 100
"""Named readers."""
_REVIVE_S: Final = 5.0
_PURGE_EVERY_S: Final = 3_600.0


class Gateway:
    """Serves the chats of one tenant and app id while its `async with` block runs. `url`: where."""

    def __init__(
        self,
        url: str,
        *,
        tenant: str | None = None,
        app_id: str,
        settings: GatewaySettings,
        options: Options | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        """Check the settings; nothing is opened yet. `url`, `tenant`, `app_id`, `options`: as of `ChatClient`.

        `telemetry`: for OpenTelemetry, `gateway.telemetry.Telemetry`. Raises BadSetting.
        """
        self._telemetry: Final = telemetry
        self._settings: Final = settings
        options = evolve(options or Options(), transcript=True, close_within=settings.drain)
        self._cipher: Final = options.cipher
        endpoint = options.endpoint(url, tenant, app_id, "any")
        self._belongs: Final = f"{endpoint.tenant}/{app_id}"
        self._secret: Final = SecretFile(settings.peer_secret) if settings.peer_secret else None
        self._tokens: Final = Tokens(settings.tokens, endpoint.tenant, app_id, self._secret)
        if not (self._tokens.required or is_loopback(settings.host)):
            raise BadSetting(f"host: {settings.host} is not loopback: configure tokens first")
        if len({one.name for one in settings.webhooks}) < len(settings.webhooks):
            raise BadSetting("two webhooks have the same name")
        self._limits: Final = RateLimits(settings.requests_per_second)
        self._registry: Final = CollectorRegistry()
        metrics = PrometheusMetrics(self._registry)
        about: Any = {"tenant": tenant, "app_id": app_id, "options": options, "metrics": metrics}
        if telemetry is not None:
            about |= {"metrics": BothMetrics(metrics, telemetry.metrics), "observers": [telemetry.spans]}
        if isinstance(settings.store, Path):
            self._client: ChatClient = ChatClient(url, store=settings.store, **about)
        else:
            self._client = _peers().worker(url, settings, self._secret, about)
        metrics.collect_stats(self._client.stats)
        self._server: Final = HttpServer(settings.host, settings.port, settings.tls)
        self._stack: Final = AsyncExitStack()
        self._closing = False
        self._tasks: Final = Tasks("gateway_task_failed")
        self.webhooks: tuple[WebhookSender, ...] = ()
        self.peers: Peers | None = None
        """The gateways of the same database, where it is PostgreSQL."""

    @property
    def url(self) -> str:
        """`http://host:port`, without a slash at the end."""
        return self._server.url

    # --- open and close -----------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Open store and port. Raises BadSetting, a `StoreError`, OSError."""
        try:
            await self._open()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        await self._stack.aclose()

    async def _open(self) -> None:
        settings, stack = self._settings, self._stack
        listener = await self._bind()
        http = await stack.enter_async_context(ClientSession())
        if isinstance(settings.store, Path):
            await stack.enter_async_context(self._client)
            beside = settings.store.with_name
            self._feed: Feed = SqliteFeed(beside(f"{settings.store.name}.updates"), self._belongs, self._client)
            stack.callback(self._feed.close)
            uploads = beside(f"{settings.store.name}.uploads")
        else:
            peers: Peers = await _peers().open_peers(
                stack, self._client, settings, self.url, http, self._cipher, self._telemetry
            )
            self.peers, self._feed = peers, peers.feed
            uploads = Path("chats.uploads")
        self._uploads = Uploads(settings.uploads or uploads, settings.upload_limit, settings.uploads_at_once)
        self._streams = Streams(self._feed, settings.streams)
        self._handlers = self._all_handlers()
        self._feed.added, self._feed.status_changed = self._added, self._streams.status
        self._measured = GatewayMetrics(self._registry, self)
        self.webhooks = tuple(WebhookSender(one, self._feed, http, settings.park_after) for one in settings.webhooks)
        for webhook in self.webhooks:
            webhook.start()
            stack.push_async_callback(webhook.close)
        stack.push_async_callback(self._tasks.close)
        stack.push_async_callback(self._client.close)  # before the feed is closed
        self._handling = self._tasks.spawn(self._client.handle(self._take, concurrency=256))
        self._tasks.spawn(self._purge())
        if self.peers is not None:
            self._tasks.spawn(self.peers.feed.run())
            self._tasks.spawn(self.peers.look(self.webhooks))
        stack.push_async_callback(self._server.close)
        stack.callback(self._feed.readers.close)
        stack.callback(listener.close)
        await listener.start_serving()

    async def _bind(self) -> asyncio.Server:
        """Take the port, so that the address is known; requests wait until all is open."""
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[self._serve])
        for operation in OPERATIONS:
            app.router.add_route(operation.method, operation.path, partial(self._call, operation), name=operation.id)
        app.router.add_get(console.PATH, console.serve, name="console")
        self._stack.push_async_callback(self._server.close)
        return await self._server.bind(app, shutdown_timeout=self._settings.drain.total_seconds() / 2)

    # --- updates ------------------------------------------------------------------------------------------------------

    async def _take(self, chat: ChatSession, update: Update | Stopped) -> None:
        """Pass an update of the client on: a durable one to the feed, another one to the open streams."""
        if isinstance(update, Stopped):
            self._tasks.spawn(self._revive(chat.client_id))
        elif isinstance(update, TranscriptUpdate):
            await self._feed.append(chat.client_id, update)
            if isinstance(update, DeliveryUpdate):
                self._uploads.delivered(chat.client_id, update)
        else:
            self._feed.status(chat.client_id, update)

    def _added(self, client_id: str) -> None:
        for webhook in self.webhooks:
            webhook.notify(client_id)

    async def _revive(self, client_id: str) -> None:
        """Continue a chat that has stopped because of the store, once the store works again."""
        while not self._closing:
            await asyncio.sleep(_REVIVE_S)
            try:
                await self._client.session(client_id, start=False)
            except StoreError:
                continue
            except (ChatClosed, ChatElsewhere):
                pass
            return

    async def _purge(self) -> None:
        keep = self._settings.keep
        while True:
            try:
                await self._client.purge(keep)
                before = time.time() - keep.total_seconds()
                await self._feed.purge(int(before * 1000))
                self._uploads.purge(before)
            except ChatClosed:
                return
            except (StoreError, OSError) as error:
                _log.error("gateway_purge_failed", **error_values(error))
            await asyncio.sleep(_PURGE_EVERY_S)

    # --- requests -----------------------------------------------------------------------------------------------------

    @web.middleware
    async def _serve(self, request: web.Request, handler: AnyHandler) -> web.StreamResponse:
        """Guard a request, count it, and turn errors into problems."""
        began = time.monotonic()
        operation = request.match_info.route.name or "none"
        status = 499  # the client has gone
        try:
            spanned = self._telemetry.request(operation, request.headers) if self._telemetry else nullcontext()
            with spanned as answered:
                response = await self._answered(operation, request, handler)
                if answered:
                    answered(response.status)
            status = response.status
            return response
        finally:
            self._measured.answered(operation, status, time.monotonic() - began)

    async def _answered(self, operation: str, request: web.Request, handler: AnyHandler) -> web.StreamResponse:
        try:
            self._guard(request)
            return await handler(request)
        except ConnectionError:  # of this request: there is nobody to answer
            raise
        except Exception as error:
            problem = problem_of(error)
            if problem is None:
                _log.error("gateway_request_failed", operation=operation, **error_values(error))
                problem = Problem(500, "unexpected", "the gateway has a fault; its log has the place")
            elif problem.status in (401, 429):
                _refusal_log.warning("gateway_refused", operation=operation, problem=problem.code)
            return problem.response()

    def _guard(self, request: web.Request) -> None:
        """Without tokens every program of this machine may ask, but no page of another site in its browser."""
        if self._tokens.required:
            return
        name = host_name(request.headers.get("Host", "localhost"))
        if is_cross_site(request) or not (is_loopback(name) or name in self._settings.names):
            raise Problem(403, "other_site", "requests of other sites, and under other names, are refused: see --name")

    async def _call(self, operation: Operation, request: web.Request) -> web.StreamResponse:
        """Check who asks and what, and carry it out."""
        who = ANYBODY
        if operation.scope is not None:
            who = self._tokens.principal(request.headers.get("Authorization"))
            if who != PEER:  # counted where it has arrived
                self._limits.take(who.name)
            if operation.scope not in who.scopes:
                raise Problem(403, "no_scope", f"this needs a token with the scope {operation.scope}")
        if self._closing and operation.scope is not None:
            raise ChatClosed
        values = await operation.values(request)
        if "client_id" in request.match_info:
            who.check(values["client_id"])
        call, handler = Call(request, who, values), self._handlers[operation.id]
        return await (self.peers.answer(operation, call, handler) if self.peers else handler(call))

    def _all_handlers(self) -> dict[str, Handler]:
        chats = Chats(self._client, self._uploads)
        return {
            "listChats": chats.list,
            "getChat": chats.get,
            "startChat": chats.start,
            "forgetChat": self._forget,
            "sendText": chats.send_text,
            "sendLocation": chats.send_location,
            "sendFile": chats.send_file,
            "downloadFile": chats.download,
            "answerForm": chats.answer_form,
            "cancelForm": chats.cancel_form,
            "markRead": chats.mark_read,
            "startTyping": chats.start_typing,
            "stopTyping": chats.stop_typing,
            "disconnectChat": chats.disconnect,
            "endChat": chats.end,
            "readTranscript": chats.transcript,
            "readUpdates": self._updates,
            "listReaders": self._list_readers,
            "acknowledge": self._acknowledge,
            "deleteReader": self._delete_reader,
            "listWebhooks": self._list_webhooks,
            "replayWebhook": self._replay,
            "getHealth": self._health,
            "getReadiness": self._readiness,
            "getMetrics": self._metrics,
            "getContract": self._contract,
        }

    async def _forget(self, call: Call) -> web.Response:
        await self._client.forget(call.client_id)
        await self._feed.forget(call.client_id)
        self._uploads.forget(call.client_id)
        for webhook in self.webhooks:
            webhook.forget(call.client_id)
        return done()

    async def _updates(self, call: Call) -> web.StreamResponse:
        return await self._streams.answer(call.request, call.who, call.values)

    async def _list_readers(self, call: Call) -> web.Response:
        own = reader_of(call.who, "")
        readers = [
            {"reader": name.removeprefix(own), "cursor": cursor}
            for name, cursor in self._feed.all_readers().items()
            if name.startswith(own)
        ]
        return answer({"readers": readers, "latest": self._feed.latest})

    async def _acknowledge(self, call: Call) -> web.Response:
        name = reader_of(call.who, call.values["reader"])
        known = self._feed.all_readers()
        if name not in known and len(known) >= READERS:
            raise Problem(409, "too_many_readers", f"there are {READERS} readers: delete one")
        cursor = await self._feed.acknowledge(name, int(call.values["cursor"]))
        return answer({"reader": call.values["reader"], "cursor": cursor})

    async def _delete_reader(self, call: Call) -> web.Response:
        await self._feed.delete_reader(reader_of(call.who, call.values["reader"]))
        return done()

    async def _list_webhooks(self, call: Call) -> web.Response:
        webhooks: list[object] = []
        for one in self.webhooks:
            parked = list(filter(call.who.may_see, self._feed.parked(one.name)))
            webhooks.append({"webhook": one.name, "waiting": one.waiting, "parked": parked})
        return answer({"webhooks": webhooks})

    async def _replay(self, call: Call) -> web.Response:
        call.who.check(call.client_id)
        for webhook in self.webhooks:
            if webhook.name == call.values["webhook"]:
                await webhook.replay(call.client_id, call.values.get("after"))
                return web.Response(status=202)
        raise Problem(404, "no_webhook", "there is no webhook of this name")

    async def _health(self, _: Call) -> web.Response:
        return answer({"ok": True, "faults": []})

    async def _readiness(self, _: Call) -> web.Response:
        faults = [*(await self._client.health()).faults]
        if self._handling.done():
            faults.append("updates are not passed on any more")
        if self._closing:
            faults.append("it is closing")
        return answer({"ok": not faults, "faults": faults}, 503 if faults else 200)

    async def _metrics(self, _: Call) -> web.Response:
        text = await asyncio.to_thread(generate_latest, self._registry)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _contract(self, _: Call) -> web.Response:
        return answer(DOCUMENT)

    @property
    def gauges(self) -> Mapping[str, Mapping[tuple[str, ...], float]]:
        """The metrics that are read when they are collected, by name and labels."""
        latest, webhooks = self._feed.latest, self.webhooks
        of_peers: Mapping[str, float] = self.peers.numbers() if self.peers else {}
        return {
            "gateway_streams": {(): self._streams.count},
            "gateway_cursor": {(): latest},
            "gateway_reader_lag": {(name,): latest - cursor for name, cursor in self._feed.all_readers().items()},
            "gateway_webhook_waiting": {(one.name,): one.waiting for one in webhooks},
            "gateway_webhook_parked": {(one.name,): len(one.parked) for one in webhooks},
            "gateway_webhook_deliveries_total": {
                (one.name, outcome): times for one in webhooks for outcome, times in one.outcomes.items()
            },
            **{name: {(): value} for name, value in of_peers.items()},
        }


def _peers() -> Any:
    """The module `peers`, loaded only where it is used: it needs an extra."""
    from . import peers

    return peers
