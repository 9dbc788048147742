"""The emulator as an HTTP server: the centre's API, the control API and further parts, joined by aiohttp.

``async with Emulator("plain", Knobs(pace=0.05)) as emulator:`` serves the API at ``emulator.url``.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Collection, Mapping
from typing import Final, Self

from aiohttp import web
from aiohttp.typedefs import Handler

from statemachine.emulator.clock import Clock
from statemachine.emulator.control import Part, check_host, mount
from statemachine.emulator.driver import CentreDriver
from statemachine.emulator.knobs import Knobs
from statemachine.emulator.model import Centre
from statemachine.emulator.steps import Scenario
from statemachine.emulator.wire_api import INERT, REQUEST_TIMEOUT_S, WireApi
from statemachine.serving.addresses import is_loopback, local_url
from statemachine.serving.bad_requests import SERVER_LOG, unreadable_body_is_400
from statemachine.serving.connection_timeouts import ConnectionTimeouts

# Clients with thousands of chats connect at once after a restart.
_BACKLOG: Final = 4_096
_FRONT: Final = (
    "<!doctype html><title>Emulated contact centre</title><h1>Emulated contact centre</h1><p>There is no page here.<ul>"
    "<li>/clientweb/api/v2/ and v1/: the API for clients<li>/_control/: the API for tests and tools{}</ul>"
)


class Emulator(CentreDriver):
    """A contact centre that serves HTTP while its ``async with`` block runs.

    Args:
        scenario: A name of the catalogue, or a scenario, for chats whose appId names no other.
        knobs: How the centre behaves.
        host, port: The address to bind; port 0 takes a free one.
        names: Further names for this machine. On loopback a request under any other name is refused.
        token: Required for all but the clients' API when bound beyond loopback; generated when left out.
        parts: Applications to mount beside the control API (``/_control``), by path prefix.
        tls: Serves HTTPS.
        clock: The centre's clock; left out: real time.
    """

    def __init__(
        self,
        scenario: str | Scenario = "plain",
        knobs: Knobs | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        names: Collection[str] = (),
        token: str | None = None,
        parts: Mapping[str, Part] | None = None,
        tls: ssl.SSLContext | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(Centre(knobs, scenario), clock if clock is not None else Clock())
        self.token = token if token or is_loopback(host) else secrets.token_urlsafe(16)
        self.names: Collection[str] = frozenset(name.lower() for name in names)
        self._parts = parts or {}
        self._host = host
        self._port = port
        self._tls = tls
        self._timeouts = ConnectionTimeouts(REQUEST_TIMEOUT_S)
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """``http://host:port`` without a slash at the end; the API is below ``/clientweb/api/``."""
        return local_url(self._host, self._port, secure=self._tls is not None)

    def __repr__(self) -> str:
        return f"<Emulator {self.url!r}, {len(self.centre.chats)} chats>"

    async def __aenter__(self) -> Self:
        api = WireApi(self)
        app = web.Application(
            client_max_size=api.largest_body, middlewares=[self._watch, self._host_is_known, unreadable_body_is_400]
        )
        mount(app, self, self._parts)
        app.router.add_get("/", self._front)
        app.router.add_route("*", "/{path:.*}", api.handle)
        app.on_shutdown.append(self._close_feed)
        self.real_clock.start()
        # Cancellation is how a broken connection of a held poll becomes known.
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, logger=SERVER_LOG, shutdown_timeout=1.0)
        await runner.setup()
        self._runner = runner
        assert runner.server is not None, "set up above"
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                self._timeouts.watched(runner.server), self._host, self._port, ssl=self._tls, backlog=_BACKLOG
            )
        except OSError:
            await self.__aexit__()
            raise
        self._port = int(self._listener.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        self._timeouts.close()
        if self._listener is not None:
            self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _close_feed(self, _: web.Application) -> None:
        self.feed.readers.close()

    @web.middleware
    async def _watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        with self._timeouts.served(request):
            return await handler(request)

    @web.middleware
    async def _host_is_known(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_loopback(self._host):
            check_host(request, self.names)
        return await handler(request)

    async def _front(self, _: web.Request) -> web.Response:
        page = _FRONT.format("".join(f"<li><a href='{prefix}/'>{prefix}/</a>: for people" for prefix in self._parts))
        return web.Response(status=404, text=page, content_type="text/html", charset="utf-8", headers=INERT)
