"""The feed: what happens, for readers who come, lag, break off and come again."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from statemachine.emulator import Knobs, actions, feed, traffic
from statemachine.emulator.http import Emulator
from statemachine.serving import event_stream
from tests.emulator.control.api import call, following, opened, until, wire
from tests.emulator.driver import message

pytestmark = pytest.mark.asyncio


async def test_a_request_what_it_changed_and_its_reply() -> None:
    async with Emulator("silent") as emulator, following(emulator) as updates:
        assert (await anext(updates))[1] == "resync"
        chat_id = await opened(emulator)
        request, chat, reply = [one[1:] for one in await until(updates, "reply")]
        assert request[0] == "request"
        assert request[1]["method"] == "POST"
        assert request[1]["path"] == "/clientweb/api/v2/chats"
        assert request[1]["chat_id"] is None
        assert chat[1]["chat"]["chat_id"] == chat_id
        assert (reply[1]["number"], reply[1]["status"]) == (request[1]["number"], 200)
        assert chat_id in reply[1]["body"]

        await wire(emulator, "POST", f"chats/{chat_id}/events", json={"events": [message("hi", "1")]})
        request, chat, reply = [one[1:] for one in await until(updates, "reply")]
        assert request[1]["chat_id"] == chat_id
        assert chat[1]["from"] == 0
        assert [entry["event"]["msg"] for entry in chat[1]["entries"]] == ["hi"]

        await emulator.act(chat_id, actions.Say("hello"))
        (_, _, told) = await anext(updates)
        assert told["from"] == 1
        assert [entry["event"]["msg"] for entry in told["entries"]] == ["hello"]


async def test_faults_are_told() -> None:
    async with Emulator("silent") as emulator, following(emulator) as updates:
        chat_id = await opened(emulator)
        await wire(emulator, "GET", f"chats/{chat_id}/events", "somebody-else")
        found = await until(updates, "fault")
        assert found[-1][2]["rule"] == "F35"
        assert found[-1][2]["chat_id"] == chat_id


async def test_who_comes_late_gets_what_is_kept_and_who_comes_again_gets_the_rest() -> None:
    async with Emulator("silent") as emulator:
        chat_id = await opened(emulator)
        async with following(emulator) as updates:
            seen = await until(updates, "reply")
        assert [one[1] for one in seen] == ["resync", "request", "chat", "reply"]
        await emulator.act(chat_id, actions.Say("meanwhile"))
        async with following(emulator, seen[-1][0]) as updates:
            number, event, told = await anext(updates)
        assert (number, event) == (seen[-1][0] + 1, "chat")
        assert told["entries"][0]["event"]["msg"] == "meanwhile"


async def test_who_lags_is_told_to_begin_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "KEPT", 5)
    async with Emulator("silent") as emulator:
        chat_id = await opened(emulator)
        for number in range(20):
            await emulator.act(chat_id, actions.Say(str(number)))
        async with following(emulator, 1) as updates:
            assert (await anext(updates))[1] == "resync"
            told = [(await anext(updates))[2] for _ in range(5)]
        assert [one["entries"][0]["event"]["msg"] for one in told] == ["15", "16", "17", "18", "19"]


async def test_a_place_of_another_run_begins_afresh() -> None:
    async with Emulator("silent") as emulator:
        await opened(emulator)
        for last in (10_000, 4):
            async with following(emulator, last) as updates:
                assert (await anext(updates))[1] == "resync"


async def test_a_reader_that_takes_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "WRITE_TIMEOUT_S", 0.2)
    async with Emulator("silent") as emulator:
        chat_id = await opened(emulator)
        reader, writer = await asyncio.open_connection("127.0.0.1", int(emulator.url.rpartition(":")[2]), limit=1024)
        writer.write(b"GET /_control/feed HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"resync")
        transport = writer.transport
        transport.pause_reading()  # type: ignore[attr-defined]
        text = "x" * traffic.BODY_BYTES
        async with asyncio.timeout(60):
            while emulator.feed.readers.waiting:  # until the buffers of both ends are full, and the write times out
                for _ in range(50):
                    await emulator.act(chat_id, actions.Say(text))
                await asyncio.sleep(0.05)
        writer.close()
        assert (await call(emulator, "GET", "/chats"))[0] == 200


async def test_there_is_a_limit_to_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "MAX_READERS", 1)
    async with Emulator("silent") as emulator:
        async with following(emulator) as updates:
            await anext(updates)
            status, refused = await call(emulator, "GET", "/feed")
            assert status == 503
            assert "follow already" in refused["error"]
        async with asyncio.timeout(30), aiohttp.ClientSession() as session:
            while status == 503:  # until the server has noticed that the first reader left
                async with session.get(f"{emulator.url}/_control/feed") as reply:
                    status = reply.status
        assert status == 200


async def test_a_quiet_feed_says_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "QUIET_S", 0.05)
    async with (
        Emulator("silent") as emulator,
        aiohttp.ClientSession() as session,
        session.get(f"{emulator.url}/_control/feed") as reply,
    ):
        assert await reply.content.readuntil(b": quiet\n\n")


async def test_closing_lets_the_readers_go_at_once() -> None:
    async with Emulator("silent") as emulator, following(emulator) as updates:
        await anext(updates)
        await emulator.__aexit__(None, None, None)
        assert [one async for one in updates] == []


async def test_secure_values_and_files_are_not_shown_and_long_bodies_are_cut() -> None:
    async with Emulator("silent") as emulator:
        chat_id = await opened(emulator)
        await emulator.act(chat_id, actions.ShowSecureForm("payment"))
        answer = {"event": "chat_session_secure_form_data", "form_request_id": "1", "data": {"card": "hunter2"}}
        path = f"chats/{chat_id}/events"
        await wire(emulator, "POST", path, json={"events": [answer]})
        await wire(emulator, "POST", path, data=b'{"event":"chat_session_secure_form_data","data":"hunter2",')
        await wire(emulator, "POST", path, json={"events": [message("x" * 100_000, "1")]})
        form = aiohttp.FormData()
        form.add_field("file", b"%PDF-hunter2", filename="a.pdf")
        await wire(emulator, "POST", "files", data=form)
        async with following(emulator) as updates:
            told = [one for _ in range(5) for one in await until(updates, "reply")]
        bodies = [data["body"] for _, event, data in told if event == "request"]
        assert "hunter2" not in str(told)
        assert "chat_session_secure_form_data" in bodies[1]
        assert bodies[2] == '{"hidden": "the values of a secure form"}'
        assert len(bodies[3]) == traffic.BODY_BYTES
        assert "bytes, multipart/form-data)" in bodies[4]


async def test_cut_lines_are_shown_as_cut() -> None:
    async with Emulator("silent", Knobs(network_cut_every=1)) as emulator, following(emulator) as updates:
        with pytest.raises(aiohttp.ClientError):
            await opened(emulator)
        assert (await until(updates, "reply"))[-1][2]["status"] == 0


async def test_a_client_that_breaks_off_its_poll_is_shown() -> None:
    async with Emulator("silent") as emulator, following(emulator) as updates:
        chat_id = await opened(emulator)
        await until(updates, "reply")
        polling = asyncio.create_task(wire(emulator, "GET", f"chats/{chat_id}/events"))
        await emulator.until(lambda centre: centre.held_polls == 1, 30)
        polling.cancel()
        assert (await until(updates, "reply"))[-1][2]["status"] == 0


async def test_mischief_in_a_chat_does_not_stop_the_feed() -> None:
    async with Emulator("silent") as emulator, following(emulator) as updates:
        chat_id = await opened(emulator)
        hostile = ["\ud800 half", "\n\nid: 9\nevent: fault\ndata: {}\n\n", "</script>", "\u2028\r\r"]
        for number, text in enumerate(hostile):
            await wire(emulator, "POST", f"chats/{chat_id}/events", json={"events": [message(text, str(number))]})
        told = [one for _ in range(len(hostile) + 1) for one in await until(updates, "reply")]
        entries = [entry for _, event, data in told if event == "chat" for entry in data["entries"]]
        assert [entry["event"]["msg"] for entry in entries] == hostile
        deep: dict[str, object] = {}
        for _ in range(5_000):
            deep = {"a": deep}
        await emulator.act(chat_id, actions.Raw(deep), actions.Say("after"))
        await emulator.act(chat_id, actions.Say("on"))
        assert (await until(updates, "chat"))[-1][2]["entries"][0]["event"]["msg"] == "on"
