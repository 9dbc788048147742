"""Section 3 of the protocol, row by row, against a running emulator: every event, and every shape of its fields."""

from __future__ import annotations

import re
from typing import Any

import pytest

from statemachine.emulator import actions as do
from tests.emulator.driver import message, names
from tests.emulator.wire.client import Wire, wire

pytestmark = pytest.mark.asyncio

UUID = r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}"


async def one(w: Wire, action: do.Action) -> dict[str, Any]:
    (event,) = await w.act(action)
    assert isinstance(event, dict)
    return event


# --- 3.0 common shape -----------------------------------------------------------------------------------------------


async def test_the_observed_shapes() -> None:
    async with wire() as w:
        await w.open()
        said = await one(w, do.Say("hi"))
        assert said.keys() == {"channel", "event", "msg", "msg_id", "msg_text", "party_id", "timestamp"}
        assert (said["channel"], said["msg_id"]) == ("web", "0")
        assert re.fullmatch(UUID, said["party_id"])
        assert re.fullmatch(r"\d{10}", said["timestamp"])
        status = await one(w, do.SetStatus("queued"))
        assert status == {"event": "chat_session_status", "state": "queued", "ewt": ""}
        joined = await one(w, do.JoinParty("ada"))
        fields = {"display_name", "event", "first_name", "last_name", "party_id", "timestamp", "type"}
        assert joined.keys() == fields
        file = await one(w, do.ShareFile("a.txt", b"abc"))
        assert file.keys() == {"event", "file_id", "file_name", "file_type", "msg_id", "party_id", "timestamp"}
        assert file["file_id"] == file["file_id"].lower()
        assert w.chat_id == w.chat_id.lower()


@pytest.mark.parametrize(
    ("unit", "kind", "pattern"),
    [
        ("s", "string", r"'\d{10}'"),
        ("s", "number", r"\d{10}"),
        ("ms", "string", r"'\d{13}'"),
        ("ms", "number", r"\d{13}"),
    ],
)
async def test_timestamps(unit: str, kind: str, pattern: str) -> None:
    async with wire(timestamp_unit=unit, timestamp_type=kind) as w:
        await w.open()
        assert re.fullmatch(pattern, repr((await one(w, do.Say("x")))["timestamp"]))
        assert "timestamp" not in await one(w, do.SetStatus("ivr"))
    async with wire(timestamp_everywhere=True) as w:
        await w.open()
        assert "timestamp" in await one(w, do.SetStatus("ivr"))


@pytest.mark.parametrize(("style", "ewt"), [("string", "30"), ("number", 30), ("empty", ""), ("absent", None)])
async def test_ewt(style: str, ewt: object) -> None:
    async with wire(ewt_style=style) as w:
        await w.open()
        assert (await one(w, do.SetStatus("queued", 30))).get("ewt") == ewt


@pytest.mark.parametrize(("kind", "value"), [("string", "59.5"), ("number", 59.5)])
async def test_coordinates(kind: str, value: object) -> None:
    async with wire(coordinate_type=kind) as w:
        await w.open()
        assert (await one(w, do.ShareLocation(59.5, 10.25)))["latitude"] == value


@pytest.mark.parametrize(("kind", "request_id", "seconds"), [("string", "1", "60"), ("number", 1, 60)])
async def test_form_fields(kind: str, request_id: object, seconds: object) -> None:
    async with wire(form_field_type=kind) as w:
        await w.open()
        form = await one(w, do.ShowForm("f", timeout=60))
        assert (form["form_request_id"], form["form_timeout"]) == (request_id, seconds)


@pytest.mark.parametrize(("kind", "wanted"), [("number", int), ("string", str)])
async def test_created_time(kind: str, wanted: type) -> None:
    async with wire(created_time_type=kind) as w:
        await w.open()
        await one(w, do.SetCase("C"))
        (session,) = (await w.get("casehistory"))["sessions"]
        assert type(session["created_time"]) is wanted


