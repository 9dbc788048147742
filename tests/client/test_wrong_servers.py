"""Wrong addresses, proxies that refuse, servers of other kinds: a chat and `doctor` say at once what fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from structlog.testing import capture_logs

from statemachine.client import ChatClient, Options
from statemachine.client.centre import CentreError, ContactCentre
from statemachine.client.doctor import Finding, examine
from statemachine.codec.http import Endpoint
from statemachine.core import ConnectionChanged, Failure, Finished
from tests.adapters.wire_server import Heard, WireServer

QUICK = Options(
    request_timeout=timedelta(seconds=3), connect_timeout=timedelta(seconds=2), close_within=timedelta(milliseconds=100)
)


@asynccontextmanager
async def answering(answer: bytes, to: bytes = b"\r\n\r\n") -> AsyncGenerator[int]:
    """A server that gives this answer to the first request of each connection, which ends so. Its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(to)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def shown(url: str, options: Options = QUICK) -> ConnectionChanged | Finished:
    """The first update that says how the request of a chat has failed."""
    async with ChatClient(url, app_id="app", tenant="t", options=options) as client, asyncio.timeout(30):
        chat = await client.session("ann")
        async for update in chat.updates():
            if isinstance(update, Finished) or (isinstance(update, ConnectionChanged) and update.reason):
                return update
    raise AssertionError("no update says that it has failed")


async def examined(url: str, options: Options = QUICK) -> Finding:
    """The first finding that is wrong."""
    findings = [one async for one in examine(Endpoint(url, "t", "app", "ann"), options)]
    return next(one for one in findings if one.verdict == "wrong")


