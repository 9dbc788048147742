"""HTTP with aiohttp: one request, one answer, without retries.

Failures are classified by what the server may have received: *unsent* and *no_payload*: certainly not the request (the
latter, because the file to send cannot be read); *timeout* and *cut*: perhaps the request. Redirects are not followed:
they would send the customer's credentials to any host they name, and an address that redirects is a setting to correct.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

from attrs import field, frozen

from statemachine.codec.body import MAX_ANSWER, MAX_BODY
from statemachine.codec.http import HttpRequest, is_host

from .aio import LoopWorker
from .aiohttp_extra import URL, CIMultiDict, aiohttp
from .circuit_breaker import CircuitBreaker, RequestBlocked
from .cookies import Cookies
from .http_errors import MAX_HEADER, CallFailed, Cause, ConnectionCut, HeadersUnavailable, cut, forwarded, unsent
from .inflate import ENCODINGS, ExpandedTooFar, inflated
from .payload import UnreadablePayload, UploadProgress, payload

HeaderSource: TypeAlias = Mapping[str, str] | Callable[[], Awaitable[Mapping[str, str]]]
"""Headers for every request, or an async function called before each request, which may renew an expired token. They
replace default headers of the same name, `Authorization` too. If it raises, the request is not sent.
"""

CONNECTING: Final = 100
"""Connections opened at once; Linux has a backlog of 128 unless a server asks for more."""

_MAY_SEND_S: Final = 0.2
"""How often a read that waits for `may_send` looks again."""

_UNSENT: Final = (
    aiohttp.ClientConnectorError,  # name, connect, proxy and TLS handshake
    aiohttp.ClientHttpProxyError,  # the proxy refused to connect us
    aiohttp.ConnectionTimeoutError,
)


@frozen
class HttpResponse:
    """An answer. `body` is cut one byte beyond the size limit, or where unpacking it goes too far."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a request once. aiohttp repeats a GET when a reused connection breaks. The lost answer of a poll contained
    its events, so the session must know of the failure, and read the history (protocol.md 1.4).
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise ConnectionCut from error


class _Connector(aiohttp.TCPConnector):
    """Limits the connections opened at once: a thousand time out together, on a busy loop or a short backlog.

    `may_send` is asked again when the connection is there, the last moment before the request leaves: a process that
    was suspended meanwhile must send nothing late.
    """

    def __init__(self, seconds: float, tls: ssl.SSLContext | None, may_send: Callable[[], bool]) -> None:
        # No limit: with aiohttp's default of 100, the polls of the 101st chat wait.
        super().__init__(limit=0, ssl=tls if tls is not None else True)  # pyright: ignore[reportUnknownMemberType]
        self._seconds = seconds
        self._may_send = may_send
        self.refused = 0
        self._connecting = asyncio.Semaphore(CONNECTING)

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
    ) -> aiohttp.connector.Connection:
        """A reused connection, or a new one."""
        if self._connecting.locked():
            await self._turn()
        else:  # at once, and without a timer
            await self._connecting.acquire()
        try:
            connection = await super().connect(req, traces, timeout)
        finally:
            self._connecting.release()
        try:
            self.check()
        except RequestBlocked:
            connection.close()
            raise
        return connection

    def check(self) -> None:
        """Raises RequestBlocked while nothing may be sent."""
        if not self._may_send():
            self.refused += 1
            raise RequestBlocked("this process may not act for its chats now: another one may have them")

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout(self._seconds * 2):
                await self._connecting.acquire()
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError("too many connections are being made") from error


