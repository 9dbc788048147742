"""The keys of a scenario file, as data for the reader, the writer and the JSON Schema."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from attrs import frozen

from statemachine.emulator import names
from statemachine.emulator.steps import AnswerTexts, Await, Branch, Pause, Repeat, Step

Kind: TypeAlias = Literal[
    "text", "texts", "duration", "count", "flag", "event", "events", "steps", "condition", "table", "knobs", "parts"
]
"""What a value is; ``texts`` and ``events`` are one or a list of them."""


@frozen
class Field:
    """A value in a file. ``attribute``: of the step's class, where it is not the key; None: the class has none."""

    kind: Kind
    about: str
    required: bool = False
    attribute: str | None = ""


STEPS: Final[dict[str, dict[str, Field]]] = {
    "pause": {"pause": Field("duration", "Nothing happens for this long, times the knob pace.", True, "ms")},
    "wait_for": {
        "wait_for": Field("events", "Goes on when the client sends this.", True, "events"),
        "within": Field("duration", "How long it waits, times the knob pace; left out: for ever.", False, "timeout_ms"),
        "otherwise": Field("steps", "The steps after the time is over, before the script goes on."),
        "earlier": Field("flag", "An event since the wait before counts too."),
    },
    "answer_texts": {
        "answer_texts": Field("flag", "From here on on_text answers the client's texts, earlier ones too.", True, None)
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
}
"""The steps that are no actions, by the name that marks each."""

STEP_TYPES: Final[dict[str, type[Step]]] = {
    "pause": Pause, "wait_for": Await, "answer_texts": AnswerTexts, "if": Branch, "repeat": Repeat
}  # fmt: skip
"""Their classes; ``include`` is replaced by the steps of a part."""

CONDITION: Final[dict[str, Field]] = {
    "says": Field("texts", "The client's latest text contains this, or one of these; upper or lower case."),
    "form": Field("table", "The client's latest form answer has these values."),
    "event": Field("events", "The client's latest event is this, or one of these."),
    "knobs": Field("knobs", "The centre has these settings."),
}

SCENARIO: Final[dict[str, Field]] = {
    "about": Field("text", "What happens, in a few words.", True),
    "teaches": Field("text", "What a client's developer learns from it, in a sentence.", True),
    "knobs": Field("knobs", "Settings of the centre for chats of this scenario."),
    "script": Field("steps", "The steps of the centre, from the beginning of a chat."),
    "on_text": Field("steps", "The steps for each text of the client, beside the script; {text} quotes it."),
    "on_disconnect": Field("steps", "The steps that replace the script when the client disconnects."),
    "on_end": Field("steps", "The steps that replace the script when the client ends the chat; left out: conclude."),
    "parts": Field("parts", "Lists of steps under names, for include."),
}

_PREFIX: Final = "chat_session_"
EVENTS: Final[dict[str, str]] = {name.removeprefix(_PREFIX): name for name in sorted(names.FROM_CLIENT)}
"""What a client may send, by its name without the common beginning."""


def short_name(event: str) -> str:
    """What a script calls this event."""
    return event.removeprefix(_PREFIX)
