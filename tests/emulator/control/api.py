"""Requests to the control API of a running emulator, as any tool sends them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from statemachine.emulator.http import Emulator
from tests.emulator.driver import authorization

Reply = tuple[int, Any]


async def call(emulator: Emulator, method: str, path: str, **more: Any) -> Reply:
    """Status and decoded body of one request below `/_control`."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{emulator.url}/_control{path}", allow_redirects=False, **more) as reply,
    ):
        text = await reply.text()
        return reply.status, json.loads(text) if reply.content_type == "application/json" else text


async def wire(emulator: Emulator, method: str, path: str, client_id: str = "client-1", **more: Any) -> Reply:
    """Status and decoded body of one request of a client."""
    headers = {"Authorization": authorization(client_id), "Cache-Control": "no-cache"}
    url = f"{emulator.url}/clientweb/api/v2/{path}"
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, url, **{"params": {"tenantUrl": "x.example"}, **more}) as reply,
    ):
        text = await reply.text()
        return reply.status, json.loads(text) if reply.content_type == "application/json" else text


async def opened(emulator: Emulator, client_id: str = "client-1") -> str:
    """The id of a chat that this client has just begun."""
    _, reply = await wire(emulator, "POST", "chats", client_id, json={})
    return str(reply["chat_id"])


Update = tuple[int, str, Any]
"""(id, event, data)"""


@asynccontextmanager
async def following(emulator: Emulator, last: int | None = None) -> AsyncIterator[AsyncIterator[Update]]:
    """The feed, as an EventSource reads it."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    timeout = aiohttp.ClientTimeout(total=30)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.get(f"{emulator.url}/_control/feed", headers=headers) as reply,
    ):
        assert reply.status == 200, await reply.text()
        assert reply.content_type == "text/event-stream"
        yield _news(reply.content)


async def _news(content: aiohttp.StreamReader) -> AsyncIterator[Update]:
    buffer = b""
    async for part in content.iter_any():
        buffer += part
        while b"\n\n" in buffer:
            message, _, buffer = buffer.partition(b"\n\n")
            fields = dict(line.split(": ", 1) for line in message.decode().splitlines() if not line.startswith(":"))
            if fields:
                yield int(fields["id"]), fields["event"], json.loads(fields["data"])


async def until(updates: AsyncIterator[Update], event: str) -> list[Update]:
    """What comes, up to and with the first of this name."""
    found: list[Update] = []
    async for one in updates:
        found.append(one)
        if one[1] == event:
            return found
    raise AssertionError(f"the feed ended without {event}")
