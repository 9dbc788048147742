"""A transport of the application that answers with values of wrong types: no store holds what cannot be read again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from statemachine import ChatOpened, EventBatch, Poll, Reply, RequestChat, new_session
from statemachine.adapters.aio import LoopClock
from statemachine.adapters.driver import Driver
from statemachine.adapters.protocols import Answer
from statemachine.codec.records import decode_update, encode_update
from statemachine.codec.snapshot import restore, snapshot
from statemachine.core import Command
from statemachine.store.sqlite import SqliteStore
from statemachine.wire import Message, PartyJoined
from tests.client.two_parties import until

WRONG: list[Any] = [
    ChatOpened(5),  # type: ignore[arg-type]
    ChatOpened(b"chat"),  # type: ignore[arg-type]
    ChatOpened("chat", ewt="30"),  # type: ignore[arg-type]
    ChatOpened("chat", phone_number=380),  # type: ignore[arg-type]
    EventBatch((Message(msg_id=5, msg_text="hello"),)),  # type: ignore[arg-type]
    EventBatch((Message(msg_id="m", msg_text={"text": "hello"}),)),  # type: ignore[arg-type]
    EventBatch((PartyJoined("agent", "internal", display_name=b"Bob"),)),  # type: ignore[arg-type]
]


class StrangeTransport:
    """A transport of the application that answers with values of wrong types."""

    def __init__(self, wrong: Reply) -> None:
        self.wrong = wrong

    def execute(self, command: Command, answer: Answer) -> None:
        answer(self.wrong if isinstance(self.wrong, ChatOpened) or isinstance(command, Poll) else ChatOpened("chat"))

    def abort(self, command_id: int) -> None:
        """It has answered at once."""


@pytest.mark.parametrize("wrong", WRONG)
async def test_replies_of_wrong_types_are_never_saved(tmp_path: Path, wrong: Reply) -> None:
    stopped = list[BaseException | None]()
    listener = SimpleNamespace(saved=lambda step: None, finished=lambda: None, stopped=stopped.append)
    store = SqliteStore(tmp_path / "chats.sqlite", call_soon=asyncio.get_running_loop().call_soon_threadsafe)
    try:
        clock, transport = LoopClock(), StrangeTransport(wrong)
        driver = Driver("a", new_session(clock.now()), clock=clock, transport=transport, store=store, listener=listener)
        driver.start()
        driver.feed(RequestChat(clock.now(), "o"))
        await asyncio.sleep(0.3)
        driver.stop()
        await until(lambda: stopped, "it has stopped")
        stored = store.load("a")  # whatever was saved can be read
        assert stored is not None
        assert restore(snapshot(stored.session)) == stored.session
        for update in store.journal("a", 0, 100):
            assert decode_update(encode_update(update)) == update
    finally:
        store.close()
