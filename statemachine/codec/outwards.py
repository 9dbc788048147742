"""From the core's entries to the JSON of an `events` list (protocol.md section 3).

The vendor's names and types: strings where the documents say string. One writer a class is compiled at
import.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, cast

from attrs import fields, resolve_types
from cattrs import Converter
from cattrs.gen import make_dict_unstructure_fn, override

from ..core.declaration import HostReference, JsonText
from ..core.wire import ENTRIES, Entry, FormData, Message, SecureFormData, Signaling
from .body import Object, as_object
from .text import to_html
from .values import WRITERS

_Write: TypeAlias = Callable[[Any], Object]
_BESIDE: Final = (JsonText, HostReference)
"""Types of fields that are no member of the entry by themselves."""
_CONVERTER: Final = Converter()


def _writer(cls: type[Entry]) -> _Write:
    compiled: Any = make_dict_unstructure_fn
    resolve_types(cls)
    hooks = {
        one.name: override(
            omit_if_default=one.name not in cls.wire.always,
            unstruct_hook=WRITERS.get(one.type),
            omit=one.type in _BESIDE,
            rename=cls.wire.in_data.get(one.name),
        )
        for one in fields(cls)
    }
    return cast(_Write, compiled(cls, _CONVERTER, **hooks))


_WRITERS: Final = {cls: _writer(cls) for cls in ENTRIES if cls.wire.name}


def encode_entry(entry: Entry, secret: Mapping[str, object] | None = None) -> Object:
    """The entry as the vendor's JSON object, what `extra` keeps included.

    `secret`: the values of a secure form, which the core never holds; without them `data` is left out. An
    `Unknown` or `Malformed` entry becomes what it was. A text that should hold a JSON object and does not
    counts as an empty one.
    """
    one: Any = entry
    cls = type(entry)
    if cls not in _WRITERS:
        return {"event": one.name, **as_object(_value(one.raw))}
    name = cls.wire.name
    wire: Object = {"event": name, **_WRITERS[cls](one)}
    if cls is Message:
        _write_text(one, wire)
    elif cls is Signaling:
        _write_signal(one, wire)
    elif cls is FormData:
        wire["data"] = _value(one.data)
    elif cls is SecureFormData:
        return wire if secret is None else {**wire, "data": dict(secret)}
    return {"event": name, **as_object(_value(one.extra)), **wire} if one.extra else wire


def _write_text(message: Message, wire: Object) -> None:
    """Both forms of a text, where only the plain one is known (protocol.md 10, row 17)."""
    if message.msg_text is not None and not message.msg:
        wire["msg"] = to_html(message.msg_text)


def _write_signal(signal: Signaling, wire: Object) -> None:
    data = {name: wire.pop(name) for name in signal.wire.in_data.values() if name in wire}
    wire["data"] = {**as_object(_value(signal.data)), **data}


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {}
