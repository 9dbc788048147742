"""A form asked question by question."""

from __future__ import annotations

import json

import pytest

from statemachine.client import BadSetting, NotPossible, Questions
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from tests.client.two_parties import QUICK, chat_of, client, until

pytestmark = pytest.mark.asyncio


async def test_the_last_answer_sends_the_form() -> None:
    async with Emulator("silent", QUICK) as emulator, client(emulator) as chats:
        ann = await chats.session("ann")
        await until(lambda: ann.phase == "ivr", "the chat is there")
        await emulator.act(ann.session.chat.chat_id, do.ShowForm("contact_form"))
        await until(lambda: ann.session.participants.forms, "the form is open")
        form = ann.session.participants.forms[0].id
        questions = Questions(ann, form, ["name", "email", "order"])
        assert questions.asked == "name"
        questions.back()
        assert await questions.answer("An") is None
        questions.back()
        assert await questions.answer("Ann") is None
        assert await questions.answer("a@b.example") is None
        assert questions.asked == "order"
        sending = await questions.answer(17)
        assert sending is not None
        await sending.sent()
        assert questions.asked is None
        with pytest.raises(BadSetting, match="all of them are answered"):
            await questions.answer("more")
        (answered,) = [
            entry.event for entry in chat_of(emulator, "ann").log if entry.event["event"] == "chat_session_form_data"
        ]
        data = answered["data"]
        assert (json.loads(data) if isinstance(data, str) else data) == {
            "name": "Ann",
            "email": "a@b.example",
            "order": 17,
        }


async def test_a_form_that_is_closed_meanwhile_can_be_answered_no_more() -> None:
    async with Emulator("silent", QUICK) as emulator, client(emulator) as chats:
        ann = await chats.session("ann")
        await until(lambda: ann.phase == "ivr", "the chat is there")
        questions = Questions(ann, "no such form", ["name"])
        for _ in range(2):
            with pytest.raises(NotPossible):
                await questions.answer("Ann")
            assert questions.asked == "name"


@pytest.mark.parametrize("fields", [[], ["name", "name"]])
async def test_fields_that_cannot_be_asked_for(fields: list[str]) -> None:
    async with Emulator("silent", QUICK) as emulator, client(emulator) as chats:
        with pytest.raises(BadSetting, match="different names"):
            Questions(await chats.session("ann", start=False), "f", fields)
