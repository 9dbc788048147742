"""The webhook bridge between a messenger of our own and the emulator."""

from __future__ import annotations

import asyncio
import gzip
import importlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from statemachine.emulator import Knobs
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator

pytestmark = pytest.mark.asyncio
QUICK = Knobs(pace=0.02, hold_ms=300, inactivity_timeout_ms=None)


def application() -> web.Application:
    """A fresh one: an application serves once."""
    app: web.Application = importlib.reload(importlib.import_module("statemachine.examples.webhook_bridge")).app
    return app


class Messenger:
    """Where the bridge posts its answers. `refuse`: how many it refuses first."""

    def __init__(self) -> None:
        self.answers: list[dict[str, str]] = []
        self.refuse = 0
        self.changed = asyncio.Event()
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        if self.refuse:
            self.refuse -= 1
            raise web.HTTPServiceUnavailable
        self.answers.append(await request.json())
        self.changed.set()
        return web.Response()

    async def hears(self, *texts: str) -> None:
        async with asyncio.timeout(300):
            while not set(texts) <= {answer["text"] for answer in self.answers}:
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def messenger() -> AsyncIterator[Messenger]:
    one = Messenger()
    app = web.Application()
    app.router.add_post("/", one.serve)
    async with serving(app) as one.url:
        yield one


def settings(emulator: Emulator, messenger: Messenger, folder: Path) -> dict[str, str]:
    return {
        "CENTRE_URL": emulator.url,
        "APP_ID": "bridge",
        "MESSENGER_URL": messenger.url,
        "WEBHOOK_SECRET": "secret",
        "STORE": str(folder / "bridge.sqlite"),
    }


async def post(url: str, body: Any, secret: str = "secret") -> int:
    status, _ = await posted(url, json.dumps(body).encode(), secret)
    return status


async def posted(url: str, body: bytes, secret: str = "secret") -> tuple[int, str]:
    """The bridge's status and words."""
    headers = {"X-Webhook-Secret": secret, "Content-Type": "application/json; charset=nonsense"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/webhook", data=io.BytesIO(body), headers=headers) as reply,
    ):
        return reply.status, await reply.text()


def received(emulator: Emulator) -> list[str]:
    return [text for chat in emulator.centre.chats.values() for _, text in chat.texts_received]


async def test_texts_go_in_and_answers_come_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Emulator("plain", QUICK) as emulator, messenger() as out:
        for name, value in settings(emulator, out, tmp_path).items():
            monkeypatch.setenv(name, value)
        async with serving(application()) as url:
            for user in ("ann", "bob", "ann"):  # ann's is delivered twice
                assert await post(url, {"id": f"u-{user}", "user": user, "text": f"I am {user}"}) == 200
            await out.hears("You said: I am ann", "You said: I am bob")
        chat_id = next(chat.chat_id for chat in emulator.centre.chats.values() if chat.key.client_id == "ann")
        await emulator.act(chat_id, do.Say("while you were away"))
        async with serving(application()) as url:
            await out.hears("while you were away")
            assert await post(url, {"id": "u-ann", "user": "ann", "text": "I am ann"}) == 200
            assert await post(url, {"id": "u-4", "user": "ann", "text": "and more"}) == 200
            await out.hears("You said: and more")
        assert sorted(received(emulator)) == ["I am ann", "I am bob", "and more"]
        ids = [answer["id"] for answer in out.answers]
        assert len({*ids}) == len({(answer["user"], answer["id"]) for answer in out.answers})
        assert emulator.centre.violations == []


