"""The tables as data: a reader that has nothing else comes to the same answers."""

from __future__ import annotations

import json
import re
from itertools import product
from typing import Any, get_args

import jsonschema
import pytest

from statemachine.chart import Chart
from statemachine.core.events import ChatOpened, EventBatch, Failure, FailureKind, FileUploaded, HistoryLog, Reply
from statemachine.core.session import ATTENTION, LIFECYCLE, phase_of
from statemachine.core.tables import COUPLINGS, MACHINES, REACTIONS
from statemachine.core.tables.reactions import CODES, KINDS, classify
from statemachine.diagrams import export

DATA: Any = json.loads(export.text())
BY_NAME = {machine["name"]: machine for machine in DATA["machines"]}


def test_it_is_what_its_schema_says() -> None:
    schema = json.loads(export.schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(DATA)


def test_the_text_says_what_the_data_says() -> None:
    assert export.table() == DATA


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_a_row_a_line_in_the_order_of_the_table(machine) -> None:
    rows = BY_NAME[machine.name]["rows"]
    assert len(rows) == len(machine.rows)
    for told, row in zip(rows, machine.rows, strict=True):
        assert told["source"] == [state.name for state in row.source]
        assert told["on"] == row.on.__name__
        assert (told["verdict"], told["why"], told["ref"]) == (row.verdict, row.why, row.ref)
        assert told["effects"] == [one.__name__ for one in row.do]
        assert (told["make"] or "") == (row.make.__name__ if row.make else "")
        assert told["raises"] == [one.__name__ for one in row.raises]


def test_a_row_is_a_line() -> None:
    lines = [line.strip() for line in export.text().splitlines()]
    rows = sum(len(machine.rows) for machine in MACHINES.values())
    assert sum(line.startswith('{"source"') and line.rstrip(",").endswith("}") for line in lines) == rows


def read_cell(machine: Any, state: str, on: str, answers: dict[str, bool]) -> Any:
    """What a reader in another language does."""
    for row in machine["rows"]:
        if state in row["source"] and row["on"] == on and (row["guard"] is None or answers[row["guard"]]):
            return row
    raise AssertionError(f"no row answers {on} in {state}")


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_a_reader_of_the_data_takes_the_rows_that_the_second_interpreter_takes(machine) -> None:
    data, chart = BY_NAME[machine.name], Chart(machine)
    asked = 0
    for state, on in product(data["states"], data["alphabet"]):
        guards = chart.guards(state["name"], on)
        for answers in product((False, True), repeat=len(guards)):
            said = dict(zip(guards, answers, strict=True))
            row = read_cell(data, state["name"], on, said)
            step = chart.take(state["name"], on, said)
            assert (row["verdict"], row["target"] or state["name"]) == (step.verdict, step.target)
            assert row["why"] == step.row.why
            asked += 1
    assert asked >= len(machine.states) * len(machine.alphabet)


def read_class(call: Any, kind: str, failure: Failure) -> str:
    data = DATA["reactions"]["classify"]
    if failure.kind != "http":
        found = next(one for one in data["kinds"] if one["kind"] == failure.kind)
    elif failure.code in {one["code"] for one in data["codes"]}:
        found = next(one for one in data["codes"] if one["code"] == failure.code)
    else:
        status = min(failure.status or 0, data["statuses"][-1]["to"])
        found = next(one for one in data["statuses"] if one["from"] <= status <= one["to"])
    return str(found[call["column"]])


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_of_the_data_classifies_every_answer_alike(kind) -> None:
    call = next(one for one in DATA["reactions"]["calls"] if one["kind"] == kind)
    failures = [Failure(one) for one in get_args(FailureKind)]
    failures += [Failure("http", status, code) for status in (None, *range(1_100)) for code in (None, 17)]
    failures += [Failure("http", status, code) for status in (200, 400, 503) for code in CODES]
    assert all(read_class(call, kind, failure) == classify(kind, failure) for failure in failures)
    replies: tuple[Reply, ...] = (ChatOpened("c"), EventBatch(), HistoryLog(), FileUploaded("f"))
    for reply in replies:
        expected = "ok" if type(reply).__name__ == call["success"] else read_class(call, kind, Failure("unreadable"))
        assert expected == classify(kind, reply)


def test_every_reaction_and_coupling_in_order() -> None:
    told = [
        (one["kind"], one["class"], [(to["machine"], to["signal"]) for to in one["signals"]])
        for one in DATA["reactions"]["reactions"]
    ]
    assert told == [
        (kind, outcome, [(machine, signal.__name__) for machine, signal in reaction.signals])
        for kind, outcomes in REACTIONS.items()
        for outcome, reaction in outcomes.items()
    ]
    couplings = [(one["signal"], one["source"], one["target"], one["select"]) for one in DATA["couplings"]]
    assert couplings == [
        (one.signal.__name__, one.source, one.target, one.select.__name__ if one.select else None) for one in COUPLINGS
    ]


def test_the_public_phase_can_be_read_off_the_data() -> None:
    view = DATA["view"]
    for lifecycle, attention in product(LIFECYCLE, ATTENTION):
        hidden = attention.name == view["state"] and lifecycle.name in view["hides"]
        expected = phase_of(object.__new__(lifecycle), object.__new__(attention))
        assert (view["state"] if hidden else lifecycle.name) == expected


def test_every_type_and_every_name_that_is_used_is_told() -> None:
    sections = ("events", "entries", "commands", "updates", "records")
    shapes = [shape for section in sections for shape in DATA[section]]
    states = [state for machine in DATA["machines"] for state in machine["states"]]
    known = {one["name"] for one in shapes} | {one["record"] for one in states} | set(DATA["unions"])
    known |= {"number", "string", "boolean", "null", "bytes", "Config"}
    for shape in (*shapes, *states):
        for field in shape["fields"]:
            used = set(re.findall(r"\w+", re.sub(r'"\w+"', "", field["type"])))
            assert used <= known, (shape["name"], field)
    numbers = {one["name"] for one in DATA["config"]}
    for state in states:
        for duration in state["durations"]:
            assert {*duration.get("sum", ()), *(v for k, v in duration.items() if k != "sum")} <= numbers
    heard = {on for machine in DATA["machines"] for on in machine["alphabet"]}
    assert heard <= {one["name"] for section in ("events", "entries", "signals") for one in DATA[section]}
    for machine in DATA["machines"]:
        for row in machine["rows"]:
            assert row["guard"] is None or row["guard"] in {one["name"] for one in machine["guards"]}
            assert set(row["effects"]) <= {one["name"] for one in machine["effects"]}
            assert row["make"] is None or row["make"] in {one["name"] for one in machine["makers"]}
