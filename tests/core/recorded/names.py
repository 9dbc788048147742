"""How the names in the recorded traces are spelled today: one table from old names to new ones.

The recordings keep the names of the version that made them. Whoever renames a class, a field, a value or a text adds a
line here, and changes no recording. Every key is an old name: also a renamed field is listed under the old type.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["FIELDS", "TEXTS", "TYPES", "VALUES", "current", "current_config", "current_value"]

TYPES: Final[dict[str, str]] = {
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
"""Type -> type, of events, replies, commands, updates and wire entries: `"say": "send_text"`."""

FIELDS: Final[dict[str, dict[str, str]]] = {"config": {"asides_limit": "ephemeral_limit"}}
"""Old type -> its renamed fields: `"link_changed": {"next_try": "retry_at"}`. `config` is the configuration."""

VALUES: Final[dict[str, dict[str, str]]] = {}
"""Old `type.field` -> its renamed values: `"link_changed.state": {"off": "closed"}`.

The phase and the outcome of a recorded step are `step.phase` and `step.outcome`; they also occur in `finished.phase`,
`finished.outcome` and `phase_changed.phase`.
"""

_TOO_LONG: Final = "a text in it is longer than the limit of this session (Config.text_limit)"

TEXTS: Final[dict[str, str]] = {
    _TOO_LONG: f"{_TOO_LONG}; shorten it",
    "an origin is needed: an opaque random text, new for each session": (
        "the origin is missing; give an opaque random text, new for each session"
    ),
    "no form is open yet": "no form is open yet; wait until one is shown",
    "request a chat first": "no chat was requested; request one first",
    "the session is over; start a new one, with after=past(this one)": (
        "the session is over; start a new one, with after=carry_over(this one)"
    ),
    "there is no text": "the text is empty; give one",
    "this session has a chat already": "this session has a chat already; use another session",
    "too much is waiting to be sent already (Config.items_limit); wait for outcomes": (
        "too many items wait to be sent (Config.items_limit); wait for their outcomes"
    ),
}
"""Text -> text, of refusals and of the details of anomalies. A failing test prints the lines that are missing."""


def current(value: Any) -> Any:
    """Recorded JSON with the names of today."""
    if isinstance(value, list):
        return [current(one) for one in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("type", "")
    return {
        FIELDS.get(kind, {}).get(name, name): TYPES.get(kind, kind) if name == "type" else _field(kind, name, one)
        for name, one in value.items()
    }


def current_config(config: dict[str, Any]) -> dict[str, Any]:
    """A recorded configuration with the names of today."""
    return {FIELDS.get("config", {}).get(name, name): _field("config", name, one) for name, one in config.items()}


def current_value(place: str, value: str) -> str:
    """A recorded value at this place (`type.field`) as it is called today."""
    return VALUES.get(place, {}).get(value, value)


def _field(kind: str, name: str, value: Any) -> Any:
    return current_value(f"{kind}.{name}", value) if isinstance(value, str) else current(value)
