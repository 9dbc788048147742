"""Scenarios as TOML: read with line numbers, written back, described by a JSON Schema, and the catalogue of them.

A script is a list of steps. A step is one of its names alone (``"leave_all"``), or a table whose one name carries the
main value beside its options: ``{ say = "Hello", party = "bot" }``. Every class of ``actions`` is a step,
under the name that the control API uses. The steps of ``grammar`` wait, branch and repeat.
"""

from __future__ import annotations

from statemachine.emulator.script.catalogue import catalogue, scenario_named, scenario_source
from statemachine.emulator.script.reader import read_action, read_scenario
from statemachine.emulator.script.schema import schema
from statemachine.emulator.script.source import Problem, ScriptError
from statemachine.emulator.script.writer import write_scenario

__all__ = [
    "Problem", "ScriptError", "catalogue", "read_action", "read_scenario", "scenario_named", "scenario_source",
    "schema", "write_scenario",
]  # fmt: skip