async def test_msg_is_html_and_msg_text_plain() -> None:
    async with wire() as w:
        await w.open()
        said = await one(w, do.Say("a < b &\nc"))
        assert (said["msg"], said["msg_text"]) == ("a &lt; b &amp;<br>c", "a < b &\nc")
    async with wire(msg_text=False) as w:
        await w.open()
        assert "msg_text" not in await one(w, do.Say("x"))


@pytest.mark.parametrize(
    ("case", "own", "agent"),
    [("observed", str.lower, str.upper), ("lower", str.lower, str.lower), ("mixed", str.upper, str.upper)],
)
async def test_the_case_of_ids(case: str, own: Any, agent: Any) -> None:
    async with wire(id_case=case, own_echo=True) as w:
        await w.open()
        await w.send(message("x", "1"))
        (echo,) = await w.poll()
        assert echo["party_id"] == own(w.chat_id)
        said = await one(w, do.Say("y"))
        assert said["party_id"] == agent(said["party_id"])
        assert (await w.ask("GET", f"chats/{w.chat_id.upper()}/history")).status == 200


async def test_unknown_keys_events_and_broken_entries() -> None:
    async with wire(unknown_events=True, malformed_events=True, omit_fields=("party_id",)) as w:
        await w.open()
        events = await w.act(do.Say("hi"))
        assert "chat_session_weather" in [event.get("event") for event in events if isinstance(event, dict)]
        assert [event for event in events if not isinstance(event, dict)] == [None, "text"]
        assert not any("party_id" in event for event in events if isinstance(event, dict))
        answer = await w.send({**message("x", "1"), "attachments": [], "unknown": {"deep": 1}})
        assert answer.status == 200
        assert (await w.history())[-1]["unknown"] == {"deep": 1}


@pytest.mark.parametrize(("misspelt", "name"), [(False, "inactivity_timeout"), (True, "inactvity_timeout")])
async def test_the_misspelt_name(misspelt: bool, name: str) -> None:
    async with wire(misspelt_timeout=misspelt) as w:
        await w.open()
        assert names([await one(w, do.TimeOut("bye"))]) == [name]


# --- 3.1 to 3.4, server to client -----------------------------------------------------------------------------------

