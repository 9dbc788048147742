"""Forwards HTTP requests to a contact centre and its answers back, as they are, while an observer sees both.

Bodies are streamed in both directions with back-pressure. A client that closes its connection closes the one to the
contact centre; a connection that breaks there is broken here.
"""

from __future__ import annotations

import ssl
import zlib
from collections.abc import AsyncIterator
from itertools import count
from typing import Final, Protocol, Self

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web
from attrs import define, field
from yarl import URL

from statemachine.emulator.wire import DROPPED, HttpRequest, HttpResponse
from statemachine.serving.server import break_off

from .headers import local_headers, upstream_headers

KEPT_BYTES: Final = 1_000_000
"""The observer gets at most so much of a body, unpacked; longer ones pass unchanged."""
LARGEST_HEADER: Final = 64 * 1024
_CONNECT_S: Final = 30.0
_SKIPPED: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that the HTTP library would add by itself."""


class ExchangeObserver(Protocol):
    """Sees each request and its answer. `number` counts requests from 1; calls must not raise or block."""

    def request_arrived(self, number: int, request: HttpRequest) -> None:
        """A request has arrived, and its body with it, unpacked."""

    def response_ended(self, number: int, response: HttpResponse, complete: bool) -> None:
        """Its answer has ended. Status 0: none came. `complete`: its whole body is in `response`, unpacked."""


@define
class _Copy:
    """The first bytes of a body that passes."""

    data: bytearray = field(factory=bytearray)
    complete: bool = True

    def add(self, chunk: bytes) -> None:
        """Keep as many bytes as the limit allows."""
        room = KEPT_BYTES - len(self.data)
        self.data += chunk[:room]
        self.complete = self.complete and len(chunk) <= room

    def decoded(self, encoding: str | None) -> tuple[bytes, bool]:
        """(the content, whether it is complete). Nothing of an encoding that cannot be unpacked here."""
        data = bytes(self.data)
        match (encoding or "identity").strip().lower():
            case "identity":
                return data, self.complete
            case "gzip" | "x-gzip" | "deflate":
                unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
            case _:
                return b"", not data
        try:
            content = unpacker.decompress(data, KEPT_BYTES)
        except zlib.error:
            return b"", not data
        return content, self.complete and not unpacker.unconsumed_tail


class Forwarder:
    """Sends the requests of one web application to `upstream`. Use it in `async with`.

    Args:
        upstream: The contact centre's origin, `https://chat.example.com`, without a path.
        observer: Sees all exchanges.
        tls: Trust for HTTPS; left out: the system's.
    """

    def __init__(self, upstream: str, observer: ExchangeObserver, tls: ssl.SSLContext | None = None) -> None:
        self.upstream: Final = upstream.rstrip("/")
        self._observer = observer
        self._tls = tls
        self._numbers = count(1)
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = ClientSession(
            connector=TCPConnector(limit=0, ssl=True if self._tls is None else self._tls),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None, sock_connect=_CONNECT_S),
            auto_decompress=False,
            skip_auto_headers=_SKIPPED,
            max_line_size=LARGEST_HEADER,
            max_field_size=LARGEST_HEADER,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Forward one request; the handler of all paths."""
        exchange = _Exchange(next(self._numbers), request, self._observer)
        try:
            return await self._forwarded(request, exchange)
        except (ClientError, TimeoutError, ConnectionError) as error:
            return exchange.failed(self.upstream, error)
        finally:
            exchange.close()

    async def _forwarded(self, request: web.Request, exchange: _Exchange) -> web.StreamResponse:
        assert self._session is not None, "used in async with"
        async with self._session.request(
            request.method,
            URL(self.upstream + request.raw_path, encoded=True),
            headers=upstream_headers(request.headers.items()),
            data=exchange.sent() if request.body_exists else None,
            allow_redirects=False,
        ) as answer:
            return await exchange.passed_on(answer, self.upstream)


class _Exchange:
    """One request and its answer on their way."""

    def __init__(self, number: int, request: web.Request, observer: ExchangeObserver) -> None:
        self._number = number
        self._request = request
        self._observer = observer
        self._sent = _Copy()
        self._received = _Copy()
        self._response = DROPPED
        self._reply: web.StreamResponse | None = None
        self._ended = False
        self._announced = False
        if not request.body_exists:
            self._announce()

    async def sent(self) -> AsyncIterator[bytes]:
        """The body of the request, as it arrives."""
        async for chunk in self._request.content.iter_any():
            self._sent.add(chunk)
            yield chunk
        self._announce()

    async def passed_on(self, answer: ClientResponse, upstream: str) -> web.StreamResponse:
        """The answer, sent to the client."""
        self._announce()
        headers = [(name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
                   for name, value in answer.raw_headers]  # fmt: skip
        self._response = HttpResponse(answer.status, tuple(headers))
        self._reply = reply = web.StreamResponse(status=answer.status, reason=answer.reason)
        local = f"{self._request.scheme}://{self._request.host}"
        for name, value in local_headers(headers, upstream, local):
            reply.headers.add(name, value)
        await reply.prepare(self._request)
        async for chunk in answer.content.iter_any():
            self._received.add(chunk)
            await reply.write(chunk)
        await reply.write_eof()
        self._ended = True
        return reply

    def failed(self, upstream: str, error: Exception) -> web.StreamResponse:
        """The contact centre does not answer, or stopped in the middle of an answer."""
        if self._reply is not None:
            break_off(self._request)
            return self._reply
        text = f"The proxy cannot reach {upstream}: {str(error) or type(error).__name__}\n"
        return web.Response(status=502, text=text)

    def close(self) -> None:
        """Report the answer to the observer, or that none came."""
        self._announce()
        if not self._ended:
            self._observer.response_ended(self._number, DROPPED, complete=True)
            return
        body, complete = self._received.decoded(self._response.header("Content-Encoding"))
        whole = HttpResponse(self._response.status, self._response.headers, body)
        self._observer.response_ended(self._number, whole, complete)

    def _announce(self) -> None:
        if not self._announced:
            self._announced = True
            body, _ = self._sent.decoded(self._request.headers.get("Content-Encoding"))
            self._observer.request_arrived(self._number, _as_data(self._request, body))


def _as_data(request: web.Request, body: bytes) -> HttpRequest:
    query = tuple((name, value) for name, value in request.query.items())
    return HttpRequest(request.method, request.raw_path.partition("?")[0], query, tuple(request.headers.items()), body)
