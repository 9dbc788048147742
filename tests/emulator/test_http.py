"""The HTTP face, through a real client on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from statemachine.emulator import Knobs
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from tests.emulator.driver import authorization, message, names

pytestmark = pytest.mark.asyncio


class Browser:
    """A client without any cleverness."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        self.emulator = emulator
        self.session = session
        self.chat_id = ""

    async def call(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        url = f"{self.emulator.url}/clientweb/api/v2/{path}"
        async with self.session.request(method, url, params={"tenantUrl": "x.example"}, **more) as response:
            body = await response.read()
            is_json = response.content_type == "application/json"
            return response.status, (await response.json() if is_json else body)

    async def open(self) -> Browser:
        _, reply = await self.call("POST", "chats", json={})
        self.chat_id = reply["chat_id"]
        return self

    async def poll(self) -> list[Any]:
        status, reply = await self.call("GET", f"chats/{self.chat_id}/events")
        assert status == 200
        return list(reply["events"])

    async def send(self, *events: Any) -> tuple[int, Any]:
        return await self.call("POST", f"chats/{self.chat_id}/events", json={"events": list(events)})


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": authorization(), "Cache-Control": "no-cache"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield session


async def test_a_whole_plain_session(session: aiohttp.ClientSession) -> None:
    async with Emulator("plain", Knobs(pace=0.01)) as emulator:
        browser = await Browser(emulator, session).open()
        events: list[Any] = []
        sent = False
        while "ended" not in names(events):
            events += await browser.poll()
            if not sent and "party_joined" in names(events):
                sent = True
                assert await browser.send(message("hello", "1")) == (200, b"")
            if events[-1].get("msg") == "You said: hello":
                await browser.send({"event": "chat_session_disconnect"})
        chat = emulator.centre.chats[browser.chat_id]
        assert chat.texts_received == [("1", "hello")]
        assert emulator.centre.violations == []
        assert (await browser.send(message("late", "3")))[0] == 404


async def test_a_held_poll_is_answered_by_an_act_and_by_the_clock(session: aiohttp.ClientSession) -> None:
    async with Emulator("silent", Knobs(hold_ms=100)) as emulator:
        browser = await Browser(emulator, session).open()
        assert await browser.poll() == []
        polling = asyncio.create_task(browser.poll())
        await emulator.until(lambda centre: centre.held_polls == 1)
        await emulator.act(browser.chat_id, do.Say("hi"), do.StartTyping())
        assert names(await polling) == ["message", "typing"]


async def test_a_broken_poll_is_noticed(session: aiohttp.ClientSession) -> None:
    async with Emulator("silent", Knobs(after_cut="free")) as emulator:
        browser = await Browser(emulator, session).open()
        polling = asyncio.create_task(browser.poll())
        await emulator.until(lambda centre: centre.held_polls == 1)
        polling.cancel()
        await emulator.until(lambda centre: centre.held_polls == 0)
        await emulator.act(browser.chat_id, do.Say("hi"))
        assert names(await browser.poll()) == ["message"]


async def test_waiting_in_vain(session: aiohttp.ClientSession) -> None:
    async with Emulator("silent") as emulator:
        with pytest.raises(TimeoutError):
            await emulator.until(lambda centre: bool(centre.chats), timeout_s=0.01)
        with pytest.raises(KeyError):
            await emulator.act("none", do.EndChat())


async def test_closing_with_a_held_poll_ends_its_connection(session: aiohttp.ClientSession) -> None:
    async with Emulator("silent") as emulator:
        browser = await Browser(emulator, session).open()
        polling = asyncio.create_task(browser.poll())
        await emulator.until(lambda centre: centre.held_polls == 1)
    with pytest.raises(aiohttp.ClientError):
        await polling


async def test_upload_and_download(session: aiohttp.ClientSession) -> None:
    async with Emulator("silent") as emulator:
        browser = await Browser(emulator, session).open()
        form = aiohttp.FormData()
        content = bytes(range(256)) * 40
        form.add_field("file-upload-input", content, filename="größe.bin", content_type="image/png")
        status, reply = await browser.call("POST", "files", data=form)
        assert status == 200
        assert await browser.call("GET", f"chats/{browser.chat_id}/files/{reply['file_id']}") == (
            200,
            content,
        )


async def test_bodies_that_are_too_large(session: aiohttp.ClientSession) -> None:
    async with Emulator("silent", Knobs(upload_limit_bytes=1_000)) as emulator:
        browser = await Browser(emulator, session).open()
        status, reply = await browser.call("POST", "files", data=b"x" * 200_000)
        assert (status, reply["error_code"]) == (400, "5501")
        status, reply = await browser.call("POST", f"chats/{browser.chat_id}/events", data=b"x" * 200_000)
        assert (status, reply["error_code"]) == (413, "5003")
        status, reply = await browser.call("POST", f"chats/{browser.chat_id}/events", data=b"{")
        assert (status, reply["error_code"]) == (400, "5003")


async def test_a_line_that_drops_replies_and_cuts_requests(session: aiohttp.ClientSession) -> None:
    async with Emulator("silent", Knobs(network_drop_reply_every=2, network_cut_every=3)) as emulator:
        browser = await Browser(emulator, session).open()  # 1
        with pytest.raises(aiohttp.ClientError):
            await browser.send(message("arrives", "1"))  # 2
        with pytest.raises(aiohttp.ClientError):
            await browser.send(message("never arrives", "3"))  # 3
        chat = emulator.centre.chats[browser.chat_id]
        assert [text for _, text in chat.texts_received] == ["arrives"]


async def test_a_slow_line(session: aiohttp.ClientSession) -> None:
    async with Emulator("silent", Knobs(network_delay_ms=30)) as emulator:
        before = emulator.now()
        await Browser(emulator, session).open()
        assert emulator.now() - before >= 30


async def test_the_cookie_identity_through_a_jar() -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    headers = {"Authorization": authorization("WebChat")}
    async with (
        Emulator("silent") as emulator,
        aiohttp.ClientSession(headers=headers, cookie_jar=jar) as session,
    ):
        first = (await Browser(emulator, session).open()).chat_id
        assert (await Browser(emulator, session).open()).chat_id == first


async def test_two_emulators_and_a_port_that_is_taken() -> None:
    async with Emulator("silent") as one:
        port = int(one.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            async with Emulator("silent", port=port):
                pass
        async with Emulator("silent") as two:
            assert one.url != two.url
            assert one.url.startswith("http://127.0.0.1:")


async def test_an_error_inside_shows_no_traceback(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("secret detail")

    async with Emulator("silent") as emulator:
        monkeypatch.setattr(emulator.centre, "request", explode)
        status, body = await Browser(emulator, session).call("GET", "availability")
        assert status == 500
        assert b"secret" not in str(body).encode()


async def test_many_held_polls() -> None:
    async with Emulator("silent", Knobs(hold_ms=300)) as emulator:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def one(number: int) -> list[Any]:
                headers = {"Authorization": authorization(f"client-{number}"), "Cache-Control": "no-cache"}
                browser = Browser(emulator, session)
                _, reply = await browser.call("POST", "chats", json={}, headers=headers)
                path = f"chats/{reply['chat_id']}/events"
                _, reply = await browser.call("GET", path, headers=headers)
                return list(reply["events"])

            assert await asyncio.gather(*(one(number) for number in range(100))) == [[]] * 100
        assert emulator.centre.violations == []
