"""Readers and disks that are slow or full: they cost nothing but themselves."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from statemachine.client import ChatClient
from statemachine.emulator import actions
from statemachine.gateway import GatewaySettings, feed, server, streams
from statemachine.gateway.sqlite_feed import SqliteFeed
from statemachine.logs import Logger
from statemachine.serving import event_stream
from statemachine.store.errors import StoreFull
from statemachine.testing import EmulatedCentre
from tests.gateway.harness import Api, gateway, is_state, updates_until

TEXTS = 200
"""Of 16,000 characters, three times in each update: more than the buffers of a connection."""


async def test_a_reader_that_takes_nothing_is_dropped_and_logged_once(
    api: Api, centre: EmulatedCentre, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_stream, "WRITE_TIMEOUT_S", 0.5)
    monkeypatch.setattr(streams, "_log", Logger())  # that of the process may have written enough in this minute
    await api("PUT", "/chats/ann")
    agent = centre.agent("Ada Larsen")
    await agent.accept("ann")
    for _ in range(TEXTS // 100):
        await agent.act(*[actions.Say("x" * 16_000)] * 100)
    await updates_until(api, lambda one: one["cursor"] == TEXTS, "&limit=50")
    host, _, port = api.url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port), limit=1)
    head = f"GET /updates HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {api.token}\r\n"
    with caplog.at_level(logging.WARNING, "statemachine"):
        writer.write(f"{head}Accept: text/event-stream\r\n\r\n".encode())
        async with asyncio.timeout(60):
            while "gateway_slow_reader" not in caplog.text:
                await asyncio.sleep(0.05)
                await api("GET", "/healthz")  # others are served
    assert caplog.text.count("gateway_slow_reader") == 1
    writer.close()


async def test_too_many_streams_are_refused(tmp_path: Path, centre: EmulatedCentre) -> None:
    async with gateway(tmp_path, centre, streams=1) as api, api.events() as events:
        reading = asyncio.create_task(anext(events))
        for headers in ({}, {"Accept": "text/event-stream"}):
            status, problem = await api.ask("GET", "/updates?wait=0", headers=headers)
            assert (status, problem["code"]) == (503, "too_many_readers")
        reading.cancel()


async def test_a_chat_that_the_store_stopped_goes_on_when_the_store_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_REVIVE_S", 0)
    asked: list[str] = []

    async def session(_: ChatClient, client_id: str, *, start: bool) -> None:
        asked.append(client_id)
        if len(asked) < 3:
            raise StoreFull("no space left")

    monkeypatch.setattr(ChatClient, "session", session)
    stopped = server.Gateway("http://127.0.0.1:9", app_id="a", settings=GatewaySettings(store=tmp_path / "chats"))
    await stopped._revive("ann")
    assert asked == ["ann"] * 3


async def test_an_update_is_added_once_the_disk_takes_it(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(feed, "_RETRY_S", 0.01)
    write, left = SqliteFeed.write, [3]

    async def full(self: SqliteFeed, query: str, *values: str | int) -> int:
        if left[0]:
            left[0] -= 1
            raise StoreFull("no space left")
        return await write(self, query, *values)

    monkeypatch.setattr(SqliteFeed, "write", full)
    await api("POST", "/chats/ann/texts", {"text": "Hello"}, **api.key("k1"))
    await updates_until(api, is_state("sent", "k1"))
    assert left == [0]
    assert caplog.text.count("gateway_feed_failed") == 1