class ConnectionPool:
    """The connections of all chats of a process."""

    def __init__(
        self,
        connect_timeout: timedelta = timedelta(seconds=5),
        *,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
        headers: HeaderSource | None = None,
        per_second: float | None = None,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        """Open no connection yet. Raises ValueError for an invalid proxy.

        Args:
            connect_timeout: For name resolution, connection and TLS together.
            tls: Trusted and client certificates; None: the system's.
            proxy: Such as "http://host:port", or "http://user:password@host:port".
            headers: For every request, see `HeaderSource`.
            per_second: The average rate of requests; None: unlimited.
            may_send: Asked before each request, and again before it leaves. While it is false, reads wait, and other
                requests fail.
        """
        self.loop: Final = asyncio.get_running_loop()
        self.connect_timeout_s: Final = connect_timeout.total_seconds()
        self.headers: Final[HeaderSource] = headers if headers is not None else {}
        via = None if proxy is None else proxy_address(proxy)
        self.proxy_host: Final = "" if via is None else via.raw_host or ""
        self._connector = _Connector(self.connect_timeout_s, tls, may_send)
        self.http: Final = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),  # each `HttpClient` has its own
            middlewares=(_once,),
            proxy=via,
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
            auto_decompress=False,  # see `inflate`
        )
        self.worker: Final = LoopWorker(self.loop)
        self.breaker: Final = CircuitBreaker(per_second)
        self._may_send = may_send

    async def __aenter__(self) -> Self:
        return self

    @property
    def refused(self) -> int:
        """The requests that were not sent because of `may_send`."""
        return self._connector.refused

    async def enter(self, request: HttpRequest) -> int:
        """Wait until a request may begin; returns the epoch of the breaker. Raises RequestBlocked.

        A read waits until `may_send`: if it failed again and again, the pauses of its chat would grow meanwhile.
        """
        try:
            self._connector.check()
        except RequestBlocked:
            if request.method != "GET":  # it could leave after another process has sent it
                raise
            until = self.loop.time() + request.timeout / 1_000
            while not self._may_send() and self.loop.time() < until:  # noqa: ASYNC110 - rare, and it has no event
                await asyncio.sleep(_MAY_SEND_S)
            self._connector.check()
        return await self.breaker.enter(request.timeout / 1_000)

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()
        self.worker.close()


def proxy_address(text: str) -> URL:
    """The address of a proxy. Raises ValueError."""
    try:
        url = URL(text)
    except ValueError:
        url = URL()
    is_usable = url.scheme in ("http", "https") and url.host and is_host(url.host)
    if not is_usable:  # the text may hold a password: it is not quoted
        raise ValueError("proxy: not the address of a proxy; expected one like http://proxy.example.com:3128")
    return url


