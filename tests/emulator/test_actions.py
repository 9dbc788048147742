"""Server events and their shapes: protocol.md section 3, one action after the other."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.emulator import actions as do
from tests.emulator.driver import START, Driver, message, names


def events_of(*actions: do.Action, version: int = 2, **knobs: Any) -> list[dict[str, Any]]:
    driver = Driver(version=version, **knobs).open()
    driver.act(*actions)
    return driver.poll()


def test_message_as_observed() -> None:
    (event,) = events_of(do.Say("a < b\nc", party="bot"))
    assert set(event) == {"event", "channel", "msg", "msg_text", "msg_id", "party_id", "timestamp"}
    assert (event["msg"], event["msg_text"]) == ("a &lt; b<br>c", "a < b\nc")
    assert (event["msg_id"], event["timestamp"], event["channel"]) == ("0", "1700000000", "web")
    assert event["party_id"] == event["party_id"].upper()


def test_server_message_ids_are_even() -> None:
    assert [event["msg_id"] for event in events_of(do.Say("a"), do.Say("b"), do.Say("c"))] == ["0", "2", "4"]


@pytest.mark.parametrize(
    ("unit", "kind", "stamp"),
    [
        ("s", "string", "1700000000"),
        ("s", "number", START // 1000),
        ("ms", "string", str(START)),
        ("ms", "number", START),
    ],
)
def test_timestamps(unit: str, kind: str, stamp: object) -> None:
    assert events_of(do.Say("x"), timestamp_unit=unit, timestamp_type=kind)[0]["timestamp"] == stamp


def test_status_has_no_timestamp_unless_the_knob_says_so() -> None:
    assert events_of(do.SetStatus("queued")) == [{"event": "chat_session_status", "state": "queued", "ewt": ""}]
    assert "timestamp" in events_of(do.SetStatus("ivr"), timestamp_everywhere=True)[0]


@pytest.mark.parametrize(("style", "ewt"), [("string", "30"), ("number", 30), ("empty", ""), ("absent", None)])
def test_waiting_time(style: str, ewt: object) -> None:
    assert events_of(do.SetStatus("queued", 30), ewt_style=style)[0].get("ewt") == ewt


def test_parties() -> None:
    joined, left = events_of(do.JoinParty("x", "Ada", "Larsen", "external"), do.LeaveParty("x"))
    assert (joined["display_name"], joined["type"]) == ("Ada Larsen", "external")
    assert joined["party_id"] == left["party_id"]


def test_unknown_parties_may_leave() -> None:
    assert names(events_of(do.LeaveParty("nobody"))) == ["party_left"]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("status_first", ["status", "party_joined"]),
        ("party_first", ["party_joined", "status"]),
        ("party_only", ["party_joined"]),
    ],
)
def test_order_of_connecting(order: str, expected: list[str]) -> None:
    driver = Driver(connect_order=order).open()
    driver.act(do.Connect())
    assert names(driver.poll()) == expected
    assert driver.get("chats/active")["state"] == "connected"


def test_the_scenario_has_the_client_again_when_the_last_agent_left() -> None:
    driver = Driver().open()
    driver.act(do.Connect("ada"), do.JoinParty("grace"), do.LeaveParty("ada"))
    assert driver.get("chats/active")["state"] == "connected"
    driver.act(do.LeaveAll())
    assert driver.get("chats/active")["state"] == "ivr"
    assert names(driver.poll()).count("party_left") == 2


@pytest.mark.parametrize(("case", "check"), [("lower", str.lower), ("observed", str.upper)])
def test_case_of_party_ids(case: str, check: Any) -> None:
    party_id = events_of(do.Say("x"), id_case=case)[0]["party_id"]
    assert party_id == check(party_id)


def test_typing_location_file_cobrowsing_info_and_raw() -> None:
    driver = Driver(coordinate_type="number").open()
    driver.act(
        do.StartTyping(), do.StopTyping(), do.ShareLocation(1.5, 2.0, "u"), do.ShareFile("a.txt", b"x"),
        do.RequestCobrowsing(), do.SendInfo("Shop"), do.Raw({"event": "chat_session_new", "x": 1}),
    )  # fmt: skip
    got = driver.poll()
    assert names(got) == ["typing", "not_typing", "location", "file", "cobrowsing_requested", "info", "new"]
    assert (got[2]["latitude"], got[2]["url"], got[3]["file_name"]) == (1.5, "u", "a.txt")
    assert driver.call("GET", f"chats/{driver.chat_id}/files/{got[3]['file_id']}").body == b"x"
    assert got[6] == {"event": "chat_session_new", "x": 1}


def test_coordinates_as_strings() -> None:
    assert events_of(do.ShareLocation(1.5, 2.0))[0]["longitude"] == "2.0"


@pytest.mark.parametrize(("kind", "one", "sixty"), [("string", "1", "60"), ("number", 1, 60)])
def test_forms(kind: str, one: object, sixty: object) -> None:
    prompt, named, secure, cancel = events_of(
        do.ShowForm(timeout=60), do.ShowForm("survey_form", "abc"), do.ShowSecureForm("payment"),
        do.CancelSecureForm(), form_field_type=kind,
    )  # fmt: skip
    assert (prompt["form_name"], prompt["form_request_id"], prompt["form_timeout"]) == ("", one, sixty)
    assert (named["form_request_id"], "form_timeout" in named) == ("abc", False)
    assert secure["form_id"] == "payment"
    assert cancel["form_request_id"] == secure["form_request_id"]


def test_case_set_and_receipts_are_not_for_v1() -> None:
    driver = Driver(version=1).open()
    driver.send(message("hi", "1"))
    driver.act(do.SetCase("C-1"), do.SendDelivered(), do.SendRead())
    assert driver.chat.pending == []


@pytest.mark.parametrize(("mode", "count"), [("off", 0), ("on", 1), ("duplicated", 2), ("per_party", 2), ("early", 0)])
def test_receipts(mode: str, count: int) -> None:
    driver = Driver(receipts=mode).open()
    driver.act(do.JoinParty("ada"), do.JoinParty("grace"))
    driver.send(message("hi", "7"))
    driver.poll()
    driver.act(do.SendRead())
    receipts = [event for event in driver.chat.pending if event["event"] == "chat_session_message_read"]
    assert [event["ref_msg_id"] for event in receipts] == ["7"] * count


def test_early_receipts_overtake_the_reply() -> None:
    driver = Driver(receipts="early").open()
    driver.act(do.JoinParty())
    driver.poll()
    held = driver.start_poll()
    driver.send(message("hi", "7"))
    assert list(driver.answers)[-2:] == [held, held + 1]
    assert b"message_read" in driver.answers[held].body


def test_a_message_without_id_gets_no_receipt() -> None:
    driver = Driver().open()
    driver.send(message("hi"))
    driver.act(do.SendDelivered())
    assert driver.chat.pending == []


def test_fields_left_out_unknown_events_and_unknown_values() -> None:
    got = events_of(
        do.SetStatus("queued", 1), do.JoinParty(), do.Say("x"),
        omit_fields=("timestamp", "first_name", "event"), unknown_events=True, unknown_enums=True,
    )  # fmt: skip
    assert names(got) == ["status", "status", "party_joined", "message", "weather"]
    assert got[1]["state"] == "pondering"
    assert got[2]["type"] == "hologram"
    assert all("timestamp" not in event and "first_name" not in event for event in got)


@pytest.mark.parametrize(
    ("action", "name", "terminal"),
    [
        (do.EndChat(), "ended", "ended"),
        (do.Fail(), "status", "failed"),
        (do.Complete(), "status", "completed"),
        (do.TimeOut(), "inactivity_timeout", "timed_out"),
    ],
)
def test_terminal_signals(action: do.Action, name: str, terminal: str) -> None:
    driver = Driver().open()
    driver.act(action)
    assert driver.chat.terminal == terminal
    assert names(driver.poll()) == [name]
    assert driver.chat.end_handed_over
    assert driver.error("GET", f"chats/{driver.chat_id}/events") == (404, "5005")
    assert driver.error("POST", f"chats/{driver.chat_id}/events", {"events": []}) == (404, "5005")


def test_the_misspelt_timeout_and_texts() -> None:
    warn, timeout = events_of(do.Warn(), do.TimeOut("bye"), misspelt_timeout=True, warning_text="")
    assert (warn["msg"], timeout["event"], timeout["msg"]) == ("", "chat_session_inactvity_timeout", "bye")


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        (("ended",), ["ended"]),
        (("timed_out", "ended"), ["inactivity_timeout", "ended"]),
        (("completed", "ended"), ["status", "ended"]),
        (("failed",), ["status"]),
    ],
)
def test_the_normal_end_by_every_signal(signals: tuple[str, ...], expected: list[str]) -> None:
    driver = Driver(end_signals=signals).open()
    driver.act(do.Conclude())
    assert names(driver.poll()) == expected
    assert driver.chat.terminal == signals[0]


def test_the_normal_end_without_a_word() -> None:
    driver = Driver(end_signals=("gone",)).open()
    driver.act(do.Conclude())
    assert driver.error("GET", f"chats/{driver.chat_id}/events") == (404, "5005")


def test_acts_for_a_chat_that_never_was() -> None:
    with pytest.raises(KeyError):
        Driver().centre.act(START, "none", do.EndChat())


def test_a_service_name_opens_the_session() -> None:
    assert Driver(service_name="Shop").open().poll() == [{"event": "chat_session_info", "service_name": "Shop"}]


def test_secure_values_never_reach_the_log() -> None:
    driver = Driver().open()
    driver.act(do.ShowSecureForm("payment"))
    form = {"event": "chat_session_secure_form_data", "form_request_id": "1", "data": {"card": "hunter2"}}
    driver.send(form)
    assert "hunter2" not in str(driver.chat)
