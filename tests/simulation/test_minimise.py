"""Files of minimised violations, and tapes of choices."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from statemachine import RequestChat, Tick, new_session
from statemachine.simulation.choices import Choices
from statemachine.simulation.minimise import BadCase, Case, read_case, write_case
from statemachine.simulation.oracle import LawViolation


def test_a_case_is_written_and_read(tmp_path: Path) -> None:
    violation = LawViolation(7, 0, "L1", "ä")
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
def test_a_file_without_a_case_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl"
    path.write_text(text)
    with pytest.raises(BadCase, match=r"file\.jsonl"):
        read_case(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadCase, match=r"nothing\.jsonl: No such file or directory"):
        read_case(tmp_path / "nothing.jsonl")


def test_a_tape_repeats_choices_by_label_and_continues_with_0() -> None:
    first = Choices(3)
    for _ in range(20):
        first.index("one", (1, 1, 1))
        first.amount("two", 9)
        first.chance("three", 500)
    again = Choices(0, first.drawn)
    for _ in range(25):
        again.amount("two", 9)
    assert again.drawn["two"] == [*first.drawn["two"], 0, 0, 0, 0, 0]
    assert [again.index("one", (1, 1)) for _ in range(20)] == [min(value, 1) for value in first.drawn["one"]]
