"""The wire outwards: the vendor's names and types, and what is written is read back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statemachine.codec.outwards import encode_entry
from statemachine.codec.records import from_json
from statemachine.codec.wire import decode_entry
from statemachine.conformance.vectors import codec_vectors
from statemachine.core.wire import Entry, Message, SecureFormData
from tests.codec.strategies import ENTRY_CLASSES, TEXTS, records, wire_entries

GOLDEN = [one for one in codec_vectors() if one["op"] == "encode"]


@pytest.mark.parametrize("case", GOLDEN, ids=[case["id"] for case in GOLDEN])
def test_golden(case: dict[str, Any]) -> None:
    ask = case["ask"]
    assert encode_entry(from_json(ask["entry"], Entry), ask.get("secret")) == case["answer"]["wire"]


def test_the_name_of_the_event_comes_first() -> None:
    known = [entry for case in GOLDEN if (entry := case["ask"]["entry"])["type"] not in ("unknown", "malformed")]
    assert all(next(iter(encode_entry(from_json(entry, Entry)))) == "event" for entry in known)


@pytest.mark.parametrize("cls", ENTRY_CLASSES, ids=lambda cls: cls.__name__)
def test_what_is_written_is_read_back(cls: type[Entry]) -> None:
    @settings(max_examples=30)  # of each of thirty classes
    @given(wire_entries(cls))
    def check(entry: Entry) -> None:
        assert decode_entry(json.loads(json.dumps(encode_entry(entry)))) == entry

    check()


@given(TEXTS)
def test_f36_a_text_goes_out_escaped_and_plain(text: str) -> None:
    wire = encode_entry(Message("1", msg_text=text))
    assert wire["msg_text"] == text or not text
    assert "<" not in str(wire["msg"]).replace("<br>", "")


def test_secure_values_are_written_only_from_beside() -> None:
    entry = SecureFormData("8", "card", "where-the-host-keeps-them")
    assert "data" not in encode_entry(entry)
    assert encode_entry(entry, {"pan": "4111"}) == {
        "event": "chat_session_secure_form_data",
        "form_request_id": "8",
        "form_name": "card",
        "data": {"pan": "4111"},
    }


@given(records(Entry), st.none() | st.just({"a": 1}))
def test_any_entry_can_be_written(entry: Entry, secret: dict[str, object] | None) -> None:
    json.dumps(encode_entry(entry, secret))