async def test_an_answer_that_the_messenger_refuses_is_delivered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Emulator("plain", QUICK) as emulator, messenger() as out:
        out.refuse = 1
        for name, value in settings(emulator, out, tmp_path).items():
            monkeypatch.setenv(name, value)
        async with serving(application()) as url:
            assert await post(url, {"id": "1", "user": "ann", "text": "hello"}) == 200
            await out.hears("You said: hello")
        texts = [answer["text"] for answer in out.answers]
        assert texts.index("Welcome. Please wait, we are looking for an agent.") < texts.index("You said: hello")


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "text",
        None,
        {"id": 1, "user": "ann"},
        {"id": 1, "user": "", "text": "x"},
        {"id": 1, "user": "ü", "text": "x"},
        {"id": 1, "user": "ann", "text": ""},
        {"id": 1, "user": "ann", "text": " \n"},
        {"id": 1, "user": "ann", "text": None},
        {"id": 1, "user": "ann", "text": 8},
        {"id": 1, "user": "ann", "text": ["x"]},
        {"id": None, "user": "ann", "text": "x"},
        {"id": 1, "user": {}, "text": "x"},
        {"id": 1.5, "user": "ann", "text": "x"},
        {"id": True, "user": "ann", "text": "x"},
        {"id": 1, "user": False, "text": "x"},
        {"id": "", "user": "ann", "text": "x"},
        {"id": 1, "user": "a\nb", "text": "x"},
        {"id": 1, "user": "a\ud800", "text": "x"},
    ],
)
async def test_invalid_webhook_calls_are_refused(body: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Emulator("silent", QUICK) as emulator, messenger() as out:
        for name, value in settings(emulator, out, tmp_path).items():
            monkeypatch.setenv(name, value)
        async with serving(application()) as url:
            assert await post(url, body) == 400
            assert await post(url, {"id": 1, "user": "ann", "text": "x"}, secret="guessed") == 403
        assert emulator.centre.chats == {}


async def test_whatever_is_posted_the_bridge_answers_with_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Emulator("silent", QUICK) as emulator, messenger() as out:
        for name, value in settings(emulator, out, tmp_path).items():
            monkeypatch.setenv(name, value)
        async with serving(application()) as url:
            for body in (
                b"",
                b"\xff\xfe\x00",
                b"[" * 100_000,
                b'{"id": 1, "user": "ann", "text": "\\ud800"',
                b'{"id": ' + b"9" * 5_000 + b', "user": "ann", "text": "x"}',
                b'{"id": "1", "user": "ann\\u0000", "text": "x"}',
                b'{"id": "1", "user": "' + b"u" * 10_000 + b'", "text": "x"}',
                b'{"id": "' + b"k" * 100_000 + b'", "user": "ann", "text": "x"}',
                b'{"id": "1", "user": "ann", "text": "' + b"x" * 2_000_000 + b'"}',
            ):
                status, words = await posted(url, body)
                assert 400 <= status < 500, body[:60]
                assert words.strip()
        assert received(emulator) == []


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "unknown"])
@pytest.mark.parametrize(
    "body", [b"", b"not compressed", gzip.compress(bytes(50_000_000), 1), gzip.compress(b"{}")[:-9]], ids=len
)
async def test_no_body_is_the_bridges_fault(
    encoding: str, body: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"X-Webhook-Secret": "secret", "Content-Encoding": encoding}
    async with Emulator("silent", QUICK) as emulator, messenger() as out, aiohttp.ClientSession() as session:
        for name, value in settings(emulator, out, tmp_path).items():
            monkeypatch.setenv(name, value)
        async with (
            serving(application()) as url,
            session.post(f"{url}/webhook", data=io.BytesIO(body), headers=headers) as reply,
        ):
            assert 400 <= reply.status < 500


async def test_the_secret_is_needed_whatever_becomes_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Emulator("silent", QUICK) as emulator, messenger() as out:
        for name, value in settings(emulator, out, tmp_path).items():
            monkeypatch.setenv(name, value)
        async with serving(application()) as url:
            monkeypatch.setenv("WEBHOOK_SECRET", "")
            for secret in ("", " ", "é", "secre", "secret2"):
                assert await post(url, {"id": 1, "user": "ann", "text": "x"}, secret=secret) == 403
            assert await post(url, {"id": 1, "user": "ann", "text": "x"}) == 200


