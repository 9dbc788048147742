"""Which endpoint a method and a path mean (protocol.md 1.2 and 1.3)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from attrs import frozen

from statemachine.emulator.errors import PlainError
from statemachine.emulator.knobs import Call, Knobs

# Calls by method and path; * is the chat id, then the id of a file or a party.
_CALLS: Final[dict[str, Call]] = {
    "GET version": "version",
    "GET availability": "availability",
    "GET parameters": "parameters",
    "GET casehistory": "casehistory",
    "POST closecase": "closecase",
    "POST files": "upload",
    "GET iceservers": "iceservers",
    "GET configuration": "configuration",
    "POST requestsms": "requestsms",
    "POST chats": "create",
    "GET chats/active": "active",
    "POST chats/*/events": "send",
    "GET chats/*/events": "poll",
    "GET chats/*/history": "history",
    "POST chats/*/notifications": "notifications",
    "GET chats/*/casehistory": "casehistory",
    "POST chats/*/closecase": "closecase",
    "GET chats/*/chaticon": "photo",
    "GET chats/*/files/*": "download",
    "GET chats/*/profilephotos/*": "photo",
}
_BY_PARTS: Final[dict[tuple[str, ...], Call]] = {tuple(re.split("[ /]", key)): call for key, call in _CALLS.items()}
_ONLY_IN: Final[dict[Call, int]] = {"version": 2, "notifications": 2, "casehistory": 2, "closecase": 2, "requestsms": 1}


@frozen
class Route:
    """An endpoint with what its path named; ``chat_id`` and ``item`` are empty where it names none."""

    call: Call
    version: int
    chat_id: str = ""
    item: str = ""


def find_route(knobs: Knobs, method: str, path: str) -> Route:
    """The route of a request. Raises a plain 404, as no chat server is behind any other path."""
    parts = [unquote(part) for part in path.split("/") if part]
    if len(parts) == 3 and parts[:2] == ["clientweb", "file"] and method == "GET":
        return Route("download", 2, item=parts[2])  # E13b, outside the API prefix
    if len(parts) < 4 or parts[:2] != ["clientweb", "api"] or parts[2] not in ("v1", "v2"):
        raise PlainError(404)
    version, rest = 1 if parts[2] == "v1" else 2, parts[3:]
    pattern = ("*" if place in (1, 3) and len(rest) > 2 else part for place, part in enumerate(rest))
    call = _BY_PARTS.get((method, *pattern))
    if call is None or _ONLY_IN.get(call, version) != version:
        raise PlainError(404)
    route = Route(call, version, *rest[1:4:2]) if len(rest) > 2 else Route(call, version)
    if call in ("casehistory", "closecase") and knobs.case_paths not in ("both", "chat" if route.chat_id else "root"):
        raise PlainError(404)
    return route
