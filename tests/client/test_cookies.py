"""The server knows some customers by a cookie: it is kept with the chat, also over a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from statemachine.client import ChatClient
from statemachine.emulator.http import Emulator
from statemachine.store.memory import MemoryStore
from tests.client.two_parties import OPTIONS, QUICK, until


@pytest.mark.parametrize("kind", ["file", "memory"])
async def test_a_chat_known_by_its_cookie_goes_on_after_a_restart(kind: str, tmp_path: Path) -> None:
    store: Any = tmp_path / "chats.sqlite" if kind == "file" else MemoryStore()
    async with Emulator("cookie-identity", QUICK) as emulator:
        with capture_logs() as logs:
            async with ChatClient(emulator.url, app_id="cookie-identity", store=store, options=OPTIONS) as client:
                chat = await client.session("WebChat")
                sending = await chat.send("hello")
                await sending.sent()
                chat_id = chat.session.chat.chat_id
            async with ChatClient(emulator.url, app_id="cookie-identity", store=store, options=OPTIONS) as client:
                chat = await client.session("WebChat")
                assert (chat.outcome, chat.session.chat.chat_id) == (None, chat_id)
                sending = await chat.send("still me")
                await sending.sent()
                await until(lambda: chat.session.connection.name == "polling", "a poll")
                stored = client._opened().store
                cookies = stored.cookies(chat.id)
                (server_chat,) = emulator.centre.chats.values()
                value = server_chat.key.client_id.removeprefix("WebChat:")
                assert value in cookies
                assert value not in repr(logs)
                await client.forget("WebChat")
                assert stored.cookies(chat.id) == ""
    assert len(emulator.centre.chats) == 1
