"""The client's events: the checks of E6, and the changes that each event makes in the records."""

from __future__ import annotations

import json
import math
from typing import Any, Final, cast

from statemachine.emulator import agents, judge, names, runner
from statemachine.emulator.chat import Chat
from statemachine.emulator.errors import ApiError
from statemachine.emulator.redaction import without_secrets
from statemachine.emulator.shapes import Event
from statemachine.emulator.state import CentreState

# Fields without which an event means nothing. The reference of a receipt has two names in the wild (3.1).
_NEEDED: Final[dict[str, tuple[str, ...]]] = {
    names.MESSAGE: ("msg",),
    names.LOCATION: ("latitude", "longitude"),
    names.FILE: ("file_id",),
    names.FORM_DATA: ("form_request_id", "data"),
    names.FORM_CANCEL: ("form_request_id",),
    names.SECURE_FORM_DATA: ("form_request_id", "data"),
    names.SECURE_FORM_CANCEL: ("form_request_id",),
    names.SIGNALING: ("data",),
}


# No limit is published (section 10 row 14); this one only guards the emulator.
_MAX_JSON_BYTES: Final = 1024 * 1024


def json_object(body: bytes, limit: int = _MAX_JSON_BYTES) -> Event:
    """The body as a JSON object; an empty body is an empty object. Raises error 5003."""
    if len(body) > limit:
        raise ApiError(5003, 413, "The body is too large")
    if not body.strip():
        return {}
    try:
        value: Any = json.loads(body, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        raise ApiError(5003) from None
    if not isinstance(value, dict):
        raise ApiError(5003, message="A JSON object is needed")
    return cast(Event, value)


def _no_constant(name: str) -> None:
    """NaN and infinities are not JSON, but the standard library accepts them."""
    raise ValueError(name)


def _finite(digits: str) -> float:
    """``1e999`` is JSON, but what Python makes of it cannot be written as JSON again."""
    value = float(digits)
    if math.isinf(value):
        raise ValueError(digits)
    return value


def client_events(state: CentreState, body: bytes) -> list[Event]:
    """The events of an E6 body, all of them checked before any takes effect. Raises error 5003 or 5500."""
    entries = json_object(body).get("events")
    if not isinstance(entries, list):
        raise ApiError(5003, message="An array of events is needed")
    return [checked(state, entry) for entry in cast("list[object]", entries)]


def checked(state: CentreState, entry: object) -> Event:
    """One entry as an event, or error 5003; with ``file_event_quirk`` error 5500 (3.1, BRIDGE note)."""
    if not isinstance(entry, dict):
        raise ApiError(5003, message="An event is an object")
    event = cast(Event, entry)
    name = event.get("event")
    if not isinstance(name, str) or name not in names.FROM_CLIENT:
        raise ApiError(5003, message=f"Bad event {name!r}")
    missing = [field for field in _NEEDED.get(name, ()) if event.get(field) is None]
    if name in names.RECEIPTS and event.get("ref_msg_id", event.get("msg_id")) is None:
        missing = ["ref_msg_id"]
    if missing:
        raise ApiError(5003, message=f"{name} without {', '.join(missing)}")
    if name == names.FILE:
        _check_file(state, event)
    return event


def _check_file(state: CentreState, event: Event) -> None:
    if state.knobs.file_event_quirk and event.get("msg_id"):
        raise ApiError(5500)
    if str(event["file_id"]) not in state.records.files:
        raise ApiError(5502)


def take(state: CentreState, chat: Chat, now: int, ticket: int, event: Event) -> None:
    """Record one checked event and let the scenario react to it."""
    judge.event_arrived(state, chat, now, ticket, event)
    name = str(event["event"])
    if name == names.MESSAGE:
        msg_id = judge.message_id(event)
        text = judge.message_text(event)
        chat.texts_received.append((msg_id, text))
        if msg_id:
            chat.client_texts.setdefault(msg_id, text)
        _answer_prompt(chat)
    elif name in names.FORM_ANSWERS:
        _answer_form(chat, name, str(event["form_request_id"]))
        if name == names.FORM_DATA and isinstance(data := event["data"], dict):
            chat.form_data = cast(Event, data)
    elif name == names.DISCONNECT and chat.leaving != "end":
        chat.leaving = "disconnect"
    elif name == names.END:
        chat.leaving = "end"
    agents.log_from_client(state, chat, now, without_secrets(event))
    if name == names.MESSAGE or state.knobs.idle_reset == "any":
        chat.warned = False
        if chat.idle_since is not None:
            chat.idle_since, chat.warnings = now, 0
    if name == names.MESSAGE:
        _early_receipts(state, chat, now, judge.message_id(event))
    runner.client_did(state, chat, now, event)


def _answer_form(chat: Chat, name: str, request_id: str) -> None:
    form = chat.forms.get(request_id)
    if form is None:
        return
    form.answers += 1
    form.cancelled = form.cancelled or name in (names.FORM_CANCEL, names.SECURE_FORM_CANCEL)


def _answer_prompt(chat: Chat) -> None:
    """A nameless form is a prompt, and the client's next text is its answer (3.2)."""
    for form in chat.forms.values():
        if not form.name and not form.secure and form.answers == 0:
            form.answers = 1


def _early_receipts(state: CentreState, chat: Chat, now: int, msg_id: str) -> None:
    if state.knobs.receipts == "early" and msg_id and chat.on_duty() is not None:
        agents.receipt(state, chat, now, names.DELIVERED, msg_id, "")
        agents.receipt(state, chat, now, names.READ, msg_id, "")