PROXIES: Any = [
    (b"HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", "status 407", "user:password@"),
    (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "status 403", "ask its administrator to allow"),
    (b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n", "status 503", "check the host in url"),
    (b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n", "status 502", "check the host in url"),
]


@pytest.mark.parametrize(("answer", "said", "remedy"), PROXIES)
async def test_a_proxy_that_refuses_is_named_with_its_remedy(answer: bytes, said: str, remedy: str) -> None:
    async with answering(answer) as port:
        options = evolve(QUICK, proxy=f"http://me:secret@127.0.0.1:{port}")
        update = await shown("https://centre.example.test", options)
        assert isinstance(update, ConnectionChanged)
        assert (update.state, update.reason) == ("backing_off", "unsent")
        assert said in update.detail
        assert remedy in update.detail
        finding = await examined("https://centre.example.test", options)
        assert said in finding.said
        assert finding.advice is not None
        assert (finding.advice.setting, remedy in finding.advice.remedy) == ("proxy", True)
        assert "secret" not in repr((update, finding))


@pytest.mark.parametrize(
    ("answer", "said", "remedy"),
    [
        (PROXIES[0][0], "the proxy refuses the connection: HTTP status 407", "user:password@"),
        (b"HTTP/1.1 407 Auth\r\nConnection: close\r\n\r\n", "status 407", "user:password@"),
        (PROXIES[1][0], "status 403", "allow the contact centre's host; if it is allowed, check app_id"),
        (PROXIES[2][0], "status 503", "the administrator of the proxy, then that of the contact centre"),
        (b"\x05\x00\x00", "not HTTP", "host and port of the proxy"),
    ],
)
async def test_a_proxy_that_answers_in_the_place_of_the_server_is_named(answer: bytes, said: str, remedy: str) -> None:
    async with answering(answer) as port:
        options = evolve(QUICK, proxy=f"http://127.0.0.1:{port}")
        with capture_logs() as logs:
            update = await shown("http://centre.example.test", options)
        finding = await examined("http://centre.example.test", options)
        detail = logs[0]["reason"] if isinstance(update, Finished) else update.detail
        assert (said in detail, remedy in detail) == (True, True)
        assert isinstance(update, Finished) == (said == "status 403")
        assert finding.advice is not None
        assert (finding.advice.setting, remedy in finding.advice.remedy) == ("proxy", True)
        async with ContactCentre("http://centre.example.test", app_id="app", client_id="x", options=options) as centre:
            with pytest.raises(CentreError, match=remedy):
                await centre.version()


@pytest.mark.parametrize("error", [b'{"error_code": "3000"}', b'{"error_code": 3000, "error_message": "x"}'])
async def test_an_error_of_the_server_that_a_proxy_passes_on_is_the_servers(error: bytes) -> None:
    answer = b"HTTP/1.1 403 F\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(error), error)
    async with answering(answer) as port:
        finding = await examined("http://centre.example.test", evolve(QUICK, proxy=f"http://127.0.0.1:{port}"))
    assert finding.advice is not None
    assert finding.advice.setting == "app_id"


@pytest.mark.parametrize("answer", [b"", b"junk that is no TLS", b"\x15\x03\x01\x00\x02\x02\x46"])
async def test_a_place_without_tls_is_named(answer: bytes) -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n" + answer) as port:
        finding = await examined("https://centre.example.test", evolve(QUICK, proxy=f"http://127.0.0.1:{port}"))
        assert finding.said == "centre.example.test:443: no TLS there"
        assert finding.advice is not None
        assert (finding.advice.setting, "the proxy's administrator" in finding.advice.remedy) == ("proxy", True)
    async with answering(answer, to=b"\x16") as port:  # the first byte of a TLS handshake
        update = await shown(f"https://127.0.0.1:{port}")
        assert isinstance(update, ConnectionChanged)
        assert "no TLS there" in update.detail


@pytest.mark.parametrize(
    ("answer", "said", "setting"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n", "not HTTP", "url"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "not HTTP", "url"),
        (b"220 mail\r\n", "not HTTP", "url"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html>Sign in", "not from the chat API", "url"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"status":"ok"}', "not from the chat API", "url"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "not from the chat API", "url"),
        (b"HTTP/1.1 204 No\r\n\r\n", "not from the chat API", "url"),
        (b"HTTP/1.1 302 F\r\nLocation: http://portal.test/?u=1\r\nContent-Length: 0\r\n\r\n", "//portal.test", "url"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", "larger than 64 KB", "server"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "Duplicate", "server"),
    ],
)
async def test_a_server_that_is_no_contact_centre_is_noticed_at_once(answer: bytes, said: str, setting: str) -> None:
    async with answering(answer) as port:
        url = f"http://127.0.0.1:{port}"
        update = await shown(url)
        assert isinstance(update, ConnectionChanged)
        assert said in update.detail
        finding = await examined(url)
        assert said in finding.said
        assert finding.advice is not None
        assert finding.advice.setting == setting
        assert finding.advice.remedy in update.detail  # a chat gives the same advice


async def test_a_path_in_the_url_is_named_while_a_chat_is_requested() -> None:
    async with WireServer(lambda heard: heard.reply(200, b"<html>")) as server:
        update = await shown(f"{server.url}/admin")
        assert isinstance(update, ConnectionChanged)
        assert update.detail.endswith(f"leave out the path /admin: url is scheme and host only, {server.url}")


async def test_an_address_without_an_api_ends_the_request_at_once() -> None:
    async with WireServer(lambda heard: heard.reply(404, b"<html>")) as server:
        update = await shown(server.url)
    assert isinstance(update, Finished)
    assert (update.outcome, update.code) == ("refused", 404)


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("http://127.0.0.1:1", "the proxy 127.0.0.1:1: Connection refused"),
        ("http://no-such-proxy.invalid:3128", "the proxy no-such-proxy.invalid:3128: no such host"),
    ],
)
async def test_a_proxy_that_is_not_there_is_named(proxy: str, said: str) -> None:
    finding = await examined("https://centre.example.test", evolve(QUICK, proxy=proxy))
    assert finding.said == said
    assert finding.advice is not None
    assert finding.advice.setting == "proxy"


async def test_no_such_host_is_said_at_once() -> None:
    update = await shown("http://no-such-host.invalid")
    assert isinstance(update, ConnectionChanged)
    assert "no such host" in update.detail


# --- redirects --------------------------------------------------------------------------------------------------------


async def test_a_text_that_is_redirected_does_not_count_as_sent() -> None:
    """The target may answer anything with 200; the contact centre never had the text."""

    async def redirect_posts(heard: Heard) -> None:
        path = heard.line.split()[1]
        if heard.line.startswith("POST") and "/events" in path:
            heard.reply(302, b"", "Location: /login")
        elif heard.line.startswith("POST"):
            heard.reply(200, b'{"chat_id": "c-1", "state": "queued", "is_new_chat": true}')
        elif "/login" in path:
            heard.reply(200)
        else:
            await asyncio.sleep(0.2)
            heard.reply(200, b'{"events": []}')

    async with (
        WireServer(redirect_posts) as server,
        ChatClient(server.url, app_id="app", tenant="t", options=QUICK) as client,
    ):
        chat = await client.session("ann")
        sending = await chat.send("please cancel my order")
        with pytest.raises(TimeoutError):
            await sending.sent(timedelta(seconds=1.5))
        assert sending.state == "pending"
        assert not any("/login" in heard.line for heard in server.heard)


# --- downloads --------------------------------------------------------------------------------------------------------


def _file(status: int, body: bytes, *headers: str) -> Callable[[Heard], None]:
    return lambda heard: heard.reply(status, body, *headers)


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (_file(200, b"abc"), b"abc"),
        (_file(206, b"abc"), b"abc"),
        (_file(201, b"abc"), b"abc"),
        (_file(200, b""), b""),
        (_file(200, b'{"error_code": 5502, "orders": []}', "Content-Type: application/json"), None),
        (_file(200, b'{"error_code": 1}', "Content-Type: image/png"), b'{"error_code": 1}'),
        (_file(200, b"x" * 10_000), b"x" * 10_000),
    ],
)
async def test_any_success_is_a_download(answer: Callable[[Heard], None], content: bytes | None) -> None:
    async with WireServer(answer) as server, ChatClient(server.url, app_id="app", tenant="t", options=QUICK) as client:
        centre = (await client.session("ann", start=False)).centre
        expected = b'{"error_code": 5502, "orders": []}' if content is None else content
        assert b"".join([piece async for piece in centre.download("c", "f")]) == expected
        assert (await centre.file("c", "f")).body == expected


