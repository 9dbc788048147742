"""What happens, as it happens: ``GET /_control/feed``, server-sent events for any number of readers.

One ring holds the latest happenings, whoever reads; a reader is only a place in it. Nobody is waited for: a reader
whose place the ring has left behind is told ``resync`` and goes on at its beginning, and one that takes nothing for
long is dropped. So neither many happenings nor a slow reader cost memory, and a browser that reconnects
(``Last-Event-ID``) misses nothing the ring still has. A new reader begins with all that is in the ring.

======== ========================================================================================================
event    data
======== ========================================================================================================
request  ``{number, at, method, path, query, authorization, body, chat_id}``: arrived at the emulator
reply    ``{number, at, status, body}``; status 0: the connection breaks and nothing arrives
chat     ``{chat, from, entries}``: how a chat stands now, and what its log holds from index ``from`` on
fault    ``{rule, message, client, tickets, chat_id, at}``: what a client did wrong; tickets: numbers of requests
resync   ``{now}``: also at the start; load ``/_control/chats`` afresh
======== ========================================================================================================
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import attrs
from aiohttp import web
from attrs import frozen

from statemachine.emulator import names
from statemachine.emulator.control.common import EMULATOR
from statemachine.emulator.control.stream import Readers, message
from statemachine.emulator.control.view import chat_data, entry_data
from statemachine.emulator.model import Centre
from statemachine.emulator.state import Violation
from statemachine.emulator.traffic import without_secrets
from statemachine.emulator.wire import HttpRequest, HttpResponse

__all__ = ["Feed", "routes"]

KEPT: Final = 2_000
"""Happenings in the ring."""
BODY_BYTES: Final = 16 * 1024
"""What is kept of a body: bytes from its beginning."""
BATCH: Final = 100
"""Happenings that are written in one go."""

routes = web.RouteTableDef()


@frozen
class Asked:
    """A request arrived."""

    number: int
    at: int
    request: HttpRequest


@frozen
class Answered:
    """A request was answered."""

    number: int
    at: int
    reply: HttpResponse


@frozen
class Moved:
    """Something changed in a chat; its log grew from ``start`` to ``stop``."""

    chat_id: str
    start: int
    stop: int


Happening: TypeAlias = Asked | Answered | Moved | Violation


class Feed:
    """The ring, and the readers that wait for more. Nothing is made into text before somebody reads it."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._ring: deque[Happening] = deque(maxlen=KEPT)
        self._last = 0
        self._told: dict[str, int] = {}
        self._violations = 0
        self.readers: Final = Readers()

    def asked(self, number: int, at: int, request: HttpRequest) -> None:
        """A request arrived."""
        self._append(Asked(number, at, attrs.evolve(request, body=request.body[:BODY_BYTES])))

    def answered(self, number: int, at: int, reply: HttpResponse) -> None:
        """It was answered."""
        self._append(Answered(number, at, attrs.evolve(reply, body=reply.body[:BODY_BYTES])))

    def look(self) -> None:
        """Something may have happened to the centre: take note of what."""
        chats = self._centre.chats
        for chat_id in self._centre.take_changed():
            if (chat := chats.get(chat_id)) is not None:
                self._append(Moved(chat_id, self._told.get(chat_id, 0), len(chat.log)))
                self._told[chat_id] = len(chat.log)
        if len(self._told) > 2 * len(chats) + KEPT:  # the centre forgets old chats
            self._told = {chat_id: told for chat_id, told in self._told.items() if chat_id in chats}
        for violation in self._centre.violations[self._violations :]:
            self._append(violation)
        self._violations = len(self._centre.violations)

    def since(self, place: int | None) -> tuple[int, list[Happening]]:
        """(number of the first, some happenings) after ``place``; None, or one that is lost: from the beginning."""
        first = self._last - len(self._ring) + 1
        # A place ahead of all is of another run of this emulator.
        start = place + 1 if place is not None and first <= place + 1 <= self._last + 1 else first
        skip = start - first
        return start, [self._ring[index] for index in range(skip, min(skip + BATCH, len(self._ring)))]

    def _append(self, happening: Happening) -> None:
        self._ring.append(happening)
        self._last += 1
        self.readers.wake()


@routes.get("/feed")
async def feed(request: web.Request) -> web.StreamResponse:
    """See above."""
    emulator = request.app[EMULATOR]
    place = _place(request)

    def take() -> str:
        nonlocal place
        start, found = emulator.feed.since(place)
        text = "" if start - 1 == place else message("resync", {"now": emulator.now()}, start - 1)
        place = start + len(found) - 1
        return text + "".join(_told(emulator.centre, number, one) for number, one in enumerate(found, start))

    return await emulator.feed.readers.serve(request, take)


def _place(request: web.Request) -> int | None:
    given = request.headers.get("Last-Event-ID", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 16 else None


def _told(centre: Centre, number: int, happening: Happening) -> str:
    try:
        return "".join(message(event, data, number) for event, data in _said(centre, happening))
    except (RecursionError, ValueError):  # nested deeper than can be written: a client's mischief, not the reader's
        return ""


def _said(centre: Centre, happening: Happening) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(happening, Asked):
        yield "request", _request_data(happening)
    elif isinstance(happening, Answered):
        reply = happening.reply
        data = {"number": happening.number, "at": happening.at, "status": reply.status}
        yield "reply", data | {"body": _shown(reply.body, reply.header("Content-Type"))}
    elif isinstance(happening, Violation):
        yield "fault", attrs.asdict(happening)
    elif (chat := centre.chats.get(happening.chat_id)) is not None:
        entries = [entry_data(entry) for entry in chat.log[happening.start : happening.stop]]
        yield "chat", {"chat": chat_data(chat), "from": happening.start, "entries": entries}


def _request_data(asked: Asked) -> dict[str, Any]:
    request = asked.request
    parts = request.path.split("/")
    of_chat = len(parts) > 6 and parts[4] == "chats"
    return {
        "number": asked.number,
        "at": asked.at,
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "authorization": request.header("Authorization"),
        "body": _shown(request.body, request.header("Content-Type")),
        "chat_id": parts[5].lower() if of_chat else None,
    }


def _shown(content: bytes, content_type: str | None) -> str:
    """A body for people: JSON without the values of secure forms (protocol.md 3.2), other text, or its size."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    readable = kind in ("", "application/json") or kind.startswith("text/") or content[:1] == b"{"
    if not readable:
        return f"({len(content)} bytes, {kind})" if content else ""
    text = content.decode(errors="replace")
    if names.SECURE_FORM_DATA not in text:
        return text
    try:
        return json.dumps(without_secrets(json.loads(text)), ensure_ascii=False)
    except (RecursionError, ValueError):
        return "(the values of a secure form)"
