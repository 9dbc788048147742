"""The feed: ``GET /_control/feed``, server-sent events for any number of readers.

A new reader begins with all that is in the ring. A browser that reconnects (``Last-Event-ID``) misses nothing that the
ring still has. A reader whose place is no longer in the ring gets ``resync`` and goes on at the beginning; one that
takes nothing for long is dropped. So neither many items nor a slow reader cost memory.

======== ========================================================================================================
event    data
======== ========================================================================================================
request  ``{number, at, method, path, query, authorization, body, chat_id}``: arrived at the emulator
reply    ``{number, at, status, body}``; status 0: the connection breaks and nothing arrives
chat     ``{chat, from, entries}``: the chat now, and the entries of its log from index ``from`` on
fault    ``{rule, message, client, tickets, chat_id, at}``: a violation; tickets: numbers of requests
resync   ``{now, observed}``: also at the start; load ``/_control/chats`` afresh. observed: it cannot be controlled
======== ========================================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
from aiohttp import web

from statemachine.emulator.control.chats import chat_data, entry_data
from statemachine.emulator.control.common import EMULATOR
from statemachine.emulator.feed import FeedItem, ReplySent, RequestReceived
from statemachine.emulator.model import Centre
from statemachine.emulator.state import Violation
from statemachine.emulator.traffic import Exchange
from statemachine.serving.event_stream import message, serve

routes = web.RouteTableDef()


@routes.get("/feed")
async def feed(request: web.Request) -> web.StreamResponse:
    """See above."""
    emulator = request.app[EMULATOR]
    place = _place(request)

    def take() -> str:
        nonlocal place
        start, found = emulator.feed.since(place)
        about = {"now": emulator.now(), "observed": emulator.observed}
        text = "" if start - 1 == place else message("resync", about, start - 1)
        place = start + len(found) - 1
        return text + "".join(_text(emulator.centre, number, item) for number, item in enumerate(found, start))

    return await serve(request, emulator.feed.readers, take)


def _place(request: web.Request) -> int | None:
    given = request.headers.get("Last-Event-ID", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 16 else None


def _text(centre: Centre, number: int, item: FeedItem) -> str:
    try:
        return "".join(message(event, data, number) for event, data in _events(centre, item))
    except (RecursionError, ValueError):  # a client's body, nested deeper than can be written
        return ""


def _events(centre: Centre, item: FeedItem) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(item, RequestReceived):
        yield "request", _request_data(item.exchange)
    elif isinstance(item, ReplySent):
        exchange, reply = item.exchange, item.exchange.reply
        if reply is not None:
            data = {"number": exchange.number, "at": exchange.replied_at, "status": reply.status}
            yield "reply", data | {"body": _shown(reply.body, reply.header("Content-Type"))}
    elif isinstance(item, Violation):
        yield "fault", attrs.asdict(item)
    elif (chat := centre.chats.get(item.chat_id)) is not None:
        entries = [entry_data(entry) for entry in chat.log[item.start : item.stop]]
        yield "chat", {"chat": chat_data(chat), "from": item.start, "entries": entries}


def _request_data(exchange: Exchange) -> dict[str, Any]:
    request = exchange.request
    parts = request.path.split("/")
    of_chat = len(parts) > 6 and parts[4] == "chats"
    return {
        "number": exchange.number,
        "at": exchange.at,
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "authorization": request.header("Authorization"),
        "body": _shown(request.body, request.header("Content-Type")),
        "chat_id": parts[5].lower() if of_chat else None,
    }


def _shown(content: bytes, content_type: str | None) -> str:
    """A body for people: its text, or its size where it is no text."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    readable = kind in ("", "application/json") or kind.startswith("text/") or content[:1] == b"{"
    if not readable:
        return f"({len(content)} bytes, {kind})" if content else ""
    return content.decode(errors="replace")
