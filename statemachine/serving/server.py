"""An HTTP server on one address. It closes connections that send no request, or send it too slowly."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler

from .addresses import local_url
from .bad_requests import SERVER_LOG

REQUEST_TIMEOUT_S: Final = 30.0
"""For the first request of a connection."""
# A connection may be idle so many times as long between two requests: longer than the server keeps idle ones.
_IDLE_FACTOR: Final = 4
# Clients with thousands of chats connect at once after a restart.
_BACKLOG: Final = 4_096


def break_off(request: web.Request) -> None:
    """Close the connection of this request: its client must not take a part of an answer for all of it."""
    if request.transport is not None:
        request.transport.abort()


class HttpServer:
    """Serves one application. Port 0 takes a free one."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._host: Final = host
        self._port = port
        self._tls: Final = tls
        self._opened: Final = AsyncExitStack()
        self._deadlines: dict[asyncio.BaseProtocol, float] = {}

    @property
    def url(self) -> str:
        """`http://host:port`, without a slash at the end."""
        return local_url(self._host, self._port, secure=self._tls is not None)

    async def bind(self, app: web.Application, *, shutdown_timeout: float = 1.0, **more: Any) -> asyncio.Server:
        """Take the address; requests wait until `start_serving` of the result. `more`: of aiohttp. Raises OSError."""
        app.middlewares.insert(0, self._served)
        # Cancellation is how a broken connection becomes known.
        about: Any = {"handler_cancellation": True, "access_log": None, "logger": SERVER_LOG, **more}
        runner = web.AppRunner(app, shutdown_timeout=shutdown_timeout, **about)
        self._opened.callback(asyncio.create_task(self._close_late()).cancel)
        self._opened.push_async_callback(runner.cleanup)
        await runner.setup()
        server = runner.server
        assert server is not None, "set up above"

        def connected() -> asyncio.BaseProtocol:
            connection = server()
            self._deadlines[connection] = loop.time() + REQUEST_TIMEOUT_S
            return connection

        loop = asyncio.get_running_loop()
        try:
            listener = await loop.create_server(
                connected, self._host, self._port, ssl=self._tls, backlog=_BACKLOG, start_serving=False
            )
        except OSError:
            await self.close()
            raise
        self._opened.callback(listener.close)
        self._port = int(listener.sockets[0].getsockname()[1])
        return listener

    async def close(self) -> None:
        """Stop. Closing twice is harmless."""
        await self._opened.aclose()

    @web.middleware
    async def _served(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A connection has no deadline while its request is answered."""
        connection = request.protocol
        self._deadlines.pop(connection, None)
        try:
            return await handler(request)
        finally:
            if connection.transport is not None:
                idle_s = _IDLE_FACTOR * REQUEST_TIMEOUT_S
                self._deadlines[connection] = asyncio.get_running_loop().time() + idle_s

    async def _close_late(self) -> None:
        while True:
            now = asyncio.get_running_loop().time()
            for connection, until in list(self._deadlines.items()):
                transport = getattr(connection, "transport", None)
                if transport is None or until < now:
                    del self._deadlines[connection]
                    if transport is not None:
                        transport.abort()
            await asyncio.sleep(REQUEST_TIMEOUT_S / 4)
