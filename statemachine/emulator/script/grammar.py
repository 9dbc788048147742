"""The words of a script: what a file may hold, as data for the reader, the writer and the JSON Schema."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from attrs import frozen

from statemachine.emulator import names

__all__ = ["CONDITION", "EVENTS", "SCENARIO", "STEPS", "Field", "Kind", "event_named", "short_name"]

Kind: TypeAlias = Literal[
    "text", "texts", "duration", "count", "flag", "event", "events", "steps", "condition", "table", "knobs", "parts"
]
"""What a value is; ``texts`` and ``events`` are one or a list of them."""


@frozen
class Field:
    """A value in a file."""

    kind: Kind
    about: str
    required: bool = False


STEPS: Final[dict[str, dict[str, Field]]] = {
    "pause": {"pause": Field("duration", "Nothing happens for this long, times the knob pace.", True)},
    "wait_for": {
        "wait_for": Field("events", "Goes on when the client sends this.", True),
        "within": Field("duration", "How long it waits, times the knob pace; left out: for ever."),
        "otherwise": Field("steps", "What is done when the time is over, before the script goes on."),
        "earlier": Field("flag", "What came since the wait before counts too."),
    },
    "answer_texts": {
        "answer_texts": Field("flag", "From here on on_text answers the client's texts, earlier ones too.")
    },
    "if": {
        "if": Field("condition", "What has to hold.", True),
        "then": Field("steps", "What is done if it holds.", True),
        "else": Field("steps", "What is done if it does not."),
    },
    "repeat": {
        "repeat": Field("steps", "What is done again and again.", True),
        "times": Field("count", "How often; left out: for ever."),
        "until": Field("condition", "Asked after each round; when it holds, the script goes on."),
    },
    "include": {"include": Field("text", "The steps of this name: of parts in this file, or of parts.toml.", True)},
}
"""The steps that are no actions, by the name that marks each."""

CONDITION: Final[dict[str, Field]] = {
    "says": Field("texts", "The client's latest text contains this, or one of these; upper or lower case."),
    "form": Field("table", "The client's latest form answer has these values."),
    "event": Field("events", "The client's latest event is this, or one of these."),
    "knobs": Field("knobs", "The centre is set like this."),
}

SCENARIO: Final[dict[str, Field]] = {
    "about": Field("text", "What happens, in a few words.", True),
    "teaches": Field("text", "What a client's developer learns from it, in a sentence.", True),
    "knobs": Field("knobs", "Settings of the centre for chats of this scenario."),
    "script": Field("steps", "What the centre does, from the beginning of a chat."),
    "on_text": Field("steps", "What it does about each of the client's texts, beside the script; {text} quotes it."),
    "on_disconnect": Field("steps", "What takes the place of the script when the client disconnects."),
    "on_end": Field("steps", "What takes the place of the script when the client ends; left out: conclude."),
    "parts": Field("parts", "Lists of steps under names, for include."),
}

_PREFIX: Final = "chat_session_"
EVENTS: Final[dict[str, str]] = {name.removeprefix(_PREFIX): name for name in sorted(names.FROM_CLIENT)}
"""What a client may send, by its name without the common beginning."""


def event_named(short: str) -> str:
    """The wire name. Raises KeyError."""
    return EVENTS[short]


def short_name(event: str) -> str:
    """What a script calls this event."""
    return event.removeprefix(_PREFIX)
