"""The JSON Schema against the reader: what one takes, the other takes; what one refuses, so does the other."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from statemachine.emulator.script import ScriptError, catalogue, read_scenario, scenario_source, schema
from statemachine.emulator.script.catalogue import parts

VALIDATOR = jsonschema.Draft202012Validator(schema())


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.source_tree
def test_the_file_for_editors_is_up_to_date() -> None:
    """Otherwise: statemachine scenario schema > statemachine/emulator/scenario.schema.json"""
    committed = (files("statemachine.emulator") / "scenario.schema.json").read_text("utf-8")
    assert json.loads(committed) == schema()


@pytest.mark.parametrize("name", list(catalogue()))
def test_the_catalogue_is_valid(name: str) -> None:
    VALIDATOR.validate(tomllib.loads(scenario_source(name)))


GOOD = [
    "",
    "on_end = []",
    'script = ["answer_texts", "start_typing", { say = "x", party = "a" }, { show_form = "", timeout = 3 }]',
    'script = [{ wait_for = ["message"], within = "1h 30m", otherwise = ["warn"] }]',
    'script = [{ repeat = ["start_typing"], times = 3, until = { says = "x" } }]',
    'script = [{ if = { knobs = { hold_ms = 3 } }, then = [], else = ["end_chat"] }]',
    'script = [{ send_signaling = { type = "x" } }, { raw = { event = "y" } }, { inject_fault = { on = "poll" } }]',
    '[knobs]\nhold_ms = "3s"\nreceipts = "off"\nend_signals = ["gone"]\npace = 0.5',
    '[knobs]\ndrop_without_polls_ms = "none"\nfaults = [{ on = "poll", drop = true }]',
    '[parts]\nx = ["start_typing"]',
]
BAD = [
    "script = 3",
    "script = [3]",
    'script = ["say"]',
    'script = ["sya"]',
    'script = [{ sya = "x" }]',
    "script = [{ say = 3 }]",
    'script = [{ say = "x", partie = "y" }]',
    'script = [{ wait_for = "mesage" }]',
    'script = [{ wait_for = "message", within = 3 }]',
    'script = [{ wait_for = "message", within = "soon" }]',
    'script = [{ repeat = ["start_typing"], times = 0 }]',
    "script = [{ if = {}, then = [] }]",
    'script = [{ inject_fault = { on = "pol" } }]',
    'script = [{ leave_all = "x" }]',
    "skript = []",
    "[knobs]\nhold_mss = 3",
    '[knobs]\nreceipts = "x"',
    '[knobs]\nhold_ms = "x"',
    "[parts]\nx = 3",
]


@pytest.mark.parametrize("text", GOOD)
def test_both_take(text: str) -> None:
    whole = f'about = "a"\nteaches = "t"\n{text}'
    read_scenario(whole, "own", parts())
    VALIDATOR.validate(tomllib.loads(whole))


@pytest.mark.parametrize("text", BAD)
def test_both_refuse(text: str) -> None:
    whole = f'about = "a"\nteaches = "t"\n{text}'
    with pytest.raises(ScriptError):
        read_scenario(whole, "own", parts())
    data: Any = tomllib.loads(whole)
    assert not VALIDATOR.is_valid(data)
