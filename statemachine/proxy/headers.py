"""The headers that a forwarded message must not keep as they are; all others pass unchanged."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

Headers = list[tuple[str, str]]

# RFC 9110, section 7.6.1, and the headers that are for the proxy itself.
_HOP_BY_HOP: Final = frozenset(
    (
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    )
)  # fmt: skip
_REQUEST_ONLY: Final = frozenset(("host", "expect"))
_LOCATIONS: Final = frozenset(("location", "content-location"))
_COOKIE_DOMAIN: Final = re.compile(r";\s*domain=[^;]*", re.IGNORECASE)
_COOKIE_SECURE: Final = re.compile(r";\s*(?:secure|partitioned|samesite=none)(?=\s*(?:;|$))", re.IGNORECASE)


def upstream_headers(headers: Iterable[tuple[str, str]]) -> Headers:
    """The headers of a request as they go to the contact centre, without `Host`."""
    given = list(headers)
    dropped = _HOP_BY_HOP | _REQUEST_ONLY | _named_by_connection(given)
    return [(name, value) for name, value in given if name.lower() not in dropped]


def local_headers(headers: Iterable[tuple[str, str]], upstream: str, local: str) -> Headers:
    """The headers of an answer as they go to the client.

    Args:
        headers: As the contact centre sent them.
        upstream: The contact centre's origin, `https://chat.example.com`.
        local: The origin at which the client reached the proxy. Redirects within `upstream` lead there. Cookies lose
            their domain, and over plain HTTP also the attributes that require HTTPS.
    """
    given = list(headers)
    dropped = _HOP_BY_HOP | _named_by_connection(given)
    return [
        (name, _local(name.lower(), value, upstream, local)) for name, value in given if name.lower() not in dropped
    ]


def _named_by_connection(headers: Headers) -> set[str]:
    """Headers that `Connection` declares to concern this connection only."""
    values = [value for name, value in headers if name.lower() == "connection"]
    return {option.strip().lower() for value in values for option in value.split(",")}


def _local(name: str, value: str, upstream: str, local: str) -> str:
    if name == "set-cookie":
        value = _COOKIE_DOMAIN.sub("", value)
        return value if local.startswith("https:") else _COOKIE_SECURE.sub("", value)
    if name in _LOCATIONS and _origin(value) == _origin(upstream):
        return local + value[len(re.match(r"[^/]*//[^/?#]*", value)[0]) :]  # type: ignore[index]
    return value


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", "", None
    return parts.scheme, parts.hostname or "", port
