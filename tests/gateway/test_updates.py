"""The order of all updates: event streams, pages, cursors, readers."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from statemachine.gateway import TokenSetting
from statemachine.testing import EmulatedCentre
from tests.gateway.harness import Api, gateway, is_state, is_text, updates_until


async def said(api: Api, *clients: str) -> None:
    """Each of these sends a text."""
    for client in clients:
        await api("POST", f"/chats/{client}/texts", {"text": f"I am {client}"}, **api.key(f"key-{client}"))
        await updates_until(api, is_state("sent", f"key-{client}"))


async def test_a_stream_continues_behind_its_last_event(api: Api) -> None:
    await said(api, "ann", "bob")
    async with api.events() as events:
        first = await _next_update(events)
    assert (first["id"], first["data"]["cursor"], first["data"]["client_id"]) == ("1", 1, "ann")
    async with api.events(last=1) as events:
        second = await _next_update(events)
        assert (second["id"], second["data"]["client_id"]) == ("2", "bob")
        await said(api, "eve")
        third = await _next_update(events)
        assert (third["id"], third["data"]["client_id"]) == ("3", "eve")


async def _next_update(events: AsyncIterator[dict[str, Any]]) -> dict[str, Any]:
    async for one in events:
        if one["event"] == "update":
            return one
    raise AssertionError("the stream has ended")


async def test_a_stream_brings_the_present_state_too(api: Api, centre: EmulatedCentre) -> None:
    async with api.events("?after=latest") as events:
        await said(api, "ann")
        agent = centre.agent("Ada Larsen")
        await agent.accept("ann")
        async for one in events:
            if one["event"] == "status" and one["data"]["update"].get("phase") == "agent_joined":
                assert "id" not in one
                break


async def test_one_chat_only(api: Api) -> None:
    await said(api, "ann", "bob")
    page = await api("GET", "/updates?client_id=bob")
    assert [one["client_id"] for one in page["updates"]] == ["bob"]
    assert page["cursor"] == 2


async def test_a_page_is_waited_for_and_its_cursor_leads_on(api: Api) -> None:
    assert await api("GET", "/updates?wait=0") == {"updates": [], "cursor": 0}
    waiting = asyncio.create_task(api("GET", "/updates?wait=30"))
    await said(api, "ann")
    page = await waiting
    assert [one["update"]["key"] for one in page["updates"]] == ["key-ann"]
    assert (await api("GET", f"/updates?wait=0&after={page['cursor']}"))["updates"] == []


async def test_named_readers_have_a_cursor_each(api: Api) -> None:
    await said(api, "ann", "bob")
    assert await api("PUT", "/readers/crm", {"cursor": 1}) == {"reader": "crm", "cursor": 1}
    assert (await api("PUT", "/readers/crm", {"cursor": 0}))["cursor"] == 1
    assert (await api("PUT", "/readers/mail", {"cursor": 999}))["cursor"] == 2
    assert [one["cursor"] for one in (await api("GET", "/updates?reader=crm"))["updates"]] == [2]
    assert [one["cursor"] for one in (await api("GET", "/updates?reader=new"))["updates"]] == [1, 2]
    listed = await api("GET", "/readers")
    assert listed == {"readers": [{"reader": "crm", "cursor": 1}, {"reader": "mail", "cursor": 2}], "latest": 2}
    await api("DELETE", "/readers/crm")
    assert len((await api("GET", "/readers"))["readers"]) == 1


async def test_a_token_for_some_clients_sees_no_others(tmp_path: Path, centre: EmulatedCentre) -> None:
    (tmp_path / "all").write_text("hunter2-secret-of-all")
    (tmp_path / "shop").write_text("hunter2-secret-of-the-shop")
    tokens = (
        TokenSetting(name="all", file=tmp_path / "all"),
        TokenSetting(name="shop", file=tmp_path / "shop", prefix="shop-"),
    )
    async with gateway(tmp_path, centre, tokens=tokens) as api:
        api.token = "hunter2-secret-of-all"
        await said(api, "ann", "shop-bob")
        await api("PUT", "/readers/crm", {"cursor": 2})
        api.token = "hunter2-secret-of-the-shop"
        page = await api("GET", "/updates")
        assert ([one["client_id"] for one in page["updates"]], page["cursor"]) == (["shop-bob"], 2)
        assert (await api.ask("GET", "/updates?client_id=ann"))[0] == 403
        assert (await api.ask("GET", "/chats/ann"))[0] == 403
        assert [one["client_id"] for one in (await api("GET", "/chats"))["chats"]] == ["shop-bob"]
        assert (await api("GET", "/readers"))["readers"] == []
        await api("PUT", "/readers/crm", {"cursor": 1})
        assert (await api("GET", "/readers"))["readers"] == [{"reader": "crm", "cursor": 1}]


async def test_updates_survive_a_restart_and_come_once(tmp_path: Path, centre: EmulatedCentre) -> None:
    async with gateway(tmp_path, centre) as api:
        await said(api, "ann")
    async with gateway(tmp_path, centre) as api:
        await said(api, "bob")
        updates = (await api("GET", "/updates"))["updates"]
        assert [(one["cursor"], one["client_id"]) for one in updates] == [(1, "ann"), (2, "bob")]


async def test_a_cursor_of_a_lost_file_begins_at_the_oldest_update(tmp_path: Path, centre: EmulatedCentre) -> None:
    async with gateway(tmp_path, centre) as api:
        await said(api, "ann")
        page = await api("GET", "/updates?after=77")
        assert [one["client_id"] for one in page["updates"]] == ["ann"]


async def test_old_rows_of_a_purged_chat_are_not_delivered(tmp_path: Path, centre: EmulatedCentre) -> None:
    async with gateway(tmp_path, centre) as api:
        await said(api, "ann")
    with sqlite3.connect(tmp_path / "chats.sqlite.updates") as link:
        link.execute("UPDATE feed SET at = 5")  # of an earlier chat, whose `seq` began with 1 too
    link.close()
    async with gateway(tmp_path, centre) as api:
        assert await api("GET", "/updates?wait=0") == {"updates": [], "cursor": 1}
        await api("POST", "/chats/ann/texts", {"text": "once more"}, **api.key("k2"))
        await updates_until(api, is_state("sent", "k2"))


async def test_a_closing_gateway_ends_its_streams(tmp_path: Path, centre: EmulatedCentre) -> None:
    async with ClientSession() as http:
        async with gateway(tmp_path, centre) as api:
            api.http = http  # stays open when the gateway is closed
            await said(api, "ann")
            stream = api.events()
            events = await stream.__aenter__()
            assert (await _next_update(events))["id"] == "1"
        assert [one async for one in events if one["event"] == "update"] == []
        await stream.__aexit__(None, None, None)


async def test_texts_of_hostile_agents_are_valid_everywhere(api: Api, centre: EmulatedCentre) -> None:
    await said(api, "ann")
    agent = centre.agent("Ada Larsen")
    await agent.accept("ann")
    await agent.say("a\n\ndata: forged\r\nid: 9\u2028end")
    async with api.events() as events:
        async for one in events:
            if "forged" in one["data"].get("text", ""):
                assert one["id"] != "9"
                break
    assert (await updates_until(api, is_text("forged")))[-1]["client_id"] == "ann"
