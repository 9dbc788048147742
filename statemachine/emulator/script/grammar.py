"""The keys of a scenario file, as data for the reader, the writer and the JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias, get_args, get_type_hints

import attrs
from attrs import evolve, frozen

from statemachine.emulator import names
from statemachine.emulator.actions import ACTIONS
from statemachine.emulator.knobs import Call, Fault
from statemachine.emulator.script import values
from statemachine.emulator.steps import AnswerTexts, Await, Branch, Pause, Repeat

Kind: TypeAlias = Literal[
    "any_text", "text", "texts", "bytes", "integer", "number", "count", "duration", "flag", "alone", "table", "call",
    "events", "steps", "condition", "fault", "knobs", "parts",
]  # fmt: skip
"""The kind of a value; ``texts`` and ``events`` are one or a list of them."""

_TEXT: Final = {"type": "string", "minLength": 1}
_EVENT: Final = {"$ref": "#/$defs/event"}
_STEPS: Final = {"$ref": "#/$defs/steps"}
# fmt: off
KINDS: Final[dict[Kind, tuple[Callable[[object], Any] | None, dict[str, Any]]]] = {
    "any_text": (values.read_any_text, {"type": "string"}),
    "text": (values.read_text, _TEXT),
    "texts": (values.read_texts, {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}),
    "bytes": (values.read_bytes, {"type": "string"}),
    "integer": (values.read_integer, {"type": "integer"}),
    "number": (values.read_number, {"type": "number"}),
    "count": (values.read_whole_number, {"type": "integer", "minimum": 1, "maximum": 1_000_000}),
    "duration": (values.read_duration, {"$ref": "#/$defs/duration"}),
    "flag": (values.read_flag, {"type": "boolean"}),
    "alone": (values.read_true, {"const": True}),
    "table": (values.read_table, {"type": "object"}),
    "call": (values.read_call, {"enum": list(get_args(Call))}),
    "events": (None, {"anyOf": [_EVENT, {"type": "array", "items": _EVENT}]}),
    "steps": (None, _STEPS),
    "condition": (None, {"$ref": "#/$defs/condition"}),
    "fault": (None, {"$ref": "#/$defs/fault"}),
    "knobs": (None, {"$ref": "#/$defs/knobs"}),
    "parts": (None, {"type": "object", "additionalProperties": _STEPS}),
}
"""How each kind is read (None: by a method of the reader, which knows the place), and its JSON Schema."""
_KINDS_OF_TYPES: Final[dict[Any, Kind]] = {
    str: "any_text", int: "integer", float: "number", bool: "flag", bytes: "bytes", Mapping[str, object]: "table",
    Fault: "fault", Call: "call", str | None: "any_text", int | None: "integer",
}
# fmt: on


@frozen
class Field:
    """A value in a file. ``attribute``: of the step's class, where it is not the key; None: the class has none."""

    kind: Kind
    about: str = ""
    required: bool = False
    attribute: str | None = ""


def record_fields(record: type[Any]) -> dict[str, Field]:
    """The fields of an action or a fault under their own names; their types say what they are."""
    hints = get_type_hints(record)
    return {
        one.name: Field(_KINDS_OF_TYPES[hints[one.name]], required=one.default is attrs.NOTHING)
        for one in attrs.fields(record)
    }


def _action_fields(name: str) -> dict[str, Field]:
    """As `record_fields`, with the first field, the main value, under the name of the action."""
    fields = record_fields(ACTIONS[name])
    if not fields:
        return {name: Field("alone", required=True, attribute=None)}
    main = next(iter(fields))
    return {name: evolve(fields.pop(main), required=True, attribute=main), **fields}


STEPS: Final[dict[str, dict[str, Field]]] = {
    "pause": {"pause": Field("duration", "Nothing happens for this long, times the knob pace.", True, "ms")},
    "wait_for": {
        "wait_for": Field("events", "Goes on when the client sends this.", True, "events"),
        "within": Field("duration", "How long it waits, times the knob pace; left out: for ever.", False, "timeout_ms"),
        "otherwise": Field("steps", "The steps after the time is over, before the script goes on."),
        "earlier": Field("flag", "An event since the wait before counts too."),
    },
    "answer_texts": {
        "answer_texts": Field("alone", "From here on on_text answers the client's texts, earlier ones too.", True, None)
    },
    "if": {
        "if": Field("condition", "The condition.", True, "condition"),
        "then": Field("steps", "The steps if it holds.", True),
        "else": Field("steps", "The steps if it does not hold.", False, "otherwise"),
    },
    "repeat": {
        "repeat": Field("steps", "The steps to repeat.", True, "steps"),
        "times": Field("count", "How often; left out: for ever."),
        "until": Field("condition", "Evaluated after each round; when it holds, the script goes on."),
    },
    "include": {"include": Field("text", "The steps of this name: of parts in this file, or of parts.toml.", True)},
    **{name: _action_fields(name) for name in ACTIONS},
}
"""All steps, by the name that marks each."""

STEP_TYPES: Final[dict[str, Any]] = {
    "pause": Pause, "wait_for": Await, "answer_texts": AnswerTexts, "if": Branch, "repeat": Repeat, **ACTIONS
}  # fmt: skip
"""Their classes; ``include`` is replaced by the steps of a part."""

ALONE: Final = [
    name for name, kind in STEP_TYPES.items() if all(one.default is not attrs.NOTHING for one in attrs.fields(kind))
]
"""Steps whose name alone is enough."""

CONDITION: Final[dict[str, Field]] = {
    "says": Field("texts", "The client's latest text contains this, or one of these; upper or lower case."),
    "form": Field("table", "The client's latest form answer has these values."),
    "event": Field("events", "The client's latest event is this, or one of these."),
    "knobs": Field("knobs", "The centre has these settings."),
}

SCENARIO: Final[dict[str, Field]] = {
    "about": Field("text", "The course of the chat, in a few words.", True),
    "teaches": Field("text", "The lesson for a client's developer, in a sentence.", True),
    "knobs": Field("knobs", "Settings of the centre for chats of this scenario."),
    "script": Field("steps", "The steps of the centre, from the beginning of a chat."),
    "on_text": Field("steps", "The steps for each text of the client, beside the script; {text} quotes it."),
    "on_disconnect": Field("steps", "The steps that replace the script when the client disconnects."),
    "on_end": Field("steps", "The steps that replace the script when the client ends the chat; left out: conclude."),
    "parts": Field("parts", "Lists of steps under names, for include."),
}

_PREFIX: Final = "chat_session_"
EVENTS: Final[dict[str, str]] = {name.removeprefix(_PREFIX): name for name in sorted(names.FROM_CLIENT)}
"""The events that a client may send, by their names without the common beginning."""


def short_name(event: str) -> str:
    """The name of this event in a script."""
    return event.removeprefix(_PREFIX)