FROM_SERVER: list[tuple[do.Action, str, dict[str, Any]]] = [
    (do.SetStatus("queued", 30), "chat_session_status", {"state": "queued", "ewt": "30"}),
    (do.SendInfo("Service"), "chat_session_info", {"service_name": "Service"}),
    (
        do.JoinParty("ada", "Ada", "Larsen"),
        "chat_session_party_joined",
        {"first_name": "Ada", "last_name": "Larsen", "display_name": "Ada Larsen", "type": "internal"},
    ),
    (do.JoinParty("bot", "Bot", "", "scenario"), "chat_session_party_joined", {"type": "scenario"}),
    (do.JoinParty("guest", "Guest", "", "external"), "chat_session_party_joined", {"type": "external"}),
    (do.JoinParty("teams", "T", "", "msteams"), "chat_session_party_joined", {"type": "msteams"}),
    (do.LeaveParty("ada"), "chat_session_party_left", {}),
    (do.Say("hi"), "chat_session_message", {"msg": "hi", "msg_text": "hi"}),
    (do.SendDelivered("7"), "chat_session_message_delivered", {"ref_msg_id": "7"}),
    (do.SendRead("7"), "chat_session_message_read", {"ref_msg_id": "7"}),
    (do.StartTyping("ada"), "chat_session_typing", {}),
    (do.StopTyping("ada"), "chat_session_not_typing", {}),
    (do.ShareLocation(1.5, 2.5, "u"), "chat_session_location", {"latitude": "1.5", "longitude": "2.5", "url": "u"}),
    (do.ShareFile("a", b"x", file_type="image"), "chat_session_file", {"file_type": "image", "file_name": "a"}),
    (do.Warn("hello?"), "chat_session_timeout_warning", {"msg": "hello?"}),
    (do.Warn(""), "chat_session_timeout_warning", {"msg": ""}),
    (do.TimeOut("bye"), "chat_session_inactivity_timeout", {"msg": "bye"}),
    (do.EndChat(), "chat_session_ended", {}),
    (do.SetCase("C-1"), "chat_session_case_set", {"case_id": "C-1"}),
    (do.SetCase(""), "chat_session_case_set", {"case_id": ""}),
    (
        do.ShowForm("survey_form", timeout=60),
        "chat_session_form_show",
        {"form_name": "survey_form", "form_timeout": "60"},
    ),
    (do.ShowForm(""), "chat_session_form_show", {"form_name": "", "form_request_id": "1"}),
    (do.ShowSecureForm("payment"), "chat_session_secure_form_show", {"form_id": "payment"}),
    (do.CancelSecureForm("3"), "chat_session_secure_form_cancel", {"form_request_id": "3"}),
    *(
        (do.SendSignaling(data), "chat_session_signaling", {"data": data})
        for data in (
            {"type": "OFFER_CALL", "sdp": "v=0", "offerVideo": "true"},
            {"type": "ICE_CANDIDATE", "sdpMid": "0", "sdpMLineIndex": 0, "candidate": "c"},
            {"type": "END_CALL"},
            {"type": "CALL_REJECTED", "reason_code": 1, "reason": "busy"},
            {"type": "CALL_STATE", "audioEnabled": True, "videoEnabled": False},
        )
    ),
    (do.RequestCobrowsing(), "chat_session_cobrowsing_requested", {}),
    # 3.5: names that are no events of any server may come all the same; 3.6: directives are text.
    (do.Raw({"event": "chat_session_message_status"}), "chat_session_message_status", {}),
    (do.Say("/buttons [yes][no]"), "chat_session_message", {"msg": "/buttons [yes][no]"}),
    (do.Say("/ban"), "chat_session_message", {"msg": "/ban"}),
]


@pytest.mark.parametrize(("action", "name", "fields"), FROM_SERVER, ids=lambda value: str(value)[:40])
async def test_what_the_server_says(action: do.Action, name: str, fields: dict[str, Any]) -> None:
    async with wire() as w:
        await w.open()
        event = await one(w, action)
        assert event["event"] == name
        assert {key: event.get(key) for key in fields} == fields


@pytest.mark.parametrize(("mode", "count"), [("off", 0), ("on", 1), ("duplicated", 2), ("per_party", 2)])
async def test_receipts_of_agents(mode: str, count: int) -> None:
    async with wire(receipts=mode) as w:
        await w.open()
        await w.act(do.JoinParty("ada"), do.JoinParty("grace"))
        await w.send(message("x", "1"))
        events = await w.act(do.SendDelivered(), do.SendRead(), do.StartTyping())
        assert names(events).count("message_delivered") == names(events).count("message_read") == count
        parties = {event["party_id"] for event in events if "ref_msg_id" in event}
        assert len(parties) == (2 if mode == "per_party" else min(count, 1))


async def test_receipts_before_the_answer_to_the_post() -> None:
    async with wire(receipts="early") as w:
        await w.open()
        await w.act(do.JoinParty())
        await w.send(message("x", "1"))
        assert names(await w.poll()) == ["message_delivered", "message_read"]


# --- 3.1 to 3.4, client to server -----------------------------------------------------------------------------------

