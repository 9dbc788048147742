"""Answers of a server, mutated: in their JSON, in their bytes, and in what HTTP says about them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any, Final, Literal, TypeAlias, get_args

from attrs import evolve, frozen

from statemachine.codec.outwards import encode_entry
from statemachine.conformance.entries import sample
from statemachine.core import wire

Kind: TypeAlias = Literal["create", "find", "poll", "history", "post", "ephemeral", "upload"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_OFTEN: Final = (14, 8, 40, 25, 10, 3, 5)
"""How often each kind is mutated: mostly those with entries."""


@frozen
class Answer:
    """The answer to a call of this kind."""

    kind: Kind
    status: int
    headers: dict[str, str]
    body: bytes


_TERMINAL: Final = (wire.SessionEnded, wire.InactivityTimeout, wire.SessionEnd)


def _template(cls: Any, n: int) -> dict[str, Any]:
    entry = sample(cls, n)
    if cls is wire.Status:
        entry = evolve(entry, state="queued")
    named = {"msg_id": f"id {n}"} if hasattr(entry, "msg_id") else {}
    return {**encode_entry(evolve(entry, **named)), "timestamp": str(1_700_000_000 + n)}


_ENTRIES: Final = [cls for cls in get_args(wire.Entry) if cls.wire.name and cls not in _TERMINAL]
_TEMPLATES: Final = [_template(cls, n) for n, cls in enumerate([*_ENTRIES, *[wire.Message] * 8, *_TERMINAL])]
"""An entry of each class, messages more often, ends seldom."""
_OBJECTS: Final[dict[Kind, dict[str, Any]]] = {
    "create": {"chat_id": "C-1", "state": "queued", "ewt": "30", "is_new_chat": True, "phone_number": ""},
    "find": {"chat_id": "C-1", "state": "connected", "ewt": "", "phone_number": "555"},
    "upload": {"file_id": "f-1", "file_name": "a.png"},
}


def honest(kind: Kind, random: Random) -> dict[str, Any]:
    """What a server answers."""
    if kind in _OBJECTS:
        return dict(_OBJECTS[kind])
    return {"events": [deepcopy(random.choice(_TEMPLATES)) for _ in range(random.randint(1, 4))]}


def mutated(random: Random) -> Answer:
    """A random answer with one to three mutations."""
    kind = random.choices(KINDS, _OFTEN)[0]
    value: Any = honest(kind, random)
    status, headers, encode = 200, {"Content-Type": "application/json"}, "utf-8"
    steps = random.choices(("json", "bytes", "http"), (5, 4, 2), k=random.randint(1, 3))
    for _ in range(steps.count("json")):
        value = _mutate_json(value, random)
    if "http" in steps:
        status, encode = random.choices((200, random.choice(_STATUSES)), (2, 1))[0], random.choice(_CHARSETS)
        headers = {random.choice(_NAMES): random.choice(_TYPES).replace("CHARSET", random.choice(_CHARSETS))}
        headers |= {"Retry-After": random.choice(_PAUSES)} if random.random() < 0.2 else {}
        if status >= 400 and random.random() < 0.7:
            value = {"error_code": random.choice(_CODES), "error_message": random.choice(_ODD)}
    body = json.dumps(value, ensure_ascii=random.random() < 0.5, default=str).encode(encode, "replace")
    for _ in range(steps.count("bytes")):
        body = random.choice(_BYTES)(body, random)
    return Answer(kind, status, headers, gzip.compress(body, mtime=0) if random.random() < 0.005 else body)


# --- JSON -----------------------------------------------------------------------------------------------------------


_ODD: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 17, 2**63, 10**40, 1e308, -0.5, "", " ", "null", "0", "x" * 3_000, "é€😀", "\ud83d",
    "\0", "<b>a</b><br>&amp;", "2023-11-14", "1700000000000", [], {}, [[]], [None], {"event": "chat_session_message"},
    {"": ""}, [{"name": "a"}, 5], "queued", "failed", "completed", "connected", float("inf"), float("nan"),
)  # fmt: skip


def _mutate_json(value: Any, random: Random) -> Any:
    """Change one value somewhere in it, or something around one."""
    holder, key = _place(value, random)
    if holder is None:
        return random.choice(_ODD)
    match random.randrange(7):
        case 0 | 1:
            holder[key] = deepcopy(random.choice(_ODD))
        case 2:
            del holder[key]
        case 3 if isinstance(holder, dict):
            holder[random.choice((key.upper(), f" {key}", f"{key}\0", "event", "msg_id", "events"))] = holder.pop(key)
        case 3 | 4:
            holder[key] = random.choice((lambda one: [one], lambda one: {"value": one}, _nested, json.dumps, str))(
                holder[key]
            )
        case 5 if isinstance(holder, list):
            holder.insert(random.randint(0, len(holder)), deepcopy(holder[key]))
        case _:
            other, place = _place(value, random)
            if other is not None:
                other[place] = deepcopy(holder[key])
    return value


def _place(value: Any, random: Random) -> tuple[Any, Any]:
    """An object or list somewhere in the value, and a key or an index in it; (None, None) where there is none."""
    found: tuple[Any, Any] = (None, None)
    while isinstance(value, dict | list) and value:
        key = random.choice([*value] if isinstance(value, dict) else range(len(value)))
        found, value = (value, key), value[key]
        if random.random() < 0.25:
            break
    return found


def _nested(value: Any) -> Any:
    for _ in range(100):
        value = [value]
    return value


# --- bytes ----------------------------------------------------------------------------------------------------------


_CHUNKS: Final = (
    b"\xf0\x9f\x98", b"\xe9", b"\xc0\xaf", b"\xed\xa0\xbd", b"\xed\xa0\xbd\xed\xb8\x80", b"\xff", b"\0", b"\x01",
    b"\n", b"\t", b"\x1b[31m", b"\x7f", b"\xef\xbb\xbf", b"\xff\xfe", b"\\", b"\\x41", b"\\u12", b"\\ud83d", b"\\'",
    b'"', b"'", b"{", b"}", b"[", b"]", b",", b":", b"NaN", b"Infinity", b"9" * 5_000, b"[" * 2_000, b"<html>", b"//",
    b"1e999",
)  # fmt: skip
_Mutation: TypeAlias = Callable[[bytes, Random], bytes]


def _cut(body: bytes, random: Random) -> bytes:
    return body[: random.randint(len(body) // 2, len(body))]


def _insert(body: bytes, random: Random) -> bytes:
    at = random.randint(0, len(body))
    return body[:at] + random.choice(_CHUNKS) + body[at:]


def _replace(body: bytes, random: Random) -> bytes:
    at = random.randint(0, len(body))
    return body[:at] + random.randbytes(1) + body[at + 1 :]


def _drop(body: bytes, random: Random) -> bytes:
    at = random.randint(0, len(body))
    return body[:at] + body[at + random.randint(1, 30) :]


def _double(body: bytes, random: Random) -> bytes:
    at = random.randint(0, len(body))
    return body[:at] + body[max(0, at - random.randint(1, 60)) :]


_BYTES: Final[tuple[_Mutation, ...]] = (_insert, _insert, _insert, _replace, _replace, _drop, _double, _cut)

# --- HTTP -----------------------------------------------------------------------------------------------------------


_STATUSES: Final = (
    0, 100, 201, 202, 204, 205, 206, 226, 299, 300, 301, 302, 304, 307, 400, 401, 402, 403, 404, 405, 406, 408, 409,
    410, 413, 415, 418, 425, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 511, 520, 599, 600, 999,
)  # fmt: skip
_CODES: Final[tuple[Any, ...]] = (
    "5005", 5005, "5006", 5511, "5511", 5509, 2000, "3000", 5001, 5003, 5500, 5955, "", "x", None, -1, 10**30, [], 1.5,
)  # fmt: skip
_CHARSETS: Final = (
    "utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252",
    "iso-8859-15", "shift_jis", "gb18030", "koi8-r", "cp037", "utf-7", "ascii",
)  # fmt: skip
_NAMES: Final = ("Content-Type", "content-type", "CONTENT-TYPE", "X-Content-Type")
_TYPES: Final = (
    "application/json", "application/json; charset=CHARSET", 'text/html; charset="CHARSET"',
    "application/json; charset=", "text/plain;charset=CHARSET", "charset=CHARSET", "",
    "application/json; charset=rot13", "a/b; charset=idna", "x" * 5_000, "\xff; charset",
)  # fmt: skip
_PAUSES: Final = ("0", "5", "-1", "1e9", "9" * 40, "", "x", "Wed, 21 Oct 2037 07:28:00 GMT", "Wed, 99 Oct", "١٢", " 7 ")
