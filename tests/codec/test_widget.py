"""The widget's configuration: a form is found wherever it stands, and nothing is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from statemachine.codec.body import parse_body
from statemachine.codec.widget import FormDefinition, WidgetConfiguration, read_configuration
from tests.codec.strategies import JSON

FIELDS = {"fields": ["card_number", "expiry"]}
TALKATIVE = {"form_id": "payment", "fields": [{"name": "card_number", "label": "Card"}, {"id": "expiry"}, {"x": 1}, 7]}


@pytest.mark.parametrize(
    ("configuration", "names"),
    [
        ({"secure_forms": [{"form_id": "payment", **FIELDS}]}, ("card_number", "expiry")),
        ({"secure_forms": [{"form_id": "PAYMENT", **FIELDS}]}, ("card_number", "expiry")),
        ({"forms": [{"form_name": "payment", **FIELDS}]}, ("card_number", "expiry")),
        ({"widget": {"tabs": [{"forms": [{"id": "payment", **FIELDS}]}]}}, ("card_number", "expiry")),
        ({"forms": {"Payment": FIELDS}}, ("card_number", "expiry")),
        ({"forms": {"payment": {"fields": {"card_number": {}, "expiry": {}}}}}, ("card_number", "expiry")),
        ({"secure_forms": [TALKATIVE]}, ("card_number", "expiry", "7")),
        ({"forms": [{"name": "payment"}, {"name": "payment", "fields": None}]}, ()),
    ],
)
def test_a_form_is_found(configuration: Any, names: tuple[str, ...]) -> None:
    read = read_configuration(configuration)
    assert read is not None
    form = read.form("payment")
    assert form is not None
    assert form.id.casefold() == "payment"
    assert form.fields == names
    assert json.loads(form.raw).keys() >= {"fields"}


@pytest.mark.parametrize("configuration", [{}, {"forms": []}, {"forms": [{"name": "other", **FIELDS}]}, {"payment": 1}])
def test_there_is_no_such_form(configuration: Any) -> None:
    read = read_configuration(configuration)
    assert read is not None
    assert read.form("payment") is None


def test_all_of_it_is_kept() -> None:
    said: Any = {"colour": "red", "forms": [{"name": "a", **FIELDS}]}
    read = read_configuration(said)
    assert read is not None
    assert json.loads(read.raw) == said
    assert repr(read) == "WidgetConfiguration()"
    assert isinstance(read.form("a"), FormDefinition)


def test_what_is_nested_too_deep_is_refused() -> None:
    deep = parse_body(b'{"a":' * 100 + b"1" + b"}" * 100)
    assert read_configuration(deep) is None  # type: ignore[arg-type]


@given(JSON)
def test_nothing_raises(value: Any) -> None:
    read = read_configuration({"x": value, "fields": value, "name": value})
    assert isinstance(read, WidgetConfiguration)
    read.form("x")
