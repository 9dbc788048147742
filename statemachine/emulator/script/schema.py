"""The JSON Schema of scenario files, made from the words that the reader reads: for editors, and for other tools."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import attrs

from statemachine.emulator.action_data import ACTIONS
from statemachine.emulator.knobs import Fault, Knobs
from statemachine.emulator.script.grammar import CONDITION, EVENTS, SCENARIO, STEPS, Field

_Schema = dict[str, Any]
_DURATION: Final = r"^\s*(\d+(\.\d+)?\s*(ms|s|m|h|d)\s*)+$"
_SIMPLE: Final[Mapping[Any, _Schema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    bytes: {"type": "string"},
}


def schema() -> _Schema:
    """Draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Scenario of the emulated contact centre",
        **_table(SCENARIO),
        "$defs": {
            "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}},
            "step": {"anyOf": [_bare(), *(_table(fields) for fields in STEPS.values()), *_actions()]},
            "condition": {**_table(CONDITION), "minProperties": 1},
            "event": {"enum": list(EVENTS)},
            "duration": {"type": "string", "pattern": _DURATION},
            "knobs": _knobs(),
        },
    }


def _table(fields: Mapping[str, Field]) -> _Schema:
    required = [name for name, field in fields.items() if field.required]
    marked = required or ([next(iter(fields))] if len(fields) == 1 else [])
    return {
        "type": "object",
        "properties": {name: {"description": field.about, **_kind(field)} for name, field in fields.items()},
        "additionalProperties": False,
        **({"required": marked} if marked else {}),
    }


def _kind(field: Field) -> _Schema:
    text = {"type": "string", "minLength": 1}
    event = {"$ref": "#/$defs/event"}
    kinds: dict[str, _Schema] = {
        "text": text,
        "texts": {"anyOf": [text, {"type": "array", "items": text}]},
        "duration": {"$ref": "#/$defs/duration"},
        "count": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
        "flag": {"type": "boolean"},
        "events": {"anyOf": [event, {"type": "array", "items": event}]},
        "steps": {"$ref": "#/$defs/steps"},
        "condition": {"$ref": "#/$defs/condition"},
        "table": {"type": "object"},
        "knobs": {"$ref": "#/$defs/knobs"},
        "parts": {"type": "object", "additionalProperties": {"$ref": "#/$defs/steps"}},
    }
    return kinds[field.kind]


def _bare() -> _Schema:
    """Steps that are a name alone: what needs no value."""
    actions = [
        name for name, kind in ACTIONS.items() if all(one.default is not attrs.NOTHING for one in attrs.fields(kind))
    ]
    return {"enum": ["answer_texts", *actions]}


def _actions() -> list[_Schema]:
    found: list[_Schema] = []
    for name, kind in ACTIONS.items():
        fields = attrs.fields(kind)
        if not fields:
            continue
        hints = get_type_hints(kind)
        required = [one.name for one in fields[1:] if one.default is attrs.NOTHING]
        options = {one.name: _typed(hints[one.name]) for one in fields[1:]}
        found.append(
            {
                "type": "object",
                "description": " ".join((kind.__doc__ or "").split()),
                "properties": {name: _typed(hints[fields[0].name]), **options},
                "required": [name, *required],
                "additionalProperties": False,
            }
        )
    return found


def _typed(hint: Any) -> _Schema:
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (one for one in get_args(hint) if one is not type(None))
    if hint is Fault:
        hints = get_type_hints(Fault)
        return {
            "type": "object",
            "properties": {one.name: _typed(hints[one.name]) for one in attrs.fields(Fault)},
            "additionalProperties": False,
        }
    if get_origin(hint) is Literal:
        return {"enum": list(get_args(hint))}
    return _SIMPLE.get(hint, {"type": "object"})


def _knobs() -> _Schema:
    return {
        "type": "object",
        "properties": {
            one.name: {"description": str(one.metadata["about"]), **_knob(one)} for one in attrs.fields(Knobs)
        },
        "additionalProperties": False,
    }


def _knob(one: Any) -> _Schema:
    hint = get_type_hints(Knobs)[one.name]
    if one.name == "faults":
        return {"type": "array", "items": _typed(Fault)}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _typed(get_args(hint)[0])}
    plain = _typed(hint)
    several = [plain]
    if one.metadata["unit"] == "ms":
        several.append({"$ref": "#/$defs/duration"})
    if type(None) in get_args(hint):
        several.append({"const": "none"})
    return plain if len(several) == 1 else {"anyOf": several}
