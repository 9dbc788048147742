"""The codec's operations; what they answer is held by the vectors of the kit."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.codec.errors import BadRecord
from statemachine.conformance.vectors import codec_vectors
from statemachine.engine.serve import CODEC_OPERATIONS as OPERATIONS
from statemachine.engine.wire import CODEC

VECTORS = codec_vectors()
POLL = {"type": "poll", "id": 1, "timeout": 1, "chat_id": "c"}


def test_the_desk_knows_every_operation_without_loading_it() -> None:
    assert tuple(CODEC) == OPERATIONS


@pytest.mark.parametrize("op", CODEC)
def test_every_vector_is_answered(op: str) -> None:
    asked = [one for one in VECTORS if one["op"] == op]
    assert len(asked) > 10
    assert [CODEC[op](one["ask"]) for one in asked] == [one["answer"] for one in asked]


@pytest.mark.parametrize(
    ("op", "ask", "words"),
    [
        ("request", {"command": POLL}, "endpoint: expected an object"),
        ("request", {"command": POLL, "endpoint": {"url": "https://x.example", "app_id": "a"}}, "client_id are needed"),
        ("request", {"command": {"type": "poll"}, "endpoint": {}}, "are needed"),
        ("reply", {"command": POLL, "status": "200"}, "status: expected a whole number"),
        ("reply", {"command": POLL, "status": 200, "headers": []}, "headers: expected an object"),
        ("reply", {"command": POLL, "status": 200, "body": 1}, "body: expected text"),
        ("reply", {"command": POLL, "status": 200, "base64": "?"}, "base64"),
        ("encode", {"entry": {"type": "nothing"}}, "a type of"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(op: str, ask: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRecord, match=words):
        CODEC[op](ask)


def test_f29_an_empty_client_id_is_refused() -> None:
    endpoint = {"url": "https://x.example", "app_id": "a", "client_id": " "}
    with pytest.raises(ValueError, match="read each other's messages"):
        CODEC["request"]({"command": POLL, "endpoint": endpoint})


def test_secret_values_pass_and_leave_no_trace_in_an_error() -> None:
    entry = {"type": "secure_form_data", "form_request_id": "r", "ref": "v"}
    assert CODEC["encode"]({"entry": entry, "secret": {"pin": "hunter2"}})["wire"]["data"] == {"pin": "hunter2"}
    with pytest.raises(BadRecord) as error:
        CODEC["encode"]({"entry": {"type": "secure_form_data"}, "secret": {"pin": "hunter2"}})
    assert "hunter2" not in str(error.value)
