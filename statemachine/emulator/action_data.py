"""Actions as plain data, for JSON and TOML: ``{"action": "say", "text": "Hello"}``.

The name of an action is its class in snake case. Fields have the names and defaults of the class. A field that may be
None may be left out. Bytes are a string: text as it is, anything else as ``base64:`` and its base64.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import types
from collections.abc import Mapping
from typing import Any, Final, Literal, Union, cast, get_args, get_origin, get_type_hints

import attrs

from statemachine.emulator import actions
from statemachine.emulator.actions import Action
from statemachine.emulator.knobs import Fault

_BASE64: Final = "base64:"


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


ACTIONS: Final[Mapping[str, type[Action]]] = {
    _snake(name): one
    for name, one in vars(actions).items()
    if isinstance(one, type) and issubclass(one, Action) and one is not Action
}
"""Name -> class, in the order of ``actions``."""


def action_name(kind: type[Action]) -> str:
    """``ShowForm`` is ``show_form``."""
    return _snake(kind.__name__)


def action_from_data(data: Mapping[str, object]) -> Action:
    """The action that ``data`` spells. Raises ValueError in the words of the person who wrote it."""
    name = data.get("action")
    if not isinstance(name, str) or name not in ACTIONS:
        raise ValueError(f"there is no action {name!r}; there are {', '.join(ACTIONS)}")
    return cast(Action, _build(ACTIONS[name], name, {key: value for key, value in data.items() if key != "action"}))


def action_to_data(action: Action) -> dict[str, object]:
    """The action as plain data, without the fields that have their default."""
    return {"action": action_name(type(action)), **_spell(action)}


def _build(kind: type[Any], name: str, values: Mapping[str, object]) -> Any:
    hints = get_type_hints(kind)
    fields = {one.name: one for one in attrs.fields(kind)}
    unknown = [key for key in values if key not in fields]
    if unknown:
        takes = f"it takes {', '.join(fields)}" if fields else "it takes nothing"
        raise ValueError(f"{name}: unknown field {unknown[0]!r}; {takes}")
    missing = [key for key, one in fields.items() if one.default is attrs.NOTHING and key not in values]
    if missing:
        raise ValueError(f"{name}: the field {missing[0]!r} is missing")
    return kind(**{key: _value(hints[key], f"{name}: {key}", value) for key, value in values.items()})


def _value(hint: Any, where: str, value: object) -> object:
    if get_origin(hint) in (Union, types.UnionType):
        if value is None:
            return None
        (hint,) = (one for one in get_args(hint) if one is not type(None))
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise ValueError(f"{where} is one of {', '.join(map(str, get_args(hint)))}, not {value!r}")
        return value
    if hint is Fault:
        if isinstance(value, Mapping):
            return _build(hint, where, cast("Mapping[str, object]", value))
    elif get_origin(hint) is not None:  # Mapping[str, object]
        if isinstance(value, Mapping):
            return dict(cast("Mapping[str, object]", value))
    elif hint is bytes and isinstance(value, str):
        return _bytes(where, value)
    elif hint is float:
        if type(value) in (int, float) and math.isfinite(cast(float, value)):
            return float(cast(float, value))
    elif type(value) is hint:
        return value
    raise ValueError(f"{where} is {_WANTED.get(hint, 'a table')}, not {value!r:.80}")


_WANTED: Final[dict[Any, str]] = {
    str: "a text", int: "a whole number", float: "a number", bool: "true or false", bytes: "a text",
}  # fmt: skip


def _bytes(where: str, value: str) -> bytes:
    if not value.startswith(_BASE64):
        return value.encode(errors="replace")
    try:
        return base64.b64decode(value.removeprefix(_BASE64), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{where}: what follows {_BASE64} is no base64") from None


def _spell(one: attrs.AttrsInstance) -> dict[str, object]:
    values = {field.name: (getattr(one, field.name), field.default) for field in attrs.fields(type(one))}
    return {name: _spelt(value) for name, (value, default) in values.items() if value != default}


def _spelt(value: object) -> object:
    if isinstance(value, Fault):
        return _spell(value)
    if isinstance(value, bytes):
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = _BASE64
        return _BASE64 + base64.b64encode(value).decode() if text.startswith(_BASE64) else text
    return dict(cast("Mapping[str, object]", value)) if isinstance(value, Mapping) else value
