"""A server that does to a connection whatever a test wants: no protocol of its own, so that nothing is impossible."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeAlias

from attrs import frozen


@frozen
class Heard:
    """One request."""

    line: str
    headers: dict[str, str]
    body: bytes
    writer: asyncio.StreamWriter

    def reply(self, status: int = 200, body: bytes = b"", *headers: str) -> None:
        head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
        self.writer.write("\r\n".join(head).encode() + body)

    def cut(self) -> None:
        self.writer.transport.abort()


Behave: TypeAlias = Callable[[Heard], Awaitable[None] | None]


class WireServer:
    """Serves on loopback inside `async with`. `behave` is called for each request; `heard` keeps them."""

    def __init__(self, behave: Behave | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.behave: Behave = behave or (lambda heard: heard.reply())
        self.heard: list[Heard] = []
        self.closed = 0
        self._changed = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def until(self, count: int) -> None:
        """Wait until so many requests were heard."""
        await self._wait(lambda: len(self.heard) >= count)

    async def until_closed(self, count: int = 1) -> None:
        """Wait until so many connections were closed by the client."""
        await self._wait(lambda: self.closed >= count)

    async def _wait(self, wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not wanted():
                self._changed.clear()
                await self._changed.wait()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=1_000, ssl=self._tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while heard := await self._hear(reader, writer):
                self.heard.append(heard)
                self._changed.set()
                if waiting := self.behave(heard):
                    await waiting
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            self.closed += 1
            self._changed.set()
        finally:
            writer.close()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Heard | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *rest = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (one.split(": ", 1) for one in rest)}
        body = b""
        if headers.get("transfer-encoding") == "chunked":
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readuntil(b"\r\n")
        else:
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Heard(line, headers, body, writer)
