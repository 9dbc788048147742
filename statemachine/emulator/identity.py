"""Who is calling: the tenant, the Authorization header and the cookie (protocol.md 1.1)."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from statemachine.emulator import judge
from statemachine.emulator.chat import ClientKey
from statemachine.emulator.errors import ApiError
from statemachine.emulator.state import CentreState
from statemachine.emulator.wire import HttpRequest

SCHEME: Final = "MOBILE-API-140-327-PLAIN"
COOKIE: Final = "WEBCHAT_CLIENT"
WEB_CHAT: Final = "WebChat"

_PAIR: Final = re.compile(r'\s*(\w+)\s*=\s*(?:"([^"]*)"|([^",]*))\s*')


@frozen
class Caller:
    """An identified client; ``new_cookie`` has to be set with the reply."""

    key: ClientKey
    new_cookie: str | None = None


def identify(state: CentreState, request: HttpRequest, now: int, ticket: int) -> Caller:
    """The client behind a request. Raises 1000, 2000-2004 or 3000."""
    knobs = state.knobs
    tenant = tenant_of(request)
    if (knobs.tenant_required and not tenant) or (tenant and knobs.tenants and tenant not in knobs.tenants):
        raise ApiError(1000, knobs.tenant_status)
    values = authorization_values(request.header("Authorization"))
    app_id, client_id = values.get("appId", ""), values.get("clientId")
    if not app_id:
        raise ApiError(2003)
    if client_id == "":
        judge.empty_client_id(state, now, ticket)
    if not client_id:
        raise ApiError(2004)
    if knobs.app_ids and app_id not in knobs.app_ids:
        raise ApiError(3000)
    if client_id == WEB_CHAT and knobs.cookie_identity:
        return _by_cookie(state, request, tenant, app_id)
    return Caller(ClientKey(tenant, app_id, client_id))


def tenant_of(request: HttpRequest) -> str:
    """``tenantUrl`` as a bare domain in lower case; a full URL is seen in the wild too."""
    value = (request.parameter("tenantUrl") or "").strip().lower()
    return value.removeprefix("https://").removeprefix("http://").rstrip("/")


def authorization_values(header: str | None) -> dict[str, str]:
    """The pairs of the header, quoted or not. Raises 2000, 2001 or 2002."""
    if header is None or not header.strip():
        raise ApiError(2000)
    scheme, _, rest = header.strip().partition(" ")
    if scheme != SCHEME:
        raise ApiError(2002)
    values: dict[str, str] = {}
    position = 0
    while position < len(rest):
        match = _PAIR.match(rest, position)
        if match is None or (match.end() < len(rest) and rest[match.end()] != ","):
            raise ApiError(2001)
        values[match[1]] = match[2] if match[2] is not None else match[3].strip()
        position = match.end() + 1
    return values


def _by_cookie(state: CentreState, request: HttpRequest, tenant: str, app_id: str) -> Caller:
    """``WebChat`` names nobody: the cookie does, and who has none is a new stranger."""
    for key, header in request.headers:
        if key.lower() != "cookie":
            continue
        for part in header.split(";"):
            name, _, value = part.strip().partition("=")
            if name == COOKIE and value:
                return Caller(ClientKey(tenant, app_id, f"{WEB_CHAT}:{value}"))
    value = state.new_uuid("cookie")
    return Caller(ClientKey(tenant, app_id, f"{WEB_CHAT}:{value}"), value)
