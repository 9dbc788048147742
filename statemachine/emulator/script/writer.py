"""Writes scenarios as TOML that ``reader`` reads back as the same scenario."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final, cast

import attrs

from statemachine.durations import format_duration
from statemachine.emulator.actions import Conclude
from statemachine.emulator.knobs import Fault
from statemachine.emulator.script import grammar
from statemachine.emulator.script.grammar import Field, Kind
from statemachine.emulator.script.values import BASE64
from statemachine.emulator.steps import Scenario, Step

_NAMES: Final = {kind: name for name, kind in grammar.STEP_TYPES.items()}
_USUAL_END: Final = (Conclude(),)


def write_scenario(scenario: Scenario) -> str:
    """One step a line; parts that were played are written out, as the scenario does not know them any more."""
    lists = {
        "script": scenario.script,
        "on_text": scenario.on_text,
        "on_disconnect": scenario.on_disconnect,
        "on_end": () if scenario.on_end == _USUAL_END else scenario.on_end or None,
    }
    lines = [f"about = {_text(scenario.about)}", f"teaches = {_text(scenario.teaches)}"]
    for name, steps in lists.items():
        if steps is None:
            lines += ["", f"{name} = []"]
        elif steps:
            lines += ["", f"{name} = [", *(f"    {toml_value(_step(step))}," for step in steps), "]"]
    if scenario.knobs:
        lines += ["", "[knobs]", *(f"{name} = {toml_value(value)}" for name, value in scenario.knobs.items())]
    return "\n".join([*lines, ""])


def _step(step: Step) -> object:
    name = _NAMES[type(step)]
    return name if name in grammar.ALONE and step == grammar.STEP_TYPES[name]() else _fields(step, grammar.STEPS[name])


def _fields(record: Any, declared: Mapping[str, Field]) -> dict[str, object]:
    """The values of a record as this grammar writes them: required ones, and those that differ from their defaults."""
    values: dict[str, object] = {}
    for key, field in declared.items():
        attribute: Any = getattr(attrs.fields(record.__class__), field.attribute or key)
        value = getattr(record, attribute.name)
        default = getattr(attribute.default, "factory", lambda default=attribute.default: default)()
        if field.required or value != default:
            values[key] = _spelled(field.kind, value)
    return values


def _spelled(kind: Kind, value: Any) -> object:
    match kind:
        case "duration":
            return format_duration(value)
        case "steps":
            return [_step(step) for step in value]
        case "condition":
            return _fields(value, grammar.CONDITION)
        case "fault":
            return _fields(value, grammar.record_fields(Fault))
        case "bytes":
            return _bytes(value)
        case "events" | "texts":
            several = [grammar.short_name(one) if kind == "events" else one for one in value]
            return several[0] if len(several) == 1 else several
        case _:
            return value


def _bytes(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = BASE64
    return BASE64 + base64.b64encode(value).decode() if text.startswith(BASE64) else text


# --- TOML -----------------------------------------------------------------------------------------------------------


def toml_value(value: object) -> str:
    """A value as TOML writes it on one line."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value).items()
        return f"{{ {', '.join(f'{_key(key)} = {toml_value(one)}' for key, one in pairs)} }}" if value else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(one) for one in cast('list[Any]', value))}]"
    return json.dumps(value)


def _text(text: str) -> str:
    # JSON's escapes are TOML's, but for DEL; half a surrogate pair is no text in either.
    whole = text.encode(errors="replace").decode()
    return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else _text(key)
