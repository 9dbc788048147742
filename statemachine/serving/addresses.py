"""Names and addresses of this machine, and requests from pages of other sites."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

# The loopback address of a server that listens on every address.
_CONNECTABLE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_SAME_SITE: Final = ("same-origin", "none")


def local_url(host: str, port: int, *, secure: bool) -> str:
    """The URL of a server that is bound to this address, without a slash at the end."""
    host = _CONNECTABLE.get(host, host)
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether an address, or the name of one, is this machine's own."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def host_name(host: str) -> str:
    """The name in a `Host` header, without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_cross_site(request: web.Request) -> bool:
    """Whether a page of another site makes the browser ask this."""
    origin = request.headers.get("Origin")
    if origin is not None and _netloc(origin) != request.host.lower():
        return True
    if request.headers.get("Sec-Fetch-Site", "none") in _SAME_SITE:
        return False
    # Following a link to here is no harm: the other site cannot read the answer.
    follows_a_link = request.headers.get("Sec-Fetch-Mode"), request.headers.get("Sec-Fetch-Dest")
    return request.method != "GET" or follows_a_link != ("navigate", "document")


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
