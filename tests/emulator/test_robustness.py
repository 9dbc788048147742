"""The centre answers any request of a client, and its answers are well-formed."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from statemachine.emulator import Centre, HttpRequest, Knobs
from statemachine.emulator import actions as do
from statemachine.emulator import names as wire
from tests.emulator.driver import START, Driver, authorization, message

FIELDS = ["msg", "msg_id", "msg_text", "ref_msg_id", "form_request_id", "form_name", "data", "latitude", "longitude"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
EVENTS = st.builds(
    lambda name, fields: {**fields, "event": name},
    st.sampled_from(sorted(wire.FROM_CLIENT)),
    st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), VALUES, max_size=6),
)


def strict(body: bytes) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    return json.loads(body.decode("utf-8"), parse_constant=refuse)


@given(st.lists(EVENTS, max_size=5))
def test_any_events(events: list[dict[str, Any]]) -> None:
    driver = Driver(own_echo=True, receipts="early", version=1).open()
    driver.act(do.Connect(), do.ShowForm(), do.ShowForm("a"))
    path = f"chats/{driver.chat_id}"
    reply = driver.call("POST", f"{path}/events", json.dumps({"events": events}).encode())
    assert reply.status in (200, 400, 404)
    assert isinstance(strict(reply.body), dict)
    history = strict(driver.call("GET", f"{path}/history").body)["events"]
    if reply.status == 200:
        assert [e["event"] for e in history[4:] if e["event"] in wire.FROM_CLIENT] == [
            e["event"] for e in events if e["event"] != wire.SIGNALING
        ]


@given(st.sampled_from(["GET", "POST", "PUT"]), st.text(), st.binary(), st.text())
def test_any_request(method: str, path: str, body: bytes, header: str) -> None:
    centre = Centre(Knobs(), "plain")
    for full in (path, f"/clientweb/api/v2/{path}", "/clientweb/api/v2/files"):
        headers = (("Authorization", header), ("Content-Type", f"multipart/form-data; boundary={header}"))
        centre.request(START, 1, HttpRequest(method, full, (("tenantUrl", path),), headers, body))
        known = (("Authorization", authorization()), ("Content-Type", f"multipart/form-data; boundary={header}"))
        centre.request(START, 1, HttpRequest(method, full, (("tenantUrl", "x"),), known, body))


def test_half_a_surrogate_pair_and_numbers_that_are_none() -> None:
    driver = Driver().open()
    path = f"chats/{driver.chat_id}"
    driver.post(f"{path}/events", b'{"events": [{"event": "chat_session_message", "msg": "\\ud800"}]}')
    assert strict(driver.call("GET", f"{path}/history").body)["events"][0]["msg"] == "\ud800"
    bad = b'{"events": [{"event": "chat_session_message", "msg": NaN}]}'
    assert driver.error("POST", f"{path}/events", bad) == (400, "5003")


def test_ids_that_are_numbers_or_null() -> None:
    driver = Driver().open()
    driver.send({**message("a"), "msg_id": 0.25}, {**message("b"), "msg_id": None})
    assert driver.chat.texts_received == [("0.25", "a"), ("", "b")]
