"""The other party, and what tests of the client share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from statemachine import ChatClient, Received
from statemachine.client import Options
from statemachine.emulator import Knobs
from statemachine.emulator.http import Emulator
from statemachine.wire import Message

QUICK = Knobs(pace=0.02, hold_ms=300)
OPTIONS = Options(close_within=timedelta(seconds=1))
LIMIT_S = 40
"""How long a test waits for what must come: generous, because only a failing test waits that long."""


async def until(wanted: Callable[[], object], what: str) -> None:
    """Wait for what no event tells."""
    for _ in range(int(LIMIT_S / 0.005)):
        if wanted():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"never: {what}")


def client(emulator: Emulator, **more: Any) -> ChatClient:
    return ChatClient(emulator.url, **{"app_id": "app", "options": OPTIONS, **more})


def text(update: Any) -> str:
    return update.entry.msg_text or "" if isinstance(update, Received) and isinstance(update.entry, Message) else ""


def chat_of(emulator: Emulator, client_id: str) -> Any:
    """This customer's newest chat at the centre."""
    return [chat for chat in emulator.centre.chats.values() if chat.key.client_id == client_id][-1]