class HttpClient:
    """One customer's calls over the pool's connections, with their own cookies.

    Where the client id is `WebChat`, the cookie identifies the customer.
    """

    def __init__(
        self, pool: ConnectionPool, cookies: str = "", on_cookies: Callable[[str], None] | None = None
    ) -> None:
        """`cookies`: as stored before; `on_cookies`: called with all cookies when the server has changed them."""
        self._pool = pool
        self.loop: Final = pool.loop
        """The event loop in which all calls must be made."""
        self.worker: Final = pool.worker
        self._cookies = Cookies(cookies)
        self._on_cookies = on_cookies

    async def exchange(
        self,
        request: HttpRequest,
        source: bytes | Path | None = None,
        uploaded: UploadProgress | None = None,
        *,
        raw: bool = False,
    ) -> HttpResponse:
        """Send this, and wait for the complete answer within the request's timeout. Raises CallFailed.

        `source`: the file to upload; `uploaded`: called with its progress. `raw`: the answer is a file, not JSON.
        """
        # The complete answer within the command's timeout: the session does not wait longer.
        limits = aiohttp.ClientTimeout(total=request.timeout / 1_000, sock_connect=self._pool.connect_timeout_s)
        async with self._open(request, limits, source, uploaded) as response:
            return HttpResponse(response.status, response.headers, await _read(response, raw=raw))

    @asynccontextmanager
    async def stream(
        self, request: HttpRequest, within: timedelta
    ) -> AsyncGenerator[tuple[HttpResponse, AsyncIterator[bytes]]]:
        """As `exchange`, with a body of any length in chunks; that of an error is read at once.

        The request's timeout applies to each chunk, `within` to all. Raises CallFailed, also while the body is read.
        """
        limits = aiohttp.ClientTimeout(
            total=within.total_seconds(), sock_read=request.timeout / 1_000, sock_connect=self._pool.connect_timeout_s
        )
        async with self._open(request, limits) as response:
            body = b"" if 200 <= response.status < 300 else await _read(response, raw=False)
            yield HttpResponse(response.status, response.headers, body), _content(response, raw=True)

    @asynccontextmanager
    async def _open(
        self,
        request: HttpRequest,
        limits: aiohttp.ClientTimeout,
        source: bytes | Path | None = None,
        uploaded: UploadProgress | None = None,
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """The answer without its body. Errors become CallFailed, also those while the body is read."""
        breaker, epoch, url = self._pool.breaker, 0, request.url
        try:
            epoch = await self._pool.enter(request)
            headers = await self._all_headers(request)
            headers.update(self._cookies.headers(url))
            async with (
                payload(request, source, uploaded) as data,
                self._pool.http.request(
                    request.method,
                    URL(url, encoded=True),
                    headers=headers,
                    data=data,
                    timeout=limits,
                    allow_redirects=False,
                ) as response,
            ):
                if self._cookies.update(url, response.headers.getall("Set-Cookie", ())) and self._on_cookies:
                    self._on_cookies(self._cookies.text)
                if response.status == 407 and self._is_forwarded(url):  # over TLS, aiohttp raises it
                    raise aiohttp.ClientHttpProxyError(response.request_info, (), status=407)
                yield response
                breaker.answered(epoch, response.status)
        except (RequestBlocked, HeadersUnavailable, UnreadablePayload, ValueError) as error:
            raise unsent(error, self._pool.proxy_host) from error
        except _UNSENT as error:
            breaker.failed(epoch)
            raise unsent(error, self._pool.proxy_host) from error
        except TimeoutError as error:
            breaker.failed(epoch)
            raise CallFailed("timeout", error, f"no complete answer within {request.timeout / 1_000:g} s") from error
        except (aiohttp.ClientError, OSError, ConnectionCut, zlib.error) as error:
            breaker.failed(epoch)
            raise cut(error, self._pool.proxy_host) from error

    def cause_of(self, url: str, status: int) -> Cause:
        """The cause of this answer to a request for `url`: a proxy may have made it."""
        return forwarded(status) if self._is_forwarded(url) else ""

    def _is_forwarded(self, url: str) -> bool:
        return bool(self._pool.proxy_host) and url.startswith("http:")

    async def _all_headers(self, request: HttpRequest) -> CIMultiDict[str]:
        headers = CIMultiDict(request.headers)
        headers["Accept-Encoding"] = ENCODINGS
        source = self._pool.headers
        try:
            headers.update(await source() if callable(source) else source)
            for value in headers.values():
                str.strip(value)  # raises TypeError for what aiohttp cannot write
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():  # the call itself is cancelled, not a task of the application
                raise
            raise HeadersUnavailable from error
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # an error in the application's code: nothing was sent yet
            raise HeadersUnavailable from error
        return headers


def _content(response: aiohttp.ClientResponse, *, raw: bool) -> AsyncGenerator[bytes]:
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    return inflated(response.content.iter_any(), encoding, limited=not raw)


async def _read(response: aiohttp.ClientResponse, *, raw: bool) -> bytes:
    """The body. One that is too large is cut one byte beyond the limit, so that the reader refuses it.

    JSON that expands too far is cut as well: its reader takes the entries before the cut, and reports the repair.
    """
    body, limit = bytearray(), MAX_BODY if raw else MAX_ANSWER
    async with aclosing(_content(response, raw=raw)) as chunks:
        try:
            async for chunk in chunks:
                body += chunk
                if len(body) > limit:
                    raise ExpandedTooFar
        except ExpandedTooFar:
            response.close()
    return bytes(body[: limit + 1])
