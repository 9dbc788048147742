"""The circuit breaker, with a clock that the test moves."""

from __future__ import annotations

import asyncio

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


def breaker(time: Time, per_second: float | None = None, chance: float = 1.0) -> CircuitBreaker:
    return CircuitBreaker(per_second, now=lambda: time.now, chance=lambda: chance)


async def fail(breaker: CircuitBreaker, times: int = FAILURES) -> None:
    for _ in range(times):
        breaker.failed(await breaker.enter(1))


# --- the rate ---


async def test_without_a_rate_no_request_waits(time: Time) -> None:
    open_ = breaker(time)
    for _ in range(1_000):
        await open_.enter(1)
    assert time.slept == []


async def test_a_burst_of_one_second_passes_and_the_rest_waits(time: Time) -> None:
    slow = breaker(time, per_second=4)
    for _ in range(7):
        await slow.enter(10)
    assert time.slept == [0.25, 0.5]


async def test_over_a_long_time_the_rate_holds(time: Time) -> None:
    slow, let = breaker(time, per_second=4), 0
    for _ in range(400):
        try:
            await slow.enter(0)
            let += 1
        except RequestBlocked:
            pass
        time.now += 0.05
    assert let == pytest.approx(20 * 4, abs=5)


async def test_a_request_that_would_wait_too_long_is_refused_at_once(time: Time) -> None:
    slow = breaker(time, per_second=1)
    for _ in range(3):
        await slow.enter(1)
    for _ in range(3):
        with pytest.raises(RequestBlocked, match="too many"):
            await slow.enter(1)
    time.now += 1
    await slow.enter(1)


# --- a host that is down ---


async def test_it_opens_after_many_failures_and_lets_one_probe_pass(time: Time) -> None:
    host = breaker(time)
    with capture_logs() as logs:
        await fail(host, FAILURES - 1)
        host.answered(await host.enter(1), 200)
        await fail(host)
        with pytest.raises(RequestBlocked, match="does not answer"):
            await host.enter(1)
        time.now += FIRST_PAUSE_S
        probe = await host.enter(1)
        with pytest.raises(RequestBlocked):
            await host.enter(1)
        assert host.is_open
        host.answered(probe, 404)
        assert not host.is_open
        await host.enter(1)
    assert [(log["event"], log["log_level"]) for log in logs] == [("host_down", "warning"), ("host_up", "info")]


async def test_the_pauses_grow_to_a_limit_and_start_again_after_an_answer(time: Time) -> None:
    host = breaker(time)
    await fail(host)
    pauses = []
    for _ in range(8):
        began = time.now
        while True:
            try:
                probe = await host.enter(1)
                break
            except RequestBlocked:
                time.now += 0.5
        pauses.append(time.now - began)
        host.failed(probe)
    assert pauses == sorted(pauses)
    assert pauses[0] == FIRST_PAUSE_S
    assert pauses[-1] == LONGEST_PAUSE_S
    time.now += LONGEST_PAUSE_S
    host.answered(await host.enter(1), 200)
    await fail(host)
    time.now += FIRST_PAUSE_S
    await host.enter(1)


async def test_a_cancelled_probe_is_followed_by_another(time: Time) -> None:
    host = breaker(time)
    await fail(host)
    time.now += FIRST_PAUSE_S
    await host.enter(1)  # and is cancelled
    time.now += 2 * FIRST_PAUSE_S
    await host.enter(1)


async def test_a_held_probe_counts_as_success(time: Time) -> None:
    """Found with thousands of chats: the probe was a poll, and all other requests were blocked while it was held."""
    host = breaker(time)
    await fail(host)
    time.now += FIRST_PAUSE_S
    await host.enter(1)  # a poll
    with pytest.raises(RequestBlocked):
        await host.enter(1)
    time.now += PROBE_TIMEOUT_S
    for _ in range(3):
        await host.enter(1)
    assert not host.is_open
    await fail(host, FAILURES - 1)
    await host.enter(1)


async def test_a_late_failure_of_an_earlier_request_does_not_fail_the_probe(time: Time) -> None:
    host = breaker(time)
    before = await host.enter(1)
    await fail(host)
    time.now += FIRST_PAUSE_S
    await host.enter(1)
    host.failed(before)
    time.now += PROBE_TIMEOUT_S
    await host.enter(1)
    assert not host.is_open


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_proxy_that_reports_the_server_down_counts_as_failure(time: Time, status: int) -> None:
    host = breaker(time)
    for _ in range(FAILURES):
        host.answered(await host.enter(1), status)
    assert host.is_open


async def test_the_pause_is_random_between_half_and_the_whole(time: Time) -> None:
    early = breaker(time, chance=0.0)
    await fail(early)
    time.now += FIRST_PAUSE_S / 2
    await early.enter(1)


async def test_without_a_clock_it_uses_the_loops() -> None:
    limited = CircuitBreaker(per_second=50)
    began = asyncio.get_running_loop().time()
    for _ in range(52):  # a burst of 51, and one that waits
        await limited.enter(1)
    assert asyncio.get_running_loop().time() - began >= 0.019
