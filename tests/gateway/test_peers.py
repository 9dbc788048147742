"""Several gateways on one PostgreSQL database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from statemachine.client import BadSetting, Options
from statemachine.gateway import Gateway, GatewaySettings
from statemachine.testing import EmulatedCentre
from tests.gateway import peers
from tests.gateway.harness import Api, gateway, is_state, is_text, updates_until
from tests.gateway.test_security import pieces

CLIENTS = ("ann", "bob", "eve", "dan", "kim", "lea")
SECRET = "hunter2-secret-of-the-gateways"


@asynccontextmanager
async def two(folder: Path, centre: EmulatedCentre, database: str, **more: Any) -> AsyncGenerator[tuple[Api, Api]]:
    """Two gateways that share the chats."""
    (folder / "peers").write_text(SECRET)
    settings: dict[str, Any] = {
        "store": database,
        "peer_secret": folder / "peers",
        "uploads": folder / "uploads",
        "lease": timedelta(seconds=10),  # a busy machine must not make a heartbeat late by as much
        "options": Options(close_within=timedelta(milliseconds=200)),
        **more,
    }
    async with gateway(folder, centre, **settings) as one, gateway(folder, centre, **settings) as other:
        await until_shared(one, other)
        yield one, other


async def until_shared(*gateways: Api) -> None:
    """Wait until each of them has its part of the chats."""
    async with asyncio.timeout(60):
        for api in gateways:
            while await shards(api) != 256 // len(gateways):  # noqa: ASYNC110 - they have no event
                await asyncio.sleep(0.1)


async def shards(api: Api) -> int:
    text = (await api.ask("GET", "/metrics"))[1].decode()
    return round(float(text.partition("\ngateway_shards ")[2].partition("\n")[0]))


async def test_any_gateway_takes_texts_and_has_all_updates(
    tmp_path: Path, centre: EmulatedCentre, postgres: str
) -> None:
    async with two(tmp_path, centre, postgres) as gateways:
        for number in range(4):
            for client in CLIENTS:
                api, key = gateways[number % 2], f"{client}-{number}"
                for _ in range(2):
                    await api("POST", f"/chats/{client}/texts", {"text": f"text {number}"}, **api.key(key))
        for api in gateways:
            updates = await updates_until(api, lambda _: True)
            cursor = updates[-1]["cursor"]
            while sum(map(is_state("sent"), updates)) < 24:
                page = await api("GET", f"/updates?after={cursor}&wait=20")
                updates += page["updates"]
                cursor = page["cursor"]
            cursors = [one["cursor"] for one in updates]
            assert cursors == sorted(set(cursors))
            for client in CLIENTS:
                mine = [one for one in updates if one["client_id"] == client and is_state("sent")(one)]
                assert [one["update"]["key"] for one in mine] == [f"{client}-{number}" for number in range(4)]
            listed = await api("GET", "/chats")
            assert sorted(one["client_id"] for one in listed["chats"]) == sorted(CLIENTS)
            assert [one["client_id"] for one in (await api("GET", "/chats?after=eve&limit=1"))["chats"]] == ["kim"]
    assert [[text for _, text in chat.texts_received] for chat in centre.chats] == [
        [f"text {number}" for number in range(4)]
    ] * len(CLIENTS)


async def test_the_owner_does_what_the_inbox_cannot(tmp_path: Path, centre: EmulatedCentre, postgres: str) -> None:
    async with two(tmp_path, centre, postgres) as gateways, gateways[1].events("?after=latest") as events:
        agent = centre.agent("Ada Larsen")
        await gateways[0]("PUT", "/chats/ann", {"from": "Ann"})
        await agent.accept("ann")
        await agent.say("Hello")
        await updates_until(gateways[0], is_text("Hello"))
        for number, api in enumerate(gateways):
            await api("POST", "/chats/ann/typing", {"draft": "I"})
            await api("DELETE", "/chats/ann/typing")
            chat = await api("GET", "/chats/ann")
            assert chat["phase"] == "agent_joined"
            await api("POST", f"/chats/ann/files?name={number}.bin", data=b"\x00" * 300_000, **api.key(f"f{number}"))
            await updates_until(api, is_state("sent", f"f{number}"))
            assert await api("GET", "/chats/ann/transcript")
        await agent.send_file("answer.bin", b"from the agent" * 100_000)
        updates = await updates_until(
            gateways[0], lambda one: one["update"].get("entry", {}).get("file_name") == "answer.bin"
        )
        file_id = updates[-1]["update"]["entry"]["file_id"]
        for api in gateways:
            assert await api.ask("GET", f"/chats/ann/files/{file_id}") == (200, b"from the agent" * 100_000)
            assert (await api.ask("GET", "/chats/nobody"))[0] == 404
            assert (await api.ask("POST", "/chats/nobody/end"))[1]["code"] == "no_chat"
        files = [entry for entry in agent.chat.log if entry.event["event"] == "chat_session_file"]
        assert len(files) == 3
        for api in gateways:
            await api("POST", "/chats/ann/end")
        assert (await gateways[0]("GET", "/chats/ann"))["phase"] in ("ending", "ended")
        async with asyncio.timeout(60):
            async for one in events:  # all gateways have the status updates; each of them alone may be lost
                if one["event"] == "status" and one["data"]["update"].get("phase"):
                    break


async def test_a_body_that_is_too_large_is_refused_by_any_gateway(
    tmp_path: Path, centre: EmulatedCentre, postgres: str
) -> None:
    async with two(tmp_path, centre, postgres, upload_limit=3_000_000) as gateways:
        await gateways[0]("PUT", "/chats/ann")
        for api in gateways:
            for body in (pieces(1_000), pieces(4)):  # 1 GB; one megabyte too many
                status, problem = await api.ask("POST", "/chats/ann/files?name=a", data=body)
                assert (status, problem["code"]) == (413, "too_large")
        assert list((tmp_path / "uploads").iterdir()) == []


async def test_a_forged_secret_is_refused(tmp_path: Path, centre: EmulatedCentre, postgres: str) -> None:
    async with two(tmp_path, centre, postgres) as (one, _):
        one.token = SECRET + "!"
        assert (await one.ask("GET", "/chats"))[0] == 401


async def test_the_others_take_over_and_readers_miss_nothing(
    tmp_path: Path, centre: EmulatedCentre, postgres: str
) -> None:
    async with two(tmp_path, centre, postgres) as (one, _):
        for client in CLIENTS:
            await one("POST", f"/chats/{client}/texts", {"text": "first"}, **one.key(f"{client}-1"))
        seen = [one_ for client in CLIENTS for one_ in await updates_until(one, is_state("sent", f"{client}-1"))]
        assert (await one("PUT", "/readers/crm", {"cursor": seen[-1]["cursor"]}))["cursor"] == seen[-1]["cursor"]
    async with two(tmp_path, centre, postgres) as (_, other):
        assert (await other("GET", "/readers"))["readers"] == [{"reader": "crm", "cursor": seen[-1]["cursor"]}]
        await other("POST", "/chats/ann/texts", {"text": "second"}, **other.key("ann-2"))
        await updates_until(other, is_state("sent", "ann-2"))
    texts = {chat.key.client_id: [text for _, text in chat.texts_received] for chat in centre.chats}
    assert texts["ann"] == ["first", "second"]


@pytest.mark.slow
async def test_a_killed_gateway_loses_nothing(postgres: str) -> None:
    """One of three processes is killed while texts, a file and webhooks go on."""
    faults, figures = await peers.campaign(kills=1, chats=4, texts=6, seed=1, database=postgres)
    assert faults == [], figures


def test_the_secret_is_needed() -> None:
    with pytest.raises(BadSetting, match="peer_secret"):
        Gateway("http://127.0.0.1:9", app_id="a", settings=GatewaySettings(store="postgresql://localhost/chats"))
