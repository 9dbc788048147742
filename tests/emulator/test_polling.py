"""Long polls: protocol.md section 4 and rows 1, 2, 5 and 12 of section 10."""

from __future__ import annotations

import json

import pytest

from statemachine.emulator import Fault
from statemachine.emulator import actions as do
from tests.emulator.driver import START, Driver, message, names


def test_a_poll_is_held_and_then_answered_empty() -> None:
    driver = Driver(hold_ms=15_000).open()
    ticket = driver.start_poll()
    driver.wait(14_999)
    assert ticket not in driver.answers
    driver.wait(1)
    assert json.loads(driver.answers[ticket].body) == {"events": []}


def test_an_event_ends_the_hold_and_one_instant_is_one_batch() -> None:
    driver = Driver().open()
    ticket = driver.start_poll()
    driver.wait(3_000)
    driver.act(do.Say("one"), do.Say("two"))
    assert [e["msg"] for e in json.loads(driver.answers[ticket].body)["events"]] == ["one", "two"]


def test_events_that_wait_are_handed_over_once() -> None:
    driver = Driver().open()
    driver.act(do.Say("one"))
    assert names(driver.poll()) == ["message"]
    assert driver.start_poll() not in driver.answers
    assert names(driver.chat.handed_over) == ["message"]


@pytest.mark.parametrize(("style", "body"), [("array", b'{"events": []}'), ("no_body", b"")])
def test_empty_styles(style: str, body: bytes) -> None:
    driver = Driver(empty_style=style, hold_ms=0).open()
    response = driver.call("GET", f"chats/{driver.chat_id}/events")
    assert (response.status, response.body) == (200, body)


def test_empty_as_an_error_code() -> None:
    driver = Driver(empty_style="code_5511", no_events_status=404, hold_ms=0).open()
    assert driver.error("GET", f"chats/{driver.chat_id}/events") == (404, "5511")


def test_the_hold_is_shortened_by_jitter_the_same_way_each_time() -> None:
    def deadlines() -> list[int | None]:
        driver = Driver(hold_ms=10_000, hold_jitter_ms=5_000)
        due = []
        for client in "abcdef":
            driver.client_id = client
            driver.open().start_poll()
            due.append(driver.centre.chats[driver.chat_id].armed)
        return due

    first = deadlines()
    assert first == deadlines()
    assert len(set(first)) > 1
    assert all(due is not None and START + 5_000 <= due <= START + 10_000 for due in first)


@pytest.mark.parametrize(("version", "knob", "status"), [(1, "by_version", 400), (2, "by_version", 429), (2, 400, 400)])
def test_a_second_poll_is_refused_and_the_first_goes_on(version: int, knob: object, status: int) -> None:
    driver = Driver(version=version, too_many_polls_status=knob).open()
    first = driver.start_poll()
    assert driver.error("GET", f"chats/{driver.chat_id}/events") == (status, "5509")
    driver.act(do.Say("hi"))
    assert b"hi" in driver.answers[first].body
    assert driver.rules == ["F22"]


def test_a_broken_poll_keeps_its_slot_until_the_hold_would_have_ended() -> None:
    driver = Driver().open()
    ticket = driver.start_poll()
    driver.take(driver.centre.cut(driver.now, ticket))
    driver.act(do.Say("hi"))
    driver.wait(10_000)
    assert driver.error("GET", f"chats/{driver.chat_id}/events") == (429, "5509")
    driver.wait(5_000)
    assert names(driver.poll()) == ["message"]
    assert ticket not in driver.answers
    assert driver.rules == []


def test_a_broken_poll_may_take_events_with_it() -> None:
    driver = Driver(after_cut="swallow").open()
    driver.take(driver.centre.cut(driver.now, driver.start_poll()))
    driver.act(do.Say("gone"))
    driver.act(do.Say("kept"))
    assert [event["msg"] for event in driver.poll()] == ["kept"]
    assert [event["msg"] for event in driver.chat.handed_over] == ["kept"]
    assert [event["msg"] for event in driver.history()] == ["gone", "kept"]


def test_a_broken_poll_may_free_its_slot() -> None:
    driver = Driver(after_cut="free").open()
    driver.take(driver.centre.cut(driver.now, driver.start_poll()))
    driver.act(do.Say("hi"))
    assert names(driver.poll()) == ["message"]


@pytest.mark.parametrize(("redeliver", "again"), [(False, []), (True, ["message"])])
def test_a_lost_reply(redeliver: bool, again: list[str]) -> None:
    driver = Driver(redeliver=redeliver, hold_ms=0).open()
    driver.act(do.Say("hi"))
    driver.poll()
    driver.take(driver.centre.cut(driver.now, driver.ticket))
    assert driver.chat.handovers[0].lost
    assert names(driver.poll()) == again


