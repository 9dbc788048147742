"""Between the JSON of an `events` list and the core's entries (protocol.md sections 3 and 5).

Inwards it takes every variant of protocol.md 3.0 and never raises: each entry stands alone (F9), a name that
is not known becomes `Unknown`, an entry that cannot be read becomes `Malformed`. An optional field of a
hopeless type never costs the entry: it goes to `extra`, with all that has no field of its own. Outwards:
`outwards.py`.

Two readers a class are compiled at import: a plain one for the good path, and one that explains, asked when
the plain one fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

from attrs import NOTHING, fields, frozen, resolve_types
from cattrs import ClassValidationError, Converter
from cattrs.gen import make_dict_structure_fn, override

from ..core import Entry
from ..core.wire import (
    WIRE_NAMES,
    File,
    FormData,
    Malformed,
    Message,
    MessageDelivered,
    MessageRead,
    SecureFormData,
    Signaling,
    Unknown,
)
from .body import MAX_BODY, Object, Problem, TooDeep, clean, is_array, is_object, json_text, parse_body
from .outwards import SIGNAL_MEMBERS, encode_entry
from .values import (
    Expected,
    read_decimal,
    read_flag,
    read_instant,
    read_integer,
    read_seconds,
    read_text,
)

__all__ = [
    "MAX_BODY",
    "MAX_ENTRY",
    "Problem",
    "decode_entries",
    "decode_entry",
    "encode_entry",
    "parse_body",
]

MAX_ENTRY: Final = 1_048_576
"""Characters of text in one entry; and of what it carries besides."""
MAX_NAME: Final = 256


# --- inwards: what one class needs before its fields can be read --------------------------------------------


class _Refused(ValueError):
    """An entry cannot be read at all; the text is the problem of its `Malformed`."""


_TOO_LARGE: Final = f"entry: more than {MAX_ENTRY} characters"


def _nested(value: object) -> str:
    """What a field holds as JSON text, within bounds."""
    try:
        text = json_text(value)
    except TooDeep:
        raise _Refused("entry: nested too deep") from None
    if len(text) > MAX_ENTRY:
        raise _Refused(_TOO_LARGE)
    return text


def _with_extra(known: frozenset[str], entry: Object) -> Object:
    """The members of no known name move to `extra`; so does one that calls itself so."""
    known_only = {key: item for key, item in entry.items() if key in known}
    known_only["extra"] = _nested({key: item for key, item in entry.items() if key not in known})
    return known_only


def _ref_or_msg_id(entry: Object) -> Object:
    """Receipts of an old fixture name the message in `msg_id` (protocol.md 3.1)."""
    if "msg_id" in entry and not entry.get("ref_msg_id"):
        entry = dict(entry)
        entry["ref_msg_id"] = entry.pop("msg_id")
    return entry


def _session_or_party_id(entry: Object) -> Object:
    """Old servers name the sender of a file in `session_id` (protocol.md 3.1)."""
    if "session_id" in entry and "party_id" not in entry:
        entry = dict(entry)
        entry["party_id"] = entry.pop("session_id")
    return entry


def _form_data(entry: Object) -> Object:
    """The data of a form becomes text; one client sends a string instead of an object (protocol.md 3.2)."""
    return {**entry, "data": _nested(entry["data"])} if "data" in entry else entry


def _without_secrets(entry: Object) -> Object:
    """What a secure form held is dropped, and all else that is not needed: it might say the same again."""
    return {key: entry[key] for key in ("event", "form_request_id", "form_name", "timestamp") if key in entry}


def _signal(entry: Object) -> Object:
    """The members of `data` become fields; what has no field goes back into `data`, as text."""
    data = entry.get("data")
    if not isinstance(data, dict):
        raise _Refused("data: expected an object" if "data" in entry else "data: missing")
    rest = {key: value for key, value in cast(Object, data).items() if value is not None}
    if _length(rest) > MAX_ENTRY:
        raise _Refused(_TOO_LARGE)
    if not entry.keys() <= _AROUNDSIGNAL_MEMBERS:
        entry = _with_extra(_AROUNDSIGNAL_MEMBERS, entry)
    flat = {**entry, **{field: rest.pop(name) for field, name in SIGNAL_MEMBERS.items() if name in rest}}
    del flat["data"]
    if rest:
        flat["data"] = _nested(rest)
    return flat


_AROUNDSIGNAL_MEMBERS: Final = frozenset({"event", "msg_id", "party_id", "destination_party_id", "timestamp", "data"})


def _length(entry: Object) -> int:
    return sum([len(item) for item in entry.values() if isinstance(item, str)])


_PREPARE: Final[dict[type[Entry], Callable[[Object], Object]]] = {
    MessageDelivered: _ref_or_msg_id,
    MessageRead: _ref_or_msg_id,
    File: _session_or_party_id,
    FormData: _form_data,
    SecureFormData: _without_secrets,
    Signaling: _signal,
}
_STRICT: Final[dict[type[Entry], tuple[str, ...]]] = {Message: ("msg", "msg_text")}
"""Optional fields without which the entry says nothing: unreadable, they make it `Malformed` after all."""

# --- inwards: the compiled readers --------------------------------------------------------------------------

_Read: TypeAlias = Callable[[object, object], Any]
_BY_NAME: Final[dict[str, _Read]] = {
    "timestamp": read_instant,
    "ewt": read_seconds,
    "form_timeout": read_seconds,
    "latitude": read_decimal,
    "longitude": read_decimal,
}
_BY_TYPE: Final[dict[object, _Read]] = {int | None: read_integer, bool | None: read_flag}


@frozen
class _Reader:
    """How one class is read. `known`: its names on the wire, `event` too. `paths`: field -> name on the wire."""

    cls: type[Entry]
    known: frozenset[str]
    needed: frozenset[str]
    private: bool
    paths: dict[str, str]
    prepare: Callable[[Object], Object] | None
    plain: _Read
    explaining: _Read


_converter: Final = Converter()


def _reader(cls: type[Entry]) -> _Reader:
    resolve_types(cls)
    attributes = fields(cls)
    hooks = {a.name: override(struct_hook=_BY_NAME.get(a.name) or _BY_TYPE.get(a.type, read_text)) for a in attributes}
    names = frozenset(a.name for a in attributes)
    required = {a.name for a in attributes if a.default is NOTHING}
    compiled: Any = make_dict_structure_fn
    return _Reader(
        cls,
        (names if cls is Signaling else names - {"extra"}) | {"event"},
        frozenset(required.union(_STRICT.get(cls, ()))),
        cls is SecureFormData,
        {
            name: f"data.{SIGNAL_MEMBERS[name]}" if cls is Signaling and name in SIGNAL_MEMBERS else name
            for name in names
        },
        _PREPARE.get(cls),
        compiled(cls, _converter, _cattrs_detailed_validation=False, **hooks),
        compiled(cls, _converter, _cattrs_detailed_validation=True, **hooks),
    )


def _readers() -> dict[str, _Reader]:
    by_class = {cls: _reader(cls) for cls, _ in WIRE_NAMES.values()}
    return {name: by_class[cls] for name, (cls, _) in WIRE_NAMES.items()}


_READERS: Final = _readers()


def decode_entries(container: object) -> tuple[Entry, ...]:
    """The entries of `{"events": […]}`, or of a bare list. Nothing there, or null, is no entries (F10)."""
    events = container.get("events") if is_object(container) else container
    if events is None:
        return ()
    if not is_array(events):
        return (Malformed("events: expected an array", "", _raw(events)),)
    return tuple([decode_entry(entry) for entry in events])


def decode_entry(value: object) -> Entry:
    """One entry of the wire. Never raises: what cannot be read is `Malformed`, what is new `Unknown`."""
    if not isinstance(value, dict):
        return Malformed("entry: expected an object", "", _raw(value))
    entry = cast(Object, value)
    name = entry.get("event")
    if not isinstance(name, str):
        problem = "event: missing" if name is None else "event: expected text"
        return Malformed(problem, "", _raw(entry), _instant(entry))
    reader = _READERS.get(name)
    if reader is None:
        return _unknown(name, entry)
    size, nulls = 0, False
    for item in entry.values():
        if type(item) is str:
            size += len(item)
        elif item is None:
            nulls = True
    try:
        if size > MAX_ENTRY:
            raise _Refused(_TOO_LARGE)
        return _read(reader, {k: v for k, v in entry.items() if v is not None} if nulls else entry)
    except _Refused as refused:
        return Malformed(str(refused), name, "" if reader.private else _raw(entry), _instant(entry))


def _read(reader: _Reader, entry: Object) -> Entry:
    if reader.prepare is not None:
        entry = reader.prepare(entry)
    if not entry.keys() <= reader.known:
        entry = _with_extra(reader.known, entry)
    try:
        return cast(Entry, reader.plain(entry, reader.cls))
    except (Expected, KeyError):
        return _second_look(reader, entry)


def _second_look(reader: _Reader, entry: Object) -> Entry:
    """The plain reader failed: do without the fields at fault that may be absent, or say what is wrong."""
    try:
        return cast(Entry, reader.explaining(entry, reader.cls))
    except ClassValidationError as error:
        faults = {note.name: fault for fault, note in error.group_exceptions()[0]}
    paths = reader.paths
    if reader.needed & faults.keys():
        grave = [name for name in faults if name in reader.needed]
        raise _Refused("; ".join([_explained(paths[name], faults[name]) for name in grave]))
    kept = {key: item for key, item in entry.items() if key not in faults}
    for slot, prefix in (("data", "data."), ("extra", "")):
        found = [name for name in faults if paths[name].startswith(prefix)]
        lost = {paths[name].removeprefix(prefix): entry[name] for name in found}
        if lost and not reader.private:
            kept[slot] = _nested({**json.loads(cast(str, kept.get(slot, "{}"))), **lost})
        faults = {name: fault for name, fault in faults.items() if name not in found}
    return cast(Entry, reader.plain(kept, reader.cls))


def _explained(path: str, fault: Exception) -> str:
    return f"{path}: {fault}" if isinstance(fault, Expected) else f"{path}: missing"


def _unknown(name: str, entry: Object) -> Entry:
    name = clean(name)
    try:
        if len(name) > MAX_NAME:
            raise _Refused(f"event: longer than {MAX_NAME} characters")
        return Unknown(name, _nested(entry), _instant(entry))
    except _Refused as refused:
        return Malformed(str(refused), name[:MAX_NAME], _raw(entry), _instant(entry))


def _raw(value: object) -> str:
    """The entry as text, where that is possible within bounds."""
    try:
        return _nested(value)
    except _Refused:
        return ""


def _instant(entry: Object) -> int | None:
    try:
        return read_instant(entry.get("timestamp", ""))
    except Expected:
        return None
