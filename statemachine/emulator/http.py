"""The emulator as an HTTP server: the centre's API, the control API and further parts, joined by aiohttp.

``async with Emulator("plain", Knobs(pace=0.05)) as emulator:`` serves the API at ``emulator.url``.
"""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Collection, Mapping
from typing import Final, Self

from aiohttp import web

from statemachine.emulator.clock import Clock
from statemachine.emulator.control import Part, mount
from statemachine.emulator.driver import CentreDriver
from statemachine.emulator.knobs import Knobs
from statemachine.emulator.model import Centre
from statemachine.emulator.steps import Scenario
from statemachine.emulator.wire_api import INERT, WireApi
from statemachine.serving.addresses import is_loopback
from statemachine.serving.bad_requests import unreadable_body_is_400
from statemachine.serving.server import HttpServer

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
        self._server: Final = HttpServer(host, port, tls)

    @property
    def url(self) -> str:
        """``http://host:port`` without a slash at the end; the API is below ``/clientweb/api/``."""
        return self._server.url

    def __repr__(self) -> str:
        return f"<Emulator {self.url!r}, {len(self.centre.chats)} chats>"

    async def __aenter__(self) -> Self:
        api = WireApi(self)
        app = web.Application(client_max_size=api.largest_body, middlewares=[unreadable_body_is_400])
        mount(app, self, self._parts, self._host)
        app.router.add_get("/", self._front)
        app.router.add_route("*", "/{path:.*}", api.handle)
        self.real_clock.start()
        try:
            listener = await self._server.bind(app)
        except OSError:
            self.close()
            raise
        await listener.start_serving()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        await self._server.close()

    async def _front(self, _: web.Request) -> web.Response:
        page = _FRONT.format("".join(f"<li><a href='{prefix}/'>{prefix}/</a>: for people" for prefix in self._parts))
        return web.Response(status=404, text=page, content_type="text/html", charset="utf-8", headers=INERT)