async def test_an_answer_without_content_is_an_empty_download() -> None:
    def nothing(heard: Heard) -> None:
        heard.writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with WireServer(nothing) as server, ChatClient(server.url, app_id="app", tenant="t") as client:
        centre = (await client.session("ann", start=False)).centre
        assert [piece async for piece in centre.download("c", "f")] == []


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (_file(200, b'{"error_code": 5502, "error_message": "gone"}'), Failure("http", 200, 5502)),
        (_file(200, b'{"error_code": "5502"}', "Content-Type: application/json"), Failure("http", 200, 5502)),
        (_file(206, b'{"error_code": 5502}', "Content-Type: text/plain"), Failure("http", 206, 5502)),
        (_file(404, b"<html>"), Failure("http", 404)),
        (_file(302, b"", "Location: https://bucket.example.test/x?sig=secret"), Failure("http", 302)),
    ],
)
async def test_an_error_is_no_download(answer: Callable[[Heard], None], failure: Failure) -> None:
    async with WireServer(answer) as server, ChatClient(server.url, app_id="app", tenant="t", options=QUICK) as client:
        centre = (await client.session("ann", start=False)).centre
        for ask in (lambda: _whole(centre), lambda: centre.file("c", "f")):
            with pytest.raises(CentreError) as raised:
                await ask()
            assert evolve(raised.value.failure, detail="") == failure
            assert "secret" not in str(raised.value)


async def _whole(centre: Any) -> bytes:
    return b"".join([piece async for piece in centre.download("c", "f")])
