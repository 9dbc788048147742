"""Actions as JSON has them."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from statemachine.emulator import Fault, actions
from statemachine.emulator.actions import ACTIONS
from statemachine.emulator.script import read_action
from tests.emulator.driver import Driver


@pytest.mark.parametrize(
    ("data", "action"),
    [
        ({"action": "set_status", "state": "queued", "ewt": 30}, actions.SetStatus("queued", ewt=30)),
        ({"action": "connect", "label": "ada"}, actions.Connect("ada")),
        ({"action": "say", "text": "Hi", "markup": "<b>Hi</b>"}, actions.Say("Hi", markup="<b>Hi</b>")),
        ({"action": "share_file", "name": "a", "content": "text"}, actions.ShareFile("a", b"text")),
        ({"action": "share_file", "name": "a", "content": "base64:iVBOR/8="}, actions.ShareFile("a", b"\x89PNG\xff")),
        ({"action": "share_location", "latitude": 52, "longitude": 13.4}, actions.ShareLocation(52.0, 13.4)),
        ({"action": "show_form", "name": "f", "timeout": 60}, actions.ShowForm("f", timeout=60)),
        ({"action": "warn", "text": ""}, actions.Warn("")),
        ({"action": "warn", "text": None}, actions.Warn(None)),
        ({"action": "raw", "event": {"event": "x", "deep": [1, None]}}, actions.Raw({"event": "x", "deep": [1, None]})),
        (
            {"action": "inject_fault", "fault": {"on": "send", "accepted": True, "retry_after_s": 3}},
            actions.InjectFault(Fault("send", accepted=True, retry_after_s=3)),
        ),
        ({"action": "leave_all"}, actions.LeaveAll()),
    ],
)
def test_an_action_is_read(data: dict[str, Any], action: actions.Action) -> None:
    assert read_action(data) == action


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


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "there is no action None"),
        ({"action": "sing"}, "there is no action 'sing'; there are set_status, send_info"),
        ({"action": ["say"]}, "there is no action"),
        ({"action": "say"}, "say: 'text' is missing"),
        ({"action": "say", "text": 5}, "say: text: a text is needed, not 5"),
        ({"action": "say", "txt": "hi"}, "say: there is no 'txt' here; did you mean 'text'?"),
        ({"action": "end_chat", "now": True}, "end_chat: there is no 'now' here"),
        ({"action": "show_form", "timeout": True}, "show_form: timeout: a whole number is needed, not True"),
        ({"action": "show_form", "timeout": 1.5}, "show_form: timeout: a whole number is needed"),
        ({"action": "share_location", "latitude": "x", "longitude": 1}, "latitude: a number is needed"),
        ({"action": "share_location", "latitude": float("inf"), "longitude": 1}, "latitude: a number is needed"),
        ({"action": "share_file", "name": "a", "content": "base64:%%"}, "content: the text after base64: is no base64"),
        ({"action": "raw", "event": "text"}, "raw: event: a table is needed"),
        (
            {"action": "inject_fault", "fault": {"on": "lunch"}},
            "on: there is no 'lunch'; there are any, version",
        ),
        ({"action": "inject_fault", "fault": {"times": "3"}}, "inject_fault: times: a whole number is needed"),
        ({"action": "inject_fault", "fault": 5}, "inject_fault: fault: a table is needed"),
    ],
)
def test_mistakes_are_named(data: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=r".+") as error:
        read_action(data)
    assert words in str(error.value)
    assert "Traceback" not in str(error.value)
