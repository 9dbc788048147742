"""Records and JSON: everything comes back, nothing foreign comes in, and nobody's words leave."""

from __future__ import annotations

import json
from typing import Any, cast, get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.codec import records as codec
from statemachine.codec.errors import BadRecord
from statemachine.codec.records import (
    AnyUpdate,
    decode_command,
    decode_event,
    decode_update,
    encode_command,
    encode_event,
    encode_update,
    redact,
)
from statemachine.core.commands import Command, CreateChat, Poll, Post
from statemachine.core.declaration import DecimalText, JsonText
from statemachine.core.events import (
    Answered,
    AnswerForm,
    Carryover,
    Event,
    EventBatch,
    Failure,
    RequestChat,
    SendFile,
    SendText,
    Tick,
)
from statemachine.core.session import Session
from statemachine.core.updates import Finished, Received, RosterChanged
from statemachine.core.wire import Location, Message, PartyJoined, Status, Unknown
from tests.codec.strategies import JSON, records


def through_json(value: object) -> object:
    return json.loads(json.dumps(value))


@given(records(Event))
def test_events_come_back(event: Event) -> None:
    assert decode_event(through_json(encode_event(event))) == event


@given(records(Command))
def test_commands_come_back(command: Command) -> None:
    assert decode_command(through_json(encode_command(command))) == command


@given(records(AnyUpdate))
def test_news_come_back(update: AnyUpdate) -> None:
    assert decode_update(through_json(encode_update(update))) == update


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (Tick(5), {"type": "tick", "at": 5}),
        (SendText(5, "hi", "k"), {"type": "send_text", "at": 5, "text": "hi", "key": "k"}),
        (SendFile(5, "r", type="image"), {"type": "send_file", "at": 5, "ref": "r", "kind": "image"}),
        (
            RequestChat(5, "o", {"b": 1, "a": 2}, from_="me", after=Carryover("c", "o", 1, 2, b"\x00\xff", b"")),
            {
                "type": "request_chat",
                "at": 5,
                "origin": "o",
                "parameters": '{"a":2,"b":1}',
                "from": "me",
                "after": {"chat_id": "c", "origin": "o", "ids": 1, "seq": 2, "entries": "00ff", "batches": ""},
            },
        ),
        (
            Answered(5, 3, EventBatch((Status("queued"), PartyJoined("p", "internal")))),
            {
                "type": "answered",
                "at": 5,
                "command": 3,
                "reply": {
                    "type": "event_batch",
                    "entries": [
                        {"type": "status", "state": "queued"},
                        {"type": "party_joined", "party_id": "p", "kind": "internal"},
                    ],
                },
            },
        ),
        (
            Answered(5, 3, Failure("http", 404, 5005)),
            {
                "type": "answered",
                "at": 5,
                "command": 3,
                "reply": {"type": "failure", "kind": "http", "status": 404, "code": 5005},
            },
        ),
    ],
    ids=lambda value: "",
)
def test_the_form_is_stable(event: Event, data: object) -> None:
    assert encode_event(event) == data
    assert decode_event(data) == event


def test_the_form_of_commands_and_news() -> None:
    assert encode_command(Poll(1, 2, "c")) == {"type": "poll", "id": 1, "timeout": 2, "chat_id": "c"}
    assert encode_update(RosterChanged((("p", "internal", "Anna"),))) == {
        "type": "roster_changed",
        "parties": [["p", "internal", "Anna"]],
    }


SAY: dict[str, Any] = {"type": "send_text", "at": 5, "text": "hi"}
BATCH: dict[str, Any] = {"type": "answered", "at": 1, "command": 2}


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (None, "$: expected an object with a type"),
        ([], "$: expected an object with a type"),
        ({}, "$: expected a type of answer_form, answer_secure_form, "),
        ({"type": []}, "$: expected a type of "),
        ({"type": "poll", "id": 1}, "$: expected a type of "),
        ({"type": "send_text"}, "$.at: missing; $.text: missing"),
        ({**SAY, "at": True}, "$.at: expected a whole number"),
        ({**SAY, "at": 5.0}, "$.at: expected a whole number"),
        ({**SAY, "at": None}, "$.at: expected a whole number"),
        ({**SAY, "text": 17}, "$.text: expected text"),
        ({**SAY, "text": None}, "$.text: expected text"),
        ({**SAY, "colour": "red"}, "$: unknown field 'colour'"),
        ({"type": "send_file", "at": 1, "ref": "r", "kind": "movie"}, "$.kind: expected one of image, attachment"),
        ({"type": "send_file", "at": 1, "ref": "r", "type_": "image"}, "$: unknown field 'type_'"),
        ({**BATCH, "reply": {"type": "event_batch", "entries": {}}}, "$.reply.entries: expected an array"),
        (
            {**BATCH, "reply": {"type": "event_batch", "entries": [{"type": "message", "msg_id": 7}, 4]}},
            "$.reply.entries[0].msg_id: expected text; $.reply.entries[1]: expected an object with a type",
        ),
        ({"type": "request_chat", "at": 1, "origin": "o", "from": 5}, "$.from: expected text"),
        (
            {"type": "request_chat", "at": 1, "origin": "o", "parameters": "[1]"},
            "$: RequestChat.parameters must be a mapping",
        ),
        (
            {"type": "request_chat", "at": 1, "origin": "o", "parameters": "{"},
            "$: RequestChat.parameters must be a mapping",
        ),
        ({"type": "request_chat", "at": 1, "origin": "o", "after": []}, "$.after: expected an object"),
        (
            {
                "type": "request_chat",
                "at": 1,
                "origin": "o",
                "after": {"chat_id": "", "origin": "", "ids": 1, "seq": 1, "entries": "0", "batches": "XY"},
            },
            "$.after.entries: expected bytes in hexadecimal; $.after.batches: expected bytes in hexadecimal",
        ),
        (
            {**BATCH, "reply": {"type": "event_batch", "entries": [0] * 9}},
            "; $.reply.entries[4]: expected an object with a type (and 4 more)",
        ),
    ],
)
def test_what_is_foreign_is_refused_with_its_path(data: object, fault: str) -> None:
    with pytest.raises(BadRecord) as refused:
        decode_event(data)
    assert fault in str(refused.value)


