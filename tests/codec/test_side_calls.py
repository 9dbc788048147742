"""The calls beside the conversation, without a socket: what is sent, and what each variant in the field says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine import ChatOpened, Failure
from statemachine.codec import side_calls as side
from statemachine.codec.http import Endpoint
from statemachine.codec.side_calls import (
    ApnsToken,
    Availability,
    CaseHistory,
    Content,
    Done,
    FirebaseToken,
    IceServer,
    Parameter,
    PastSession,
    SideCall,
    next_path,
    read_answer,
    to_request,
)
from statemachine.wire import Message
from tests.codec.strategies import HOSTILE_BYTES

ENDPOINT = Endpoint("https://chat.example.com", "tenant.example.com", "app", "client")
OLD_ENDPOINT = Endpoint("https://chat.example.com", "tenant.example.com", "app", "client", "v1")
CALLS: dict[str, SideCall[Any]] = {
    "version": side.version(),
    "availability": side.availability(),
    "parameters": side.expected_parameters(),
    "active": side.active_chat(),
    "sms": side.request_sms("+1", from_="Ann", parameters={"topic": "bill"}),
    "sms, short": side.request_sms("+1"),
    "ice": side.ice_servers(),
    "configuration": side.widget_configuration(),
    "apns": side.notifications("c/1", ApnsToken("t", "com.example.app")),
    "firebase": side.notifications("c", FirebaseToken("t", "android")),
    "firebase ios": side.notifications("c", FirebaseToken("t", "ios")),
    "no push": side.notifications("c", None),
    "case": side.case_history("c"),
    "close": side.close_case("c"),
    "history": side.history("c"),
    "file": side.download("c", "f/1"),
    "photo": side.agent_photo("c", "P/1"),
    "icon": side.agent_photo("c"),
}


@pytest.mark.parametrize(
    ("name", "line", "body"),
    [
        ("version", "GET v2/version", None),
        ("availability", "GET v1/availability", None),
        ("parameters", "GET v1/parameters", None),
        ("active", "GET v1/chats/active", None),
        ("sms", "POST v1/requestsms", {"phone_number": "+1", "from": "Ann", "parameters": {"topic": "bill"}}),
        ("sms, short", "POST v1/requestsms", {"phone_number": "+1", "parameters": {}}),
        ("ice", "GET v1/iceservers", None),
        ("configuration", "GET v1/configuration", None),
        (
            "apns",
            "POST v1/chats/c%2F1/notifications",
            {"ios_apns_device_token": "t", "ios_app_bundle_id": "com.example.app"},
        ),
        ("firebase", "POST v1/chats/c/notifications", {"android_firebase_device_token": "t"}),
        ("firebase ios", "POST v1/chats/c/notifications", {"ios_firebase_device_token": "t"}),
        ("no push", "POST v1/chats/c/notifications", {}),
        ("case", "GET v1/chats/c/casehistory", None),
        ("close", "POST v1/chats/c/closecase", None),
        ("history", "GET v1/chats/c/history", None),
        ("file", "GET v1/chats/c/files/f%2F1", None),
        ("photo", "GET v1/chats/c/profilephotos/P%2F1", None),
        ("icon", "GET v1/chats/c/chaticon", None),
    ],
)
def test_what_is_sent(name: str, line: str, body: Any) -> None:
    request = to_request(CALLS[name], OLD_ENDPOINT, 5_000, nonce="n1")
    assert f"{request.method} {request.path.removeprefix('/clientweb/api/')}" == line
    assert (None if request.body is None else json.loads(request.body)) == body
    assert request.timeout == 5_000
    assert ("nonce" in dict(request.query)) == (request.method == "GET")
    assert dict(request.query)["tenantUrl"] == "tenant.example.com"
    assert dict(request.headers)["Authorization"] == ENDPOINT.authorization


def test_the_version_of_a_call_is_the_endpoints_unless_one_alone_has_it() -> None:
    paths = {name: to_request(call, ENDPOINT, 1).path.split("/")[3] for name, call in CALLS.items()}
    assert {name for name, api in paths.items() if api == "v1"} == {"sms", "sms, short"}


HI = [{"event": "chat_session_message", "msg": "hi"}]
ANSWERS: list[tuple[str, Any, Any]] = [
    ("version", {"server_version": "5.5.6.12345 (Stable)"}, "5.5.6.12345 (Stable)"),
    ("version", {"server_version": 5}, "5"),
    ("availability", {"chat": "available", "ewt": "30"}, Availability(True, 30_000)),
    ("availability", {"chat": "available", "ewt": 30}, Availability(True, 30_000)),
    ("availability", {"chat": "available", "ewt": ""}, Availability(True)),
    ("availability", {"chat": "Available"}, Availability(True)),
    ("availability", {"chat": "notAvailable"}, Availability(False)),
    ("availability", {"chat": "available", "ewt": "soon"}, Availability(True)),
    (
        "parameters",
        {"parameters": [{"name": "FIRST_NAME"}, 7, {"mail": "EMAIL"}, {"new": "IBAN"}, {"odd": None}]},
        (
            Parameter("name", "FIRST_NAME"),
            Parameter("mail", "EMAIL"),
            Parameter("new", "IBAN"),
            Parameter("odd", "TEXT"),
        ),
    ),
    (
        "parameters",
        {"parameters": {"name": "TEXT", "mail": "EMAIL"}},
        (Parameter("name", "TEXT"), Parameter("mail", "EMAIL")),
    ),
    ("parameters", {"parameters": []}, ()),
    ("parameters", {}, ()),
    ("active", {"chat_id": "c", "state": "queued", "ewt": "5"}, ChatOpened("c", "queued", 5_000)),
    ("sms", {"sms_error_code": 0}, Done(0)),
    ("sms", {"sms_error_code": "21"}, Done(21)),
    (
        "ice",
        {"servers": [{"url": "stun:a"}, {"url": "turn:b", "username": "u", "credential": "s"}, {"url": ""}, "x"]},
        (IceServer(("stun:a",)), IceServer(("turn:b",), "u", "s")),
    ),
    ("ice", {"iceServers": [{"urls": ["stun:a", "stun:b"]}]}, (IceServer(("stun:a", "stun:b")),)),
    ("apns", {}, Done()),
    ("close", b"", Done()),
    ("close", {}, Done()),
    ("close", b"OK", Done()),
    (
        "case",
        {
            "sessions": [
                {"chat_id": "A", "created_time": 1614718748, "events": HI},
                {"chat_id": "B", "created_time": "1614718748000"},
                {"created_time": "long ago", "events": "none"},
                None,
            ]
        },
        CaseHistory(
            (
                PastSession("A", 1_614_718_748_000, (Message(msg="hi"),)),
                PastSession("B", 1_614_718_748_000, ()),
                PastSession("", None, ()),
            )
        ),
    ),
    ("case", {}, CaseHistory(())),
    ("history", {"events": HI}, (Message(msg="hi"),)),
    ("history", HI, (Message(msg="hi"),)),
    ("history", b"", ()),
    ("history", {}, ()),
    ("file", b"<html>a page that was sent</html>", Content(b"<html>a page that was sent</html>")),
]


@pytest.mark.parametrize(("name", "body", "answer"), ANSWERS)
def test_every_variant_is_read(name: str, body: Any, answer: Any) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert read_answer(CALLS[name], 200, {}, raw) == answer


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("version", {}),
        ("availability", {"ewt": "30"}),
        ("availability", [1]),
        ("parameters", {"parameters": "none"}),
        ("active", {"chat_id": ".."}),
        ("sms", {"sms_error_code": "done"}),
        ("ice", {"servers": None}),
        ("case", {"sessions": "none"}),
        ("configuration", []),
        ("history", {"events": "none"}),
    ],
)
def test_a_success_that_makes_no_sense_is_unreadable(name: str, body: Any) -> None:
    assert read_answer(CALLS[name], 200, {}, json.dumps(body).encode()) == Failure("unreadable", 200)


@pytest.mark.parametrize(
    "name", [name for name in CALLS if name not in ("close", "file", "apns", "firebase", "firebase ios", "no push")]
)
def test_f24_a_page_is_no_answer(name: str) -> None:
    page = b"<html>Please log in</html>"
    assert read_answer(CALLS[name], 200, {"Content-Type": "text/html"}, page) == Failure("unreadable", 200)


@pytest.mark.parametrize("name", CALLS)
def test_an_error_has_its_code_whatever_its_type_and_status(name: str) -> None:
    for code in ("5601", 5601):
        body = json.dumps({"error_code": code, "error_message": "x"}).encode()
        assert read_answer(CALLS[name], 406, {}, body) == Failure("http", 406, 5601)
    assert read_answer(CALLS[name], 503, {"Retry-After": "7"}, b"<html>") == Failure("http", 503, None, 7_000)


def test_a_picture_is_bytes_whatever_they_look_like() -> None:
    headers = {"content-type": "Image/GIF; x=y"}
    body = b'{"error_code": 1}'
    assert read_answer(CALLS["photo"], 200, headers, body) == Content(body, "image/gif")
    assert read_answer(CALLS["photo"], 200, {}, b"") == Content(b"")


def test_row_16_the_other_path_is_tried_where_the_first_is_not_there() -> None:
    for call in (CALLS["case"], CALLS["close"]):
        other = next_path(call, Failure("http", 404))
        assert other is not None
        assert to_request(other, ENDPOINT, 1).path == f"/clientweb/api/v2/{call.name}"
        assert next_path(other, Failure("http", 404)) is None


@pytest.mark.parametrize(
    "failure", [Failure("http", 404, 5005), Failure("http", 406, 5601), Failure("http", 500), Failure("timeout")]
)
def test_row_16_any_other_failure_is_the_answer(failure: Failure) -> None:
    assert next_path(CALLS["close"], failure) is None


@pytest.mark.parametrize("id_", ["", ".", ".."])
def test_what_is_no_id_leads_nowhere_else(id_: str) -> None:
    for make in (side.case_history, side.close_case, side.history, side.agent_photo):
        with pytest.raises(ValueError, match="is no id"):
            make(id_)
    if id_:
        with pytest.raises(ValueError, match="is no id"):
            side.agent_photo("c", id_)
        with pytest.raises(ValueError, match="is no id"):
            side.download("c", id_)


def test_secrets_are_not_shown() -> None:
    shown = repr(
        [IceServer(("turn:b",), "u", "hunter2"), ApnsToken("hunter2", "b"), CALLS["firebase"], Content(b"hunter2")]
    )
    shown += repr(side.notifications("c", FirebaseToken("hunter2", "ios")))
    assert "hunter2" not in shown


@given(st.sampled_from(list(CALLS.values())), st.integers(100, 599), HOSTILE_BYTES)
def test_no_answer_raises(call: SideCall[Any], status: int, body: bytes) -> None:
    read_answer(call, status, {"Retry-After": "x", "Content-Type": "\ud800"}, body)
