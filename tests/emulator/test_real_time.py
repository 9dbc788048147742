"""Clients live in real time: how soon and how late they were, the judge says by the line, not by the centre's clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from statemachine.emulator import Knobs
from statemachine.emulator import actions as do
from statemachine.emulator.clock import Clock, RealClock
from statemachine.emulator.http import Emulator
from statemachine.emulator.wire import HttpRequest, RealTime
from tests.emulator.control.api import opened, wire
from tests.emulator.driver import Driver, authorization, message

pytestmark = pytest.mark.asyncio


def busy(seconds: float) -> None:
    """The machine has other things to do."""
    time.sleep(seconds)


def rules(emulator: Emulator) -> list[str]:
    return [violation.rule for violation in emulator.centre.violations]


async def test_a_beat_counts_for_what_it_should_have_lasted() -> None:
    line = RealClock()
    line.start()
    begin = line.now()
    await asyncio.sleep(0.3)
    free = line.now()
    assert free.free - begin.free >= 250
    busy(0.5)
    late = line.now()
    assert late.at - free.at >= 500
    assert late.free - free.free <= 110
    line.close()


@pytest.mark.parametrize(("free", "expected"), [(999, []), (1_000, ["F37"])])
async def test_only_time_that_the_centre_had_counts_as_late(free: int, expected: list[str]) -> None:
    driver = Driver().open()
    driver.act(do.EndChat())
    driver.poll()
    told = RealTime(0, 0)
    driver.centre.left(driver.ticket, told)
    path = f"/clientweb/api/v2/chats/{driver.chat_id}/events"
    body = b'{"events": []}'
    headers = (("Authorization", authorization(driver.client_id)),)
    request = HttpRequest("POST", path, (("tenantUrl", "tenant.example"),), headers, body)
    driver.take(driver.centre.request(driver.now, 999, request, RealTime(60_000, free)))
    assert driver.rules == expected


async def stalled(emulator: Emulator, chat_id: str) -> None:
    """The machine is busy while a send is on its way that was made before the end was heard of."""
    sending = asyncio.create_task(say(emulator, chat_id))
    await asyncio.sleep(0)
    busy(2)
    await sending


async def slow(emulator: Emulator, chat_id: str) -> None:
    """The line is slow, both ways."""
    await emulator.set_knobs({"network_delay_ms": 1_500})
    sending = asyncio.create_task(say(emulator, chat_id))
    await sending


async def fast(emulator: Emulator, chat_id: str) -> None:
    """The centre's clock runs: a moment on the line is minutes there."""
    emulator.set_speed(10_000)
    await asyncio.sleep(0.02)
    await say(emulator, chat_id)
    emulator.set_speed(1)


async def say(emulator: Emulator, chat_id: str) -> None:
    await wire(emulator, "POST", f"chats/{chat_id}/events", json={"events": [message("hi", "1")]})


@pytest.mark.parametrize("trouble", [stalled, slow, fast])
async def test_what_was_on_its_way_is_no_fault_however_long_it_took(trouble: Callable[..., Any]) -> None:
    async with Emulator("silent", Knobs(chats_kept=10)) as emulator:
        chat_id = await opened(emulator)
        await emulator.act(chat_id, do.EndChat())
        await wire(emulator, "GET", f"chats/{chat_id}/events")
        await trouble(emulator, chat_id)
        assert rules(emulator) == []


async def test_a_clock_that_stands_still_makes_nobody_hasty() -> None:
    async with Emulator("silent", Knobs(hold_ms=0, judge_hot_polls=4), clock=Clock(0)) as emulator:
        chat_id = await opened(emulator)
        for _ in range(4):
            await wire(emulator, "GET", f"chats/{chat_id}/events")
            await asyncio.sleep(0.4)
        for name in ("disconnect", "end"):
            await wire(
                emulator, "POST", f"chats/{chat_id}/events", json={"events": [{"event": f"chat_session_{name}"}]}
            )
            await asyncio.sleep(0.4)
        assert rules(emulator) == []
