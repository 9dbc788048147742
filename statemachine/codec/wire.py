"""Between the JSON of an `events` list and the core's entries (protocol.md sections 3 and 5).

Inwards it takes every variant of protocol.md 3.0 and never raises: each entry stands alone (F9), a name that
is not known becomes `Unknown`, an entry that cannot be read becomes `Malformed`. An optional field of a
hopeless type never costs the entry: it goes to `extra`, with all that has no field of its own. Outwards:
`outwards.py`.

Two readers a class are compiled: at import a plain one for the good path, and one that explains, when the plain one
first fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, TypeAlias, cast

from attrs import NOTHING, fields, fields_dict, frozen, resolve_types
from cattrs import ClassValidationError, Converter
from cattrs.gen import make_dict_structure_fn, override

from ..core.wire import ENTRIES, WIRE_NAMES, Entry, FormData, Malformed, SecureFormData, Signaling, Unknown
from .body import Object, TooDeep, clean, is_array, is_object, json_text
from .values import READERS, Expected, read_instant, read_text

MAX_ENTRY: Final = 1_048_576
"""Characters of text in one entry; and of what it carries besides."""
MAX_NAME: Final = 256
MAX_ENTRIES: Final = 10_000
"""Entries that are read of one answer; the rest is counted. Of a history these are the newest."""
MAX_MALFORMED: Final = 16
"""Malformed entries of one answer that are delivered; the rest is counted. They take no place of others."""


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
    if not entry.keys() <= _BESIDE_DATA:
        entry = _with_extra(_BESIDE_DATA, entry)
    flat = {**entry, **{field: rest.pop(name) for field, name in Signaling.wire.in_data.items() if name in rest}}
    del flat["data"]
    if rest:
        flat["data"] = _nested(rest)
    return flat


_BESIDE_DATA: Final = frozenset({"event", *fields_dict(Signaling)} - {"extra", *Signaling.wire.in_data})


def _length(entry: Object) -> int:
    return sum(map(len, [item for item in entry.values() if type(item) is str]))


_PREPARE: Final[dict[type[Entry], Callable[[Object], Object]]] = {
    FormData: _form_data,
    SecureFormData: _without_secrets,
    Signaling: _signal,
}

# --- inwards: the compiled readers --------------------------------------------------------------------------

_Read: TypeAlias = Callable[[object, object], Entry]


@frozen
class _Reader:
    """How one class is read. `known`: its names on the wire, `event` too. `paths`: field -> name on the wire."""

    cls: type[Entry]
    known: frozenset[str]
    needed: frozenset[str]
    private: bool
    paths: dict[str, str]
    old_members: tuple[tuple[str, str], ...]
    prepare: Callable[[Object], Object] | None
    plain: _Read

    @cached_property
    def explaining(self) -> _Read:
        """Says what is wrong: few entries need it, and to compile those of all classes would delay each import."""
        return _compiled(self.cls, explaining=True)


_converter: Final = Converter()


def _reader(cls: type[Entry]) -> _Reader:
    resolve_types(cls)
    attributes = fields(cls)
    names = frozenset(a.name for a in attributes)
    inner = cls.wire.in_data
    return _Reader(
        cls,
        (names if inner else names - {"extra"}) | {"event"},
        frozenset({a.name for a in attributes if a.default is NOTHING}.union(cls.wire.needed)),
        cls is SecureFormData,
        {name: f"data.{inner[name]}" if name in inner else name for name in names},
        tuple(cls.wire.old_members.items()),
        _PREPARE.get(cls),
        _compiled(cls, explaining=False),
    )


def _compiled(cls: type[Entry], *, explaining: bool) -> _Read:
    hooks = {a.name: override(struct_hook=READERS.get(a.type, read_text)) for a in fields(cls)}
    compiled: Any = make_dict_structure_fn
    return cast(_Read, compiled(cls, _converter, _cattrs_detailed_validation=explaining, **hooks))


def _readers() -> dict[str, _Reader]:
    by_class = {cls: _reader(cls) for cls in ENTRIES if cls.wire.name}
    return {name: by_class[cls] for name, cls in WIRE_NAMES.items()}


_READERS: Final = _readers()


def decode_entries(container: object) -> tuple[Entry, ...]:
    """The entries of `{"events": […]}`, or of a bare list. Nothing there, or null, is no entries (F10).

    The last entry is a `Malformed` that says how many others are left out, if any are.
    """
    events = container.get("events") if is_object(container) else container
    if events is None:
        return ()
    if not is_array(events):
        return (Malformed("events: expected an array", "", _raw(events)),)
    entries, left_out = read_entries(events)
    return (*entries, Malformed(left_out)) if left_out else entries


def read_entries(events: list[object], *, newest: bool = False) -> tuple[tuple[Entry, ...], str]:
    """The entries within the limits, in order; and how many others there are, in words, or "".

    `newest`: where there are too many, the last ones are read instead of the first.
    """
    if len(events) <= MAX_MALFORMED:
        return tuple([decode_entry(value) for value in events]), ""
    entries: list[Entry] = []
    malformed = beyond = 0
    for index, value in enumerate(reversed(events) if newest else events):
        if len(entries) >= MAX_ENTRIES:
            beyond = len(events) - index
            break
        if malformed >= MAX_MALFORMED and not is_object(value):  # without the cost of its `Malformed`
            malformed += 1
            continue
        entry = decode_entry(value)
        malformed += isinstance(entry, Malformed)
        if malformed <= MAX_MALFORMED or not isinstance(entry, Malformed):
            entries.append(entry)
    left_out: list[str] = []
    if malformed > MAX_MALFORMED:
        left_out.append(f"{malformed - MAX_MALFORMED} more malformed entries")
    if beyond:
        left_out.append(f"{beyond} entries beyond {MAX_ENTRIES}")
    return tuple(reversed(entries) if newest else entries), "; ".join(left_out)


def decode_entry(value: object) -> Entry:
    """One entry of the wire. Never raises: what cannot be read is `Malformed`, what is new `Unknown`."""
    if not is_object(value):
        return Malformed("entry: expected an object", "", _raw(value))
    name = value.get("event")
    if not isinstance(name, str):
        problem = "event: missing" if name is None else "event: expected text"
        return Malformed(problem, "", _raw(value), _instant(value))
    reader = _READERS.get(name)
    if reader is None:
        return _unknown(name, value)
    try:
        if _length(value) > MAX_ENTRY:
            raise _Refused(_TOO_LARGE)
        nulls = None in value.values()
        return _read(reader, {key: item for key, item in value.items() if item is not None} if nulls else value)
    except _Refused as refused:
        return Malformed(str(refused), name, "" if reader.private else _raw(value), _instant(value))


def _read(reader: _Reader, entry: Object) -> Entry:
    for old, name in reader.old_members:
        if old in entry and not entry.get(name):
            entry = {key: item for key, item in entry.items() if key != old} | {name: entry[old]}
    if reader.prepare is not None:
        entry = reader.prepare(entry)
    if not entry.keys() <= reader.known:
        entry = _with_extra(reader.known, entry)
    try:
        return reader.plain(entry, reader.cls)
    except (Expected, KeyError):
        return _second_look(reader, entry)


def _second_look(reader: _Reader, entry: Object) -> Entry:
    """The plain reader failed: do without the fields at fault that may be absent, or say what is wrong."""
    try:
        return reader.explaining(entry, reader.cls)
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
    return reader.plain(kept, reader.cls)


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
