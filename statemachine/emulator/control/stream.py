"""Server-sent events to any number of readers, none of whom is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import web

from statemachine.emulator.control.common import refusal, text_of

__all__ = ["Readers", "message"]

MAX_READERS: Final = 32
PATIENCE_S: Final = 20.0
"""A reader that takes nothing for this long is dropped."""
SILENCE_S: Final = 15.0
"""A quiet stream says that it is there, so that no proxy closes it and a dead reader is noticed."""


def message(event: str, data: object, number: int | None = None) -> str:
    """One event; `number` comes back as ``Last-Event-ID`` when the reader connects again."""
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {event}\ndata: {text_of(data)}\n\n"


class Readers:
    """Who follows. They are woken when there is more, and take it when they can."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def wake(self) -> None:
        """There is more."""
        for more in self._waiting:
            more.set()

    def close(self) -> None:
        """Let every reader go."""
        self._closed = True
        self.wake()

    async def serve(self, request: web.Request, take: Callable[[], str]) -> web.StreamResponse:
        """Write what `take` gives, again whenever there is more; "": nothing for now. Refuses too many with 503."""
        if len(self._waiting) >= MAX_READERS:
            raise refusal(503, f"{MAX_READERS} readers follow already")
        more = asyncio.Event()
        self._waiting.add(more)
        try:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
            await response.prepare(request)
            while not self._closed:
                more.clear()
                text = take()
                if text or not await _comes(more):
                    await _write(response, text or ": quiet\n\n")
            return response
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            raise
        finally:
            self._waiting.discard(more)


async def _write(response: web.StreamResponse, text: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await response.write(text.encode())


async def _comes(more: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(SILENCE_S):
            return await more.wait()
    except TimeoutError:
        return False