async def test_a_secret_of_any_bytes_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Emulator("silent", QUICK) as emulator, messenger() as out:
        for name, value in settings(emulator, out, tmp_path).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("WEBHOOK_SECRET", os.fsdecode(b"hunter2\xff"))
        async with serving(application()) as url:
            for secret, status in ((b"hunter2\xff", 200), (b"hunter2?", 403), (b"hunter2", 403), (b"\xff", 403)):
                reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
                body = b'{"id": 1, "user": "ann", "text": "x"}'
                head = b"POST /webhook HTTP/1.0\r\nX-Webhook-Secret: %b\r\nContent-Length: %d\r\n\r\n"
                writer.write(head % (secret, len(body)) + body)
                assert f" {status} " in (await reader.readline()).decode()
                writer.close()


async def test_a_chat_that_cannot_be_stored_is_to_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Emulator("silent", QUICK) as emulator, messenger() as out:
        for name, value in settings(emulator, out, tmp_path).items():
            monkeypatch.setenv(name, value)
        async with serving(application()) as url:
            (tmp_path / "bridge.sqlite").unlink()
            assert await post(url, {"id": 1, "user": "ann", "text": "x"}) == 503


async def test_long_texts_are_split_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = "".join(map(str, range(18_000)))[:70_000]
    async with Emulator("plain", QUICK) as emulator, messenger() as out:
        for name, value in settings(emulator, out, tmp_path).items():
            monkeypatch.setenv(name, value)
        async with serving(application()) as url:
            for _ in range(2):  # delivered twice
                assert await post(url, {"id": 4, "user": "ann", "text": long}) == 200
            await out.hears(f"You said: {long[:4086]}")
            (chat,) = emulator.centre.chats.values()
            out.answers.clear()
            await emulator.act(chat.chat_id, do.Say("", markup='<img src="https://x.example/plan.png">'))
            await emulator.act(chat.chat_id, do.ShareFile("plan.pdf", b"%PDF"))
            await emulator.act(chat.chat_id, do.Say("y" * 5_000))
            await emulator.act(chat.chat_id, do.Say("z" * 4_096 + " " * 4_096 + "end"))
            await emulator.act(chat.chat_id, do.Say("that is all"))
            await out.hears("that is all")
    assert "".join(received(emulator)) == long
    texts = [answer["text"] for answer in out.answers]
    start = texts.index("(The agent sent something that cannot be shown here.)")
    mine = [text for text in texts[start:] if not text.startswith("You said")]
    assert "(The agent sent a file: plan.pdf)" in mine
    assert {"y" * 4_096, "y" * 904, "z" * 4_096, "end"} <= set(mine)
    assert all(text.strip() for text in mine)
    assert len({answer["id"] for answer in out.answers}) == len(out.answers)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
async def test_killed_at_any_moment_nothing_is_lost_and_no_text_doubled(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(8)]
    command = [sys.executable, "-m", "statemachine.examples.webhook_bridge"]
    port = _free_port()
    async with Emulator("plain", QUICK) as emulator, messenger() as out:
        environment = {**os.environ, **settings(emulator, out, tmp_path), "PORT": str(port)}
        process = subprocess.Popen(command, env=environment)  # noqa: ASYNC220
        for number, text in enumerate(texts):
            await _delivered(port, {"id": str(number), "user": f"user-{number % 2}", "text": text})
            if number % 4 == 3:
                process.send_signal(signal.SIGKILL)
                process.wait()  # at once: it was killed
                process = subprocess.Popen(command, env=environment)  # noqa: ASYNC220
        await out.hears(*(f"You said: {text}" for text in texts))
        process.kill()
        process.wait()
    assert sorted(received(emulator)) == sorted(texts)


async def _delivered(port: int, body: Any) -> None:
    """As a messenger does: again and again, until it is taken."""
    async with asyncio.timeout(300):
        while True:
            try:
                if await post(f"http://127.0.0.1:{port}", body) == 200:
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)


def _free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
