"""Updates for readers: server-sent events, and pages for which a request waits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from statemachine.codec.body import json_text
from statemachine.serving.event_stream import message, serve

from ..logs import Logger
from .feed import Entry, Feed, Wanted
from .problems import Problem
from .tokens import Principal

_log = Logger(10)

PAGE: Final = 100
STATUSES: Final = 1_000
"""Status updates that wait for a slow stream; further ones are left out."""


class Streams:
    """The open streams of a gateway, and the requests that wait. `most`: of both together."""

    def __init__(self, feed: Feed, most: int) -> None:
        self._feed: Final = feed
        self._most: Final = most
        self._open: set[_Stream] = set()

    @property
    def count(self) -> int:
        """Streams and waiting requests now."""
        return len(self._feed.readers.waiting)

    def status(self, client_id: str, kind: str, update: str) -> None:
        """Pass a status update (JSON text) on to the open streams, best effort. Of each kind the latest counts."""
        if not self._open:
            return
        text = message("status", f'{{"client_id":{json_text(client_id)},"update":{update}}}')
        for stream in self._open:
            stream.add(client_id, kind, text)
        self._feed.readers.wake()

    async def answer(self, request: web.Request, who: Principal, values: Mapping[str, Any]) -> web.StreamResponse:
        """The updates that this request asks for."""
        client_id = values["client_id"]
        if client_id is not None:
            who.check(client_id)
        stream = _Stream(self._feed, Wanted(client_id, who.prefix), self._start(who, values))
        if self.count >= self._most:
            raise Problem(503, "too_many_readers", f"{self._most} readers wait already", headers={"Retry-After": "5"})
        if "text/event-stream" not in request.headers.get("Accept", ""):
            return await self._page(stream, values["limit"], values["wait"])
        self._open.add(stream)
        try:
            return await serve(request, self._feed.readers, stream.take, self._most)
        except TimeoutError:  # the connection is aborted
            _log.warning("gateway_slow_reader", token=who.name)
            return web.Response()
        finally:
            self._open.discard(stream)

    def _start(self, who: Principal, values: Mapping[str, Any]) -> int:
        if values["last_event_id"] is not None:
            return int(values["last_event_id"])
        if values["after"] == "latest":
            return self._feed.latest
        if values["after"] is not None:
            return int(values["after"])
        return self._feed.cursor(reader_of(who, values["reader"])) if values["reader"] else 0

    async def _page(self, stream: _Stream, limit: int, wait: int) -> web.Response:
        more, readers = asyncio.Event(), self._feed.readers
        readers.waiting.add(more)
        try:
            async with asyncio.timeout(wait):
                while not (entries := stream.next(limit)) and not readers.closed:
                    more.clear()
                    await more.wait()
        except TimeoutError:
            entries = []
        finally:
            readers.waiting.discard(more)
        inner = ",".join(entry.data for entry in entries)
        text = f'{{"updates":[{inner}],"cursor":{stream.cursor}}}'
        return web.Response(text=text, content_type="application/json", headers={"Cache-Control": "no-store"})


def reader_of(who: Principal, name: str) -> str:
    """The reader of this name; a token for some client ids has readers of its own."""
    return f"{who.prefix}/{name}" if who.prefix else name


class _Stream:
    """One reader's place. A cursor that this feed never gave is of a lost file: it begins at the oldest update."""

    def __init__(self, feed: Feed, wanted: Wanted, cursor: int) -> None:
        self._feed = feed
        self._wanted = wanted
        self.cursor = cursor if cursor <= feed.newest(cursor) else 0
        self._statuses: dict[tuple[str, str], str] = {}

    def add(self, client_id: str, kind: str, text: str) -> None:
        """Keep a status update until it is taken."""
        known = (client_id, kind) in self._statuses
        if self._wanted.has(client_id) and (known or len(self._statuses) < STATUSES):
            self._statuses[client_id, kind] = text

    def next(self, limit: int) -> list[Entry]:
        """The next entries, none where there are no more now."""
        while True:
            before = self.cursor
            entries, self.cursor = self._feed.after(before, limit, self._wanted)
            if entries or self.cursor == before:
                return entries

    def take(self) -> str:
        """The next events as text."""
        updates = [message("update", entry.data, entry.cursor) for entry in self.next(PAGE)]
        statuses, self._statuses = self._statuses, {}
        return "".join([*statuses.values(), *updates])
