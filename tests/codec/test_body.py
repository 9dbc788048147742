"""Bytes nobody vouches for become data, and text that is JSON and UTF-8."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.codec.body import MAX_BODY, MAX_DEPTH, Problem, TooDeep, clean, json_text, parse_body
from tests.codec.strategies import HOSTILE_BYTES, JSON


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b'{"events":[', "not JSON"),
        (b"<html>502 Bad Gateway</html>", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 200_000, "nested too deep"),
        (b'{"a":' * 200_000, "nested too deep"),
        (b"{} {}", "not JSON"),
        (bytes(MAX_BODY + 1), "larger than 50 MB"),
    ],
    ids=["empty", "blank", "truncated", "html", "binary", "arrays", "objects", "two", "huge"],
)
def test_what_is_no_json_is_a_problem_that_does_not_quote_it(body: bytes, problem: str) -> None:
    said = parse_body(body)
    assert isinstance(said, Problem)
    assert problem in said.text
    assert "html" not in said.text


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"\xef\xbb\xbf{}", {}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b"[NaN,Infinity,-Infinity,1e999,-1e999]", [None] * 5),
        (b"[" + b"9" * 5_000 + b",7,-" + b"9" * 5_000 + b"]", [None, 7, None]),
        (b'"\\ud800"', "\ud800"),
        (b"17", 17),
    ],
    ids=["mark", "repeated", "not finite", "endless", "surrogate", "number"],
)
def test_oddities_of_json(body: bytes, value: object) -> None:
    assert parse_body(body) == value


@given(HOSTILE_BYTES)
def test_any_bytes_give_data(body: bytes) -> None:
    value = parse_body(body)
    assert value is None or isinstance(value, Problem | dict | list | str | int | float)


@given(JSON)
def test_json_text_is_canonical(value: object) -> None:
    text = json_text(value)
    assert json.loads(text) == value
    assert json_text(json.loads(text)) == text


@given(st.text(st.characters()))
def test_clean_text_can_be_encoded(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert len(cleaned) == len(text)
    assert clean(cleaned) == cleaned


def test_what_json_cannot_say_becomes_null() -> None:
    text = json_text({"a": float("nan"), "b": (1, 10**5_000), "c": object(), 5: "\ud800", "d": float("inf"), "e": True})
    assert json.loads(text) == {"a": None, "b": [1, None], "c": None, "5": "\ufffd", "d": None, "e": True}


def _nested(depth: int) -> object:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


def test_depth_is_bounded() -> None:
    json_text(_nested(MAX_DEPTH - 1))
    with pytest.raises(TooDeep):
        json_text(_nested(MAX_DEPTH))
    with pytest.raises(TooDeep):
        json_text(_nested(100_000))


def test_a_circle_is_too_deep() -> None:
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(TooDeep):
        json_text(circle)