def test_arrays_of_fixed_length() -> None:
    with pytest.raises(BadRecord, match=r"^\$\.parties\[0\]: expected an array of 3$"):
        decode_update({"type": "roster_changed", "parties": [["p", "internal"]]})


@given(JSON | st.dictionaries(st.sampled_from(["type", "at", "text", "reply", "command"]), JSON | st.just("answered")))
def test_any_json_is_read_or_refused(data: object) -> None:
    for decode in (decode_event, decode_command, decode_update, redact):
        try:
            decode(data)
        except BadRecord as refused:
            str(refused).encode()


def test_the_text_of_a_refusal_quotes_no_values() -> None:
    with pytest.raises(BadRecord) as refused:
        decode_event({**SAY, "text": ["S3CRET"], "key": 4111})
    assert "S3CRET" not in str(refused.value)
    assert "4111" not in str(refused.value)


# --- redaction --------------------------------------------------------------------------------------------------------


def test_private_texts_become_their_length() -> None:
    assert redact(encode_event(SendText(5, "my card is 4111", "k"))) == {
        "type": "send_text",
        "at": 5,
        "text": "<15 chars>",
        "key": "k",
    }
    place = Location("50.45", "30.52", "https://x", "o:1", extra='{"city":"Kyiv"}')
    assert redact(encode_command(Post(1, 2, "c", "o:1", place)))["entry"] == {
        "type": "location",
        "latitude": "<5 chars>",
        "longitude": "<5 chars>",
        "url": "<9 chars>",
        "msg_id": "o:1",
        "extra": '{"redacted":15}',
    }
    assert redact(encode_update(Received(1, 2, Unknown("new", '{"a":1}'))))["entry"] == {
        "type": "unknown",
        "name": "new",
        "raw": '{"redacted":7}',
    }
    assert redact(encode_update(Finished(1, 2, "ended", "ended", "Bye"))) == {
        "type": "finished",
        "seq": 1,
        "at": 2,
        "phase": "ended",
        "outcome": "ended",
        "text": "<3 chars>",
    }


def test_nothing_stays_nothing_when_redacted() -> None:
    assert encode_update(Received(1, 2, Message("7")), redacted=True) == encode_update(Received(1, 2, Message("7")))


def test_digests_are_blanked() -> None:
    request = RequestChat(1, "o", after=Carryover("c", "o", 1, 2, b"\x01\x02", b"\x03"))
    assert encode_event(request, redacted=True)["after"] == {
        "chat_id": "c",
        "origin": "o",
        "ids": 1,
        "seq": 2,
        "entries": "0000",
        "batches": "00",
    }


@given(records(Event), records(Command), records(AnyUpdate))
def test_a_redacted_record_reads_and_redacting_twice_changes_no_more_than_lengths(
    event: Event, command: Command, update: AnyUpdate
) -> None:
    for data in (encode_event(event), encode_command(command), encode_update(update)):
        once = redact(data)
        assert once.keys() == data.keys()
        assert redact(once).keys() == data.keys()


def _reachable(kind: Any, found: set[type]) -> set[type]:
    if attrs.has(kind):
        if kind not in found:
            found.add(kind)
            attrs.resolve_types(kind)
            for field in attrs.fields(kind):
                _reachable(field.type, found)
    else:
        for member in get_args(kind):
            _reachable(member, found)
    return found


EVERY_CLASS = sorted(_reachable(Event | Command | AnyUpdate | Session, set()), key=lambda cls: cls.__name__)


def test_every_private_field_can_be_redacted() -> None:
    """A private field of another type, or one that must hold JSON, would need a marker of its own."""
    fields = [(cls.__name__, field) for cls in EVERY_CLASS for field in attrs.fields(cast(Any, cls))]
    private = [(name, field.name, field.type) for name, field in fields if field.repr is not True]
    assert [found for found in private if found[2] not in (str, str | None, bytes, DecimalText, JsonText)] == []


def test_no_two_fields_share_a_name_in_json() -> None:
    for cls in EVERY_CLASS:
        names = {field.name for field in attrs.fields(cast(Any, cls))}
        assert not {"type", "kind"} <= names, cls
        assert not {"from", "from_"} <= names, cls


@pytest.mark.parametrize("union", [Event, Command, AnyUpdate])
def test_no_two_types_share_a_name(union: Any) -> None:
    assert len(codec._members(union)) == len(get_args(union))
    assert all(codec._FAMILIES[name] == union for name in codec._members(union))


def test_redact_says_what_it_takes() -> None:
    for data in ({"type": "queued"}, {"type": 5}, {}, None):
        with pytest.raises(BadRecord, match="not the name of an event, command or update"):
            redact(data)


def test_forms_and_parameters_are_private() -> None:
    form = encode_event(AnswerForm(1, "7", {"pan": "4111"}), redacted=True)
    chat = encode_command(CreateChat(1, 2, '{"pan":"4111"}', "+380", "me"), redacted=True)
    for data in (form, chat):
        assert not {"4111", "+380", "me"} & set(map(str, data.values()))
        assert "4111" not in json.dumps(data)
    assert decode_event(form) == AnswerForm(1, "7", {"redacted": 14})
