"""What can be waited for after a send."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from statemachine import DeliveryUpdate, Reason
from statemachine.client import ChatClosed, Options, SendFailed, Sending
from statemachine.emulator import Knobs
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from tests.client.stores import HeldStore
from tests.client.two_parties import LIMIT_S, QUICK, client, until

pytestmark = pytest.mark.asyncio

SOON = timedelta(milliseconds=5)
LONG = timedelta(seconds=LIMIT_S)


def told(state: Any, reason: Reason | None = None, code: int | None = None) -> DeliveryUpdate:
    return DeliveryUpdate(1, 0, "o:1", state, None, reason, code)


async def test_the_state_follows_the_updates() -> None:
    sending = Sending("o:1", None)
    waiting = [asyncio.create_task(one) for one in (sending.sent(), sending.delivered(), sending.read())]
    for state, count in (("sent", 1), ("delivered", 2), ("read", 3)):
        sending._apply(told(state))
        await asyncio.wait(waiting[:count])
        await asyncio.sleep(0)
        assert [task.done() for task in waiting] == [number < count for number in range(3)]
    assert [task.result() for task in waiting] == [None, "delivered", "read"]


async def test_read_implies_delivered_and_late_updates_change_nothing() -> None:
    sending = Sending("o:1", None)
    sending._apply(told("read"))
    sending._apply(told("delivered"))
    assert sending.state == "read"
    assert await sending.delivered() == "delivered"
    await sending.sent()


async def test_a_failure_is_raised_by_all_three() -> None:
    sending = Sending("o:1", None)
    waiting = asyncio.create_task(sending.sent())
    await asyncio.sleep(0)
    sending._apply(told("failed", "refused", 5003))
    for call in (waiting, sending.sent(), sending.delivered(), sending.read()):
        with pytest.raises(SendFailed, match=r"o:1: the server refused it \(5003\)") as failure:
            await call
        assert (failure.value.reason, failure.value.code) == ("refused", 5003)


@pytest.mark.parametrize(
    ("reason", "words"), [("not_sent", "was not sent"), ("unknown", "is not known"), (None, "failed")]
)
async def test_failures_in_words(reason: Reason | None, words: str) -> None:
    assert words in str(SendFailed("o:1", reason, None))


async def test_a_timeout_of_sent_is_an_error_and_of_a_receipt_an_answer() -> None:
    sending = Sending("o:1", None)
    with pytest.raises(TimeoutError):
        await sending.sent(SOON)
    assert await sending.delivered(SOON) == "unknown"
    sending._apply(told("sent"))
    await sending.sent(SOON)
    assert await sending.read(SOON) == "unknown"


async def test_where_no_receipt_can_come_the_answer_comes_at_once() -> None:
    sending = Sending("o:1", None, receipts=False)
    waiting = asyncio.create_task(sending.delivered())
    await asyncio.sleep(0)
    assert not waiting.done()  # whether it arrives at all is still open
    sending._apply(told("sent"))
    assert await waiting == "unknown"


async def test_the_end_of_the_chat_is_the_end_of_waiting() -> None:
    sending = Sending("o:1", None)
    sending._apply(told("sent"))
    waiting = asyncio.create_task(sending.read())
    await asyncio.sleep(0)
    sending._over()
    assert await waiting == "unknown"


async def test_closing_ends_the_waiting() -> None:
    sending = Sending("o:1", None)
    waiting = asyncio.create_task(sending.sent())
    await asyncio.sleep(0)
    sending._close(ChatClosed("the client is closed"))
    with pytest.raises(ChatClosed):
        await waiting
    assert await sending.delivered() == "unknown"


# --- against the centre ---


async def test_receipts_of_an_agent_come_through() -> None:
    async with Emulator("plain", QUICK) as emulator, client(emulator) as chats:
        sending = await (await chats.session("ann")).send("hello")
        await sending.sent(LONG)
        assert await sending.read(LONG) == "read"
        assert await sending.delivered(LONG) == "delivered"


async def test_v1_answers_unknown_at_once() -> None:
    async with Emulator("plain", QUICK) as emulator, client(emulator, options=Options(api="v1")) as chats:
        sending = await (await chats.session("ann")).send("hello")
        assert await sending.read() == "unknown"
        assert sending.state == "sent"


async def test_a_tenant_without_receipts_answers_unknown_in_time() -> None:
    knobs = Knobs(pace=0.02, hold_ms=300, receipts="off")
    async with Emulator("plain", knobs) as emulator, client(emulator) as chats:
        sending = await (await chats.session("ann")).send("hello")
        await sending.sent(LONG)
        assert await sending.delivered(SOON) == "unknown"


async def test_the_same_key_is_the_same_sending() -> None:
    async with Emulator("silent", QUICK) as emulator, client(emulator) as chats:
        ann = await chats.session("ann")
        first = await ann.send("hello", key="update 17")
        assert await ann.send("hello", key="update 17") is first
        await first.sent(LONG)
        again = await ann.send("hello", key="update 17")
        assert (again.id, again.state) == (first.id, "sent")


async def test_items_pending_when_the_chat_is_lost_fail() -> None:
    async with Emulator("silent", QUICK) as emulator, client(emulator) as chats:
        ann = await chats.session("ann")
        await until(lambda: ann.phase == "ivr", "the chat is there")
        await emulator.act(ann.session.chat.chat_id, do.DropChat())
        sending = await ann.send("hello")
        with pytest.raises(SendFailed) as failure:
            await sending.sent(LONG)
        assert failure.value.reason in ("not_sent", "unknown")  # as far as it had come


async def test_a_delivery_during_the_save_of_the_repeated_call_is_seen() -> None:
    """The two became known in the same moment, and whoever waited for the second one waited for ever."""
    store = HeldStore()
    async with Emulator("silent", QUICK) as emulator, client(emulator, store=store) as chats:
        ann = await chats.session("ann")
        await until(lambda: ann.phase == "ivr", "the chat is there")
        await ann.send("hello", key="k")
        store.held = True
        async with asyncio.TaskGroup() as group:
            group.create_task(ann.typing())
            again = group.create_task(ann.send("hello", key="k"))
            await until(lambda: [item.state.name for item in ann.session.items] == ["sent"], "the server has it")
            assert not again.done()
            store.release()
        await again.result().sent(LONG)
