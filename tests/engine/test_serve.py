"""The loop over lines: whatever comes, one line goes back for one that came."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statemachine.engine.serve import PROTOCOL, Server, serve
from tests.engine.mutated import check, mutated


def asked(*requests: Any) -> list[dict[str, Any]]:
    lines: list[str] = []
    serve([one if isinstance(one, str) else json.dumps(one) for one in requests], lines.append)
    return [json.loads(line) for line in lines]


def test_hello_begin_step_snapshot_restore() -> None:
    hello, begun, stepped, written = asked(
        {"op": "hello", "protocol": PROTOCOL},
        {"op": "begin", "at": 1_000, "seq": 1},
        {"op": "step", "event": {"type": "request_chat", "at": 1_000, "origin": "o"}, "seq": "b"},
        {"op": "snapshot", "seq": [2]},
    )
    assert (hello["protocol"], hello["language"]) == (PROTOCOL, "python")
    assert (begun["seq"], begun["phase"]) == (1, "idle")
    assert (stepped["seq"], stepped["phase"]) == ("b", "requesting")
    assert written["seq"] == [2]
    (taken,) = asked({"op": "restore", "snapshot": written["snapshot"]})
    assert (taken["phase"], taken["owed"]) == ("requesting", [1])


def test_sessions_have_names_and_share_nothing() -> None:
    begin, request = {"op": "begin", "at": 1}, {"op": "step", "event": {"type": "request_chat", "at": 1, "origin": "o"}}
    *_, one, other, gone = asked(
        {**begin, "session": "a"},
        {**begin, "session": "b"},
        {**request, "session": "a"},
        {"op": "step", "session": "b", "event": {"type": "tick", "at": 2}},
        {"op": "drop", "session": "a"},
        {**request, "session": "a"},
    )[2:]
    assert (one["phase"], other) == ("idle", {})
    assert "no session of this name" in gone["error"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not JSON"),
        ("[]", "a request is a JSON object"),
        ('{"op": "sing"}', "unknown op; it is one of hello"),
        ('{"op": ["sing"]}', "unknown op"),
        ('{"op": "begin"}', r"\$.at: expected milliseconds"),
        ('{"op": "begin", "at": true}', r"\$.at: expected milliseconds"),
        ('{"op": "begin", "at": 1, "session": 1}', r"\$.session: expected text"),
        ('{"op": "step"}', "no session of this name has begun"),
        ('{"op": "restore"}', "no snapshot"),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_a_bad_request_is_answered_in_words(line: str, words: str) -> None:
    (said,) = asked(line)
    assert set(said) == {"error", "code"}
    assert __import__("re").search(words, said["error"])


def test_an_error_gives_back_its_seq_and_the_next_line_is_served() -> None:
    wrong, right = asked({"op": "sing", "seq": 7}, {"op": "hello", "seq": 8})
    assert (wrong["seq"], right["seq"]) == (7, 8)


def test_bye_ends_it_and_empty_lines_are_nothing() -> None:
    assert asked("", "  ", {"op": "bye"}, {"op": "hello"}) == []


@settings(max_examples=40)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_no_request_raises(value: Any) -> None:
    server = Server()
    server.answer('{"op": "begin", "at": 1}')
    for op in ("hello", "begin", "step", "restore", "decode", "encode", "request", "reply", "drop"):
        name = "event" if op == "step" else "snapshot" if op == "restore" else "command"
        for request in (
            {"op": op, name: value},
            {"op": op, "at": value, "wire": value, "entry": value, "config": value},
        ):
            assert isinstance(server.answer(json.dumps(request)), dict)


def test_an_unknown_version_of_the_protocol_is_refused() -> None:
    server = Server()
    assert server.answer('{"op": "hello", "protocol": 2}')["code"] == "unknown_protocol"
    assert server.answer('{"op": "hello", "protocol": 1}')["protocol"] == PROTOCOL


def test_errors_have_codes() -> None:
    server = Server()
    lines = {"{": "not_json", "[]": "bad_request", '{"op": "step"}': "no_session", '{"op": "restore"}': "bad_snapshot"}
    assert {line: server.answer(line)["code"] for line in lines} == lines


def test_a_step_gives_its_snapshot_on_request_and_outbox_and_explain_change_nothing() -> None:
    server = Server()
    server.answer('{"op": "begin", "at": 0}')
    step = server.answer('{"op": "step", "snapshot": true, "event": {"type": "request_chat", "at": 1, "origin": "o"}}')
    assert step["snapshot"] == server.answer('{"op": "snapshot"}')["snapshot"]
    assert server.answer('{"op": "outbox"}')["commands"] == step["commands"]
    explained = server.answer('{"op": "explain", "event": {"type": "end", "at": 2}}')["explanation"]
    assert "ending" in explained
    assert server.answer('{"op": "snapshot"}')["snapshot"] == step["snapshot"]


def test_an_answer_after_a_redirect_is_a_failure() -> None:
    asked = '{"op": "reply", "command": {"type": "poll", "id": 1, "timeout": 1, "chat_id": "c"}, "status": 200, %s}'
    assert Server().answer(asked % '"redirected": true')["reply"]["type"] == "failure"
    assert Server().answer(asked % '"body": ""')["reply"]["type"] == "event_batch"


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 31, "9" * 5_000])
@pytest.mark.parametrize("line", ['{{"op": "hello", "seq": {}}}', '{{"op": "decode", "wire": [{}]}}'])
def test_numbers_that_are_not_finite_or_too_long_are_refused(line: str, literal: str) -> None:
    (said,) = asked(line.format(literal))
    assert "number" in said["error"]


@pytest.mark.parametrize("value", [None, True, 7, 1.5, [], ["x"], {"a": 1}])
def test_a_value_of_a_wrong_type_is_an_error_and_the_process_goes_on(value: Any) -> None:
    command = {"type": "find_chat", "id": 1, "timeout": 1}
    endpoint = {"url": "http://centre.example", "tenant": "t", "app_id": "a", "client_id": "c"}
    fine = {"op": "request", "command": command, "endpoint": endpoint}
    spoilt = [fine | {name: value} for name in ("endpoint", "command") if value is not None]
    spoilt += [fine | {"endpoint": endpoint | {name: value}} for name in (*endpoint, "api", "user_agent")]
    spoilt += [fine | {"endpoint": endpoint | {"quoted": value}}] if value is not True else []
    spoilt += [fine | {"nonce": value}] if value is not None else []
    spoilt += [fine | {"secret": value}] if value is not None and not isinstance(value, dict) else []
    spoilt += [{"op": "begin", "at": 1, "config": value}] if value not in (None, {}) else []
    *answers, last = asked(*spoilt, {"op": "hello", "seq": 1})
    assert [one for one in answers if "error" not in one or "has failed" in one["error"]] == []
    assert last["seq"] == 1
    assert "url" in asked(fine)[0]["request"]


def test_mutated_requests_get_valid_answers() -> None:
    """A million of them through the process: `python -m tests.engine.mutated`."""
    server = Server()
    assert not any(check(server.answer_text(line)) for line in mutated(seed=2, lines=2_000))


def test_a_carriage_return_does_not_end_a_line() -> None:
    lines = b'{"op": "hello",\r"seq": 1}\n{"op": "hello", "seq": 2}\r\n'
    engine = [sys.executable, "-m", "statemachine", "engine"]
    done = subprocess.run(engine, input=lines, capture_output=True, check=True)
    assert [json.loads(line)["seq"] for line in done.stdout.splitlines()] == [1, 2]
