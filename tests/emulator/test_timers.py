"""Inactivity and the queue of deadlines: protocol.md 6.1."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.emulator import actions as do
from tests.emulator.driver import START, Driver, message, names


def idle(**knobs: Any) -> Driver:
    driver = Driver(inactivity_timeout_ms=60_000, hold_ms=10_000, **knobs).open()
    driver.act(do.Connect())
    return driver


@pytest.mark.parametrize(("warnings", "at"), [(0, [60]), (1, [30, 60]), (2, [30, 45, 60])])
def test_warnings_then_timeout(warnings: int, at: list[int]) -> None:
    driver = idle(inactivity_warnings=warnings)
    events = [event for event in driver.polled(120_000) if "timestamp" in event and "msg" in event]
    assert names(events) == ["timeout_warning"] * warnings + ["inactivity_timeout"]
    assert [int(event["timestamp"]) - START // 1000 for event in events] == at
    assert driver.chat.terminal == "timed_out"


def test_a_message_starts_the_time_again_and_typing_does_not() -> None:
    driver = idle()
    driver.polled(40_000)
    driver.send(message("here", "1"))
    driver.send({"event": "chat_session_typing"})
    assert names(driver.polled(29_000)) == []
    assert names(driver.polled(2_000)) == ["timeout_warning"]


def test_anything_may_start_the_time_again() -> None:
    driver = idle(idle_reset="any")
    driver.polled(29_000)
    driver.send({"event": "chat_session_typing"})
    assert names(driver.polled(20_000)) == []


def test_without_an_agent_nothing_times_out() -> None:
    driver = idle()
    driver.act(do.LeaveAll())
    driver.polled(200_000)
    assert driver.chat.live


def test_without_a_limit_nothing_times_out() -> None:
    driver = Driver(inactivity_timeout_ms=None, drop_without_polls_ms=None).open()
    driver.act(do.Connect())
    assert driver.centre.next_deadline() is None


def test_a_late_tick_does_everything_in_its_order_and_at_its_time() -> None:
    driver = idle(drop_without_polls_ms=None)
    ticket = driver.start_poll()
    driver.take(driver.centre.tick(START + 500_000))
    assert b"connected" in driver.answers[ticket].body
    assert [entry.at - START for entry in driver.chat.log] == [0, 0, 30_000, 60_000]


def test_an_early_tick_and_time_that_runs_backwards_change_nothing() -> None:
    driver = Driver().open()
    ticket = driver.start_poll()
    assert driver.centre.tick(START - 99_999) == []
    driver.act(do.Say("x"))
    assert driver.chat.log[0].at == START
    assert ticket in driver.answers


def test_deadlines_of_many_chats_come_in_order() -> None:
    driver = Driver(hold_ms=1_000)
    tickets = []
    for number in range(20):
        driver.client_id = f"client-{number}"
        tickets.append(driver.open().start_poll())
        driver.now += 10
    driver.wait(2_000)
    assert [ticket for ticket in driver.answers if ticket in tickets] == tickets
    assert driver.centre.held_polls == 0


def test_finished_chats_are_forgotten_beyond_the_limit() -> None:
    driver = Driver(chats_kept=2)
    for _ in range(5):
        driver.open().act(do.EndChat())
    assert len(driver.centre.chats) == 2
    assert driver.chat_id in driver.centre.chats
    driver.client_id = "other"
    driver.open()
    driver.client_id = "third"
    driver.open()
    assert len(driver.centre.chats) == 2
    assert driver.centre.next_deadline() is not None
