"""Any record of the core, built from its class: fields by their type, and by their name where that says more."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import attrs
from hypothesis import strategies as st

from statemachine.codec.body import json_text
from statemachine.core.declaration import DecimalText, Duration, HostReference, Instant, JsonText
from statemachine.core.session import Config
from statemachine.core.wire import WIRE_NAMES, Direction, Entry, Message, Signaling

TEXTS: Final = st.text(max_size=8)
WILD_TEXTS: Final = st.text(st.characters(), max_size=8)
"""Lone surrogates and control characters too."""
JSON: Final = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=4,
)
OBJECTS: Final = st.dictionaries(TEXTS.map("x_{}".format), JSON, max_size=2)
"""Members of no name that any class knows."""
_TEXTS_OF_JSON: Final = {"parameters", "data", "extra", "raw"}
_COUNTS: Final = st.integers(0, 2**53)
_INTEGERS: Final = st.integers(-(2**63), 2**63)


def records(kind: Any) -> st.SearchStrategy[Any]:
    """Values of this class, union, tuple or plain type."""
    return _records(kind, _any_field)


def _records(kind: Any, field: Callable[[str, Any], st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    if get_origin(kind) in (Union, UnionType):
        return st.one_of([_records(member, field) for member in get_args(kind)])
    if kind is Config:  # the one record that looks at its values
        return st.builds(Config, api=st.sampled_from(["v1", "v2"]), window=st.integers(1, 2**53), brake=_COUNTS)
    if attrs.has(kind):
        attrs.resolve_types(kind)
        chosen = {a.name: field(a.name, a.type) for a in attrs.fields(kind) if a.init}
        needed = {a.name for a in attrs.fields(kind) if a.default is attrs.NOTHING}
        required = {name: strategy for name, strategy in chosen.items() if name in needed}
        optional = {name: strategy for name, strategy in chosen.items() if name not in needed}
        return st.fixed_dictionaries(required, optional=optional).map(lambda values: kind(**values))
    if get_origin(kind) is tuple:
        members = get_args(kind)
        if members[-1] is Ellipsis:
            return st.lists(_records(members[0], field), max_size=3).map(tuple)
        return st.tuples(*[_records(member, field) for member in members])
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    return _records(get_args(kind)[0], field) if get_origin(kind) is Annotated else _PLAIN[kind]


_PLAIN: Final[dict[Any, st.SearchStrategy[Any]]] = {
    str: WILD_TEXTS,
    int: _INTEGERS,
    bool: st.booleans(),
    bytes: st.binary(max_size=16),
    NoneType: st.none(),
}


def _any_field(name: str, kind: Any) -> st.SearchStrategy[Any]:
    return OBJECTS.map(json_text) if name in _TEXTS_OF_JSON else records(kind)


# --- entries as they can stand on the wire ---------------------------------------------------------------------------

INSTANTS: Final = st.none() | st.integers(1, 10**14 - 1)
DURATIONS: Final = st.none() | st.integers(0, 10**12)
DECIMALS: Final = st.from_regex(r"-?[0-9]{1,3}(\.[0-9]{1,20})?", fullmatch=True)
_MEMBERS: Final = OBJECTS.map(lambda members: json_text(members) if members else "")
_WIRE_FIELDS: Final[dict[Any, st.SearchStrategy[Any]]] = {
    Instant: INSTANTS,
    Duration: DURATIONS,
    DecimalText: DECIMALS,
    JsonText: _MEMBERS,
    HostReference: st.just(""),
    str | None: st.none() | TEXTS,
    str: TEXTS,
}


def _wire_field(name: str, kind: Any) -> st.SearchStrategy[Any]:
    return _WIRE_FIELDS[kind] if kind in _WIRE_FIELDS else _records(kind, _wire_field)


def wire_entries(cls: type[Entry]) -> st.SearchStrategy[Any]:
    """Entries of this class in the form that the wire can say: what encoding and decoding give back unchanged."""
    data = _MEMBERS if cls is Signaling else JSON.map(json_text)
    entries = _records(cls, lambda name, kind: data if name == "data" else _wire_field(name, kind))
    if cls is Message:  # both forms of a text are written where only the plain one is known
        return entries.filter(lambda message: message.msg or not message.msg_text)
    return entries


ENTRY_CLASSES: Final = list(dict.fromkeys(WIRE_NAMES.values()))
OUTWARDS: Final = [cls for cls in WIRE_NAMES.values() if cls.wire.direction is not Direction.TO_CLIENT]


# --- hostile bytes ---------------------------------------------------------------------------------------------------


def _mutated(document: bytes, cuts: list[tuple[int, int, bytes]]) -> bytes:
    for start, length, insert in cuts:
        start %= len(document) + 1
        document = document[:start] + insert + document[start + length :]
    return document


_SEEDS: Final = [
    b'{"events":[{"event":"chat_session_message","msg":"hi","msg_id":"0","party_id":"A","timestamp":"1614718748"}]}',
    b'{"events":[{"event":"chat_session_status","state":"queued","ewt":""},{"event":"chat_session_ended"}]}',
    b'{"chat_id":"a","state":"ivr","is_new_chat":true,"ewt":"5"}',
    b'{"error_code":5005,"error_message":"gone"}',
    b'{"file_id":"f","file_name":"n"}',
    b'{"events":[{"event":"chat_session_signaling","data":{"type":"END_CALL","sdpMLineIndex":"0"}}]}',
]
_INSERTS: Final = st.sampled_from(
    [
        b"",
        b"null",
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"9" * 5_000,
        b"[" * 2_000,
        b'{"a":' * 50,
        b'"\\ud800"',
        b"\xff",
        b'"',
    ],
)
HOSTILE_BYTES: Final = (
    st.binary(max_size=40)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.builds(
        _mutated,
        st.sampled_from(_SEEDS),
        st.lists(st.tuples(st.integers(0, 200), st.integers(0, 20), _INSERTS), max_size=3),
    )
)
