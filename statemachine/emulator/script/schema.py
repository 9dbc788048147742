"""The JSON Schema of scenario files, made from the words that the reader reads: for editors, and for other tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias, get_args, get_origin, get_type_hints

import attrs

from statemachine.emulator.actions import ACTIONS
from statemachine.emulator.knobs import Fault, Knobs
from statemachine.emulator.script.grammar import ALONE, CONDITION, EVENTS, KINDS, SCENARIO, STEPS, Field, record_fields

_Schema: TypeAlias = dict[str, Any]
_DURATION: Final = r"^\s*(\d+(\.\d+)?\s*(ms|s|m|h|d)\s*)+$"
_NUMBERS: Final[Mapping[Any, str]] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema() -> _Schema:
    """Draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Scenario of the emulated contact centre",
        **_table(SCENARIO),
        "$defs": {
            "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}},
            "step": {"anyOf": [{"enum": ALONE}, *map(_step, STEPS)]},
            "condition": {**_table(CONDITION), "minProperties": 1},
            "event": {"enum": list(EVENTS)},
            "duration": {"type": "string", "pattern": _DURATION},
            "fault": _table(record_fields(Fault)),
            "knobs": _knobs(),
        },
    }


def _table(fields: Mapping[str, Field]) -> _Schema:
    required = [name for name, field in fields.items() if field.required]
    return {
        "type": "object",
        "properties": {name: _described(field.about, KINDS[field.kind][1]) for name, field in fields.items()},
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def _described(about: str | None, one: _Schema) -> _Schema:
    return {"description": " ".join(about.split()), **one} if about else one


def _step(name: str) -> _Schema:
    return _described(ACTIONS[name].__doc__ if name in ACTIONS else None, _table(STEPS[name]))


def _knobs() -> _Schema:
    hints = get_type_hints(Knobs)
    return {
        "type": "object",
        "properties": {
            one.name: _described(one.metadata["about"], _knob(one, hints[one.name])) for one in attrs.fields(Knobs)
        },
        "additionalProperties": False,
    }


def _knob(one: Any, hint: Any) -> _Schema:
    if one.name == "faults":
        return {"type": "array", "items": {"$ref": "#/$defs/fault"}}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _typed(get_args(hint)[0])}
    allowed = [_typed(hint)]
    if one.metadata["unit"] == "ms":
        allowed.append({"$ref": "#/$defs/duration"})
    if hint == int | None:
        allowed.append({"const": "none"})
    return allowed[0] if len(allowed) == 1 else {"anyOf": allowed}


def _typed(hint: Any) -> _Schema:
    if get_origin(hint) is Literal:
        return {"enum": list(get_args(hint))}
    return {"type": _NUMBERS[int if hint == int | None else hint]}