def test_a_poll_opened_just_before_the_break_of_the_first_became_known_is_innocent() -> None:
    driver = Driver().open()
    first = driver.start_poll()
    assert driver.error("GET", f"chats/{driver.chat_id}/events") == (429, "5509")
    driver.take(driver.centre.cut(driver.now, first))
    driver.wait(20_000)
    assert driver.rules == []


def test_only_the_latest_answers_can_be_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statemachine.emulator.model._ANSWERED_KEPT", 1)
    driver = Driver().open()
    driver.act(do.Say("hi"))
    driver.poll()
    early = driver.ticket
    driver.history()
    driver.take(driver.centre.cut(driver.now, early))
    assert not driver.chat.handovers[0].lost


def test_cutting_what_is_unknown_changes_nothing() -> None:
    driver = Driver().open()
    assert driver.centre.cut(driver.now, 999) == []


def test_a_caching_proxy_replays_a_batch() -> None:
    driver = Driver(replay_batches=2, hold_ms=0).open()
    driver.act(do.Say("hi"))
    assert [len(driver.poll()) for _ in range(4)] == [1, 1, 1, 0]
    assert len(driver.chat.handovers) == 1


def test_broken_entries_surround_the_real_ones() -> None:
    driver = Driver(malformed_events=True).open()
    driver.act(do.Say("hi"))
    batch = driver.poll()
    assert None in batch
    assert [entry["msg"] for entry in batch if isinstance(entry, dict) and "msg" in entry] == ["hi"]


def test_a_client_that_stops_polling_is_dropped() -> None:
    driver = Driver(drop_without_polls_ms=60_000, hold_ms=15_000).open()
    driver.start_poll()
    driver.wait(15_000 + 59_999)
    assert driver.chat.live
    driver.wait(1)
    assert driver.chat.terminal == "gone"
    assert driver.error("GET", f"chats/{driver.chat_id}/events") == (404, "5005")


def test_a_held_poll_keeps_the_session_alive() -> None:
    driver = Driver(drop_without_polls_ms=10_000, hold_ms=15_000).open()
    for _ in range(5):
        driver.start_poll()
        driver.wait(15_000)
    assert driver.chat.live


def test_failing_polls_lose_nothing_unless_they_took_effect() -> None:
    driver = Driver().open()
    path = f"chats/{driver.chat_id}/events"
    driver.act(do.Say("one"), do.InjectFault(Fault("poll", 5001)))
    assert driver.error("GET", path) == (503, "5001")
    assert [event["msg"] for event in driver.poll()] == ["one"]
    driver.act(do.Say("two"), do.InjectFault(Fault("poll", 5000, accepted=True)))
    assert driver.error("GET", path) == (504, "5000")
    assert driver.chat.pending == []
    assert [event["msg"] for event in driver.chat.handed_over] == ["one"]


def test_a_failing_poll_that_would_have_been_held_is_answered_at_once() -> None:
    driver = Driver(faults=(Fault("poll", html=True, status=502, accepted=True),)).open()
    assert driver.call("GET", f"chats/{driver.chat_id}/events").status == 502
    assert driver.chat.held is None


def test_own_messages_come_back_by_the_knob() -> None:
    driver = Driver(own_echo=True, id_case="mixed").open()
    driver.send(message("hello", "1"), {"event": "chat_session_typing"})
    (echo,) = driver.poll()
    assert (echo["msg_id"], echo["party_id"]) == ("1", driver.chat_id.upper())


def test_a_lost_chat_answers_the_held_poll() -> None:
    driver = Driver().open()
    ticket = driver.start_poll()
    driver.act(do.DropChat())
    assert driver.answers[ticket].status == 404


@pytest.mark.parametrize(("style", "body"), [("bare", b""), ("html", b"<html>"), ("code_5005", b'{"error_code"')])
def test_faces_of_a_lost_chat(style: str, body: bytes) -> None:
    driver = Driver(gone_style=style).open()
    driver.act(do.DropChat())
    response = driver.call("GET", f"chats/{driver.chat_id}/events")
    assert response.status == 404
    assert response.body.startswith(body)
    assert bool(response.body) == bool(body)


def test_a_lost_chat_may_heal() -> None:
    driver = Driver(gone_heals=True).open()
    driver.act(do.Say("before"), do.DropChat())
    assert driver.error("GET", f"chats/{driver.chat_id}/history") == (404, "5005")
    driver.now += 1_000
    again = driver.post("chats", {})
    assert (again["chat_id"], again["is_new_chat"]) == (driver.chat_id, False)
    assert [event["msg"] for event in driver.history()] == ["before"]
    assert driver.start_poll() not in driver.answers
    assert driver.rules == []
