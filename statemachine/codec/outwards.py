"""From the core's entries to the JSON of an `events` list (protocol.md section 3).

The vendor's names and types: strings where the documents say string. One writer a class is compiled at
import.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, cast

from attrs import fields_dict
from cattrs import Converter
from cattrs.gen import make_dict_unstructure_fn, override

from ..core import Entry
from ..core.wire import (
    WIRE_NAMES,
    CaseSet,
    File,
    FormData,
    FormShow,
    Malformed,
    Message,
    SecureFormData,
    Signaling,
    Unknown,
)
from .body import Object, is_object
from .text import to_html
from .values import write_instant, write_seconds

SIGNAL_MEMBERS: Final = {
    "kind": "type",
    "sdp": "sdp",
    "candidate": "candidate",
    "sdp_mid": "sdpMid",
    "sdp_m_line_index": "sdpMLineIndex",
    "offer_video": "offerVideo",
    "audio_enabled": "audioEnabled",
    "video_enabled": "videoEnabled",
    "reason_code": "reason_code",
    "reason": "reason",
    "number": "number",
}
"""Field of `Signaling` -> its name within `data` (protocol.md 3.3)."""

_Write: TypeAlias = Callable[[Any], Object]

_AS: Final[dict[str, Callable[[Any], object]]] = {
    "timestamp": write_instant,
    "ewt": write_seconds,
    "form_timeout": write_seconds,
    "offer_video": lambda flag: "true" if flag else "false",
    "sdp_m_line_index": str,
    "reason_code": str,
}
"""Fields that are text on the wire only; the flags of CALL_STATE are JSON booleans (3.3)."""
_ALWAYS: Final[dict[type[Entry], tuple[str, ...]]] = {
    Message: ("msg",),
    File: ("file_type",),
    CaseSet: ("case_id",),
    FormShow: ("form_name",),
    FormData: ("form_name",),
}
"""Fields written even where they are empty: there, empty says something, or every document shows them."""
_BESIDE: Final[dict[type[Entry], tuple[str, ...]]] = {
    FormData: ("extra", "data"),
    Signaling: ("extra", "data"),
    SecureFormData: ("ref",),
}
"""Fields that are no member of the entry by themselves."""
_CONVERTER: Final = Converter()
_NAMES: Final[dict[type[Entry], str]] = {cls: name for name, (cls, _) in reversed(WIRE_NAMES.items())}


def _writer(cls: type[Entry]) -> _Write:
    hooks = {
        name: override(
            omit_if_default=name not in _ALWAYS.get(cls, ()),
            unstruct_hook=_AS.get(name),
            omit=name in _BESIDE.get(cls, ("extra",)),
            rename=SIGNAL_MEMBERS.get(name) if cls is Signaling else None,
        )
        for name in fields_dict(cls)
    }
    compiled: Any = make_dict_unstructure_fn
    return cast(_Write, compiled(cls, _CONVERTER, **hooks))


_WRITERS: Final = {cls: _writer(cls) for cls in _NAMES}


def encode_entry(entry: Entry, secret: Mapping[str, object] | None = None) -> Object:
    """The entry as the vendor's JSON object, what `extra` keeps included.

    `secret`: the values of a secure form, which the core never holds; without them `data` is left out. An
    `Unknown` or `Malformed` entry becomes what it was. A text that should hold a JSON object and does not
    counts as an empty one.
    """
    cls = type(entry)
    name = _NAMES.get(cls)
    if name is None:
        assert isinstance(entry, Unknown | Malformed)
        return {"event": entry.name, **_members(entry.raw)}
    wire: Object = {"event": name, **_WRITERS[cls](entry)}
    if cls is Message:
        _write_text(cast(Message, entry), wire)
    elif cls is Signaling:
        _write_signal(cast(Signaling, entry), wire)
    elif cls is FormData:
        wire["data"] = _value(cast(FormData, entry).data)
    elif cls is SecureFormData:
        return wire if secret is None else {**wire, "data": dict(secret)}
    extra = cast(Message, entry).extra  # all other classes have it
    return {"event": name, **_members(extra), **wire} if extra else wire


def _write_text(message: Message, wire: Object) -> None:
    """Both forms of a text, where only the plain one is known (protocol.md 10, row 17)."""
    if message.msg_text is not None and not message.msg:
        wire["msg"] = to_html(message.msg_text)


def _write_signal(signal: Signaling, wire: Object) -> None:
    data = {name: wire.pop(name) for name in SIGNAL_MEMBERS.values() if name in wire}
    wire["data"] = {**_members(signal.data), **data}


def _members(text: str) -> Object:
    value = _value(text)
    return value if is_object(value) else {}


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {}
