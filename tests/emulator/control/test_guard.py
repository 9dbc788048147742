"""Access to the control API: no page of another site, and beyond loopback no request without the token."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from statemachine.emulator.http import Emulator
from statemachine.serving.addresses import is_loopback
from tests.emulator.control.api import call, opened, wire

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://[broken"},
        {"Host": "evil.example"},
        {"Host": "evil.example:8080"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
)
async def test_other_sites_are_refused(headers: dict[str, str]) -> None:
    async with Emulator("silent") as emulator:
        status, reply = await call(emulator, "GET", "/chats", headers=headers)
        assert status == 403
        assert reply["error"]
        status, _ = await call(emulator, "POST", "/chats/x/actions", headers=headers, json={"action": "end_chat"})
        assert status == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "localhost.evil.example", "192.168.0.1", "a b"])
async def test_foreign_names_are_refused_on_the_wire_too(host: str) -> None:
    async with Emulator("silent", names=["Phone.example"]) as emulator, aiohttp.ClientSession() as browser:
        for path in ("/", "/clientweb/api/v2/version?tenantUrl=t", "/clientweb/file/x", "/_control/chats", "/nowhere"):
            async with browser.get(emulator.url + path, headers={"Host": host}) as reply:
                assert reply.status == 403
                assert "--name" in (await reply.json())["error"]
        async with browser.post(f"{emulator.url}/clientweb/api/v2/chats", headers={"Host": host}, data=b"{}") as reply:
            assert reply.status == 403


@pytest.mark.parametrize("host", ["phone.example", "PHONE.example:8080", "localhost:1", "127.9.9.9", "[::1]:80"])
async def test_own_names_and_allowed_ones_are_not(host: str) -> None:
    async with Emulator("silent", names=["Phone.example"]) as emulator, aiohttp.ClientSession() as browser:
        for path, status in (("/_control/chats", 200), ("/nowhere", 404)):
            async with browser.get(emulator.url + path, headers={"Host": host}) as reply:
                assert reply.status == status


async def test_another_port_of_this_machine_is_another_site() -> None:
    async with Emulator("silent") as emulator:
        status, _ = await call(emulator, "GET", "/chats", headers={"Origin": "http://127.0.0.1:1"})
        assert status == 403


async def test_the_page_itself_the_address_bar_and_a_link_are_welcome() -> None:
    async with Emulator("silent") as emulator:
        for headers in (
            {"Origin": emulator.url, "Sec-Fetch-Site": "same-origin"},
            {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
            {"Host": "localhost:9000"},
            {"Host": "[::1]:9000"},
        ):
            status, _ = await call(emulator, "GET", "/chats", headers=headers)
            assert status == 200, headers


async def test_beyond_loopback_a_token_is_needed_and_the_wire_is_open() -> None:
    async with Emulator("silent", host="0.0.0.0", token="s3cret") as emulator:
        assert emulator.url.startswith("http://127.0.0.1:"), "nobody can connect to every address"
        await opened(emulator)
        assert (await wire(emulator, "GET", "availability"))[0] == 200
        wrong = ({"Authorization": "Bearer wrong"}, {"Authorization": "Basic s3cret"})
        for headers in ({}, *wrong, {"Host": "localhost"}):
            assert (await call(emulator, "GET", "/chats", headers=headers))[0] == 401
        assert (await call(emulator, "GET", "/chats?token=wrong"))[0] == 401
        assert (await call(emulator, "GET", "/chats", headers={"Authorization": "Bearer s3cret"}))[0] == 200
        other = {"Authorization": "Bearer s3cret", "Origin": "https://evil.example"}
        assert (await call(emulator, "GET", "/chats", headers=other))[0] == 403


async def test_a_token_in_the_address_becomes_a_cookie() -> None:
    async with (
        Emulator("silent", host="0.0.0.0") as emulator,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
    ):
        url = f"{emulator.url}/_control/chats"
        async with browser.get(url, params={"token": emulator.token or "", "client_id": "x"}) as reply:
            assert reply.status == 200
            assert str(reply.url) == f"{url}?client_id=x"
        async with browser.get(url) as reply:
            assert reply.status == 200
        (cookie,) = browser.cookie_jar
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == "/_control"


async def test_the_cookie_of_a_page_is_sent_to_the_page_and_the_control_api_only() -> None:
    async with (
        Emulator("silent", host="0.0.0.0", parts={"/_part": _part}) as emulator,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
    ):
        async with browser.get(f"{emulator.url}/_part/x", params={"token": emulator.token or ""}) as reply:
            assert (reply.status, await reply.text()) == (200, "shown")
        assert {cookie["path"] for cookie in browser.cookie_jar} == {"/_part", "/_control"}
        async with browser.get(f"{emulator.url}/_control/chats") as reply:
            assert reply.status == 200
        sent = browser.cookie_jar.filter_cookies(URL(f"{emulator.url}/clientweb/file/x"))
        assert not sent


def _part() -> web.Application:
    async def shown(_: web.Request) -> web.Response:
        return web.Response(text="shown")

    app = web.Application()
    app.router.add_get("/x", shown)
    return app


async def test_a_token_is_made_where_none_is_given_and_not_on_loopback() -> None:
    assert Emulator().token is None
    made = Emulator(host="0.0.0.0").token
    assert made is not None
    assert len(made) >= 16
    assert made != Emulator(host="0.0.0.0").token


async def test_what_is_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST", "::1", "[::1]")))
    assert not any(map(is_loopback, ("0.0.0.0", "192.168.0.1", "localhost.evil.example", "", "example.com")))
