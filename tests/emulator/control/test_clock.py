"""The clock over HTTP: what is due happens in its order, and a client that polls is not starved on the way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from statemachine.emulator import Knobs
from statemachine.emulator.clock import Clock
from statemachine.emulator.http import Emulator
from tests.emulator.control.api import call, opened, wire
from tests.emulator.driver import message

pytestmark = pytest.mark.asyncio


async def polled_to_the_end(emulator: Emulator, chat_id: str) -> list[str]:
    """Poll until the chat is over; the names of its events."""
    found: list[str] = []
    while True:
        status, reply = await wire(emulator, "GET", f"chats/{chat_id}/events")
        if status != 200:
            return found
        found += [event["event"] for event in reply["events"]]
        if any(event["event"].endswith("timeout") or event["event"].endswith("ended") for event in reply["events"]):
            return found


async def test_ten_minutes_pass_at_once_for_a_client_that_polls() -> None:
    async with Emulator("plain", clock=Clock(0)) as emulator:
        chat_id = await opened(emulator)
        polling = asyncio.create_task(polled_to_the_end(emulator, chat_id))
        await emulator.until(lambda centre: centre.held_polls == 1, 30)
        before = emulator.now()
        status, reply = await call(emulator, "POST", "/clock", json={"advance": "11m"})
        assert status == 200
        assert reply["now"] - before == 660_000
        seen = await asyncio.wait_for(polling, 30)
        assert seen[-2:] == ["chat_session_timeout_warning", "chat_session_inactivity_timeout"]
        assert emulator.centre.chats[chat_id].terminal == "timed_out"


async def test_a_client_that_polls_no_more_is_dropped_on_the_way() -> None:
    async with Emulator("silent", clock=Clock(0)) as emulator:
        chat_id = await opened(emulator)
        await call(emulator, "POST", "/clock", json={"advance": "2m"})
        assert emulator.centre.chats[chat_id].live
        await call(emulator, "POST", "/clock", json={"advance": "2m"})
        assert emulator.centre.chats[chat_id].terminal == "gone"


async def test_a_scaled_clock() -> None:
    async with Emulator("plain", Knobs(drop_without_polls_ms=None)) as emulator:
        chat_id = await opened(emulator)
        status, reply = await call(emulator, "POST", "/clock", json={"scale": 1_000})
        assert (status, reply["scale"]) == (200, 1_000)
        await emulator.until(lambda centre: centre.chats[chat_id].on_duty() is not None, 30)
        await wire(emulator, "POST", f"chats/{chat_id}/events", json={"events": [message("hi", "1")]})
        await emulator.until(lambda centre: centre.chats[chat_id].terminal == "timed_out", 30)
        assert (await call(emulator, "GET", "/clock"))[1]["scale"] == 1_000


@pytest.mark.parametrize(
    "wish",
    [{}, {"advance": "soon"}, {"advance": 5}, {"scale": "2"}, {"scale": -1}, {"advance": "9999d"}, {"back": "1m"}],
)
async def test_senseless_wishes_change_nothing(wish: dict[str, Any]) -> None:
    async with Emulator("silent", clock=Clock(0)) as emulator:
        before = emulator.now()
        status, reply = await call(emulator, "POST", "/clock", json=wish)
        assert (status, emulator.now()) == (400, before)
        assert reply["error"]
