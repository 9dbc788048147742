"""asyncio's clock, and tasks that nothing escapes from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest
from structlog.testing import capture_logs

from statemachine.adapters.aio import LoopClock, Tasks

pytestmark = pytest.mark.asyncio


async def test_now_is_the_wall_clocks_time_at_the_start() -> None:
    clock = LoopClock()
    assert abs(clock.now() - time.time_ns() // 1_000_000) < 1_000


class WallClock:
    """A wall clock that can be corrected."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.offset_s = 0.0
        real = time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: real() + int(self.offset_s * 1e9))


@pytest.mark.parametrize("hours", [8, -8, 24 * 365 * 56, -24 * 365 * 56])
async def test_a_corrected_wall_clock_is_followed_either_way(monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    wall = WallClock(monkeypatch)
    changes: list[tuple[int, int, int]] = []
    clock = LoopClock(on_change=lambda *change: changes.append(change))
    start = clock.now()
    wall.offset_s = hours * 3_600
    now = clock.now()
    assert abs(now - start - hours * 3_600_000) < 1_000
    ((since, until, by),) = changes
    assert abs(by - hours * 3_600_000) < 1_000
    assert 0 <= until - since < 1_000
    assert 0 <= start - since < 1_000
    clock.now()
    assert len(changes) == 1


async def test_each_correction_begins_where_the_clock_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = WallClock(monkeypatch)
    changes: list[tuple[int, int, int]] = []
    clock = LoopClock(on_change=lambda *change: changes.append(change))
    made = clock.now()
    for offset in (-1e9, 0.0, 3_600.0):
        wall.offset_s = offset
        clock.now()
    assert [round((since - made) / 1_000) for since, _, _ in changes] == [0, -1_000_000_000, 0]


@pytest.mark.parametrize("seconds", [0.9, -0.9])
async def test_small_differences_are_left_alone(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    wall = WallClock(monkeypatch)
    clock = LoopClock(on_change=lambda *_: pytest.fail("no change"))
    before = clock.now()
    wall.offset_s = seconds
    assert 0 <= clock.now() - before < 100


async def test_a_wait_goes_on_when_the_wall_clock_is_corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = WallClock(monkeypatch)
    clock = LoopClock()
    rung = asyncio.Event()
    clock.call_at(clock.now() + 50, rung.set)
    wall.offset_s = -3_600
    clock.now()
    async with asyncio.timeout(30):
        await rung.wait()


async def test_a_long_round_of_the_loop_is_no_correction() -> None:
    clock = LoopClock(on_change=lambda *_: pytest.fail("no change"))
    time.sleep(1.2)  # noqa: ASYNC251 - a busy loop is what is tested
    clock.now()


async def test_an_alarm_never_rings_before_its_moment() -> None:
    clock = LoopClock()
    early: list[int] = []
    start = clock.now()
    for ms in range(60):
        clock.call_at(start + ms, lambda at=start + ms: early.append(at - clock.now()))
    await asyncio.sleep(0.08)
    assert len(early) == 60
    assert max(early) <= 0


async def test_a_moment_that_has_passed_rings_soon_but_not_at_once() -> None:
    clock = LoopClock()
    rung: list[bool] = []
    clock.call_at(clock.now() - 10_000, lambda: rung.append(True))
    assert rung == []
    await asyncio.sleep(0.005)
    assert rung == [True]


async def test_a_cancelled_alarm_is_silent() -> None:
    clock = LoopClock()
    rung: list[bool] = []
    clock.call_at(clock.now(), lambda: rung.append(True)).cancel()
    await asyncio.sleep(0.005)
    assert rung == []


async def test_jitter_covers_its_window() -> None:
    clock = LoopClock(seed=1)
    assert {clock.jitter(5, 8) for _ in range(100)} == {5, 6, 7, 8}
    assert clock.jitter(5, 5) == 5


async def test_tasks_are_held_until_they_are_done() -> None:
    tasks, done = Tasks("task_failed"), asyncio.Event()

    async def work() -> None:
        done.set()

    tasks.spawn(work(), 1)
    assert len(tasks) == 1
    await done.wait()
    await asyncio.sleep(0)
    assert len(tasks) == 0


async def test_one_task_is_cancelled_by_its_key() -> None:
    tasks = Tasks("task_failed")
    ends: list[str] = []

    async def work(name: str) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ends.append(name)
            raise

    tasks.spawn(work("one"), 1)
    tasks.spawn(work("two"), 2)
    await asyncio.sleep(0)
    tasks.cancel(1)
    tasks.cancel(99)
    await asyncio.sleep(0)
    assert ends == ["one"]
    await tasks.close()
    assert ends == ["one", "two"]
    assert len(tasks) == 0


async def test_closing_waits_for_the_cancelled() -> None:
    tasks = Tasks("task_failed")
    ends: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ends.append("cleaned up")

    tasks.spawn(slow(), 1)
    await asyncio.sleep(0)
    tasks.cancel(1)
    await tasks.close()
    assert ends == ["cleaned up"]


async def test_a_task_that_fails_is_logged() -> None:
    tasks = Tasks("task_failed")

    def fail() -> Coroutine[Any, Any, None]:
        async def work() -> None:
            raise RuntimeError("the words of a customer")

        return work()

    with capture_logs() as logs:
        tasks.spawn(fail(), 1)
        await asyncio.sleep(0.001)
    (log,) = logs
    assert (log["event"], log["log_level"], log["error"]) == ("task_failed", "error", "RuntimeError")
    assert (log["file"], log["function"]) == (__file__, "work")
    assert "words" not in str(log)
