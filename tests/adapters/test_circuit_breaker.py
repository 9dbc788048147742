"""The gate before a host, in time that passes only when it is told to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from statemachine.adapters import circuit_breaker as module
from statemachine.adapters.circuit_breaker import (
    FAILURES,
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    PROBE_TIMEOUT_S,
    CircuitBreaker,
    RequestBlocked,
)

pytestmark = pytest.mark.asyncio


class Time:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []
        monkeypatch.setattr(module.asyncio, "sleep", self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


def gate(time: Time, per_second: float | None = None, chance: float = 1.0) -> CircuitBreaker:
    return CircuitBreaker(per_second, now=lambda: time.now, chance=lambda: chance)


def fails(gate: CircuitBreaker, times: int = FAILURES) -> None:
    for _ in range(times):
        gate.failed(gate._era)


# --- the rate ---


async def test_without_a_rate_nobody_waits(time: Time) -> None:
    open_ = gate(time)
    for _ in range(1_000):
        await open_.enter(1)
    assert time.slept == []


async def test_a_second_of_it_may_come_at_once_and_the_rest_in_turn(time: Time) -> None:
    slow = gate(time, per_second=4)
    for _ in range(7):
        await slow.enter(10)
    assert time.slept == [0.25, 0.5]


async def test_over_a_long_time_it_is_the_rate(time: Time) -> None:
    slow, let = gate(time, per_second=4), 0
    for _ in range(400):
        try:
            await slow.enter(0)
            let += 1
        except RequestBlocked:
            pass
        time.now += 0.05
    assert let == pytest.approx(20 * 4, abs=5)


async def test_who_would_wait_too_long_is_told_at_once_and_takes_no_turn(time: Time) -> None:
    slow = gate(time, per_second=1)
    for _ in range(3):
        await slow.enter(1)
    for _ in range(3):
        with pytest.raises(RequestBlocked, match="too many"):
            await slow.enter(1)
    time.now += 1
    await slow.enter(1)


# --- a host that is down ---


async def test_it_closes_after_many_failures_in_a_row_and_tries_one_at_a_time(time: Time) -> None:
    door = gate(time)
    with capture_logs() as logs:
        fails(door, FAILURES - 1)
        await door.enter(1)
        door.answered(door._era, 200)
        fails(door)
        with pytest.raises(RequestBlocked, match="left alone"):
            await door.enter(1)
        time.now += FIRST_PAUSE_S
        await door.enter(1)
        with pytest.raises(RequestBlocked):
            await door.enter(1)
        assert door.closed
        door.answered(door._era, 404)
        assert not door.closed
        await door.enter(1)
    assert [(log["event"], log["log_level"]) for log in logs] == [("host_down", "warning"), ("host_up", "info")]


async def test_the_pauses_grow_to_a_limit_and_begin_anew(time: Time) -> None:
    door = gate(time)
    fails(door)
    pauses = []
    for _ in range(8):
        began = time.now
        while True:
            try:
                await door.enter(1)
                break
            except RequestBlocked:
                time.now += 0.5
        pauses.append(time.now - began)
        door.failed(door._era)
    assert pauses == sorted(pauses)
    assert pauses[0] == FIRST_PAUSE_S
    assert pauses[-1] == LONGEST_PAUSE_S
    time.now += LONGEST_PAUSE_S
    await door.enter(1)
    door.answered(door._era, 200)
    fails(door)
    time.now += FIRST_PAUSE_S
    await door.enter(1)


async def test_a_try_that_nobody_hears_of_is_followed_by_another(time: Time) -> None:
    door = gate(time)
    fails(door)
    time.now += FIRST_PAUSE_S
    await door.enter(1)  # and is cancelled
    time.now += 2 * FIRST_PAUSE_S
    await door.enter(1)


async def test_a_try_that_is_held_is_no_failure(time: Time) -> None:
    """Found with thousands of chats: a poll was the one that tried, and all others waited until its hold was over."""
    door = gate(time)
    fails(door)
    time.now += FIRST_PAUSE_S
    await door.enter(1)  # a poll
    with pytest.raises(RequestBlocked):
        await door.enter(1)
    time.now += PROBE_TIMEOUT_S
    for _ in range(3):
        await door.enter(1)
    assert not door.closed
    fails(door, FAILURES - 1)
    await door.enter(1)


async def test_what_was_let_through_before_and_fails_later_says_nothing_about_the_try(time: Time) -> None:
    door = gate(time)
    before = await door.enter(1)
    fails(door)
    time.now += FIRST_PAUSE_S
    await door.enter(1)
    door.failed(before)
    time.now += PROBE_TIMEOUT_S
    await door.enter(1)
    assert not door.closed


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_proxys_word_counts(time: Time, status: int) -> None:
    door = gate(time)
    for _ in range(FAILURES):
        door.answered(door._era, status)
    assert door.closed


async def test_many_processes_do_not_try_together(time: Time) -> None:
    early = gate(time, chance=0.0)
    fails(early)
    time.now += FIRST_PAUSE_S / 2
    await early.enter(1)


async def test_its_own_clock_is_the_loops() -> None:
    own: Any = CircuitBreaker()
    assert own._now() == pytest.approx(asyncio.get_running_loop().time(), abs=5)
