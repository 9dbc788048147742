"""Connections that say nothing, or say it drop by drop, are closed: they would otherwise wait here for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

# So many patiences a connection may rest between two requests: longer than the server keeps quiet ones itself.
_SILENCES: Final = 4


class ConnectionTimeouts:
    """The connections that owe a request, and until when. ``seconds``: how long the first one may take to come."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._owing: dict[asyncio.BaseProtocol, float] = {}
        self._alarm: asyncio.TimerHandle | None = None

    def watched(self, server: Callable[[], RequestHandler]) -> Callable[[], asyncio.BaseProtocol]:
        """The server's connections, watched from their beginning."""
        self._look()

        def connected() -> asyncio.BaseProtocol:
            connection = server()
            self._owing[connection] = asyncio.get_running_loop().time() + self._seconds
            return connection

        return connected

    @contextmanager
    def served(self, request: web.Request) -> Generator[None]:
        """While this lasts the request is ours to answer, and nothing is owed by the client."""
        connection = request.protocol
        self._owing.pop(connection, None)
        try:
            yield
        finally:
            if connection.transport is not None:
                self._owing[connection] = asyncio.get_running_loop().time() + _SILENCES * self._seconds

    def close(self) -> None:
        """Watch no more."""
        if self._alarm is not None:
            self._alarm.cancel()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection, until in list(self._owing.items()):
            transport = getattr(connection, "transport", None)
            if transport is None or until < now:
                del self._owing[connection]
                if transport is not None:
                    transport.abort()
        self._alarm = loop.call_later(self._seconds / 4, self._look)
