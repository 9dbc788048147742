"""Between the core's records and JSON: events, commands, updates, and everything a session is made of.

One rule for all, compiled from the classes at import: a record is an object of its fields, a member of a
union carries its name in `type` (the class's name in snake_case; of a state, its `name`), tuples are arrays,
bytes are hexadecimal, fields at their default are left out. A field called `type` is written `kind`, `from_`
is written `from`. Reading is strict: what this version would not have written raises `BadRecord`, with the
path of each fault.

Redacted, every private text is a marker such as "<12 chars>". Private is what the class hides from its
`repr`; such a record still reads, so that a trace without anybody's words can be replayed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeAlias, Union, cast, get_args, get_origin

import attrs
from cattrs import ClassValidationError, Converter, ForbiddenExtraKeysError, IterableValidationError
from cattrs.errors import BaseValidationError, IterableValidationNote
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from ..core import Command, Config, Event, Notification, StatusUpdate
from ..core.session import DEFAULT_CONFIG
from .body import Object, is_array, is_object
from .errors import BadRecord
from .values import Expected

AnyUpdate: TypeAlias = Notification | StatusUpdate

_KEYS: Final = {"from_": "from", "type": "kind"}
_HEX: Final = re.compile("(?:[0-9a-f]{2})*")
_JSON_TEXTS: Final = frozenset({"data", "extra", "parameters", "raw"})
"""Private texts that hold JSON: their marker is JSON too, or a redacted record could not be read again."""
_SHOWN: Final = 5
"""Faults named in one error."""


def _is_union(kind: Any) -> bool:
    """A union of records, which needs a tag. A record or None needs none."""
    records = [member for member in get_args(kind) if member is not NoneType]
    return get_origin(kind) in (Union, UnionType) and len(records) > 1 and all(map(attrs.has, records))


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _is_literal(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _tag(cls: type) -> str:
    name: object = getattr(cls, "name", None)  # text only on a state; elsewhere it is the slot of a field
    return name if isinstance(name, str) else re.sub("(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def _members(union: Any) -> dict[str, type[object]]:
    return {_tag(member): member for member in get_args(union) if member is not NoneType}


# --- reading -----------------------------------------------------------------------------------------------------


def _exactly(kind: type, noun: str) -> Callable[[object, object], object]:
    def read(value: object, _type: object) -> object:
        if type(value) is not kind:
            raise Expected(noun)
        return value

    return read


def _read_bytes(value: object, _type: object) -> bytes:
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise Expected("bytes in hexadecimal")
    return bytes.fromhex(value)


def _literal_reader(kind: Any) -> Callable[[object, object], object]:
    choices = get_args(kind)
    noun = "one of " + ", ".join(choices)

    def read(value: object, _type: object) -> object:
        if not isinstance(value, str) or value not in choices:
            raise Expected(noun)
        return value

    return read


def _array_reader(kind: Any, converter: Converter) -> Callable[[object, object], object]:
    """`tuple[X, ...]`, or a tuple of fixed length."""
    members: tuple[Any, ...] = get_args(kind)
    length = None if members[-1] is Ellipsis else len(members)

    def read(value: object, _type: object) -> object:
        if not is_array(value):
            raise Expected("an array")
        if length is not None and length != len(value):
            raise Expected(f"an array of {length}")
        faults: list[Exception] = []
        result: list[object] = []
        for index, item in enumerate(value):
            wanted = members[0] if length is None else members[index]
            try:
                result.append(converter.structure(item, wanted))
            except (Expected, BaseValidationError) as fault:
                fault.add_note(IterableValidationNote("", index, wanted))
                faults.append(fault)
        if faults:
            raise IterableValidationError("", faults, kind)  # pyright: ignore[reportCallIssue] its __new__ is hidden
        return tuple(result)

    return read


def _record_reader(cls: Any, converter: Converter) -> Callable[[object, object], object]:
    compiled: Any = make_dict_structure_fn
    attrs.resolve_types(cls)
    keys = {a.name: override(rename=_KEYS.get(a.name)) for a in attrs.fields(cls)}
    structure = cast(
        Callable[[object, object], object],
        compiled(cls, converter, _cattrs_forbid_extra_keys=True, _cattrs_detailed_validation=True, **keys),
    )
    shared = cls() if not cls.__match_args__ else None  # states without fields: one object for all sessions

    def read(value: object, _type: object) -> object:
        if not is_object(value):
            raise Expected("an object")
        record = structure(value, cls)
        if cls is Config:
            return DEFAULT_CONFIG if record == DEFAULT_CONFIG else record
        return shared or record

    return read


def _union_reader(union: Any, converter: Converter) -> Callable[[object, object], object]:
    members = _members(union)
    optional = NoneType in get_args(union)
    noun = "a type of " + ", ".join(sorted(members))

    def read(value: object, _type: object) -> object:
        if value is None and optional:
            return None
        if not is_object(value):
            raise Expected("an object with a type")
        tag = value.get("type")
        cls = members.get(tag) if isinstance(tag, str) else None
        if cls is None:
            raise Expected(noun)
        return converter.structure({key: item for key, item in value.items() if key != "type"}, cls)

    return read


# --- writing -----------------------------------------------------------------------------------------------------


def marker(text: str | None, name: str = "") -> str | None:
    """The replacement of a private text in a trace: its length."""
    if not text:
        return text
    return f'{{"redacted":{len(text)}}}' if name in _JSON_TEXTS else f"<{len(text)} chars>"


def _marking(name: str) -> Callable[[str | None], str | None]:
    return lambda text: marker(text, name)


def _record_writer(cls: Any, converter: Converter, redacting: bool) -> Callable[[Any], Object]:
    compiled: Any = make_dict_unstructure_fn
    attrs.resolve_types(cls)
    hooks = {
        a.name: override(
            rename=_KEYS.get(a.name),
            omit_if_default=True,
            unstruct_hook=_marking(a.name) if redacting and a.repr is not True and a.type is not bytes else None,
        )
        for a in attrs.fields(cls)
    }
    return cast(Callable[[Any], Object], compiled(cls, converter, **hooks))


def _only(kind: type, noun: str) -> Callable[[Any], object]:
    """Refuse to write what could not be read again. Subclasses of `str` and `int` are written as plain values."""

    def write(value: object) -> object:
        if type(value) is not kind and (not isinstance(value, kind) or isinstance(value, bool)):
            raise BadRecord(f"{noun} is expected here, not {type(value).__name__}: it could not be read again")
        return value

    return write


def _union_writer(union: Any, converter: Converter) -> Callable[[Any], object]:
    writers: dict[type, Callable[[Any], Object]] = {}
    tags = {member: tag for tag, member in _members(union).items()}

    def write(record: object) -> object:
        if record is None:
            return None
        cls: type = record.__class__
        writer = writers.get(cls)
        if writer is None:  # at the first record of the class, since a record may hold its own union again
            writer = writers[cls] = converter.get_unstructure_hook(cls)
        return {"type": tags[cls], **writer(record)}

    return write


def _array_writer(kind: Any, converter: Converter) -> Callable[[Any], object]:
    members = get_args(kind)
    if members[-1] is Ellipsis:
        write = converter.get_unstructure_hook(members[0])
        return lambda items: [write(item) for item in items]
    writers = [converter.get_unstructure_hook(member) for member in members]
    return lambda items: [write(item) for write, item in zip(writers, items, strict=True)]


# --- the two converters ------------------------------------------------------------------------------------------


def _converter(redacting: bool) -> Converter:
    made = Converter(detailed_validation=True)
    for kind, noun in ((str, "text"), (int, "a whole number"), (bool, "true or false")):
        made.register_structure_hook(kind, _exactly(kind, noun))
        made.register_unstructure_hook(kind, _only(kind, noun))
    made.register_structure_hook(bytes, _read_bytes)
    made.register_unstructure_hook(bytes, _blank if redacting else bytes.hex)
    made.register_structure_hook_factory(_is_literal, _literal_reader)
    made.register_structure_hook_factory(attrs.has, _record_reader)
    made.register_structure_hook_factory(_is_tuple, _array_reader)
    made.register_structure_hook_factory(_is_union, _union_reader)
    made.register_unstructure_hook_factory(attrs.has, lambda cls, self: _record_writer(cls, self, redacting))
    made.register_unstructure_hook_factory(_is_tuple, _array_writer)
    made.register_unstructure_hook_factory(_is_union, _union_writer)
    return made


def _blank(digests: bytes) -> str:
    """Digests of short texts can be guessed back: zeros instead."""
    return bytes(len(digests)).hex()


_PLAIN: Final = _converter(redacting=False)
_REDACTING: Final = _converter(redacting=True)


def to_json(record: object, kind: Any, redacted: bool = False) -> Object:
    """`record` as JSON values; `kind` is its class, or the union it belongs to."""
    return cast(Object, (_REDACTING if redacted else _PLAIN).unstructure(record, kind))


def from_json(data: object, kind: Any) -> Any:
    """The record of this class or union. Raises `BadRecord` with the path of each fault."""
    try:
        return _PLAIN.structure(data, kind)
    except (Expected, BaseValidationError) as error:
        faults = list(_faults(error, "$"))
        more = f" (and {len(faults) - _SHOWN} more)" if len(faults) > _SHOWN else ""
        raise BadRecord("; ".join(faults[:_SHOWN]) + more) from None


def _faults(error: Exception, path: str) -> Iterator[str]:
    if isinstance(error, ClassValidationError):
        noted, rest = error.group_exceptions()
        for fault, note in noted:
            yield from _faults(fault, f"{path}.{_KEYS.get(note.name, note.name)}")
        for fault in rest:
            yield from _faults(fault, path)
    elif isinstance(error, IterableValidationError):
        for fault, place in error.group_exceptions()[0]:
            yield from _faults(fault, f"{path}[{place.index}]")
    elif isinstance(error, ForbiddenExtraKeysError):
        yield f"{path}: unknown field {', '.join(sorted(ascii(name)[:40] for name in error.extra_fields))}"
    elif isinstance(error, KeyError):
        yield f"{path}: missing"
    else:  # a value that its class refuses; the class says why
        yield f"{path}: {error}"


# --- by family ---------------------------------------------------------------------------------------------------


def encode_event(event: Event, *, redacted: bool = False) -> Object:
    """This event as JSON: `{"type": "send_text", "at": …, …}`.

    Args:
        event: Any that `reduce` takes.
        redacted: Private texts become markers.
    """
    return to_json(event, Event, redacted)


def decode_event(data: object) -> Event:
    """The event of a JSON value.

    Args:
        data: The value that `encode_event` returned.

    Raises:
        BadRecord: It is no event.
    """
    return cast(Event, from_json(data, Event))


def encode_command(command: Command, *, redacted: bool = False) -> Object:
    """This command as JSON: `{"type": "poll", "id": …, …}`.

    Args:
        command: Any that `reduce` returned.
        redacted: Private texts become markers.
    """
    return to_json(command, Command, redacted)


def decode_command(data: object) -> Command:
    """The command of a JSON value.

    Args:
        data: The value that `encode_command` returned.

    Raises:
        BadRecord: It is no command.
    """
    return cast(Command, from_json(data, Command))


def encode_update(update: AnyUpdate, *, redacted: bool = False) -> Object:
    """This update as JSON: `{"type": "received", "seq": …, …}`.

    Args:
        update: An update or an anomaly.
        redacted: Private texts become markers.
    """
    return to_json(update, AnyUpdate, redacted)


def decode_update(data: object) -> AnyUpdate:
    """The update, or the anomaly, of a JSON value.

    Args:
        data: The value that `encode_update` returned.

    Raises:
        BadRecord: It is neither.
    """
    return cast(AnyUpdate, from_json(data, AnyUpdate))


def redact(data: object) -> Object:
    """The JSON of an event, command or update with every private text replaced by a marker. Raises `BadRecord`."""
    tag = data.get("type") if is_object(data) else None
    kind = _FAMILIES.get(tag) if isinstance(tag, str) else None
    if kind is None:
        raise BadRecord("$.type: not the name of an event, command or update")
    return to_json(from_json(data, kind), kind, redacted=True)


_FAMILIES: Final[dict[str, Any]] = {tag: kind for kind in (Event, Command, AnyUpdate) for tag in _members(kind)}
"""Type -> its family; no name is in two families (held by a test)."""
