"""Whatever the bytes are: a capture, or one line that says why not."""

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from statemachine.replay import BadCapture, play, read_capture, report
from statemachine.replay.report import counts, sentence
from statemachine.replay.words import command_words
from tests.replay.hars import CHAT, whole


def survive(data: bytes) -> None:
    try:
        replay = play(read_capture([("file", data)]))
    except BadCapture:
        return
    told: Any = report(replay)
    json.dumps(told)
    assert told["malformed"] + told["unknown"] <= told["events"]
    assert all(step.keys() >= {"event", "phase", "commands"} for step in told["timeline"])
    assert sentence(replay)
    assert counts(replay)
    for row in replay.rows:
        command_words(row.commands)


@given(st.binary(max_size=300))
@example(b'{"events":[{"event":"chat_session_message","timestamp":1e308}]}')
@example(b'{"events":[{"event":"chat_session_message","timestamp":99999999999999}]}')
@example(b"\x1f\x8b\x08\x00")
@example(b"\xff\xfe\x00\xd8")
def test_any_bytes(data: bytes) -> None:
    survive(data)


NAMES = st.sampled_from(
    [
        "chat_session_status",
        "chat_session_message",
        "chat_session_party_joined",
        "chat_session_party_left",
        "chat_session_message_delivered",
        "chat_session_file",
        "chat_session_form_show",
        "chat_session_form_data",
        "chat_session_timeout_warning",
        "chat_session_ended",
        "chat_session_end",
        "chat_session_disconnect",
        "chat_session_signaling",
        "chat_session_location",
        "",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([CHAT, "0", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["state", "msg", "msg_text", "msg_id", "ref_msg_id", "party_id", "timestamp", "type", "form_request_id", "data"]
)
ENTRIES = st.builds(
    lambda name, rest: {**rest, "event": name}, NAMES, st.dictionaries(FIELDS, VALUES, max_size=5)
)  # fmt: skip
CONTAINERS = st.fixed_dictionaries({"events": st.lists(ENTRIES | VALUES, max_size=6) | VALUES})


@settings(max_examples=50)
@given(st.lists(CONTAINERS | ENTRIES | VALUES, min_size=1, max_size=8), st.integers(0, 30))
def test_any_lines(values: list[object], cut: int) -> None:
    data = "\n".join(json.dumps(value) for value in values).encode()
    survive(data[: len(data) - cut])


CALLS = st.builds(
    lambda at, method, path, status, body, sent, took, extra: {
        "startedDateTime": at,
        "time": took,
        "request": {"method": method, "url": f"https://x/clientweb/api/{path}", "postData": {"text": json.dumps(sent)}},
        "response": {"status": status, "content": {"text": json.dumps(body), **extra}},
    },
    st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T00:00:01.5+02:00", "x", "9999-12-31T23:59:59-14:00"]) | VALUES,
    st.sampled_from(["GET", "POST", "OPTIONS"]) | VALUES,
    st.sampled_from(
        [
            "v2/chats",
            "v2/chats/active",
            f"v2/chats/{CHAT}/events",
            f"v1/chats/{CHAT}/events",
            f"v2/chats/{CHAT}/history",
            "v2/files",
            "v2/chats/%2e%2e/events",
        ]
    ),
    st.sampled_from([0, 200, 204, 302, 400, 403, 404, 429, 500, 503]) | VALUES,
    CONTAINERS
    | st.fixed_dictionaries({"chat_id": st.just(CHAT), "state": st.sampled_from(["ivr", "queued", "failed"])})
    | st.fixed_dictionaries({"error_code": st.sampled_from([5005, "5509", 5511, 5500, "x"])})
    | VALUES,
    CONTAINERS | VALUES,
    st.integers(0, 5_000) | VALUES,
    st.sampled_from([{}, {"encoding": "base64"}]),
)


@settings(max_examples=50)
@given(st.lists(CALLS, max_size=8))
def test_any_har(calls: list[object]) -> None:
    survive(json.dumps({"log": {"entries": calls}}).encode())


@settings(max_examples=50)
@given(st.data())
def test_a_mutilated_har(data: st.DataObject) -> None:
    har = json.loads(whole().data())
    node: Any = har["log"]["entries"]
    while isinstance(node, dict | list) and node:
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if data.draw(st.booleans()) or not isinstance(node[key], dict | list):
            node[key] = data.draw(VALUES)
            break
        node = node[key]
    survive(json.dumps(har).encode())
