"""Files that are gone or cannot be read when they are sent: the item fails at once, and later texts are sent."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from statemachine.client import BadSetting, ChatClient, SendFailed
from statemachine.client.outgoing import Outgoing
from statemachine.emulator.http import Emulator
from statemachine.store.memory import MemoryStore
from tests.adapters.wire_server import Heard, WireServer
from tests.client.two_parties import OPTIONS, QUICK, client

MADE_UP = [
    path
    for path in ("/dev/zero", "/proc/self/environ", "/proc/uptime", "/sys/kernel/uevent_seqnum", "/sys/power/state")
    if os.access(path, os.R_OK)
]
"""Files that the system makes up: endless, of size 0 with content, or shorter than their size."""


@pytest.mark.skipif(sys.platform != "linux", reason="its kinds of files")
@pytest.mark.parametrize("kind", ["deleted", "directory", "pipe", "socket", "link", *MADE_UP])
async def test_a_file_that_cannot_be_read_fails_at_once_and_the_next_text_is_sent(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    async with Emulator("silent", QUICK) as emulator, client(emulator) as chats:
        chat = await chats.session("ann")
        if kind == "deleted":
            path.write_bytes(b"x" * 1_000)
        elif kind == "directory":
            path.mkdir()
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind(str(path))
        elif kind == "link":
            path.symlink_to("/dev/zero")
        else:
            path = Path(kind)
        file = await chat.send_file(path)
        if kind == "deleted":
            path.unlink()
        behind = await chat.send("did you get the picture?")
        with pytest.raises(SendFailed, match="send") as failed:
            await file.sent(timedelta(seconds=10))
        assert failed.value.reason == "unreadable"
        await behind.sent(timedelta(seconds=10))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("plan.png", "image"),
        ("PLAN.JPEG", "image"),
        ("http://[plan.png", "image"),
        ("//[", "attachment"),
        ("data:image/png", "attachment"),
        ("plan.png.zip", "attachment"),
        ("plan\0.gif", "image"),
        ("", "attachment"),
    ],
)
def test_the_extension_of_any_name_decides_whether_it_is_a_picture(name: str, kind: str) -> None:
    assert Outgoing().file(0, b"x", name, None, None, None, "").type == kind


@pytest.mark.parametrize(
    "error", [ValueError("the customer's words"), SystemExit(2), asyncio.CancelledError()], ids=repr
)
async def test_a_progress_callback_that_fails_stops_nothing(error: BaseException) -> None:
    def fail(done: int, size: int) -> None:
        raise error

    async with Emulator("silent", QUICK) as emulator, client(emulator) as chats:
        chat = await chats.session("ann")
        with capture_logs() as logs:
            await (await chat.send_file(b"x" * 1_000, name="a.txt", uploaded=fail)).sent(timedelta(seconds=60))
        await (await chat.send("did you get it?")).sent(timedelta(seconds=60))
    (line,) = [one for one in logs if one["event"] == "upload_progress_failed"]
    assert (line["error"], line["function"]) == (type(error).__name__, "fail")
    assert "words" not in str(logs)


@pytest.mark.parametrize("path", ["/nowhere/at/all", "nul\0"])
async def test_a_path_that_cannot_be_read_is_refused_when_it_is_given(path: str) -> None:
    async with Emulator("silent", QUICK) as emulator, client(emulator) as chats:
        chat = await chats.session("ann")
        with pytest.raises(BadSetting, match="send_file"):
            await chat.send_file(path)


async def test_bytes_that_are_lost_with_a_restart_fail_at_once() -> None:
    down = False

    async def behave(heard: Heard) -> None:
        if down:
            heard.cut()
        elif heard.line.startswith("POST") and "/events" not in heard.line:
            heard.reply(200, b'{"chat_id": "c-1", "state": "queued", "is_new_chat": true}')
        else:
            await asyncio.sleep(0.05)
            heard.reply(200, b'{"events": []}')

    store = MemoryStore()
    async with WireServer(behave) as server:
        made: dict[str, Any] = {"app_id": "a", "tenant": "t", "store": store, "options": OPTIONS}
        async with ChatClient(server.url, **made) as chats:
            chat = await chats.session("ann")
            await (await chat.send("hello")).sent()
            down = True
            file = await chat.send_file(b"x" * 1_000, name="a.png", key="picture")
            assert file.state == "pending"
        down = False
        async with ChatClient(server.url, **made) as chats, asyncio.timeout(20):
            chat = await chats.session("ann")
            async for update in chat.updates():
                if getattr(update, "state", "") == "failed":
                    assert (update.key, update.reason) == ("picture", "unreadable")  # type: ignore[union-attr]
                    break
