"""HAR files, which browsers and proxies record: the calls of the chat API in them.

Any path that contains `/clientweb/api/v1/` or `/v2/` counts. Of the headers only those are kept that
describe the answer; authorization is never read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias
from urllib.parse import unquote

from attrs import field, frozen

from .. import core
from ..codec.body import Problem, as_object
from ..codec.har import HarCall, read_har_calls, unreadable_part
from ..codec.http import read_reply
from ..codec.lenient import read_body
from ..codec.wire import decode_entries
from ..core import Api, ChatOpened, Entry, EventBatch, Failure, HistoryLog, Reply
from ..core.wire import SessionEnd

CallKind: TypeAlias = Literal["create", "find", "poll", "history", "post", "other"]


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
    api: Api
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
PROBES: Final[dict[CallKind, core.Command]] = {
    "create": core.CreateChat(0, 0),
    "find": core.FindChat(0, 0),
    "poll": core.Poll(0, 0, ""),
    "history": core.ReadHistory(0, 0, ""),
    "post": core.Post(0, 0, "", "", SessionEnd()),
}
"""Kind -> the command of the engine that makes such a call."""
_KEPT_HEADERS: Final = ("retry-after", "date", "content-type")


def read_har(value: object) -> tuple[CapturedCall, ...]:
    """The calls of the chat's interface, in order of their start."""
    return tuple(call for one in read_har_calls(value) if (call := _call(one)) is not None)


def _call(one: HarCall) -> CapturedCall | None:
    path = _PATH.search(one.path)
    if path is None or one.method == "OPTIONS":  # a browser's preflight
        return None
    kind, chat_id = _kind(one.method, [unquote(part) for part in path[2].split("/")])
    notes = [] if one.timed else ["its time cannot be read"]
    reply = _reply(kind, one)
    if kind != "other" and (why := _unread_answer(one)):
        notes.append(f"the answer cannot be read: {why}")
    if isinstance(reply, ChatOpened):
        chat_id = reply.chat_id
    body, problem = _sent(kind, one)
    api: Api = "v1" if path[1] == "v1" else "v2"
    notes += [problem] if problem else []
    asked = as_object(body) if kind == "create" else {}
    posted = decode_entries(body) if kind == "post" and not isinstance(body, Problem) else ()
    name = f"{one.method} {path[2]}"
    if chat_id:
        name = name.replace(chat_id, "…")
    note = "; ".join(notes)
    return CapturedCall(kind, name, one.at, one.end, api, chat_id, one.status, reply, posted, asked, note)


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


def _unread_answer(call: HarCall) -> str:
    if call.response.problem or not (call.response.data.strip() and 200 <= call.status < 300):
        return call.response.problem
    return unreadable_part(call.response.data, call.response_headers)


def _sent(kind: CallKind, call: HarCall) -> tuple[object, str]:
    """(what was posted, the reason why it or a part of it cannot be read)."""
    data, headers = call.request.data, call.request_headers
    if kind not in ("create", "post") or (kind == "create" and not (data or call.request.problem)):
        return {}, ""
    why = call.request.problem or unreadable_part(data, headers)
    return read_body(data, dict(headers)).value, why and f"the request cannot be read: {why}"


# --- the answer -----------------------------------------------------------------------------------------------------


def _reply(kind: CallKind, call: HarCall) -> Reply | None:
    status = call.status
    if kind == "other":
        return None
    if not status:
        return Failure("cut")
    if call.response.problem:
        return Failure("unreadable" if 200 <= status < 300 else "http", status)
    named = {name.lower(): value for name, value in call.response_headers}
    headers: dict[str, str] = {name: named[name] for name in _KEPT_HEADERS if name in named}
    reply = read_reply(PROBES[kind], status, headers, call.response.data, redirected=False)
    return HistoryLog(reply.entries) if kind == "history" and isinstance(reply, EventBatch) else reply
