"""Hostile clients get an error status, or nothing; the others are served on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import pytest

from statemachine.emulator import actions as do
from statemachine.emulator import wire_api
from statemachine.serving import server
from tests.emulator.driver import authorization, message
from tests.emulator.wire.client import Wire, wire

pytestmark = pytest.mark.asyncio

HEAD = f"Host: localhost\r\nAuthorization: {authorization('evil')}\r\n"


@asynccontextmanager
async def connection(w: Wire) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    address = urlsplit(w.emulator.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def status_of(reader: asyncio.StreamReader) -> int:
    """The status that comes, 0 where the connection is closed without one."""
    async with asyncio.timeout(60):
        with suppress(ConnectionError):
            line = await reader.readline()
            return int(line.split()[1]) if line else 0
        return 0


async def raw(w: Wire, request: bytes) -> int:
    async with connection(w) as (reader, writer):
        writer.write(request)
        with suppress(ConnectionError):
            await writer.drain()
        return await status_of(reader)


async def is_well(w: Wire) -> None:
    """A good client is served as if nothing had happened."""
    async with asyncio.timeout(60):
        if not w.chat_id:
            await w.open()
        await w.emulator.act(w.chat_id, do.Say("hello"))
        assert (await w.poll())[-1]["msg"] == "hello"


def post(path: str, body: bytes, *more: str, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    lines = "".join(f"{line}\r\n" for line in more)
    head = f"POST /clientweb/api/v2/{path}?tenantUrl=x HTTP/1.1\r\n{HEAD}{lines}Content-Length: {size}\r\n\r\n"
    return head.encode() + body


async def test_huge_bodies() -> None:
    async with wire(upload_limit_bytes=10_000) as w:
        await w.open()
        big = b'{"events": "' + b"x" * 2_000_000 + b'"}'
        assert await raw(w, post(f"chats/{w.chat_id}/events", big)) in (400, 413)
        assert await raw(w, post("files", big, "Content-Type: multipart/form-data; boundary=x")) == 400
        assert await raw(w, post("chats", b"", length=10**12)) in (0, 400, 413)
        deep = b'{"events":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        assert await raw(w, post("chats", deep)) in (400, 413)
        await is_well(w)


async def test_slow_bodies_and_slow_heads_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (server, wire_api):
        monkeypatch.setattr(module, "REQUEST_TIMEOUT_S", 0.3)
    async with wire() as w:
        async with connection(w) as (reader, writer):
            writer.write(post("chats", b"{", length=100))
            await is_well(w)
            assert await status_of(reader) == 408
        async with connection(w) as (reader, writer):
            writer.write(b"GET /clientweb/api/v2/version HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            await is_well(w)
            assert await status_of(reader) == 0
        async with connection(w) as (reader, _):
            assert await status_of(reader) == 0


async def test_many_connections_that_say_nothing() -> None:
    async with wire() as w:
        async with asyncio.TaskGroup() as group:
            opened = [group.create_task(_idle(w)) for _ in range(300)]
        await is_well(w)
        for task in opened:
            task.result().close()


async def _idle(w: Wire) -> asyncio.StreamWriter:
    address = urlsplit(w.emulator.url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"POST /clientweb/api/v2/chats HTTP/1.1\r\n")
    return writer


@pytest.mark.parametrize(
    "head",
    [
        "X: " + "x" * 100_000,
        "\r\n".join(f"X-{number}: {'y' * 100}" for number in range(20_000)),
        "Content-Length: 5\r\nContent-Length: 6",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: -5",
        "Content-Length: many",
        "Bad Header\x00: x",
        ": x",
        "X: \x01\x02",
    ],
    ids=lambda head: head[:20].replace("\r\n", " "),
)
async def test_floods_and_nonsense_in_headers(head: str) -> None:
    async with wire() as w:
        request = f"POST /clientweb/api/v2/chats?tenantUrl=x HTTP/1.1\r\n{HEAD}{head}\r\n\r\nabc"
        assert await raw(w, request.encode()) in (0, 400, 403, 413, 431)
        await is_well(w)


@pytest.mark.parametrize(
    "line",
    [
        "GET /" + "a" * 100_000 + " HTTP/1.1",
        "GET /clientweb/api/v2/chats/../../../../etc/passwd HTTP/1.1",
        "GET /clientweb/file/..%2f..%2f..%2fetc%2fpasswd HTTP/1.1",
        "GET /clientweb/api/v2/chats/%2e%2e/files/%2e%2e%2fetc%2fpasswd HTTP/1.1",
        "GET /clientweb/api/v2/chats/%00/history HTTP/1.1",
        "GET /clientweb/api/v2/chats/%ff%fe/history?tenantUrl=%ff HTTP/1.1",
        "GET //clientweb//api//v2//version HTTP/1.1",
        "GET http://elsewhere.example/clientweb/api/v2/version HTTP/1.1",
        "CONNECT elsewhere.example:443 HTTP/1.1",
        "DELETE /clientweb/api/v2/chats HTTP/1.1",
        "BREW /clientweb/api/v2/chats HTTP/1.1",
        "GET /_control/../clientweb/api/v2/version HTTP/1.1",
        "GET / HTTP/9.9",
        "nonsense",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=lambda line: line[:40],
)
async def test_tricks_in_paths_and_methods(line: str) -> None:
    async with wire() as w:
        status = await raw(w, f"{line}\r\n{HEAD}\r\n".encode("latin-1"))
        assert status == 0 or 400 <= status < 500
        await is_well(w)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x",
        b"--x--",
        b"--x\r\n\r\n--x--",
        b"--x\r\nContent-Disposition: form-data; name=f; filename=" + b"a" * 100_000 + b"\r\n\r\nabc\r\n--x--",
        b'--x\r\nContent-Disposition: form-data; filename="../../etc/passwd"\r\nContent-Type: a\rb\r\n\r\nx\r\n--x--',
        b"--x\r\n" * 50_000,
        bytes(range(256)) * 100,
    ],
    ids=lambda body: repr(body[:12]),
)
@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary=x", "multipart/form-data", "multipart/form-data; boundary=" + "x" * 5_000]
)
async def test_bad_multipart(body: bytes, kind: str) -> None:
    async with wire() as w:
        status = await raw(w, post("files", body, f"Content-Type: {kind}"))
        assert status in (200, 400)
        await is_well(w)


SCRIPT = "<script>alert(1)</script>'\"\r\nSet-Cookie: x=y\x00\x1b[31m\u202e{text}\ud800"


async def test_script_in_every_text_field_is_handed_back_as_text_and_runs_nowhere() -> None:
    async with wire("plain", pace=0.0) as w:
        await w.open(phone_number=SCRIPT, parameters={SCRIPT: SCRIPT}, **{"from": SCRIPT})
        nasty = {"msg": SCRIPT, "msg_text": SCRIPT, "msg_id": SCRIPT, "channel": SCRIPT, SCRIPT: SCRIPT}
        assert (await w.send({"event": "chat_session_message", **nasty})).status == 200
        for event in (
            {"event": "chat_session_navigation", "page": SCRIPT, "title": SCRIPT},
            {"event": "chat_session_typing", "msg": SCRIPT},
            {"event": "chat_session_form_data", "form_request_id": SCRIPT, "data": {SCRIPT: SCRIPT}},
            {"event": "chat_session_location", "latitude": SCRIPT, "longitude": SCRIPT, "url": SCRIPT},
            {"event": "chat_session_signaling", "data": {"type": SCRIPT, "sdp": SCRIPT}},
        ):
            assert (await w.send(event)).status == 200
        answer = await w.ask("GET", w.path("history"))
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        quoted = [event for event in await w.poll() if str(event.get("msg", "")).startswith("You said")]
        assert all("&lt;script&gt;" in event["msg"] and "<script>" not in event["msg"] for event in quoted)
        assert quoted
        await is_well(w)


async def test_a_file_with_script_is_not_a_page_of_ours() -> None:
    async with wire() as w:
        await w.open()
        part = b'Content-Disposition: form-data; name="f"; filename="a.html"\r\nContent-Type: text/html'
        body = b"--x\r\n" + part + b"\r\n\r\n<script>\r\n--x--\r\n"
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        file_id = (await w.ask("POST", "files", data=body, headers=headers)).body["file_id"]
        answer = await w.ask("GET", w.path(f"files/{file_id}"))
        assert answer.body == b"<script>"
        assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_a_storm_of_broken_requests_beside_a_good_client() -> None:
    async with wire() as w:
        await w.open()

        async def storm() -> None:
            for number in range(40):
                await raw(w, (b"\x00" * 100, post("chats", b"{"), b"GET / HTTP/1.1\r\n\r\n")[number % 3])

        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(storm())
            for number in range(10):
                assert (await w.send(message("hi", str(number)))).status == 200
        await is_well(w)
