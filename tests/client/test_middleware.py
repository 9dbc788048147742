"""What stands between the application and its chats."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from attrs import evolve

from statemachine import Intent, Received, SendText
from statemachine.client import ChatSession, Middleware, Update
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from statemachine.wire import Message
from tests.client.two_parties import LIMIT_S, QUICK, chat_of, client, text, until

pytestmark = pytest.mark.asyncio


class Masking(Middleware):
    """No card number goes out."""

    def sending(self, session: ChatSession, intent: Intent) -> Intent:
        return evolve(intent, text=re.sub(r"\d{8,}", "…", intent.text)) if isinstance(intent, SendText) else intent


class Quiet(Middleware):
    """What the bot says is for nobody."""

    def delivering(self, session: ChatSession, update: Update) -> Update | None:
        return None if text(update).startswith("bot:") else update


class Shouting(Middleware):
    """Both ways."""

    def sending(self, session: ChatSession, intent: Intent) -> Intent:
        return evolve(intent, text=intent.text.upper()) if isinstance(intent, SendText) else intent

    def delivering(self, session: ChatSession, update: Update) -> Update | None:
        if isinstance(update, Received) and isinstance(update.entry, Message):
            return evolve(update, entry=evolve(update.entry, msg_text=text(update).upper()))
        return update


class Refusing(Middleware):
    """Nothing goes out, and at first nothing comes in."""

    broken = True

    def sending(self, session: ChatSession, intent: Intent) -> Intent:
        if isinstance(intent, SendText):
            raise PermissionError("not a word")
        return intent

    def delivering(self, session: ChatSession, update: Update) -> Update | None:
        if self.broken and isinstance(update, Received):
            raise PermissionError("not a word")
        return update


async def test_intents_pass_middleware_outwards_and_updates_inwards() -> None:
    async with Emulator("silent", QUICK) as emulator, client(emulator, middleware=[Masking(), Shouting()]) as chats:
        ann = await chats.session("ann")
        await (await ann.send("card 4111111111111111")).sent()
        await emulator.act(ann.session.chat.chat_id, do.Say("hello"))
        assert await next_text(ann.updates()) == "HELLO"
        assert chat_of(emulator, "ann").texts_received[0][1] == "CARD …"


async def next_text(updates: AsyncIterator[Any]) -> str:
    async with asyncio.timeout(LIMIT_S):
        while not (said := text(await anext(updates))):
            pass
        return said


async def test_filtered_updates_count_as_acknowledged() -> None:
    async with Emulator("silent", QUICK) as emulator, client(emulator, middleware=[Quiet()]) as chats:
        ann = await chats.session("ann")
        await until(lambda: ann.phase == "ivr", "the chat is there")
        await emulator.act(ann.session.chat.chat_id, do.Say("bot: wait"), do.Say("hello"), do.Say("bot: bye"))
        handled = list[str]()

        async def handler(session: ChatSession, update: object) -> None:
            if said := text(update):
                handled.append(said)

        handling = asyncio.create_task(chats.handle(handler))
        await until(lambda: handled and not ann.unread, "all is dealt with")
        handling.cancel()
        assert handled == ["hello"]


async def test_a_middleware_error_reaches_the_sender_and_updates_wait() -> None:
    refusing = Refusing()
    async with Emulator("silent", QUICK) as emulator, client(emulator, middleware=[refusing]) as chats:
        ann = await chats.session("ann")
        with pytest.raises(PermissionError):
            await ann.send("hello")
        await until(lambda: ann.phase == "ivr", "the chat is there")
        assert ann.session.items == ()
        await emulator.act(ann.session.chat.chat_id, do.Say("first"), do.Say("second"))
        await until(lambda: ann.unread == 2, "both are in the journal")
        reader = ann.updates()
        with pytest.raises(PermissionError):
            await next_text(reader)
        refusing.broken = False
        assert [await next_text(reader), await next_text(reader)] == ["first", "second"]
