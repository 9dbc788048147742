"""Writes scenarios as TOML that ``reader`` reads back as the same scenario."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

import attrs

from statemachine.durations import format_duration
from statemachine.emulator.action_data import action_to_data
from statemachine.emulator.actions import Action, Conclude
from statemachine.emulator.script.grammar import CONDITION, STEP_TYPES, STEPS, Field, Kind, short_name
from statemachine.emulator.steps import Scenario, Step

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
            lines += ["", f"{name} = [", *(f"    {_value(_step(step))}," for step in steps), "]"]
    if scenario.knobs:
        lines += ["", "[knobs]", *(f"{name} = {_value(value)}" for name, value in scenario.knobs.items())]
    return "\n".join([*lines, ""])


def _step(step: Step) -> object:
    for name, kind in STEP_TYPES.items():
        if isinstance(step, kind):
            return _fields(step, STEPS[name]) or name
    return _action(cast(Action, step))


def _fields(record: object, grammar: Mapping[str, Field]) -> dict[str, object]:
    """The values of a record as this grammar writes them; empty ones only where they are required."""
    values = {
        key: _spelled(field.kind, getattr(record, field.attribute or key))
        for key, field in grammar.items()
        if field.attribute is not None
    }
    return {key: value for key, value in values.items() if grammar[key].required or value not in (None, False, [], {})}


def _spelled(kind: Kind, value: Any) -> object:
    match kind:
        case "duration":
            return None if value is None else format_duration(value)
        case "steps":
            return [_step(step) for step in value]
        case "condition":
            return None if value is None else _fields(value, CONDITION)
        case "events" | "texts":
            several = [short_name(one) if kind == "events" else one for one in value]
            return several[0] if len(several) == 1 else several
        case _:
            return value


def _action(action: Action) -> object:
    data = action_to_data(action)
    name = str(data.pop("action"))
    if not data:
        return name
    main = attrs.fields(type(action))[0].name
    return {name: data.pop(main, getattr(action, main)), **data}


# --- TOML -----------------------------------------------------------------------------------------------------------


def _value(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value).items()
        return f"{{ {', '.join(f'{_key(key)} = {_value(one)}' for key, one in pairs)} }}" if value else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(one) for one in cast('list[Any]', value))}]"
    return json.dumps(value)


def _text(text: str) -> str:
    # JSON's escapes are TOML's, but for DEL; half a surrogate pair is no text in either.
    whole = text.encode(errors="replace").decode()
    return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else _text(key)
