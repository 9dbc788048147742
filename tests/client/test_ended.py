"""Ended chats are let go, however their updates are read, and their unread updates stay in the store."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from statemachine import ChatClient, Finished
from statemachine.client.session import ChatSession
from statemachine.emulator import Knobs
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from statemachine.store.memory import MemoryStore
from tests.client.ended import CASES, MOST_BYTES, measured
from tests.client.two_parties import LIMIT_S, client, text, until

CENTRE = Knobs(pace=0, hold_ms=300)


async def ended(emulator: Emulator, chats: ChatClient, who: str) -> ChatSession:
    chat = await chats.session(who)
    await until(lambda: chat.phase == "ivr", "the chat is there")
    await emulator.act(chat.session.chat.chat_id, do.Say(f"to {who}"), do.Say("more"), do.EndChat())
    await until(lambda: chat._over, "its end is saved")
    return chat


@pytest.mark.parametrize("read", ["nothing", "one", "all", "all of all chats"])
async def test_an_ended_chat_is_let_go_however_its_updates_are_read(read: str) -> None:
    async with Emulator("silent", CENTRE) as emulator, client(emulator) as chats:
        if read == "all of all chats":
            merged = aiter(chats)
            waiting = asyncio.create_task(anext(merged))
        chat = await ended(emulator, chats, "ann")
        if read == "all of all chats":
            async with asyncio.timeout(LIMIT_S):
                while not isinstance((await waiting)[1], Finished):
                    waiting = asyncio.create_task(anext(merged))
            waiting = asyncio.create_task(anext(merged))  # acknowledges it
            await until(lambda: chats.sessions() == (), "all is acknowledged")
        elif read != "nothing":
            async for update in chat.updates():
                if read == "one" and text(update):
                    break
        assert chats.sessions() == ()
        gone = weakref.ref(chat)
        del chat
        await until(lambda: gc.collect() is not None and gone() is None, "nothing holds it")
        if read == "all of all chats":
            waiting.cancel()


async def test_unread_updates_of_ended_chats_are_delivered_later_in_each_way() -> None:
    store = MemoryStore()
    async with Emulator("silent", CENTRE) as emulator, client(emulator, store=store) as chats:
        for who in ("ann", "bob", "eve"):
            await ended(emulator, chats, who)
        gc.collect()
        assert chats.sessions() == ()
        ann = await chats.session("ann")
        assert next(words for words in [text(update) async for update in ann.updates()] if words) == "to ann"
        heard = list[tuple[str, str]]()
        async with asyncio.timeout(LIMIT_S):
            async for session, update in chats:
                if text(update).startswith("to "):
                    heard.append((session.client_id, text(update)))
                if len(heard) == 2 and isinstance(update, Finished) and session.client_id == heard[-1][0]:
                    break
        assert sorted(heard) == [("bob", "to bob"), ("eve", "to eve")]
        await until(lambda: chats.sessions() == (), "the reader is gone")


@pytest.mark.long
@pytest.mark.parametrize(("way", "sqlite"), CASES)
def test_ended_chats_leave_little_in_memory(way: str, sqlite: bool) -> None:
    """How this is measured, and for 10,000 chats: `python -m tests.client.ended`."""
    left = measured(1_000, way, sqlite)
    assert (left.held, left.alive) == (0, 0)
    assert left.each < MOST_BYTES
