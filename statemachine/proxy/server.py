"""The proxy as an HTTP server: forwards all paths but those of the control API and the console."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from typing import Final, Self

from aiohttp import web
from aiohttp.typedefs import Handler

from statemachine.emulator.control import Part, mount
from statemachine.emulator.control.common import refusal
from statemachine.serving.addresses import is_loopback
from statemachine.serving.server import HttpServer

from .forwarding import LARGEST_HEADER, Forwarder
from .recording import HarRecorder
from .watching import Watcher


class Proxy:
    """A proxy in front of a contact centre while its ``async with`` block runs. ``watcher`` has the results.

    Args:
        to: The contact centre's origin, ``https://chat.example.com``.
        host, port: The address to bind; port 0 takes a free one.
        tls: Serves HTTPS.
        trust: Trust for the contact centre's HTTPS; left out: the system's.
        recorder: Keeps the calls.
        parts: Applications to mount beside the control API, by path prefix: the console.
        names: Further names for this machine. On loopback a request under any other name is refused.
    """

    def __init__(
        self,
        to: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        trust: ssl.SSLContext | None = None,
        recorder: HarRecorder | None = None,
        parts: Mapping[str, Part] | None = None,
        names: Collection[str] = (),
    ) -> None:
        self.watcher: Final = Watcher(None if is_loopback(host) else secrets.token_urlsafe(16), recorder)
        self._forwarder: Final = Forwarder(to, self.watcher, trust)
        self._host = host
        self._server: Final = HttpServer(host, port, tls)
        self._parts = parts or {}
        self.watcher.names = frozenset(name.lower() for name in names)
        self._running: Final = AsyncExitStack()

    @property
    def url(self) -> str:
        """``http://host:port`` without a slash at the end: the URL to give to a client."""
        return self._server.url

    async def __aenter__(self) -> Self:
        await self._running.enter_async_context(self._forwarder)
        app = web.Application(client_max_size=0, middlewares=[_only_observed])
        mount(app, self.watcher, self._parts, self._host)
        app.router.add_route("*", "/{path:.*}", self._forwarder.handle)
        self._running.push_async_callback(self._server.close)
        self._running.callback(self.watcher.close)
        try:
            listener = await self._server.bind(
                app, auto_decompress=False, max_line_size=LARGEST_HEADER, max_field_size=LARGEST_HEADER
            )
        except OSError:
            await self._running.aclose()
            raise
        self.watcher.url = self.url
        await listener.start_serving()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()
        self.watcher.finish()


@web.middleware
async def _only_observed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The proxy steers nothing: the control API answers questions only."""
    if request.path.startswith(("/_control", "/_console")) and request.method != "GET":
        raise refusal(403, "a proxy only observes: the contact centre cannot be steered from here")
    return await handler(request)
