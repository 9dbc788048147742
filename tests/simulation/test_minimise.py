"""Minimising and its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from statemachine import RequestChat, Tick, new_session
from statemachine.simulation.choices import Choices
from statemachine.simulation.minimise import BadCase, Case, ddmin, read_case, write_case
from statemachine.simulation.oracle import Violation


def test_ddmin_keeps_what_is_needed() -> None:
    assert ddmin(list(range(40)), lambda left: {3, 17, 31} <= set(left)) == [3, 17, 31]
    assert ddmin([1, 2, 3], lambda left: True) == []
    assert ddmin([], lambda left: True) == []


def test_a_case_is_written_and_read(tmp_path: Path) -> None:
    violation = Violation(7, 0, "L1", "ä")
    case = Case(violation, 50, new_session(5), (RequestChat(5, "origin", text="ü"), Tick(9)), {"label": [0, 1]})
    path = tmp_path / "case.jsonl"
    write_case(case, path)
    assert read_case(path) == case


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        "{}",
        '{"simulation": 1}',
        json.dumps({"simulation": 2, "seed": "x"}),
        json.dumps({"simulation": 2, "seed": 1, "steps": 1, "law": "", "detail": "", "session": {}, "tape": None}),
    ],
)
def test_what_is_no_case_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl"
    path.write_text(text)
    with pytest.raises(BadCase, match=r"file\.jsonl"):
        read_case(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadCase, match="cannot be read"):
        read_case(tmp_path / "nothing.jsonl")


def test_choices_are_repeated_by_label_and_end_boringly() -> None:
    first = Choices(3)
    for _ in range(20):
        first.choose("one", (1, 1, 1))
        first.amount("two", 9)
        first.chance("three", 500)
    again = Choices(0, first.drawn)
    for _ in range(25):
        again.amount("two", 9)
    assert again.drawn["two"] == [*first.drawn["two"], 0, 0, 0, 0, 0]
    assert [again.choose("one", (1, 1)) for _ in range(20)] == [min(value, 1) for value in first.drawn["one"]]
