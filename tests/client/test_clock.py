"""A wall clock that is corrected, or jumps after a suspend, while chats are running."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from statemachine.client import ChatClient, Options
from statemachine.core import DeliveryUpdate, Received
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from statemachine.store.database import connect
from statemachine.store.housekeeping import purge
from tests.client.two_parties import QUICK, text, until

YEAR_S = 365 * 86_400


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The wall clock: `wall.offset_s` moves it."""

    class Wall:
        offset_s = 0.0

        def ms(self) -> int:
            return time.time_ns() // 1_000_000

    clock, real = Wall(), time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + int(clock.offset_s * 1e9))
    return clock


def opened(emulator: Emulator, store: Path | None = None, **options: Any) -> ChatClient:
    limits = Options(close_within=timedelta(seconds=1), ending_within=timedelta(seconds=1), **options)
    return ChatClient(emulator.url, app_id="app", store=store, options=limits)


@pytest.mark.parametrize("hours", [8, -8, -24 * 365 * 56])
async def test_times_of_updates_follow_the_wall_clock_and_the_chat_goes_on(wall: Any, hours: int) -> None:
    async with Emulator("silent", QUICK) as emulator, opened(emulator) as client:
        chat = await client.session("ann")
        updates = chat.updates()
        await until(lambda: chat.session.chat.chat_id, "a chat")
        wall.offset_s = hours * 3_600
        await emulator.act(chat.session.chat.chat_id, do.Say("good morning"))
        await chat.send("hello again")
        async with asyncio.timeout(20):
            found: list[Any] = []
            while len(found) < 2:
                update = await anext(updates)
                if text(update) == "good morning" or (isinstance(update, DeliveryUpdate) and update.state == "sent"):
                    found.append(update)
        for update in found:
            assert isinstance(update, Received | DeliveryUpdate)
            assert abs(update.at - wall.ms()) < 2_000
        await emulator.act(chat.session.chat.chat_id, do.Say("still there?"))
        async with asyncio.timeout(20):
            while text(await anext(updates)) != "still there?":
                pass
        assert (chat.outcome, chat.session.connection.name) == (None, "polling")


async def test_an_idle_chat_notices_the_change_by_itself(wall: Any) -> None:
    async with Emulator("silent") as emulator, opened(emulator) as client:
        chat = await client.session("ann")
        await until(lambda: chat.session.chat.chat_id, "a chat")
        wall.offset_s = 8 * 3_600
        await until(lambda: abs(chat.session.now - wall.ms()) < 3_000, "the present time")
        assert chat.outcome is None


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("corrected", ["before the end", "after the end"])
async def test_a_chat_of_a_machine_that_began_in_1970_is_not_purged(
    wall: Any, tmp_path: Path, stored: bool, corrected: str
) -> None:
    file = tmp_path / "chats.sqlite" if stored else None
    wall.offset_s = -56 * YEAR_S
    async with Emulator("silent", QUICK) as emulator, opened(emulator, file, transcript=True) as client:
        if corrected == "before the end":
            wall.offset_s = 0.0
        chat = await client.session("ann")
        await until(lambda: chat.session.chat.chat_id, "a chat")
        await chat.end()
        async for _ in chat.updates():
            pass
        wall.offset_s = 0.0
        kept = len(client.transcript("ann"))
        assert kept
        await client.purge(timedelta(days=30), unread=True)
        assert len(client.transcript("ann")) == kept
        if file is not None:  # as another process does it
            link = connect(file, 1_000)
            assert purge(link, wall.ms() - 30 * 86_400_000, unread=True).sessions == 0
            link.close()
        await client.purge(timedelta(0), unread=True)
        assert client.transcript("ann") == ()


async def test_a_clock_that_was_ahead_delays_no_purge(wall: Any, tmp_path: Path) -> None:
    wall.offset_s = 70 * YEAR_S
    async with (
        Emulator("silent", QUICK) as emulator,
        opened(emulator, tmp_path / "chats.sqlite", transcript=True) as client,
    ):
        chat = await client.session("ann")
        await until(lambda: chat.session.chat.chat_id, "a chat")
        await chat.end()
        async for _ in chat.updates():
            pass
        wall.offset_s = 0.0
        await asyncio.sleep(0.01)
        await client.purge(timedelta(0), unread=True)
        assert client.transcript("ann") == ()
