"""One request over HTTP: headers of the application's own, a proxy, certificates. The failures: see `test_http`."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
import trustme

from statemachine.adapters import http_client as module
from statemachine.adapters.circuit_breaker import FAILURES
from statemachine.adapters.http_client import CallFailed, ConnectionPool, HttpClient, HttpResponse
from statemachine.codec.http import Endpoint, HttpRequest, to_http
from statemachine.core.commands import Poll, Post
from statemachine.core.wire import Message
from tests.adapters.wire_server import WireServer

pytestmark = pytest.mark.asyncio


def request(url: str) -> HttpRequest:
    return to_http(Poll(1, 9_000, "chat"), Endpoint(url, "t", "app", "client"), nonce="n")


async def ask(url: str, **settings: Any) -> HttpResponse:
    async with ConnectionPool(timedelta(seconds=5), **settings) as pool:
        return await HttpClient(pool).exchange(request(url))


# --- headers ---


async def test_headers_are_added_to_every_request_and_replace_ours() -> None:
    async with WireServer() as server:
        await ask(server.url, headers={"X-Gateway": "key", "authorization": "Bearer 1"})
    (heard,) = server.heard
    assert heard.headers["x-gateway"] == "key"
    assert heard.headers["authorization"] == "Bearer 1"
    assert heard.headers["user-agent"] == "MobileClient"


async def test_a_token_is_asked_for_before_each_request() -> None:
    count = 0

    async def token() -> Mapping[str, str]:
        nonlocal count
        await asyncio.sleep(0)
        count += 1
        return {"Authorization": f"Bearer {count}"}

    async with WireServer() as server, ConnectionPool(headers=token) as pool:
        http = HttpClient(pool)
        for _ in range(2):
            await http.exchange(request(server.url))
    assert [heard.headers["authorization"] for heard in server.heard] == ["Bearer 1", "Bearer 2"]


@pytest.mark.parametrize(
    "error", [RuntimeError("the vault is sealed"), asyncio.CancelledError(), SystemExit(2), GeneratorExit()], ids=repr
)
async def test_a_token_that_cannot_be_had_leaves_the_request_unsent(error: BaseException) -> None:
    async def token() -> Mapping[str, str]:
        raise error

    async with WireServer() as server:
        with pytest.raises(CallFailed) as failed:
            await ask(server.url, headers=token)
    assert failed.value.kind == "unsent"
    assert server.heard == []


@pytest.mark.parametrize("headers", [None, 5, [1], {"X": 5}, {"X": None}, {"X": b"y"}, {5: "y"}], ids=repr)
async def test_headers_of_a_wrong_type_leave_the_request_unsent(headers: Any) -> None:
    async def wrong() -> Any:
        return headers

    async with WireServer() as server:
        with pytest.raises(CallFailed) as failed:
            await ask(server.url, headers=wrong)
    assert failed.value.kind == "unsent"
    assert failed.value.cause == "headers"
    assert server.heard == []


async def test_a_header_that_cannot_be_said_is_unsent() -> None:
    async with WireServer() as server:
        with pytest.raises(CallFailed) as failed:
            await ask(server.url, headers={"X-Gateway": "a\r\nX-Evil: 1"})
    assert failed.value.kind == "unsent"
    assert server.heard == []


# --- a proxy ---


async def test_requests_go_through_the_proxy() -> None:
    async with WireServer() as proxy:
        await ask("http://chat.example.com", proxy=proxy.url.replace("//", "//me:secret@"))
    (heard,) = proxy.heard
    assert heard.line.startswith("GET http://chat.example.com/clientweb/api/v2/chats/chat/events?")
    assert heard.headers["proxy-authorization"].startswith("Basic ")


async def test_a_proxy_that_refuses_leaves_the_request_unsent() -> None:
    async with WireServer(lambda heard: heard.reply(407)) as proxy:
        with pytest.raises(CallFailed) as failed:
            await ask("https://chat.example.com", proxy=proxy.url)
    assert failed.value.kind == "unsent"
    assert proxy.heard[0].line.startswith("CONNECT chat.example.com:443")


# --- certificates ---


def over_tls(authority: trustme.CA) -> WireServer:
    """A server with a certificate from this authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return WireServer(lambda heard: heard.reply(204), tls=context)