FROM_CLIENT: list[dict[str, Any]] = [
    {"event": "chat_session_message", "msg": "hi", "msg_id": "1", "channel": "web", "msg_text": "hi"},
    {"event": "chat_session_message", "msg": "hi", "type": "cobrowsing"},
    {"event": "chat_session_message", "msg": "hi", "msg_id": 0.5},
    {"event": "chat_session_message_delivered", "ref_msg_id": "0"},
    {"event": "chat_session_message_read", "msg_id": "0"},
    {"event": "chat_session_typing"},
    {"event": "chat_session_typing", "msg": "draft"},
    {"event": "chat_session_not_typing"},
    {"event": "chat_session_location", "latitude": "1", "longitude": "2", "url": "u", "msg_id": "3"},
    {"event": "chat_session_location", "latitude": 1.5, "longitude": 2.5},
    {"event": "chat_session_disconnect"},
    {"event": "chat_session_end"},
    {"event": "chat_session_navigation", "page": "/", "title": "Home", "msg_id": "1"},
    {"event": "chat_session_form_data", "form_request_id": "1", "form_name": "f", "data": {"a": "b"}},
    {"event": "chat_session_form_data", "form_request_id": 1, "form_name": "f", "data": "Form not found"},
    {"event": "chat_form_data_cancel", "form_request_id": "1", "form_name": "f"},
    {"event": "chat_session_secure_form_cancel", "form_request_id": "1"},
    *(
        {"event": "chat_session_signaling", "msg_id": "5", "destination_party_id": "A", "data": {"type": kind}}
        for kind in (
            "REQUEST_CALL",
            "ANSWER_CALL",
            "ICE_CANDIDATE",
            "END_CALL",
            "CALL_REJECTED",
            "REQUEST_PHONE_CALL",
            "REQUEST_SMS",
        )
    ),
    {"event": "chat_session_cobrowsing_rejected"},
    {"event": "chat_session_cobrowsing_started", "provider_type": "p", "cobrowsing_url": "u", "cobrowsing_id": "i"},
    {"event": "chat_session_cobrowsing_ended"},
]


@pytest.mark.parametrize("event", FROM_CLIENT, ids=lambda event: str(event)[11:60])
async def test_what_a_client_says_is_taken_and_stands_in_history(event: dict[str, Any]) -> None:
    async with wire(history_omits=()) as w:
        await w.open()
        assert (await w.send(event)).status == 200
        (kept,) = await w.history()
        assert {key: kept[key] for key in event} == event
        assert kept["party_id"] == w.chat_id


async def test_a_file_of_the_client() -> None:
    async with wire() as w:
        await w.open()
        multipart = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc\r\n--x--\r\n'
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        file_id = (await w.ask("POST", "files", data=multipart, headers=headers)).body["file_id"]
        event = {"event": "chat_session_file", "file_id": file_id, "file_type": "attachment", "msg_id": "1"}
        assert (await w.send(event)).status == 200
        assert (await w.send({**event, "file_id": "none"})).code == "5502"
    async with wire(file_event_quirk=True) as w:
        await w.open()
        assert (await w.send(event)).status == 500


async def test_the_values_of_a_secure_form_stand_nowhere() -> None:
    async with wire() as w:
        await w.open()
        await one(w, do.ShowSecureForm("payment"))
        data = {"event": "chat_session_secure_form_data", "form_request_id": "1", "data": {"card_number": "hunter2"}}
        assert (await w.send(data)).status == 200
        assert "hunter2" not in str(await w.history()) + str(w.chat) + str(w.emulator.traffic)
        assert w.chat.forms["1"].answers == 1


async def test_a_prompt_is_answered_by_the_next_text() -> None:
    async with wire() as w:
        await w.open()
        await one(w, do.ShowForm(""))
        await w.send(message("4711", "1"))
        assert w.chat.forms["1"].answers == 1


async def test_signaling_stands_in_history_only_if_told() -> None:
    async with wire() as w:
        await w.open()
        await one(w, do.SendSignaling({"type": "END_CALL"}))
        assert await w.history() == []
    async with wire(history_omits=()) as w:
        await w.open()
        await one(w, do.SendSignaling({"type": "END_CALL"}))
        assert names(await w.history()) == ["signaling"]


@pytest.mark.parametrize(
    "name",
    ["chat_session_status", "chat_session_ended", "chat_session_form_submit", "network_connection_error", "x", None, 3],
)
async def test_names_that_a_client_does_not_send_are_bad_events(name: object) -> None:
    async with wire() as w:
        await w.open()
        answer = await w.send({"event": name})
        assert (answer.status, answer.code) == (400, "5003")
