"""Server-sent events for any number of readers; a slow reader delays no other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Final

from aiohttp import web

from .server import break_off

MAX_READERS: Final = 32
WRITE_TIMEOUT_S: Final = 20.0
"""A reader that takes nothing for this long is dropped."""
QUIET_S: Final = 15.0
"""A quiet stream sends a comment this often, so that no proxy closes it and a dead reader is noticed."""


class Readers:
    """Tasks that wait for more; ``waiting`` holds an event for each."""

    def __init__(self) -> None:
        self.waiting: Final[set[asyncio.Event]] = set()
        self.closed = False

    def wake(self) -> None:
        """There is more."""
        for more in self.waiting:
            more.set()

    def close(self) -> None:
        """Let every reader finish."""
        self.closed = True
        self.wake()


def message(event: str, data: object | str, number: int | None = None) -> str:
    """One event; `number` comes back as ``Last-Event-ID`` when the reader connects again."""
    head = "" if number is None else f"id: {number}\n"
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    return f"{head}event: {event}\ndata: {text}\n\n"


async def serve(
    request: web.Request, readers: Readers, take: Callable[[], str], most: int | None = None
) -> web.StreamResponse:
    """Write the text that `take` returns, again whenever the readers are woken. Refuses more than `most` with 503."""
    most = MAX_READERS if most is None else most
    if len(readers.waiting) >= most:
        error = json.dumps({"error": f"{most} readers follow already"})
        raise web.HTTPServiceUnavailable(text=error, content_type="application/json")
    more = asyncio.Event()
    readers.waiting.add(more)
    try:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        while not readers.closed:
            more.clear()
            text = take()
            if text or not await _set_in_time(more):
                async with asyncio.timeout(WRITE_TIMEOUT_S):
                    await response.write((text or ": quiet\n\n").encode())
        return response
    except TimeoutError:
        break_off(request)
        raise
    finally:
        readers.waiting.discard(more)


async def _set_in_time(more: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(QUIET_S):
            return await more.wait()
    except TimeoutError:
        return False
