"""HAR files, which browsers and proxies record: the calls of the chat API in them.

Any path that contains `/clientweb/api/v1/` or `/v2/` counts. Of the headers only those are kept that
describe the answer; authorization is never read.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias, cast
from urllib.parse import unquote, urlsplit

from attrs import field, frozen

from ..codec.body import MAX_BODY, Problem, parse_body
from ..codec.http import read_reply
from ..codec.wire import decode_entries
from ..core import (
    ChatOpened,
    Command,
    CreateChat,
    Entry,
    EventBatch,
    Failure,
    FindChat,
    HistoryLog,
    Poll,
    Post,
    ReadHistory,
    Reply,
)
from ..core.wire import SessionEnd

__all__ = ["BadHar", "CallKind", "CapturedCall", "is_har", "read_har"]

CallKind: TypeAlias = Literal["create", "find", "poll", "history", "post", "other"]


class BadHar(ValueError):
    """A HAR file that holds nothing of a chat."""


@frozen
class CapturedCall:
    """One call, from `at` to `end` (milliseconds since the epoch).

    `name`: the method and the path within the interface. `posted`: the entries that the client sent. `asked`: the
    body of the request for a chat. `reply` is None for calls that say nothing about the session.
    """

    kind: CallKind
    name: str
    at: int
    end: int
    api: str
    chat_id: str = ""
    status: int = 0
    reply: Reply | None = None
    posted: tuple[Entry, ...] = ()
    asked: Mapping[str, object] = field(factory=dict[str, object])
    note: str = ""


_PATH: Final = re.compile(r"/clientweb/api/(v[12])/(.+?)/?$")
_OF_CHAT: Final[dict[tuple[str, str], CallKind]] = {
    ("GET", "events"): "poll",
    ("POST", "events"): "post",
    ("GET", "history"): "history",
}
_KEPT_HEADERS: Final = ("retry-after", "date")
Object: TypeAlias = dict[str, object]


def is_har(value: object) -> bool:
    """Whether this JSON has the shape of a HAR file."""
    log = as_object(value).get("log")
    return isinstance(log, dict) and isinstance(cast(Object, log).get("entries"), list)


def read_har(value: object) -> tuple[CapturedCall, ...]:
    """The calls of the chat's interface, in order of their start. Raises BadHar where there are none."""
    calls: list[CapturedCall] = []
    last = 0
    for entry in cast(list[object], as_object(as_object(value)["log"])["entries"]):
        call = _call(as_object(entry), last)
        if call is not None:
            calls.append(call)
            last = call.at
    if not calls:
        raise BadHar("a HAR file without a call of a chat (no path with /clientweb/api/v1/ or /v2/)")
    return tuple(sorted(calls, key=lambda call: call.at))


def as_object(value: object) -> Object:
    """The JSON object, or an empty one for any other value."""
    return cast(Object, value) if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _call(entry: Object, last: int) -> CapturedCall | None:
    request, response = as_object(entry.get("request")), as_object(entry.get("response"))
    try:
        path = _PATH.search(urlsplit(_text(request.get("url"))).path)
    except ValueError:
        path = None
    method = _text(request.get("method")).upper()
    if path is None or method == "OPTIONS":  # a browser's preflight
        return None
    parts = [unquote(part) for part in path[2].split("/")]
    kind, chat_id = _kind(method, parts)
    at = _instant(entry.get("startedDateTime"), last)
    status = response.get("status")
    status = status if isinstance(status, int) and 100 <= status < 600 else 0
    body, note = _body(as_object(response.get("content")))
    reply = _reply(kind, chat_id, status, _headers(response), body)
    if isinstance(reply, ChatOpened):
        chat_id = reply.chat_id
    asked, posted = _sent(kind, request)
    name = f"{method} {path[2]}"
    if chat_id:
        name = name.replace(chat_id, "…")
    return CapturedCall(kind, name, at, at + _duration(entry), path[1], chat_id, status, reply, posted, asked, note)


def _kind(method: str, parts: list[str]) -> tuple[CallKind, str]:
    """(kind, the chat id in the path)."""
    if parts == ["chats"] and method == "POST":
        return "create", ""
    if parts == ["chats", "active"] and method == "GET":
        return "find", ""
    if parts[0] == "chats" and len(parts) >= 3:
        kind = _OF_CHAT.get((method, parts[2])) if len(parts) == 3 else None
        return kind or "other", parts[1]
    return "other", ""


def _sent(kind: CallKind, request: Object) -> tuple[Object, tuple[Entry, ...]]:
    """(body of the request for a chat, entries posted)."""
    text = _text(as_object(request.get("postData")).get("text"))
    if kind not in ("create", "post") or not text:
        return {}, ()
    body = parse_body(text.encode(errors="replace"))
    if isinstance(body, Problem):
        return {}, ()
    return (as_object(body), ()) if kind == "create" else ({}, decode_entries(body))


# --- the answer -----------------------------------------------------------------------------------------------------


def _reply(kind: CallKind, chat_id: str, status: int, headers: Mapping[str, str], body: bytes | None) -> Reply | None:
    if kind == "other":
        return None
    if not status:
        return Failure("cut")
    if body is None:
        return Failure("unreadable" if 200 <= status < 300 else "http", status)
    probes: dict[CallKind, Command] = {
        "create": CreateChat(0, 0),
        "find": FindChat(0, 0),
        "poll": Poll(0, 0, chat_id),
        "history": ReadHistory(0, 0, chat_id),
        "post": Post(0, 0, chat_id, "", SessionEnd()),
    }
    reply = read_reply(probes[kind], status, headers, body)
    return HistoryLog(reply.entries) if kind == "history" and isinstance(reply, EventBatch) else reply


def _headers(response: Object) -> dict[str, str]:
    found = response.get("headers")
    pairs = [as_object(one) for one in cast(list[object], found)] if isinstance(found, list) else []
    named = {_text(pair.get("name")).lower(): _text(pair.get("value")) for pair in pairs}
    return {name: named[name] for name in _KEPT_HEADERS if name in named}


def _body(content: Object) -> tuple[bytes | None, str]:
    """(the bytes, what is odd about them). None: there was a body, and the file does not hold it."""
    text, size = content.get("text"), content.get("size")
    if not isinstance(text, str):
        missing = isinstance(size, int | float) and size > 0
        return (None, "the file does not hold this answer's body") if missing else (b"", "")
    if content.get("encoding") != "base64":
        return text.encode(errors="replace"), ""
    try:
        body = base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError):
        return None, "the body is no base64"
    return gunzip(body), ""  # some proxies record compressed bodies


def gunzip(data: bytes) -> bytes:
    """The content of a gzip stream, at most one byte more than `MAX_BODY`; other bytes are returned as they are."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(data, MAX_BODY + 1)
    except zlib.error:
        return data


# --- time -----------------------------------------------------------------------------------------------------------


def _instant(value: object, default: int) -> int:
    try:
        moment = datetime.fromisoformat(_text(value))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0, int(moment.timestamp() * 1_000))
    except (ValueError, OverflowError, OSError):
        return default


def _duration(entry: Object) -> int:
    value = entry.get("time")
    return round(value) if isinstance(value, int | float) and 0 < value < 86_400_000 else 0
