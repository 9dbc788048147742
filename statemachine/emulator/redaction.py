"""Values of secure forms never reach a log, the traffic or history (3.2).

They are recognised by the decoded event: its name may be escaped in JSON, and the body may be in UTF-16. What cannot be
decoded is not kept at all where it has the name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final, TypeAlias, cast

from statemachine.emulator import names

__all__ = ["without_secrets", "without_secrets_in_body"]

HIDDEN: Final = "(not kept)"
UNREADABLE: Final = b'{"hidden": "the values of a secure form"}'
# Any other field might hold a value again.
_PUBLIC: Final = frozenset({"event", "form_request_id", "form_id", "form_name", "timestamp", "msg_id"})
_ESCAPE: Final = re.compile(rb"\\+(?:u00|x)([2-7][0-9a-fA-F])|\\+u[0-9a-fA-F]{4}")
_NO_PART: Final = re.compile(rb"[^a-z_]+")
_NAME: Final = names.SECURE_FORM_DATA

Pairs: TypeAlias = Iterable[tuple[str, Any]]


def without_secrets(value: Any) -> Any:
    """The same with the data of secure forms replaced, however deep they stand."""
    if isinstance(value, str):
        return HIDDEN if value != _NAME and _is_name(value) else value
    if isinstance(value, list):
        several = cast("list[object]", value)
        is_secret = any(map(_is_name, several))
        return [without_secrets(one) if not is_secret or one == _NAME else HIDDEN for one in several]
    if isinstance(value, dict):
        return {key: without_secrets(one) for key, one in _object(cast("dict[str, Any]", value).items()).items()}
    return value


def _object(pairs: Pairs) -> dict[str, Any]:
    """Of the object of a secure form only the public fields. A repeated key is decided by no reader's choice."""
    pairs = list(pairs)
    is_secret = any(_is_name(key) or _is_name(value if key != "event" else str(value)) for key, value in pairs)
    return {key: value if not is_secret or key in _PUBLIC else HIDDEN for key, value in pairs}


def without_secrets_in_body(body: bytes) -> bytes:
    """A body without these values; any other body as it is."""
    if not _has_name(body):
        return body
    try:
        value = without_secrets(json.loads(body, object_pairs_hook=_object))
    except (ValueError, RecursionError):
        return UNREADABLE
    return json.dumps(value, ensure_ascii=False).encode(errors="replace")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _has_name(value.encode(errors="replace"))


def _has_name(text: bytes) -> bool:
    """Whether the name is in it: in any case, escaped or not, with other characters within, in UTF-8, -16 or -32."""
    plain = text.replace(b"\0", b"")  # ASCII, as far as the name needs it
    if b"\\" in plain:
        plain = _ESCAPE.sub(lambda escape: bytes.fromhex((escape[1] or b"").decode()), plain)
    return _NAME.encode() in _NO_PART.sub(b"", plain.lower())
