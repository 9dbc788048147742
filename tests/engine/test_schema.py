"""The JSON Schema of the engine's messages describes what the engine takes and answers."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from statemachine.engine.serve import Server

SCHEMA = json.loads(files("statemachine.engine").joinpath("messages.schema.json").read_text("utf-8"))
OPENING = {"type": "request_chat", "at": 1, "origin": "o", "text": "hello"}
COMMAND = {"type": "poll", "id": 1, "timeout": 30_000, "chat_id": "C"}
ENDPOINT = {"url": "http://centre.test", "tenant": "t", "app_id": "a", "client_id": "c"}
REQUESTS: list[dict[str, Any]] = [
    {"op": "hello", "protocol": 1},
    {"op": "hello", "protocol": 2},
    {"op": "step", "event": OPENING},
    {"op": "begin", "at": 0, "config": {"receipts": False}},
    {"op": "step", "event": {"type": "send_text", "at": 0, "text": "too early"}},
    {"op": "explain", "event": OPENING},
    {"op": "step", "event": OPENING, "snapshot": True, "seq": 5},
    {"op": "outbox"},
    {"op": "snapshot"},
    {"op": "restore", "snapshot": {}},
    {
        "op": "step",
        "event": {"type": "answered", "at": 2, "command": 2, "reply": {"type": "chat_opened", "chat_id": "C"}},
    },
    {"op": "request", "command": COMMAND, "endpoint": ENDPOINT, "nonce": "n"},
    {"op": "reply", "command": COMMAND, "status": 200, "headers": {}, "body": "", "redirected": False},
    {"op": "decode", "wire": {"event": "chat_session_end"}},
    {"op": "encode", "entry": {"type": "message", "msg_id": "m", "msg": "x"}},
    {"op": "drop", "session": "ann"},
]


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})


def test_requests_and_their_answers_are_described() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    server = Server()
    for request in REQUESTS:
        validator("request").validate(request)
        validator("answer").validate(server.answer(json.dumps(request)))
    assert {request["op"] for request in REQUESTS} | {"bye"} == set(server._operations) | {"bye"}


@pytest.mark.parametrize(
    "request_",
    [{}, {"op": "stop"}, {"op": "begin", "at": 1.5}, {"op": "step"}, {"op": "step", "event": {"type": "tick"}}],
)
def test_what_the_engine_refuses_is_refused_by_the_schema(request_: dict[str, Any]) -> None:
    assert not validator("request").is_valid(request_)
    assert "error" in Server().answer(json.dumps(request_))
