"""Closes connections that send no request, or send it too slowly: they would otherwise wait for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

# A connection may be idle so many times `seconds` between two requests: longer than the server keeps idle ones.
_IDLE_FACTOR: Final = 4


class ConnectionTimeouts:
    """The connections without a request, and their deadlines. ``seconds``: for the first request."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadlines: dict[asyncio.BaseProtocol, float] = {}
        self._alarm: asyncio.TimerHandle | None = None

    def watched(self, server: Callable[[], RequestHandler]) -> Callable[[], asyncio.BaseProtocol]:
        """The server's connections, watched from their beginning."""
        self._close_late()

        def connected() -> asyncio.BaseProtocol:
            connection = server()
            self._deadlines[connection] = asyncio.get_running_loop().time() + self._seconds
            return connection

        return connected

    @contextmanager
    def served(self, request: web.Request) -> Generator[None]:
        """While this lasts the connection has no deadline: its request is being answered."""
        connection = request.protocol
        self._deadlines.pop(connection, None)
        try:
            yield
        finally:
            if connection.transport is not None:
                self._deadlines[connection] = asyncio.get_running_loop().time() + _IDLE_FACTOR * self._seconds

    def close(self) -> None:
        """Stop."""
        if self._alarm is not None:
            self._alarm.cancel()

    def _close_late(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection, until in list(self._deadlines.items()):
            transport = getattr(connection, "transport", None)
            if transport is None or until < now:
                del self._deadlines[connection]
                if transport is not None:
                    transport.abort()
        self._alarm = loop.call_later(self._seconds / 4, self._close_late)
