"""Read what earlier versions wrote: pure functions from one format to the next, for snapshots, traces and updates.

Format 2 renamed records, fields and machines to the standard terms of the field, and made the search for a chat id a
machine of its own.
"""

from __future__ import annotations

from typing import Final

from .body import Object, is_array, is_object

_TYPES: Final = {
    "batch": "event_batch",
    "link_changed": "connection_changed",
    "log": "history_log",
    "opened": "chat_opened",
    "post_courtesy": "post_ephemeral",
    "progress": "delivery_update",
    "pushed": "push_received",
    "request": "request_chat",
    "say": "send_text",
    "send": "send_entry",
    "uploaded": "file_uploaded",
}
"""Type tags of format 1 -> format 2."""
_FIELDS: Final = {
    "asides": "ephemeral_queue",
    "asides_limit": "ephemeral_limit",
    "courtesy": "ephemeral",
    "haste": "fast_empty_polls",
    "link": "connection",
    "news": "updates",
    "room": "participants",
    "seen": "window",
    "told": "entries",
}
"""Field names of format 1 -> format 2."""


def from_format_1(data: Object) -> Object:
    """The JSON of a session, of a trace's step, or of an update, as format 2 spells it.

    Args:
        data: JSON values as format 1 wrote them, without their schema number.
    """
    made = {_FIELDS.get(name, name): _value(value) for name, value in data.items()}
    tag = made.get("type")
    return {**made, "type": _TYPES.get(tag, tag)} if isinstance(tag, str) else made


def session_from_format_1(data: Object) -> Object:
    """The JSON of a session as format 2 spells it: the search for a chat id is a machine beside the lifecycle."""
    made = {**from_format_1(data), "presence": {"type": "present"}}
    lifecycle = made.get("lifecycle")
    if not is_object(lifecycle):
        return made
    opening = lifecycle.get("opening")
    stage = {name: value for name, value in lifecycle.items() if name != "opening"}
    return {**made, "lifecycle": stage, "opening": _opening(opening) if is_object(opening) else {"type": "idle"}}


def _opening(old: Object) -> Object:
    request = ("parameters", "phone_number", "from") if not old.get("find") else ()
    if old.get("call") is None:
        state, names = "backing_off", ("due", "tries", "slack", "find", *request)
    else:
        state, names = "finding" if old.get("find") else "creating", ("call", "due", "tries", *request)
    return {"type": state, **{name: old[name] for name in names if name in old}}


def _value(value: object) -> object:
    if is_array(value):
        return [_value(item) for item in value]
    return from_format_1(value) if is_object(value) else value
