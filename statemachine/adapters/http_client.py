"""HTTP with aiohttp: one request out, one answer in, and no opinion.

What went wrong is told apart by what the server may have done: *unsent*: it certainly never had the request; *timeout*
and *cut*: it may have. Nothing is ever repeated here, and no redirect followed: a redirect would carry the customer's
credentials to whatever host it names, and an address that redirects is a setting to correct.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeAlias

from attrs import field, frozen

from statemachine.codec.body import MAX_BODY
from statemachine.codec.http import HttpRequest

from .circuit_breaker import CircuitBreaker, RequestBlocked
from .payload import UploadProgress, payload
from .tls import keep_buffers_small

try:
    import aiohttp
    from multidict import CIMultiDict
    from yarl import URL
except ModuleNotFoundError as missing:  # pragma: no cover - tested in a process of its own
    raise ModuleNotFoundError(
        "HTTP needs aiohttp: pip install 'chat-session-statemachine[http]'", name=missing.name
    ) from None


HeaderSource: TypeAlias = Mapping[str, str] | Callable[[], Awaitable[Mapping[str, str]]]
"""Headers for every request, or an async function that makes them, asked before each one: a token that expires is
renewed there. They replace ours of the same name, `Authorization` too. What it raises leaves the request unsent.
"""

NoAnswer: TypeAlias = Literal["unsent", "timeout", "cut"]

CONNECTING: Final = 100
"""Connections made at once; Linux keeps a backlog of 128 unless a server asks for more."""

_UNSENT: Final = (
    aiohttp.ClientConnectorError,  # name, connect, proxy and TLS handshake
    aiohttp.ClientHttpProxyError,  # the proxy refused to connect us
    aiohttp.ConnectionTimeoutError,
)


class CallFailed(Exception):
    """There is no whole answer. `kind`: see above; `error`: the class of the exception that said so.

    `reason`: for people, without ids and secrets; "" for none.
    """

    def __init__(self, kind: NoAnswer, error: Exception) -> None:
        self.kind: Final[NoAnswer] = kind
        self.error: Final = type(error).__name__
        self.reason: Final = _reason(error)
        super().__init__(self.kind, self.error, self.reason)


def _reason(error: Exception) -> str:
    """By host and port, and only where there was no connection: other texts may hold ids, or what a server sent."""
    if not isinstance(error, aiohttp.ClientConnectorError):
        return ""
    cause = error.os_error
    if isinstance(cause, ssl.SSLCertVerificationError):
        why = f"certificate not trusted, {cause.verify_message}"
    elif isinstance(error, aiohttp.ClientConnectorDNSError):
        why = "no such host"
    else:
        why = os.strerror(cause.errno) if cause.errno and cause.errno > 0 else "cannot connect"
    return f"{error.host}:{error.port}: {why}"


@frozen
class HttpResponse:
    """A whole answer, whatever it says. `body` ends one byte after what is ever read of one."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class _Cut(Exception):
    """The connection broke. Not an aiohttp error, because those make aiohttp repeat a GET by itself."""


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a request once. aiohttp repeats a GET when a kept connection breaks; a poll whose answer was lost has taken
    its events with it, and the session must hear of that to read the history (protocol.md 1.4).
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _Cut(type(error).__name__) from error


class _Connector(aiohttp.TCPConnector):
    """Makes few connections at a time: a thousand at once time out together, on a busy loop or a short backlog."""

    def __init__(self, seconds: float, tls: ssl.SSLContext | None) -> None:
        # Without a limit: aiohttp's default of 100 lets the polls of the 101st chat wait in silence.
        super().__init__(limit=0, ssl=tls if tls is not None else True)  # pyright: ignore[reportUnknownMemberType]
        self._seconds = seconds
        self._connecting = asyncio.Semaphore(CONNECTING)

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
    ) -> aiohttp.connector.Connection:
        """A kept connection, or a new one."""
        if self._connecting.locked():
            await self._turn()
        else:  # at once, and without a timer
            await self._connecting.acquire()
        try:
            return await super().connect(req, traces, timeout)
        finally:
            self._connecting.release()

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout(self._seconds * 2):
                await self._connecting.acquire()
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError("too many connections are being made") from error


