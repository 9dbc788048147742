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
    EventBatch((Message(msg_id=5, msg_text="hello"),)),  # type: ignore[arg-type]
    EventBatch((Message(msg_id="m", msg_text={"text": "hello"}),)),  # type: ignore[arg-type]
    EventBatch((PartyJoined("agent", "internal", display_name=b"Bob"),)),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("wrong", [{"chat_id": 5}, {"chat_id": b"chat"}, {"ewt": "30"}, {"phone_number": 380}])
def test_an_opened_chat_of_wrong_types_cannot_be_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"ChatOpened.{next(iter(wrong))} must be"):
        ChatOpened(**{"chat_id": "chat", **wrong})


class StrangeTransport:
    """A transport of the application that answers with values of wrong types."""

    def __init__(self, wrong: Reply) -> None:
        self.wrong = wrong
        self.has_answered = False

    def execute(self, command: Command, answer: Answer) -> None:
        answer(self.wrong if isinstance(command, Poll) else ChatOpened("chat"))
        self.has_answered = self.has_answered or isinstance(command, Poll)

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
        await until(lambda: transport.has_answered, "the wrong reply")
        driver.stop()
        await until(lambda: stopped, "it has stopped")
        stored = store.load("a")  # all that was saved can be read
        assert stored is not None
        assert restore(snapshot(stored.session)) == stored.session
        for update in store.journal("a", 0, 100):
            assert decode_update(encode_update(update)) == update
    finally:
        store.close()
