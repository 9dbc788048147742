"""What passes the proxy is not altered, not lost, and not kept in memory; aborts and breaks pass too."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from statemachine.emulator.wire import HttpRequest, HttpResponse
from statemachine.proxy.forwarding import KEPT_BYTES, Forwarder
from tests.serving import Handler, served

MEGABYTE = 1 << 20


class Observed:
    """An observer that keeps everything."""

    def __init__(self) -> None:
        self.requests: dict[int, HttpRequest] = {}
        self.responses: dict[int, tuple[HttpResponse, bool]] = {}
        self.cut = asyncio.Event()

    def request_arrived(self, number: int, request: HttpRequest) -> None:
        assert number not in self.requests
        self.requests[number] = request

    def response_ended(self, number: int, response: HttpResponse, complete: bool) -> None:
        assert number in self.requests
        assert number not in self.responses
        self.responses[number] = response, complete
        if response.status == 0:
            self.cut.set()


@asynccontextmanager
async def forwarded(handler: Handler) -> AsyncGenerator[tuple[str, Observed, aiohttp.ClientSession]]:
    observed = Observed()
    async with (
        served(handler) as upstream,
        Forwarder(upstream, observed) as forwarder,
        served(forwarder.handle) as url,
        aiohttp.ClientSession(auto_decompress=False) as client,
    ):
        yield url, observed, client


async def test_bytes_pass_unchanged_in_both_directions() -> None:
    content = b"\x00\xff odd bytes " + "ü".encode()
    packed = gzip.compress(content)

    async def echo(request: web.Request) -> web.Response:
        assert request.raw_path == "/a%2Fb/%7E?x=%20&y=a+b"
        assert request.headers["Content-Encoding"] == "gzip"
        assert "Proxy-Connection" not in request.headers
        assert request.headers["Host"].startswith("127.0.0.1")
        return web.Response(body=await request.content.read(), headers={"Content-Encoding": "gzip", "X-A": "b"})

    async with forwarded(echo) as (url, observed, client):
        headers = {"Content-Encoding": "gzip", "Proxy-Connection": "keep-alive"}
        target = URL(url + "/a%2Fb/%7E?x=%20&y=a+b", encoded=True)
        async with client.post(target, data=packed, headers=headers) as answer:
            assert (answer.status, await answer.read(), answer.headers["X-A"]) == (200, packed, "b")
    assert observed.requests[1].query == (("x", " "), ("y", "a b"))
    assert observed.requests[1].body == observed.responses[1][0].body == content
    assert observed.responses[1][1]


@pytest.mark.parametrize(
    ("encoding", "body", "seen", "complete"),
    [
        ("gzip", gzip.compress(b"{}"), b"{}", True),
        ("x-gzip", gzip.compress(b"{}"), b"{}", True),
        ("deflate", zlib.compress(b"{}"), b"{}", True),
        ("GZIP", gzip.compress(bytes(2 * KEPT_BYTES)), bytes(KEPT_BYTES), False),
        ("gzip", b"this is not packed", b"", False),
        ("br", b"\x0b\x02\x80hello\x03", b"", False),
        ("gzip", b"", b"", True),
    ],
    ids=["gzip", "x-gzip", "deflate", "too large", "not packed", "unknown", "empty"],  # a packed body holds the time
)
async def test_the_observer_gets_unpacked_bodies(encoding: str, body: bytes, seen: bytes, complete: bool) -> None:
    async def answered(request: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Encoding": encoding})

    async with forwarded(answered) as (url, observed, client), client.get(url) as answer:
        assert await answer.read() == body
        assert answer.headers["Content-Encoding"] == encoding
    response, whole = observed.responses[1]
    assert (response.body, whole) == (seen, complete)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("status", [200, 204, 304, 302, 404, 503])
async def test_each_method_and_status_passes(method: str, status: int) -> None:
    async def answered(request: web.Request) -> web.Response:
        assert request.method == method
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async with (
        forwarded(answered) as (url, _, client),
        client.request(method, url, allow_redirects=False) as answer,
    ):
        assert (answer.status, answer.headers["Location"]) == (status, "/elsewhere")


async def test_large_files_pass_and_are_not_kept() -> None:
    block = bytes(range(256)) * 4_096  # 1 MB
    digests: list[str] = []

    async def store(request: web.Request) -> web.StreamResponse:
        digest = hashlib.sha256()
        async for chunk in request.content.iter_any():
            digest.update(chunk)
        digests.append(digest.hexdigest())
        reply = web.StreamResponse()
        await reply.prepare(request)
        for _ in range(25):
            await reply.write(block)
        await reply.write_eof()
        return reply

    async def upload() -> AsyncIterator[bytes]:
        for _ in range(25):
            yield block

    async with forwarded(store) as (url, observed, client), client.post(url, data=upload()) as answer:
        received = hashlib.sha256(await answer.read()).hexdigest()
    assert digests == [received] == [hashlib.sha256(block * 25).hexdigest()]
    response, complete = observed.responses[1]
    assert (len(observed.requests[1].body), len(response.body), complete) == (KEPT_BYTES, KEPT_BYTES, False)


async def test_a_slow_reader_slows_the_sender() -> None:
    """The proxy does not read ahead more than its buffers hold."""
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        reply = web.StreamResponse()
        await reply.prepare(request)
        while True:
            await reply.write(b"x" * MEGABYTE)
            sent += 1

    async with forwarded(endless) as (url, _, client), client.get(url) as answer:
        await answer.content.readexactly(10)
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.2)
        assert sent < 40


async def test_an_abort_reaches_the_contact_centre() -> None:
    waiting, aborted = asyncio.Event(), asyncio.Event()

    async def hold(request: web.Request) -> web.Response:
        waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            aborted.set()
        raise AssertionError

    async with forwarded(hold) as (url, observed, client):
        poll = asyncio.create_task(client.get(url))
        await waiting.wait()
        poll.cancel()
        async with asyncio.timeout(10):
            await aborted.wait()
            await observed.cut.wait()
    assert observed.responses[1] == (HttpResponse(0), True)


async def test_a_broken_answer_breaks_here_too() -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"Content-Length": "1000"})
        await reply.prepare(request)
        await reply.write(b"half")
        assert request.transport is not None
        request.transport.close()
        return reply

    async with forwarded(broken) as (url, observed, client):
        with pytest.raises(aiohttp.ClientError):
            async with client.get(url) as answer:
                await answer.read()
    assert observed.responses[1][0].status == 0


async def test_a_contact_centre_that_is_down_is_named() -> None:
    observed = Observed()
    async with (
        Forwarder("http://127.0.0.1:9", observed) as forwarder,
        served(forwarder.handle) as url,
        aiohttp.ClientSession() as client,
        client.get(url) as answer,
    ):
        assert answer.status == 502
        assert "cannot reach http://127.0.0.1:9" in await answer.text()
    assert observed.responses[1][0].status == 0


async def test_many_clients_at_once_get_their_own_answers() -> None:
    async def echo(request: web.Request) -> web.Response:
        await asyncio.sleep(0.01)
        return web.Response(body=await request.read(), headers={"X-Path": request.path})

    async with forwarded(echo) as (url, observed, client):

        async def one(number: int) -> None:
            for turn in range(5):
                text = f"{number}/{turn}"
                async with client.post(f"{url}/{text}", data=text) as answer:
                    assert (await answer.text(), answer.headers["X-Path"]) == (text, f"/{text}")

        await asyncio.gather(*map(one, range(200)))
    assert len(observed.responses) == 1_000