class ConnectionPool:
    """The connections of all chats of a process.

    `connect_timeout`: for name, connection and TLS together. `tls`: which certificates are trusted, and shown; where
    None, the system's. `proxy`: "http://host:port", with "user:password@" before the host if it asks for them.
    `per_second`: how many requests at most, on average. Raises ValueError.
    """

    def __init__(
        self,
        connect_timeout: timedelta = timedelta(seconds=5),
        *,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
        headers: HeaderSource | None = None,
        per_second: float | None = None,
    ) -> None:
        keep_buffers_small()
        self.connect_timeout_s: Final = connect_timeout.total_seconds()
        self.headers: Final[HeaderSource] = headers if headers is not None else {}
        via = None if proxy is None else proxy_address(proxy)
        self.http: Final = aiohttp.ClientSession(
            connector=_Connector(self.connect_timeout_s, tls),
            cookie_jar=aiohttp.DummyCookieJar(),  # each line has its own
            middlewares=(_once,),
            proxy=via,
        )
        self.breaker: Final = CircuitBreaker(per_second)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()


def proxy_address(text: str) -> URL:
    """The address of a proxy. Raises ValueError."""
    try:
        url = URL(text)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:  # the text may hold a password: it is not quoted
        raise ValueError("proxy: this is no address of a proxy; one looks like http://proxy.example.com:3128")
    return url


class HttpClient:
    """One customer's calls over the pool's connections.

    Each has cookies of its own: to a server they are who the customer is, where the client id is `WebChat`.
    """

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._cookies: aiohttp.CookieJar | None = None  # most servers give none

    async def exchange(
        self, request: HttpRequest, source: bytes | Path | None = None, uploaded: UploadProgress | None = None
    ) -> HttpResponse:
        """Send this, and wait for all of the answer within the request's timeout. `source`: what it uploads.

        Raises CallFailed.
        """
        # The whole answer within the time that the command allows, or the session would give up waiting before.
        limits = aiohttp.ClientTimeout(total=request.timeout / 1_000, sock_connect=self._pool.connect_timeout_s)
        async with self._open(request, limits, source, uploaded) as response:
            return HttpResponse(response.status, response.headers, await _read(response))

    @asynccontextmanager
    async def stream(self, request: HttpRequest) -> AsyncGenerator[tuple[HttpResponse, AsyncIterator[bytes]]]:
        """As `exchange`, with a body of any length as it comes; of a status but 200 it is read at once.

        The request's timeout is that of each piece. Raises CallFailed, while the body is read too.
        """
        limits = aiohttp.ClientTimeout(
            total=None, sock_read=request.timeout / 1_000, sock_connect=self._pool.connect_timeout_s
        )
        async with self._open(request, limits) as response:
            body = await _read(response) if response.status != 200 else b""
            yield HttpResponse(response.status, response.headers, body), response.content.iter_any()

    @asynccontextmanager
    async def _open(
        self,
        request: HttpRequest,
        limits: aiohttp.ClientTimeout,
        source: bytes | Path | None = None,
        uploaded: UploadProgress | None = None,
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """The answer, whose body is still to be read; what goes wrong, then too, is a CallFailed."""
        breaker, epoch = self._pool.breaker, 0
        try:
            epoch = await breaker.enter(request.timeout / 1_000)
            headers = await self._all_headers(request)
            url = URL(request.url, encoded=True)
            async with (
                payload(request, source, uploaded) as data,
                self._pool.http.request(
                    request.method,
                    url,
                    headers=headers,
                    cookies=self._cookies.filter_cookies(url) if self._cookies else None,
                    data=data,
                    timeout=limits,
                    allow_redirects=False,
                ) as response,
            ):
                self._keep_cookies(response)
                yield response
                breaker.answered(epoch, response.status)
        except (RequestBlocked, LookupError, ValueError) as error:  # not let through; not there, or cannot be said
            raise CallFailed("unsent", error) from error
        except _UNSENT as error:
            breaker.failed(epoch)
            raise CallFailed("unsent", error) from error
        except TimeoutError as error:
            breaker.failed(epoch)
            raise CallFailed("timeout", error) from error
        except (aiohttp.ClientError, OSError, _Cut) as error:
            breaker.failed(epoch)
            raise CallFailed("cut", error) from error

    def _keep_cookies(self, response: aiohttp.ClientResponse) -> None:
        if response.cookies:
            if self._cookies is None:
                self._cookies = aiohttp.CookieJar(unsafe=True)  # "unsafe": also from a host without a name
            self._cookies.update_cookies(response.cookies, response.url)

    async def _all_headers(self, request: HttpRequest) -> CIMultiDict[str]:
        headers = CIMultiDict(request.headers)
        source = self._pool.headers
        try:
            headers.update(await source() if callable(source) else source)
        except Exception as error:  # the application's code: nothing was sent yet, whatever went wrong
            raise CallFailed("unsent", error) from error
        return headers


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body, or one byte more than is ever read of one: enough for the reader to refuse it."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY:
            response.close()
            break
    return bytes(body)
