"""Answers for web pages of other origins: web chat runs in them, with credentials (protocol.md 1.5)."""

from __future__ import annotations

from aiohttp import web

_MAX_AGE_S = 600


def allowance(request: web.Request) -> dict[str, str]:
    """Headers that let a page of another origin read the answer; none where no page asks."""
    origin = request.headers.get("Origin")
    if origin is None:
        return {}
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true", "Vary": "Origin"}


def preflight(request: web.Request) -> web.Response | None:
    """The answer to a browser that asks whether it may send a request; None where this is none."""
    method = request.headers.get("Access-Control-Request-Method")
    if request.method != "OPTIONS" or method is None:
        return None
    wanted = request.headers.get("Access-Control-Request-Headers", "")
    headers = {"Access-Control-Allow-Methods": method, "Access-Control-Max-Age": str(_MAX_AGE_S)}
    if wanted:
        headers["Access-Control-Allow-Headers"] = wanted
    return web.Response(status=204, headers=allowance(request) | headers)
