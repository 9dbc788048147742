"""The wire inwards: every variant of protocol.md 3.0 to 3.4 is read, each entry alone, and nothing ever raises."""

from __future__ import annotations

import json
from typing import Any, get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.codec.body import MAX_DEPTH, Problem, json_text, parse_body
from statemachine.codec.records import to_json
from statemachine.codec.wire import MAX_ENTRY, MAX_NAME, decode_entries, decode_entry
from statemachine.conformance.vectors import codec_vectors
from statemachine.core.wire import (
    WIRE_NAMES,
    Entry,
    FormData,
    InactivityTimeout,
    Malformed,
    Message,
    SessionEnded,
    Signaling,
    Status,
    Unknown,
)
from tests.codec.strategies import HOSTILE_BYTES, JSON, TEXTS

GOLDEN = [one for one in codec_vectors() if one["op"] == "decode"]
WIRE = [one["ask"]["wire"] for one in GOLDEN]


@pytest.mark.parametrize("case", GOLDEN, ids=[case["id"] for case in GOLDEN])
def test_golden(case: dict[str, Any]) -> None:
    assert to_json(decode_entry(case["ask"]["wire"]), Entry) == case["answer"]["entry"]


def test_the_vectors_hold_every_class_and_every_name() -> None:
    assert {type(decode_entry(wire)) for wire in WIRE} == set(get_args(Entry))
    assert {wire["event"] for wire in WIRE if isinstance(wire, dict) and "event" in wire} >= WIRE_NAMES.keys()


def test_f9_each_entry_of_a_batch_stands_alone() -> None:
    entries = decode_entries(
        {
            "events": [
                {"event": "chat_session_message", "msg": "one"},
                {"event": "chat_session_confetti"},
                None,
                {"event": "chat_session_message", "msg": []},
                {"event": ["unhashable"]},
                {"event": "chat_session_message", "msg": "two"},
                {"event": "chat_session_ended"},
            ]
        }
    )
    assert [type(entry) for entry in entries] == [
        *(Message, Unknown, Malformed, Malformed, Malformed),
        *(Message, SessionEnded),
    ]


@pytest.mark.parametrize("container", [None, {}, [], {"events": []}, {"events": None}, {"other": 1}])
def test_f10_no_entries(container: object) -> None:
    assert decode_entries(container) == ()


def test_a_bare_list_is_taken_and_anything_else_is_one_malformed_entry() -> None:
    assert decode_entries([{"event": "chat_session_ended"}]) == (SessionEnded(),)
    assert decode_entries({"events": {"a": 1}}) == (Malformed("events: expected an array", "", '{"a":1}'),)
    assert decode_entries("x") == (Malformed("events: expected an array", "", '"x"'),)


def test_f9_an_endless_number_costs_one_field() -> None:
    body = b'{"events":[{"event":"chat_session_message","msg":"x","timestamp":' + b"9" * 5_000 + b"}]}"
    assert decode_entries(parse_body(body)) == (Message(msg="x"),)


