"""Writing scenarios: what is read back is the same, whatever it holds."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statemachine.durations import format_duration, parse_duration
from statemachine.emulator.actions import ACTIONS, Action
from statemachine.emulator.knobs import Call, Fault
from statemachine.emulator.names import FROM_CLIENT
from statemachine.emulator.script import catalogue, read_scenario, write_scenario
from statemachine.emulator.script.catalogue import parts
from statemachine.emulator.steps import AnswerTexts, Await, Branch, Condition, Pause, Repeat, Scenario, Step

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
JSON = st.dictionaries(TEXT, TEXT | st.integers(-5, 5) | st.booleans() | st.lists(TEXT, max_size=2), max_size=3)
OF_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "str": TEXT,
    "str | None": st.none() | TEXT,
    "int | None": st.none() | st.integers(0, 999),
    "float": st.floats(-180, 180),
    "bytes": st.binary(max_size=20),
    "Mapping[str, object]": JSON,
    "Fault": st.builds(Fault, on=st.sampled_from(Call.__args__), code=st.integers(1_000, 5_999), drop=st.booleans()),  # type: ignore[attr-defined]
}
ENDS = ("end_chat", "fail", "complete", "conclude", "time_out")


@st.composite
def an_act(draw: st.DrawFn) -> Action:
    kind = ACTIONS[draw(st.sampled_from([name for name in ACTIONS if name not in ENDS]))]
    return kind(*(draw(OF_TYPE[str(field.type)]) for field in attrs.fields(kind)))


TEXTS = st.lists(TEXT, min_size=1, max_size=2).map(tuple)
EVENTS = st.lists(st.sampled_from(sorted(FROM_CLIENT)), min_size=1, max_size=2).map(tuple)
CONDITIONS = st.builds(Condition, TEXTS, JSON, EVENTS, st.just({"hold_ms": 3_000}))
MS = st.integers(0, 10_000_000)


def compound(inner: st.SearchStrategy[Step]) -> st.SearchStrategy[Step]:
    some = st.lists(inner, max_size=3).map(tuple)
    return (
        st.builds(Branch, CONDITIONS, some, some)
        | st.builds(Repeat, some, st.integers(1, 9), st.none() | CONDITIONS)
        | st.builds(Await, EVENTS, MS, some, st.booleans())
    )


SIMPLE = an_act() | st.builds(Pause, MS) | st.just(AnswerTexts()) | st.builds(Await, EVENTS)
STEPS = st.lists(st.recursive(SIMPLE, compound, max_leaves=6), max_size=4).map(tuple)


@settings(max_examples=30)
@given(TEXT, STEPS, STEPS, STEPS)
def test_what_is_written_is_read_back(about: str, script: Any, on_text: Any, on_end: Any) -> None:
    scenario = Scenario("own", about, script, on_text, (), on_end, "it", {"receipts": "off", "tenants": ["a", "b"]})
    assert read_scenario(write_scenario(scenario), "own") == scenario


@pytest.mark.parametrize("name", list(catalogue()))
def test_the_catalogue_is_written_as_it_was_read(name: str) -> None:
    assert read_scenario(write_scenario(catalogue()[name]), name, parts()) == catalogue()[name]


@given(MS)
def test_durations(ms: int) -> None:
    assert parse_duration(format_duration(ms)) == ms


@pytest.mark.parametrize(("text", "ms"), [("500ms", 500), ("1.5s", 1_500), ("1h30m", 5_400_000), ("1 d", 86_400_000)])
def test_durations_as_people_write_them(text: str, ms: int) -> None:
    assert parse_duration(text) == ms


@pytest.mark.parametrize("text", ["", "1", "s", "-1s", "1 fortnight", "1e3s", "9" * 400 + "s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)
