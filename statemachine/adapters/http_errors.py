"""Why a request has no complete answer, in words for people: what happened, without ids, secrets and chat text."""

from __future__ import annotations

import os
import re
import ssl
import zlib
from typing import Final, Literal, TypeAlias

from ..logs import error_name
from .aiohttp_extra import aiohttp
from .circuit_breaker import RequestBlocked
from .payload import UnreadablePayload

NoAnswer: TypeAlias = Literal["unsent", "no_payload", "timeout", "cut"]
Cause: TypeAlias = Literal[
    "", "blocked", "certificate", "connection", "header_size", "headers", "host", "no_http", "no_tls", "payload",
    "proxy_blocks", "proxy_connection", "proxy_failed", "proxy_host", "proxy_may_block", "proxy_may_fail",
    "proxy_no_http", "proxy_no_tls", "proxy_password", "wrong_http",
]  # fmt: skip
"""The cause, where it is known; `client.advice` has the remedies."""

MAX_HEADER: Final = 64 * 1024
"""The most bytes of one response header, and of the status line."""


class CallFailed(Exception):
    """There is no complete answer. `kind`: see `http_client`; `error`: the type of the original exception.

    `reason`: for people, without ids and secrets; never empty.
    """

    def __init__(self, kind: NoAnswer, error: BaseException, reason: str, cause: Cause = "") -> None:
        self.kind: Final[NoAnswer] = kind
        self.error: Final = error_name(error)
        self.reason: Final = reason
        self.cause: Final[Cause] = cause
        super().__init__(self.kind, self.error, self.reason)


class ConnectionCut(Exception):
    """The connection broke. Not an aiohttp error: after those aiohttp repeats a GET by itself."""


class HeadersUnavailable(Exception):
    """The application's function for headers has raised. `__cause__` is its error."""


# --- the request was not sent -----------------------------------------------------------------------------------------


def unsent(error: Exception, proxy: str = "") -> CallFailed:
    """The request certainly did not leave. `proxy`: the host of the proxy, "" for none."""
    match error:
        case UnreadablePayload():
            return CallFailed("no_payload", error, f"the file cannot be read: {error}", "payload")
        case RequestBlocked():
            return CallFailed("unsent", error, str(error), "blocked")
        case HeadersUnavailable():
            raised = error.__cause__ or error
            reason = f"the function for headers has raised {type(raised).__name__}"
            return CallFailed("unsent", raised, reason, "headers")
        case aiohttp.ClientHttpProxyError():
            return _refused_by_proxy(error)
        case aiohttp.ClientConnectorError():
            return _not_connected(error, proxy)
        case TimeoutError():
            return CallFailed("unsent", error, "no connection in time", "connection")
        case UnicodeError():
            return CallFailed("unsent", error, "a host name is not valid", "proxy_host" if proxy else "host")
        case _:  # a header value with a line break, for example
            return CallFailed("unsent", error, "the request cannot be written; check the option headers", "headers")


def _refused_by_proxy(error: aiohttp.ClientHttpProxyError) -> CallFailed:
    causes: dict[int, Cause] = {401: "proxy_password", 407: "proxy_password", 403: "proxy_blocks"}
    cause = causes.get(error.status, "proxy_failed")
    return CallFailed("unsent", error, f"the proxy refuses the connection: HTTP status {error.status}", cause)


def forwarded(status: int) -> Cause:
    """The cause of an error that a proxy has either passed on or made itself."""
    if status == 403:
        return "proxy_may_block"
    return "proxy_may_fail" if status >= 500 else ""


def _not_connected(error: aiohttp.ClientConnectorError, proxy_host: str) -> CallFailed:
    # aiohttp raises its general errors where the name of the proxy cannot be resolved.
    proxy = isinstance(error, aiohttp.ClientProxyConnectionError) or error.host == proxy_host
    origin, cause = error.os_error, _cause_of(error, proxy, bool(proxy_host))
    if isinstance(origin, ssl.SSLCertVerificationError):
        why = f"certificate not trusted, {origin.verify_message}"
    elif cause in ("host", "proxy_host"):
        why = "no such host"
    elif _has_no_tls(error):
        why = "no TLS there"
    else:
        why = os.strerror(origin.errno) if origin.errno and origin.errno > 0 else "cannot connect"
    place = f"{'the proxy ' if proxy else ''}{error.host}:{error.port}"
    return CallFailed("unsent", error, f"{place}: {why}", cause)


def _has_no_tls(error: aiohttp.ClientConnectorError) -> bool:
    """Whether the TLS handshake failed."""
    # asyncio: the other side has closed the connection within the handshake
    closed = isinstance(error.os_error, ConnectionResetError) and error.os_error.errno is None
    return closed or isinstance(error, aiohttp.ClientConnectorSSLError) or isinstance(error.os_error, ssl.SSLError)


def _cause_of(error: aiohttp.ClientConnectorError, proxy: bool, through_proxy: bool) -> Cause:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "certificate"
    if isinstance(error.os_error, ssl.SSLCertVerificationError):
        return "certificate"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "proxy_host" if proxy else "host"
    if proxy:
        return "proxy_connection"
    if _has_no_tls(error):
        return "proxy_no_tls" if through_proxy else "no_tls"
    return "connection"


# --- the answer is missing or cannot be read --------------------------------------------------------------------------


def cut(error: Exception, proxy: str = "") -> CallFailed:
    """The request may have arrived; its answer did not. `proxy`: the host of the proxy, "" for none."""
    original = error.__cause__ if isinstance(error, ConnectionCut) and error.__cause__ else error
    reason, cause = _cut_reason(original)
    if cause == "no_http" and proxy:
        cause = "proxy_no_http"
    return CallFailed("cut", original, reason, cause)


def _cut_reason(error: BaseException) -> tuple[str, Cause]:
    match error:
        case aiohttp.ClientResponseError():
            return _unreadable(error.message)
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed before an answer", ""
        case aiohttp.ClientPayloadError():
            if isinstance(error.__cause__, aiohttp.http.HttpProcessingError):
                return _unreadable(error.__cause__.message)
            return "the connection was closed within the answer", ""
        case zlib.error():
            return "the answer cannot be unpacked", "wrong_http"
        case OSError() if error.errno:
            return f"the connection broke off: {os.strerror(error.errno)}", ""
        case _:
            return "the connection broke off", ""


_QUOTATION: Final = re.compile(r"[:\s]*(?:\bb['\"]|bytearray\(|\n).*", re.DOTALL)
"""The part of aiohttp's message that quotes the answer."""


def _unreadable(message: str) -> tuple[str, Cause]:
    said = _QUOTATION.sub("", message).strip(" :.")
    if said.startswith("Got more than"):
        return f"a response header is larger than {MAX_HEADER // 1024} KB", "header_size"
    if said.startswith("Too many headers"):
        return "the answer has too many headers", "header_size"
    if said.startswith("Bad status line"):
        return "the answer is not HTTP", "no_http"
    if said.startswith("Not enough data"):
        return "the connection was closed within the answer", ""
    return f"the answer is not correct HTTP: {said or 'no details'}", "wrong_http"
