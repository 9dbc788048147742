"""Writes scenarios as TOML that ``reader`` reads back as the same scenario."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import attrs

from statemachine.codec.durations import format_duration
from statemachine.emulator.action_data import action_to_data
from statemachine.emulator.actions import Action, Conclude
from statemachine.emulator.script.grammar import short_name
from statemachine.emulator.steps import AnswerTexts, Await, Branch, Condition, Pause, Repeat, Scenario, Step

__all__ = ["write_scenario"]

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
    match step:
        case Pause(ms):
            return {"pause": format_duration(ms)}
        case AnswerTexts():
            return "answer_texts"
        case Await():
            return {"wait_for": _one_or_more(short_name(event) for event in step.events)} | _waiting(step)
        case Branch():
            after = {"else": _steps(step.otherwise)} if step.otherwise else {}
            return {"if": _condition(step.condition), "then": _steps(step.then)} | after
        case Repeat():
            times = {} if step.times is None else {"times": step.times}
            until = {} if step.until is None else {"until": _condition(step.until)}
            return {"repeat": _steps(step.steps)} | times | until
        case _:
            return _action(step)


def _steps(steps: Iterable[Step]) -> list[object]:
    return [_step(step) for step in steps]


def _waiting(step: Await) -> dict[str, object]:
    within = {} if step.timeout_ms is None else {"within": format_duration(step.timeout_ms)}
    otherwise = {"otherwise": _steps(step.otherwise)} if step.otherwise else {}
    return {**within, **otherwise, **({"earlier": True} if step.earlier else {})}


def _condition(condition: Condition) -> dict[str, object]:
    asked: dict[str, object] = {
        "says": _one_or_more(condition.says),
        "form": dict(condition.form),
        "event": _one_or_more(short_name(event) for event in condition.event),
        "knobs": dict(condition.knobs),
    }
    return {name: value for name, value in asked.items() if value}


def _action(action: Action) -> object:
    data = action_to_data(action)
    name = str(data.pop("action"))
    if not data:
        return name
    main = attrs.fields(type(action))[0].name
    return {name: data.pop(main, getattr(action, main)), **data}


def _one_or_more(values: Iterable[str]) -> object:
    several = list(values)
    return several[0] if len(several) == 1 else several


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
