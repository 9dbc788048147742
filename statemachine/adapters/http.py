"""The transport over HTTP, with aiohttp: one call a command, its outcome as a `Reply`, and no opinion of its own.

What went wrong is told apart by what the server may have done: *unsent*: it certainly never had the request; *timeout*
and *cut*: it may have. Nothing is ever repeated here, and no redirect followed: a redirect would carry the customer's
credentials to whatever host it names, and an address that redirects is a setting to correct.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from traceback import extract_tb
from types import TracebackType
from typing import BinaryIO, Final, Self, TypeAlias

from structlog import get_logger

from statemachine import Command, Failure, FailureKind, Post, Reply
from statemachine.codec.body import MAX_BODY
from statemachine.codec.http import Endpoint, HttpRequest, read_reply, to_http
from statemachine.wire import SecureFormData

from .aio import Tasks
from .protocols import Answer

try:
    import aiohttp
    from yarl import URL
except ModuleNotFoundError as missing:  # pragma: no cover - tested in a process of its own
    raise ModuleNotFoundError(
        "HTTP needs aiohttp: pip install 'chat-session-statemachine[http]'", name=missing.name
    ) from None

__all__ = ["FormValues", "HttpTransport", "OpenFile", "Pool"]

OpenFile: TypeAlias = Callable[[str], bytes | Path]
"""From a file's `ref` to its bytes, or to where they are. Raises LookupError for what is no longer there."""
FormValues: TypeAlias = Callable[[str], Mapping[str, object]]
"""From a secure form's `ref` to its values. Raises LookupError for what is no longer there."""

_log = get_logger(__name__)

_UNSENT: Final = (
    aiohttp.ClientConnectorError,  # name, connect, proxy and TLS handshake
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    LookupError,
    ValueError,
)


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


class Pool:
    """The connections of all chats of a process. `connect_timeout`: for name, connection and TLS together."""

    def __init__(self, connect_timeout: timedelta = timedelta(seconds=5)) -> None:
        self.connect_timeout: Final = connect_timeout
        # Without a limit: aiohttp's default of 100 lets the polls of the 101st chat wait in silence.
        self.connector: Final = aiohttp.TCPConnector(limit=0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connector.close()


class HttpTransport:
    """Carries one session's commands to `endpoint`, which may be replaced at any time.

    Each session has cookies of its own: to a server they are who the customer is, where the client id is `WebChat`.
    """

    def __init__(self, pool: Pool, endpoint: Endpoint, *, open_file: OpenFile, form_values: FormValues) -> None:
        self.endpoint = endpoint
        self._open_file = open_file
        self._form_values = form_values
        self._connect = pool.connect_timeout.total_seconds()
        self._tasks = Tasks()
        self._session = aiohttp.ClientSession(
            connector=pool.connector,
            connector_owner=False,
            cookie_jar=aiohttp.CookieJar(unsafe=True),  # "unsafe": also from a host without a name; there is one host
            middlewares=(_once,),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.close()
        await self._session.close()

    def execute(self, command: Command, answer: Answer) -> None:
        """See `Transport.execute`."""
        self._tasks.spawn(command.id, self._call(command, answer))

    def abort(self, command_id: int) -> None:
        """See `Transport.abort`."""
        self._tasks.cancel(command_id)

    async def _call(self, command: Command, answer: Answer) -> None:
        answer(await self._reply(command))

    async def _reply(self, command: Command) -> Reply:
        try:
            return await self._exchange(command)
        except _UNSENT as error:
            return _failed(command, "unsent", error)
        except TimeoutError as error:
            return _failed(command, "timeout", error)
        except (aiohttp.ClientError, OSError, _Cut) as error:
            return _failed(command, "cut", error)
        except Exception as error:  # what nobody foresaw: a fault of ours, and the server may have had the request
            where = extract_tb(error.__traceback__)[-1]
            place = f"{where.name}:{where.lineno}"
            _log.error("call_crashed", call=type(command).__name__, error=type(error).__name__, place=place)
            return Failure("cut")

    async def _exchange(self, command: Command) -> Reply:
        request = to_http(command, self.endpoint, nonce=secrets.token_hex(8), secret=self._secret(command))
        # The whole answer within the time that the command allows, or the session would give up waiting before.
        timeout = aiohttp.ClientTimeout(total=request.timeout / 1_000, sock_connect=self._connect)
        async with (
            self._payload(request) as data,
            self._session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=data,
                timeout=timeout,
                allow_redirects=False,
            ) as response,
        ):
            body = await _read(response)
            return read_reply(command, response.status, response.headers, body)

    def _secret(self, command: Command) -> Mapping[str, object] | None:
        if isinstance(command, Post) and isinstance(command.entry, SecureFormData):
            return self._form_values(command.entry.ref)
        return None

    @asynccontextmanager
    async def _payload(self, request: HttpRequest) -> AsyncGenerator[bytes | aiohttp.FormData | None]:
        if request.upload_ref is None:
            yield request.body
            return
        with self._file(request.upload_ref) as file:
            form = aiohttp.FormData(quote_fields=False)  # as browsers do: the name in UTF-8, not percent-encoded
            form.add_field("file", file, filename=_file_name(request.upload_name))
            yield form

    def _file(self, ref: str) -> BinaryIO:
        source = self._open_file(ref)
        if isinstance(source, bytes):
            return io.BytesIO(source)
        try:
            return source.open("rb")
        except OSError as error:
            raise LookupError(f"the file cannot be read: {error.strerror}") from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body, or one byte more than is ever read of one: enough for the reader to refuse it."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY:
            response.close()
            break
    return bytes(body)


def _file_name(name: str) -> str:
    printable = "".join(char for char in name if char.isprintable())
    return printable.encode(errors="replace").decode() or "file"


def _failed(command: Command, kind: FailureKind, error: Exception) -> Failure:
    # Only these are explained, by host and port: other texts may hold an address with its ids, or what a server sent.
    reason = str(error) if isinstance(error, aiohttp.ClientConnectorError) else ""
    _log.warning("call_failed", call=type(command).__name__, kind=kind, error=type(error).__name__, reason=reason)
    return Failure(kind)
