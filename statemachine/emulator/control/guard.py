"""Access control. The API below ``/clientweb`` is open to every client; control API and console are not.

On loopback: every program on this machine, but no page of another site in its browser. A browser says where a request
comes from (``Origin``, ``Sec-Fetch-Site``), and by ``Host`` under what name it found us: a foreign name that points to
loopback (DNS rebinding) is refused, on the wire too. Bound elsewhere: a token is required.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from statemachine.emulator.control.common import EMULATOR, refusal
from statemachine.serving.addresses import host_name, is_cross_site, is_loopback

TOKEN_PARAMETER: Final = "token"
"""``?token=…`` in the address of a page: it becomes a cookie, and the address is cleaned."""
CONTROL: Final = "/_control"
"""The path of the control API."""


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests from pages of other sites, and requests without the token; see above."""
    token = request.app[EMULATOR].token
    if is_cross_site(request):
        raise refusal(403, "this comes from a page of another site")
    if token is None:
        return await handler(request)
    given = request.query.get(TOKEN_PARAMETER)
    if given is not None and request.method == "GET" and _equal(given, token):
        return _with_cookie(request, token)
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    shown = bearer.strip() if scheme.lower() == "bearer" else request.cookies.get(_cookie(_prefix(request)), "")
    if not _equal(shown, token):
        raise refusal(401, "a token is needed: Authorization: Bearer …, or ?token=… in the address of the page")
    return await handler(request)


def check_host(request: web.Request, names: Collection[str]) -> None:
    """Refuse a name that is neither loopback's nor one of these, in lower case. Every browser sends a name."""
    name = host_name(request.headers.get("Host", "localhost"))
    if not is_loopback(name) and name not in names:
        raise refusal(403, f"unknown host {name!r}: use the address that the emulator printed, or allow it by --name")


def _equal(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), token.encode())


def _with_cookie(request: web.Request, token: str) -> web.Response:
    clean = request.rel_url.without_query_params(TOKEN_PARAMETER)
    reply = web.Response(status=303, headers={"Location": str(clean)})
    # The wire gets no token; the page calls the control API.
    for path in {_prefix(request), CONTROL}:
        reply.set_cookie(_cookie(path), token, httponly=True, samesite="Lax", secure=request.secure, path=path)
    return reply


def _prefix(request: web.Request) -> str:
    return f"/{request.path.split('/')[1]}"


def _cookie(path: str) -> str:
    """The cookie of the part that is mounted at this path."""
    return f"emulator_token{path.replace('/', '_')}"