async def test_an_untrusted_certificate_is_refused_before_anything_is_sent() -> None:
    async with over_tls(trustme.CA()) as server:
        with pytest.raises(CallFailed) as failed:
            await ask(server.url)
    assert server.heard == []
    assert failed.value.kind == "unsent"
    assert "certificate" in failed.value.reason


async def test_an_authority_of_ones_own_is_trusted() -> None:
    authority = trustme.CA()
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    async with over_tls(authority) as server:
        assert (await ask(server.url, tls=trusted)).status == 204


# --- many at once, and a host that is down ---


async def test_few_connections_are_made_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECTING", 3)
    connecting = most = 0
    connect = aiohttp.TCPConnector.connect

    async def counted(self: Any, *args: Any) -> Any:
        nonlocal connecting, most
        connecting += 1
        most = max(most, connecting)
        try:
            return await connect(self, *args)
        finally:
            connecting -= 1

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", counted)
    async with WireServer() as server, ConnectionPool() as pool:
        await asyncio.gather(*(HttpClient(pool).exchange(request(server.url)) for _ in range(20)))
    assert most == 3


async def test_requests_stop_while_the_server_is_down_and_resume_when_it_answers() -> None:
    async with WireServer() as server:
        server.behave = lambda heard: heard.writer.close()
        async with ConnectionPool() as pool:
            http = HttpClient(pool)
            kinds = [await failure(http, server.url) for _ in range(FAILURES + 5)]
            assert kinds == ["cut"] * FAILURES + ["unsent"] * 5
            assert len(server.heard) == FAILURES
            server.behave = lambda heard: heard.reply(200)
            for _ in range(400):
                if not await failure(http, server.url):
                    break
                await asyncio.sleep(0.05)
            assert not pool.breaker.is_open


async def test_reads_wait_until_requests_may_be_sent_and_others_fail_at_once() -> None:
    may, asked = False, asyncio.Event()

    def may_send() -> bool:
        asked.set()
        return may

    async with WireServer() as server, ConnectionPool(may_send=may_send) as pool:
        endpoint = Endpoint(server.url, "t", "app", "client")
        post = to_http(Post(1, 60_000, "chat", "o:1", Message(msg_text="hello")), endpoint, nonce="n")
        hurried = to_http(Poll(1, 1, "chat"), endpoint, nonce="n")
        for refused in (post, hurried):
            with pytest.raises(CallFailed) as failed:
                await HttpClient(pool).exchange(refused)
            assert (failed.value.kind, failed.value.error) == ("unsent", "RequestBlocked")
        asked.clear()
        reading = asyncio.create_task(HttpClient(pool).exchange(request(server.url)))
        await asked.wait()
        assert server.heard == []
        may = True
        await reading
    assert len(server.heard) == 1


async def failure(http: HttpClient, url: str) -> str:
    try:
        await http.exchange(request(url))
    except CallFailed as failed:
        return failed.kind
    return ""


async def test_requests_beyond_the_rate_wait_or_are_not_sent() -> None:
    async with WireServer() as server, ConnectionPool(per_second=1 / 60) as pool:
        http = HttpClient(pool)
        hurried = to_http(Poll(1, 1, "chat"), Endpoint(server.url, "t", "app", "client"), nonce="n")
        await http.exchange(request(server.url))
        with pytest.raises(CallFailed) as failed:
            await http.exchange(hurried)
    assert (failed.value.kind, failed.value.error) == ("unsent", "RequestBlocked")
    assert len(server.heard) == 1