def test_size_is_bounded() -> None:
    message = {"event": "chat_session_message", "msg_id": "1", "timestamp": "1614718748"}
    assert decode_entry({**message, "msg": "x" * 500_000}).msg == "x" * 500_000  # type: ignore[union-attr]
    for large in (
        {"msg": "x" * MAX_ENTRY},
        {"msg": "x" * (MAX_ENTRY // 2), "msg_text": "x" * (MAX_ENTRY // 2)},
        {"attachments": ["x" * MAX_ENTRY]},
    ):
        entry = decode_entry({**message, **large})
        assert entry == Malformed(
            f"entry: more than {MAX_ENTRY} characters", "chat_session_message", "", 1_614_718_748_000
        )
    sdp = {"event": "chat_session_signaling", "data": {"type": "OFFER_CALL", "sdp": "x" * MAX_ENTRY, "n": 1}}
    assert isinstance(decode_entry({**sdp, "data": {**sdp["data"], "sdp": "x" * (MAX_ENTRY + 1)}}), Malformed)  # type: ignore[dict-item]
    assert isinstance(decode_entry({"event": "new", "a": "x" * MAX_ENTRY}), Malformed)
    assert decode_entry({"event": "x" * (MAX_NAME + 1)}) == Malformed(
        f"event: longer than {MAX_NAME} characters",
        "x" * MAX_NAME,
        json_text({"event": "x" * (MAX_NAME + 1)}),
    )


@pytest.mark.parametrize(
    "name", ["chat_session_message", "chat_session_form_data", "chat_session_signaling", "chat_session_new"]
)
def test_depth_is_bounded(name: str) -> None:
    deep: Any = {"type": "x"}
    for _ in range(MAX_DEPTH):
        deep = {"type": "x", "a": deep}
    entry = decode_entry({"event": name, "form_request_id": "1", "data": deep, "timestamp": 5})
    assert entry == Malformed("entry: nested too deep", name, "", 5_000)


_HOPELESS: object = {"S3CRET": ["S3CRET"]}


def _separate_fields(cls: Any) -> list[Any]:
    """The fields that are members of the entry themselves."""
    apart = {Signaling: Signaling.wire.in_data.keys() | {"data"}, FormData: {"data"}}
    return [field for field in attrs.fields(cls) if field.name not in apart.get(cls, set()) | {"extra"}]


@pytest.mark.parametrize("name", [name for name in WIRE_NAMES if name != "chat_session_secure_form_data"])
def test_a_hopeless_field_costs_the_entry_only_where_it_is_needed(name: str) -> None:
    """F6 to F9 for every field there is: what is needed is named without its value, what is not is kept aside."""
    cls: Any = WIRE_NAMES[name]
    good: dict[str, object] = {a.name: "1" for a in attrs.fields(cls) if a.default is attrs.NOTHING}
    good |= {"event": name, "data": {"type": "END_CALL"}} if cls is Signaling else {"event": name}
    for field in _separate_fields(cls):
        entry = {**good, field.name: _HOPELESS}
        read = decode_entry(entry)
        if field.name in good or (cls is Message and field.name in ("msg", "msg_text")):
            assert isinstance(read, Malformed), field
            assert read.problem.startswith(f"{field.name}: expected ")
            assert "S3CRET" not in read.problem
            assert read.name == name
            assert json.loads(read.raw) == entry
        else:
            assert type(read) is cls, field
            assert json.loads(read.extra)[field.name] == _HOPELESS  # type: ignore[union-attr]


@pytest.mark.parametrize("name", WIRE_NAMES)
def test_null_means_absent(name: str) -> None:
    cls = WIRE_NAMES[name]
    nothing = {a.name: None for a in attrs.fields(cls)}
    assert decode_entry({"event": name, **nothing}) == decode_entry({"event": name}) or any(
        a.default is attrs.NOTHING for a in attrs.fields(cls)
    )
    assert "None" not in str(to_json(decode_entry({"event": name, **nothing}), Entry))


def test_every_fault_is_named_at_once() -> None:
    entry = decode_entry({"event": "chat_session_location", "latitude": True, "url": [], "timestamp": {}})
    assert isinstance(entry, Malformed)
    assert entry.problem == "latitude: expected a decimal number; longitude: missing"


def test_secure_values_are_nowhere() -> None:
    for more in ({}, {"form_request_id": "1"}, {"form_request_id": {"pan": "hunter2"}}, {"timestamp": "hunter2x"}):
        entry = decode_entry(
            {"event": "chat_session_secure_form_data", "data": {"pan": "hunter2"}, "pan": "hunter2", **more}
        )
        assert "hunter2" not in str(attrs.asdict(entry))


def test_f8_new_values_are_taken() -> None:
    assert decode_entry({"event": "chat_session_status", "state": "hibernating"}) == Status("hibernating")
    assert decode_entry({"event": "chat_session_inactvity_timeout"}) == InactivityTimeout()


_NAMES = st.sampled_from(sorted(WIRE_NAMES)) | TEXTS
_KEYS = st.sampled_from(sorted({a.name for cls in WIRE_NAMES.values() for a in attrs.fields(cls)} | {"session_id"}))
_WILD = JSON | st.none() | st.floats() | st.text(st.characters()) | st.just(10**5_000) | st.binary(max_size=2)


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.items() for part in item for text in _texts(part)]
    return [value] if isinstance(value, str) else []


@given(_NAMES, st.dictionaries(_KEYS, _WILD, max_size=5), st.dictionaries(TEXTS, _WILD, max_size=2))
def test_any_entry_gives_an_entry(name: str, known: dict[str, object], strange: dict[str, object]) -> None:
    entry = decode_entry({**strange, **known, "event": name})
    assert isinstance(entry, get_args(Entry))
    for text in _texts(attrs.asdict(entry)):
        text.encode()
    for field in ("extra", "raw", "data"):
        json.loads(getattr(entry, field, "") or "null")


@given(_WILD | st.dictionaries(TEXTS, _WILD))
def test_anything_gives_an_entry(value: object) -> None:
    assert isinstance(decode_entry(value), get_args(Entry))


@given(HOSTILE_BYTES)
def test_any_bytes_give_entries(body: bytes) -> None:
    data = parse_body(body)
    if not isinstance(data, Problem):
        assert all(isinstance(entry, get_args(Entry)) for entry in decode_entries(data))
