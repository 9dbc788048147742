"""The identity of a caller: tenant, Authorization header and cookie (protocol.md 1.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from attrs import frozen

from statemachine.emulator import judge
from statemachine.emulator.chat import WEB_CHAT, ClientKey
from statemachine.emulator.errors import ApiError
from statemachine.emulator.state import CentreState
from statemachine.emulator.wire import HttpRequest

SCHEME: Final = "MOBILE-API-140-327-PLAIN"
COOKIE: Final = "WEBCHAT_CLIENT"

_PAIR: Final = re.compile(r'\s*(\w+)\s*=\s*(?:"([^"]*)"|([^",]*))\s*')


@frozen
class Caller:
    """An identified client; ``new_cookie`` has to be set with the reply."""

    key: ClientKey
    new_cookie: str | None = None


def claimed(request: HttpRequest) -> ClientKey:
    """The client that a request claims to come from, unchecked; empty where it claims nothing."""
    values = _pairs(request.header("Authorization") or "") or {}
    client_id = values.get("clientId", "")
    cookie = _cookie(request) if client_id == WEB_CHAT else ""
    return ClientKey(tenant_of(request), values.get("appId", ""), f"{client_id}:{cookie}" if cookie else client_id)


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
    if client_id is None:
        raise ApiError(2004)
    key = ClientKey(tenant, app_id, client_id)
    judge.identified(state, key, now, ticket)
    if not client_id:
        raise ApiError(2004)
    if knobs.app_ids and app_id not in knobs.app_ids:
        raise ApiError(3000)
    if client_id == WEB_CHAT and knobs.cookie_identity:
        return _by_cookie(state, request, tenant, app_id)
    return Caller(key)


def tenant_of(request: HttpRequest) -> str:
    """``tenantUrl`` as a bare domain in lower case; a full URL is seen in the wild too."""
    value = (request.parameter("tenantUrl") or "").strip().lower()
    return value.removeprefix("https://").removeprefix("http://").rstrip("/")


def authorization_values(header: str | None) -> Mapping[str, str]:
    """The pairs of the header, quoted or not. Raises 2000, 2001 or 2002."""
    if header is None or not header.strip():
        raise ApiError(2000)
    if header.strip().partition(" ")[0] != SCHEME:
        raise ApiError(2002)
    values = _pairs(header)
    if values is None:
        raise ApiError(2001)
    return values


@lru_cache(maxsize=4_096)
def _pairs(header: str) -> Mapping[str, str] | None:
    """The pairs after the scheme, or None if they are malformed. Cached: a client always sends the same header."""
    rest = header.strip().partition(" ")[2]
    values: dict[str, str] = {}
    position = 0
    while position < len(rest):
        match = _PAIR.match(rest, position)
        if match is None or (match.end() < len(rest) and rest[match.end()] != ","):
            return None
        values[match[1]] = match[2] if match[2] is not None else match[3].strip()
        position = match.end() + 1
    return values


def _cookie(request: HttpRequest) -> str:
    for key, header in request.headers:
        if key.lower() != "cookie":
            continue
        for part in header.split(";"):
            name, _, value = part.strip().partition("=")
            if name == COOKIE and value:
                return value
    return ""


def _by_cookie(state: CentreState, request: HttpRequest, tenant: str, app_id: str) -> Caller:
    """``WebChat`` is no identity: the cookie is; without one this is a new client."""
    value = _cookie(request)
    if value:
        return Caller(ClientKey(tenant, app_id, f"{WEB_CHAT}:{value}"))
    value = state.new_uuid("cookie")
    return Caller(ClientKey(tenant, app_id, f"{WEB_CHAT}:{value}"), value)
