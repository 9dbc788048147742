"""Acts written as data, and read again."""

from __future__ import annotations

import json

import pytest

from statemachine.emulator import Fault, acts, desk
from statemachine.emulator.act_data import ACTS, act_from_data, act_name, act_to_data

EXAMPLES: list[acts.Act] = [
    acts.SetStatus("queued", ewt=30),
    acts.Connect("ada"),
    acts.Say("Hello", party="ada", markup="<b>Hello</b>"),
    acts.SendFile("a.txt", b"plain text", party="ada"),
    acts.SendFile("a.png", b"\x89PNG\xff", file_type="image", content_type="image/png"),
    acts.SendFile("odd.txt", b"base64:is how it begins"),
    acts.ShareLocation(52.5, 13.4, url="https://maps.example/"),
    acts.ShowForm("survey_form", timeout=60),
    acts.Warn(""),
    acts.Signal({"type": "OFFER_CALL", "offerVideo": "true"}),
    acts.Raw({"event": "chat_session_weather", "deep": [1, {"a": None}]}),
    acts.Break(Fault("send", 5004, accepted=True, retry_after_s=3)),
    acts.LeaveAll(),
]


@pytest.mark.parametrize("act", EXAMPLES, ids=lambda act: act_name(type(act)))
def test_there_and_back_through_json(act: acts.Act) -> None:
    assert act_from_data(json.loads(json.dumps(act_to_data(act)))) == act


def test_every_act_has_a_name_and_only_acts_have() -> None:
    assert set(ACTS.values()) == set(desk._HANDLERS)
    assert [act_name(kind) for kind in ACTS.values()] == list(ACTS)
    assert ACTS["show_secure_form"] is acts.ShowSecureForm


def test_what_has_its_default_is_not_written() -> None:
    assert act_to_data(acts.Say("hi")) == {"act": "say", "text": "hi"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "there is no act None"),
        ({"act": "sing"}, "there is no act 'sing'; there are set_status, info"),
        ({"act": ["say"]}, "there is no act"),
        ({"act": "say"}, "say: the field 'text' is missing"),
        ({"act": "say", "text": 5}, "say: text is a text, not 5"),
        ({"act": "say", "txt": "hi"}, "say: unknown field 'txt'; it takes text, party"),
        ({"act": "end", "now": True}, "end: unknown field 'now'; it takes nothing"),
        ({"act": "show_form", "timeout": True}, "show_form: timeout is a whole number, not True"),
        ({"act": "show_form", "timeout": 1.5}, "show_form: timeout is a whole number"),
        ({"act": "share_location", "latitude": "x", "longitude": 1}, "latitude is a number"),
        ({"act": "share_location", "latitude": float("inf"), "longitude": 1}, "latitude is a number"),
        ({"act": "send_file", "name": "a", "content": "base64:%%"}, "content: what follows base64: is no base64"),
        ({"act": "raw", "event": "text"}, "raw: event is a table"),
        ({"act": "break", "fault": {"on": "lunch"}}, "break: fault: on is one of any, version"),
        ({"act": "break", "fault": {"times": "3"}}, "break: fault: times is a whole number"),
        ({"act": "break", "fault": 5}, "break: fault is a table"),
    ],
)
def test_mistakes_are_named(data: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=r".+") as error:
        act_from_data(data)
    assert words in str(error.value)
    assert "Traceback" not in str(error.value)


def test_none_where_it_may_be_none() -> None:
    assert act_from_data({"act": "warn", "text": None}) == acts.Warn(None)
