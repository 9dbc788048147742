"""Actions written as data, and read again."""

from __future__ import annotations

import json

import attrs
import pytest

from statemachine.emulator import Fault, actions
from statemachine.emulator.action_data import ACTIONS, action_from_data, action_name, action_to_data
from tests.emulator.driver import Driver

EXAMPLES: list[actions.Action] = [
    actions.SetStatus("queued", ewt=30),
    actions.Connect("ada"),
    actions.Say("Hello", party="ada", markup="<b>Hello</b>"),
    actions.ShareFile("a.txt", b"plain text", party="ada"),
    actions.ShareFile("a.png", b"\x89PNG\xff", file_type="image", content_type="image/png"),
    actions.ShareFile("odd.txt", b"base64:is how it begins"),
    actions.ShareLocation(52.5, 13.4, url="https://maps.example/"),
    actions.ShowForm("survey_form", timeout=60),
    actions.Warn(""),
    actions.SendSignaling({"type": "OFFER_CALL", "offerVideo": "true"}),
    actions.Raw({"event": "chat_session_weather", "deep": [1, {"a": None}]}),
    actions.InjectFault(Fault("send", 5004, accepted=True, retry_after_s=3)),
    actions.LeaveAll(),
]


@pytest.mark.parametrize("action", EXAMPLES, ids=lambda action: action_name(type(action)))
def test_there_and_back_through_json(action: actions.Action) -> None:
    assert action_from_data(json.loads(json.dumps(action_to_data(action)))) == action


REQUIRED: dict[str, object] = {
    "state": "queued", "service_name": "x", "text": "x", "name": "x", "content": b"x", "latitude": 1.0,
    "longitude": 1.0, "form_id": "x", "data": {}, "case_id": "x", "event": {"event": "x"}, "fault": Fault(),
}  # fmt: skip


@pytest.mark.parametrize("name", list(ACTIONS))
def test_every_action_can_be_performed(name: str) -> None:
    kind = ACTIONS[name]
    required = {one.name: REQUIRED[one.name] for one in attrs.fields(kind) if one.default is attrs.NOTHING}
    driver = Driver().open()
    driver.act(kind(**required))
    assert action_name(kind) == name


def test_what_has_its_default_is_not_written() -> None:
    assert action_to_data(actions.Say("hi")) == {"action": "say", "text": "hi"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "there is no action None"),
        ({"action": "sing"}, "there is no action 'sing'; there are set_status, send_info"),
        ({"action": ["say"]}, "there is no action"),
        ({"action": "say"}, "say: the field 'text' is missing"),
        ({"action": "say", "text": 5}, "say: text is a text, not 5"),
        ({"action": "say", "txt": "hi"}, "say: unknown field 'txt'; it takes text, party"),
        ({"action": "end_chat", "now": True}, "end_chat: unknown field 'now'; it takes nothing"),
        ({"action": "show_form", "timeout": True}, "show_form: timeout is a whole number, not True"),
        ({"action": "show_form", "timeout": 1.5}, "show_form: timeout is a whole number"),
        ({"action": "share_location", "latitude": "x", "longitude": 1}, "latitude is a number"),
        ({"action": "share_location", "latitude": float("inf"), "longitude": 1}, "latitude is a number"),
        ({"action": "share_file", "name": "a", "content": "base64:%%"}, "content: what follows base64: is no base64"),
        ({"action": "raw", "event": "text"}, "raw: event is a table"),
        ({"action": "inject_fault", "fault": {"on": "lunch"}}, "inject_fault: fault: on is one of any, version"),
        ({"action": "inject_fault", "fault": {"times": "3"}}, "inject_fault: fault: times is a whole number"),
        ({"action": "inject_fault", "fault": 5}, "inject_fault: fault is a table"),
    ],
)
def test_mistakes_are_named(data: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=r".+") as error:
        action_from_data(data)
    assert words in str(error.value)
    assert "Traceback" not in str(error.value)


def test_none_where_it_may_be_none() -> None:
    assert action_from_data({"action": "warn", "text": None}) == actions.Warn(None)
