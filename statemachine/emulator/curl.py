"""Requests as a shell script of curl commands, to be run again by hand."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final
from urllib.parse import urlencode

from attrs import evolve

from statemachine.emulator.traffic import Exchange
from statemachine.emulator.wire import HttpRequest

# Requests closer than this go into one command, because starting a process takes as long.
_TOGETHER_MS: Final = 400
# Headers that curl writes by itself.
_OWN: Final = frozenset({"host", "content-length", "connection", "accept-encoding", "transfer-encoding", "expect"})
_NEXT: Final = "\\\n  --next"


def script(url: str, exchanges: Sequence[Exchange], *, fresh_chat: str = "", pace: float = 1.0) -> str:
    """Commands for a POSIX shell that make these requests again, in their order and at their distance.

    ``fresh_chat``: the id of a chat that is over; the requests then go to a new chat of the same client. ``pace``: real
    time by the centre's time.
    """
    if not exchanges:
        return ""
    lines = list(_opening(url, exchanges[0].request)) if fresh_chat else []
    group: list[str] = []
    for one, following in (*pairwise(exchanges), (exchanges[-1], None)):
        group.append(_arguments(url, one, fresh_chat))
        gap = 0 if following is None else following.at - one.at
        beside = following is not None and not one.cut and (one.replied_at or following.at + 1) > following.at
        if following is not None and gap < _TOGETHER_MS and not beside and not one.cut:
            continue
        lines.append(f"curl {f' {_NEXT} '.join(group)}{' &' if beside else ''}")
        group = []
        if beside or (gap >= _TOGETHER_MS and not one.cut):
            lines.append(f"sleep {max(0.4, round(gap * pace / 1000, 1))}")
    if any(line.endswith(" &") for line in lines):
        lines.append("wait")
    return "\n".join(lines)


def _opening(url: str, request: HttpRequest) -> Iterator[str]:
    version = request.path.split("/")[3]
    query = f"?{urlencode(request.query)}" if request.query else ""
    target = shlex.quote(f"{url}/clientweb/api/{version}/chats{query}")
    yield (
        f"CHAT=$(curl -s -X POST {_headers(evolve(request, body=b''))} {target}"
        """ | sed 's/.*"chat_id": *"\\([^"]*\\)".*/\\1/')"""
    )


def _arguments(url: str, exchange: Exchange, fresh_chat: str) -> str:
    request = exchange.request
    query = f"?{urlencode(request.query)}" if request.query else ""
    target = shlex.quote(f"{url}{request.path}{query}")
    if fresh_chat:
        target = target.replace(f"/chats/{fresh_chat}/", "/chats/'\"$CHAT\"'/") if target[0] == "'" else target
        target = target.replace(f"/chats/{fresh_chat}/", '/chats/"$CHAT"/')
    method = "" if request.method == ("POST" if request.body else "GET") else f"-X {shlex.quote(request.method)} "
    limit = f"--max-time {_waited_s(exchange)} " if exchange.cut else ""
    return f"-s -i {limit}{method}{_headers(request)}{_body(request.body)} {target}"


def _waited_s(exchange: Exchange) -> float:
    """How long the client waited before it broke off; long enough for the request to arrive."""
    return max(0.3, round(((exchange.replied_at or exchange.at) - exchange.at) / 1000, 1))


def _headers(request: HttpRequest) -> str:
    sent = [(name, value) for name, value in request.headers if name.lower() not in _OWN]
    shown = [f"{name}: {value}" for name, value in sent if (name.lower(), value) != ("accept", "*/*")]
    if request.body and request.header("Content-Type") is None:
        shown.append("Content-Type:")  # curl would otherwise call it a form
    return " ".join(f"-H {_quoted(header)}" for header in shown)


def _body(body: bytes) -> str:
    if not body:
        return ""
    try:
        return f" --data-raw {_quoted(body.decode())}"
    except UnicodeDecodeError:
        return f" --data-binary @<(echo {base64.b64encode(body).decode()} | base64 -d)"


def _quoted(text: str) -> str:
    """Quoted for a shell; control characters by their numbers, which a terminal does not obey."""
    if text.isprintable():
        return shlex.quote(text)
    safe = "".join(one if one.isprintable() and one not in "\\'" else _escaped(one) for one in text)
    return f"$'{safe}'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    return "".join(f"\\x{byte:02x}" for byte in character.encode(errors="replace"))
