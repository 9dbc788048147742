"""Which endpoint a method and a path mean (protocol.md 1.2 and 1.3)."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from attrs import frozen

from statemachine.emulator.errors import PlainError
from statemachine.emulator.knobs import Call, Knobs

_ROOT: Final[dict[tuple[str, str], Call]] = {
    ("GET", "version"): "version",
    ("GET", "availability"): "availability",
    ("GET", "parameters"): "parameters",
    ("POST", "chats"): "create",
    ("GET", "casehistory"): "casehistory",
    ("POST", "closecase"): "closecase",
    ("POST", "files"): "upload",
    ("GET", "iceservers"): "iceservers",
    ("GET", "configuration"): "configuration",
    ("POST", "requestsms"): "requestsms",
}
_OF_CHAT: Final[dict[tuple[str, str], Call]] = {
    ("POST", "events"): "send",
    ("GET", "events"): "poll",
    ("GET", "history"): "history",
    ("POST", "notifications"): "notifications",
    ("GET", "casehistory"): "casehistory",
    ("POST", "closecase"): "closecase",
    ("GET", "chaticon"): "photo",
}
_OF_ITEM: Final[dict[tuple[str, str], Call]] = {
    ("GET", "files"): "download",
    ("GET", "profilephotos"): "photo",
}
_ONLY_V2: Final[frozenset[Call]] = frozenset({"version", "notifications", "casehistory", "closecase"})
_ONLY_V1: Final[frozenset[Call]] = frozenset({"requestsms"})


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
    route = _route(method, 1 if parts[2] == "v1" else 2, parts[3:])
    if route is None or not _served(knobs, route):
        raise PlainError(404)
    return route


def _route(method: str, version: int, parts: list[str]) -> Route | None:
    call: Call | None = None
    if len(parts) == 1:
        call = _ROOT.get((method, parts[0]))
        return Route(call, version) if call is not None else None
    if parts[0] != "chats":
        return None
    if len(parts) == 2:
        return Route("active", version) if (method, parts[1]) == ("GET", "active") else None
    if len(parts) == 3:
        call = _OF_CHAT.get((method, parts[2]))
        return Route(call, version, parts[1]) if call is not None else None
    call = _OF_ITEM.get((method, parts[2])) if len(parts) == 4 else None
    return Route(call, version, parts[1], parts[3]) if call is not None else None


def _served(knobs: Knobs, route: Route) -> bool:
    if route.call in ("casehistory", "closecase"):
        wanted = "chat" if route.chat_id else "root"
        if knobs.case_paths not in ("both", wanted):
            return False
    return route.call not in (_ONLY_V2 if route.version == 1 else _ONLY_V1)
