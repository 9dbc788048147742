"""What was taken how often, from traces and from counts; and how the pictures tell it."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from statemachine import Answered, ChatOpened, End, EventBatch, RequestChat, SendText, Tick, wire
from statemachine.cli.diagrams import command
from statemachine.codec.trace import RecordedStep, Trace, header_line, read_trace, step_line
from statemachine.core.reduce import reduce
from statemachine.core.session import new_session
from statemachine.core.tables import MACHINES
from statemachine.diagrams import coverage, draw_dot, matrix_html
from statemachine.diagrams.files import write_coverage
from tests.counting import counting

EVENTS: tuple[Any, ...] = (
    RequestChat(1_000, "origin"),
    Tick(1_100),
    Answered(1_200, 1, ChatOpened("chat", "queued", is_new_chat=True)),
    Answered(
        2_000,
        2,
        EventBatch((wire.Status("connected"), wire.PartyJoined("a", "internal"), wire.Message("m", "a", "hi"))),
    ),
    SendText(3_000, "hello"),
    End(4_000),
    SendText(5_000, "too late"),
)


def trace() -> Trace:
    return Trace("test", None, tuple(RecordedStep(event, "") for event in EVENTS))


def lines() -> str:
    return "\n".join([header_line("test"), *(step_line(step) for step in trace().steps)])


def test_a_trace_counts_what_the_cells_take() -> None:
    session = new_session(EVENTS[0].at)
    with counting() as watched:
        for event in EVENTS[:-1]:
            session, _ = reduce(session, event)
    found = coverage.of_trace(Trace("test", None, trace().steps[:-1]))
    assert found == watched
    assert sum(rows.total() for rows in found.values()) > 12


def test_what_is_rejected_counts_too() -> None:
    [say] = [
        place
        for place, row in enumerate(MACHINES["lifecycle"].rows, 1)
        if row.on is SendText
        and row.verdict == "rejected"
        and "ending" in {s.name for s in row.source}
        and not row.when
    ]
    assert coverage.of_trace(trace())["lifecycle"][say] == 1


def test_counts_survive_their_file() -> None:
    found = coverage.of_trace(trace())
    again = coverage.read(coverage.write(found))
    assert {name: rows for name, rows in found.items() if rows} == again


def test_a_folder_adds_up(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text(lines())
    (tmp_path / "two.jsonl").write_text(lines())
    (tmp_path / "tests.rows.json").write_text('{"connection": {"1": 40}}')
    found, once = coverage.counted(tmp_path), coverage.of_trace(read_trace(lines().splitlines()))
    assert found["item"] == once["item"] + once["item"]
    assert found["connection"][1] == 40 + 2 * once["connection"][1]


def test_the_picture_and_the_matrix_tell_the_counts() -> None:
    counts = {name: Counter[int]() for name in MACHINES}
    counts["attention"] = Counter({1: 1_234})
    text = draw_dot.picture(MACHINES["attention"], counts["attention"])
    assert " 1,234x " in text
    assert text.count(" NEVER ") == len(MACHINES["attention"].rows) - 1
    assert re.search(r'"calm" -> "warned" .*penwidth=5\.6', text)
    assert re.search(r'"warned" -> "calm" .*style=dashed', text)
    page = matrix_html.page(counts)
    assert page.count("1,234×") == 1
    assert "NEVER" not in matrix_html.page()


NAMES = {"matrix.html", *(f"{name}.{form}" for name in MACHINES for form in ("dot", "svg", "png"))}


def test_each_machine_is_drawn_with_its_counts(tmp_path: Path) -> None:
    found = coverage.of_trace(trace())
    drawn: list[str] = []

    def render(text: str, _: int) -> tuple[str, bytes]:
        drawn.append(text)
        return "<svg/>", b""

    assert set(write_coverage(tmp_path, found, render)) == NAMES
    assert drawn == [draw_dot.picture(machine, found[name]) for name, machine in MACHINES.items()]
    assert (tmp_path / "connection.dot").read_text(encoding="utf-8") in drawn


@pytest.mark.slow  # it renders every machine
def test_the_command_draws_and_sums_up(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text(lines())
    done = CliRunner().invoke(command, ["--coverage", str(tmp_path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert re.search(r"^lifecycle: \d+ of \d+ rows were taken; never: ", done.output, re.MULTILINE)
    assert {path.name for path in (tmp_path / "out").iterdir()} == NAMES


@pytest.mark.parametrize(
    ("name", "text"), [("a.jsonl", "{}"), ("a.rows.json", "[]"), ("a.rows.json", "{"), ("a.txt", "")]
)
def test_a_folder_that_cannot_be_counted_says_why(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    done = CliRunner().invoke(command, ["--coverage", str(tmp_path)])
    assert done.exit_code == 2
    assert str(tmp_path) in done.output
    assert json.dumps(text) not in done.output
