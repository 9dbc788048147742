"""The proxy judges clients as the emulator behind it does, shows both on a page, and records without secrets."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import stat
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from statemachine import ChatClient
from statemachine.conformance.blackbox.audit import audit
from statemachine.conformance.blackbox.recorded import read_recording
from statemachine.console import PREFIX, part
from statemachine.emulator import Knobs, actions, names
from statemachine.emulator.http import Emulator
from statemachine.proxy import HarRecorder, Proxy
from tests.proxy.chatting import PlainClient, whole_chat
from tests.serving import served

SECRET = "hunter2-number"
LAST_WORDS = "the-last-words"
AGENTS_WORDS = "the-words-of-the-agent"


async def faulty_chat(emulator: Emulator, client: PlainClient) -> None:
    """Two texts with one id, a poll over the held one, and polls after the end."""
    await client.open()
    await emulator.act(client.chat_id, actions.Connect("anna", "Hildegard"), actions.ShowSecureForm("payment"))
    await emulator.act(client.chat_id, actions.Say(AGENTS_WORDS))
    await client.poll_until(names.PARTY_JOINED)
    await client.say("one", "1")
    await client.say(LAST_WORDS, "1")
    answer = {"event": names.SECURE_FORM_DATA, "form_request_id": "1", "data": {"card": SECRET}}
    await client.send(answer)
    held = asyncio.create_task(client.poll())
    await emulator.until(lambda centre: centre.held_polls == 1)
    await client.poll()
    await held
    await emulator.act(client.chat_id, actions.EndChat())
    while (await client.poll())[0] == 200:
        pass
    await client.poll()


async def test_faults_are_found_live_as_the_emulator_finds_them() -> None:
    async with Emulator("silent", Knobs(hold_ms=400)) as emulator, Proxy(emulator.url) as proxy:
        async with PlainClient(proxy.url) as client:
            await faulty_chat(emulator, client)
        live = {violation.rule for violation in proxy.watcher.centre.violations}
    assert live == {violation.rule for violation in emulator.centre.violations}
    assert {"F1", "F11", "F22"} <= live


async def test_the_projects_own_client_is_innocent_through_the_proxy() -> None:
    async with (
        Emulator("plain", Knobs(hold_ms=300, pace=0.01)) as emulator,
        Proxy(emulator.url) as proxy,
        ChatClient(proxy.url, tenant="example.com", app_id="plain") as client,
    ):
        sessions = [await client.session(f"customer-{number}") for number in range(20)]
        for session in sessions:
            await session.send("Hello")
        await emulator.until(lambda centre: len(centre.chats) == 20 and all(c.live for c in centre.chats.values()), 20)
        await asyncio.gather(*(session.end() for session in sessions))
        await emulator.until(lambda centre: not any(chat.live for chat in centre.chats.values()), 20)
    assert proxy.watcher.centre.violations == []
    assert len(proxy.watcher.centre.chats) == 20


async def test_a_recording_can_be_audited_and_holds_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "calls.har"
    async with Emulator("silent", Knobs(hold_ms=200)) as emulator:
        with HarRecorder(file, emulator.url) as recorder:
            async with Proxy(emulator.url, recorder=recorder) as proxy, PlainClient(proxy.url) as client:
                await faulty_chat(emulator, client)
            found = {violation.rule for violation in proxy.watcher.centre.violations}
    text = file.read_text()
    for secret in (SECRET, LAST_WORDS, AGENTS_WORDS, "Hildegard", "MOBILE-API", "clientId"):
        assert secret not in text
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = {finding.rule.number for finding in audit(read_recording(json.loads(text))).findings}
    # Texts are hidden: that two differ under one id cannot be seen any more.
    assert again >= found - {"F11"}


async def test_texts_are_recorded_on_request_and_secure_values_never(tmp_path: Path) -> None:
    file = tmp_path / "calls.har"
    async with Emulator("silent", Knobs(hold_ms=200)) as emulator:
        with HarRecorder(file, emulator.url, texts=True) as recorder:
            async with Proxy(emulator.url, recorder=recorder) as proxy, PlainClient(proxy.url) as client:
                await faulty_chat(emulator, client)
    text = file.read_text()
    assert LAST_WORDS in text
    assert AGENTS_WORDS in text
    assert SECRET not in text
    assert "MOBILE-API" not in text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")
@pytest.mark.parametrize("chats", [0, 1, 40])
async def test_a_full_disk_under_the_recording_disturbs_no_client(chats: int) -> None:
    recorder = HarRecorder(Path("/dev/full"), "http://127.0.0.1:1", texts=True)
    async with Emulator("silent", Knobs(hold_ms=200)) as emulator, Proxy(emulator.url, recorder=recorder) as proxy:
        async with aiohttp.ClientSession() as client:
            for number in range(chats):
                headers = {"Authorization": f'MOBILE-API-140-327-PLAIN appId="a", clientId="c{number}"'}
                url = f"{proxy.url}/clientweb/api/v2/chats?tenantUrl=t"
                async with client.post(url, json={"parameters": {"x": "y" * 500}}, headers=headers) as reply:
                    assert reply.status == 200
                    assert (await reply.json())["chat_id"]
        assert proxy.watcher.requests == chats
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        recorder.close()


async def test_the_page_shows_chats_and_steers_nothing() -> None:
    async with Emulator("silent", Knobs(hold_ms=200)) as emulator, Proxy(emulator.url, parts={PREFIX: part}) as proxy:
        await whole_chat(emulator, proxy.url)
        async with aiohttp.ClientSession() as client:

            async def get(path: str) -> Any:
                async with client.get(proxy.url + path) as answer:
                    assert answer.status == 200
                    return await answer.json()

            (chat,) = (await get("/_control/chats"))["chats"]
            assert (chat["phase"], chat["live"], chat["client"]["client_id"]) == ("ended", False, "ann")
            (verdict,) = (await get("/_control/verdict"))["clients"]
            assert verdict["verdict"] == "guilty"  # it polls while a poll is held
            for method, path in (("POST", "/_control/clock"), ("PATCH", "/_control/knobs"), ("POST", f"{PREFIX}/x")):
                async with client.request(method, proxy.url + path, json={}) as answer:
                    assert answer.status == 403
                    assert "observes" in (await answer.json())["error"]


async def test_compressed_answers_are_judged_and_learned_from() -> None:
    async with Emulator("silent", Knobs(hold_ms=200, timestamp_unit="ms")) as emulator, aiohttp.ClientSession() as http:

        async def compressing(request: web.Request) -> web.Response:
            """A server in front of the emulator that packs its answers, as real ones do."""
            body = await request.read()
            target = emulator.url + str(request.rel_url)
            headers = {name: value for name, value in request.headers.items() if name != "Host"}
            async with http.request(request.method, target, data=body, headers=headers) as answer:
                packed = gzip.compress(await answer.read())
                kept = {"Content-Type": answer.headers.get("Content-Type", "text/plain"), "Content-Encoding": "gzip"}
                return web.Response(status=answer.status, body=packed, headers=kept)

        async with served(compressing) as url, Proxy(url) as proxy, PlainClient(proxy.url) as client:
            await faulty_chat(emulator, client)
        found = {one.setting: one.value for one in proxy.watcher.learner.findings()}
    assert found["timestamp_unit"] == "ms"
    assert {"F1", "F11", "F22"} <= {violation.rule for violation in proxy.watcher.centre.violations}


async def test_foreign_host_names_are_refused_unless_allowed() -> None:
    async with Emulator("silent") as emulator, aiohttp.ClientSession() as client:
        for names, status in (((), 403), (("Chat.Example",), 200)):
            async with Proxy(emulator.url, names=names) as proxy:
                url = f"{proxy.url}/clientweb/api/v2/version?tenantUrl=a"
                sent = {"Host": "chat.example", "Authorization": 'MOBILE-API-140-327-PLAIN appId="a", clientId="b"'}
                async with client.get(url, headers=sent) as answer:
                    assert answer.status == status


@pytest.mark.slow
async def test_two_hundred_clients_at_once_lose_nothing() -> None:
    async with (
        Emulator("silent", Knobs(hold_ms=2_000)) as emulator,
        Proxy(emulator.url) as proxy,
        ChatClient(proxy.url, tenant="example.com", app_id="silent") as client,
    ):
        sessions = [await client.session(f"customer-{number}") for number in range(200)]
        for turn in range(3):
            for session in sessions:
                await session.send(f"text {turn}")
        await emulator.until(
            lambda centre: (
                len(centre.chats) == 200 and all(len(chat.texts_received) == 3 for chat in centre.chats.values())
            ),
            60,
        )
        for chat in list(emulator.centre.chats.values()):
            await emulator.act(chat.chat_id, actions.Say("Hi"), actions.EndChat())
        async with asyncio.timeout(60):
            for session in sessions:
                async for _ in session.updates():
                    if session.outcome is not None:
                        break
    assert proxy.watcher.centre.violations == []
    assert emulator.centre.violations == []
    texts = [[text for _, text in chat.texts_received] for chat in emulator.centre.chats.values()]
    assert texts == [["text 0", "text 1", "text 2"]] * 200
