"""Read an answer's body that a strict JSON reader refuses, entry by entry (design 2.14).

Back ends and proxies send text that is not UTF-8 (an emoji cut in two, CESU-8, Latin-1, UTF-16), raw control
characters, wrong escapes, and bodies that are cut off. One such character must not cost the entries around it: a poll
hands over events once, and a history keeps them for ever.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, cast

from ..core.record import record
from .body import MAX_ANSWER, Problem, check_size, finite_or_none, parse_text, small_or_none

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WITHOUT_BOM: Final = ((b"\0\0\0", "utf-32-be"), (b"\0", "utf-16-be"))
_CHARSETS: Final = re.compile(
    r"(us-)?ascii|utf-?(8|16|32)([-_]?[lb]e)?|iso[-_]?8859[-_]\d+|latin[-_]?\d+|(windows|cp)[-_]?\d+|koi8[-_][rut]"
    r"|gb(k|2312|18030)|big5|shift[-_]?jis|euc[-_](jp|kr)|iso[-_]?2022[-_](jp|kr)|macroman",
    re.IGNORECASE,
)
"""The character sets that a server may name. Python knows more codecs; some of them take quadratic time."""
_NAMED_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([^\s;"']+)""", re.IGNORECASE)
_SURROGATE_PAIR: Final = re.compile(b"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]")
"""CESU-8: each half of a surrogate pair encoded by itself, as old Java and Oracle write it."""
_ESCAPE: Final = re.compile(r'((?:\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}|[^\\])++)|\\(?:x([0-9a-fA-F]{2})|(.?))', re.DOTALL)
"""A run of text with right escapes only; or one wrong escape."""
_LONE_BACKSLASH: Final = re.compile(r'(?<!\\)((?:\\\\)*)\\(?="\s*(?:[}\]]|,\s*"))')
"""A backslash that nobody escaped at the end of a string, like that of a folder of Windows."""
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\Z)|[{}]', re.DOTALL)
_EVENTS: Final = re.compile(r'\s*(?:\[|\{\s*"events"\s*:\s*\[)')
_ENTRY: Final = re.compile(r'\{\s*"event"\s*:')
_MAX_BROKEN: Final = 16
"""Entries without an end that are looked for in one body; each costs a search through the rest of it."""

_decoder: Final = json.JSONDecoder(
    strict=False, parse_constant=lambda _literal: None, parse_float=finite_or_none, parse_int=small_or_none
)


@record
class Body:
    """A body as data.

    `repaired`: why it had to be read leniently, in words that quote nothing of it; "" if not. `is_cut`: a list of
    events that has no end; whatever followed is missing.
    """

    value: object
    repaired: str = ""
    is_cut: bool = False


def read_body(body: bytes, headers: Mapping[str, str]) -> Body:
    """Read a body as JSON, leniently where the strict reader refuses it. Never raises.

    Args:
        body: the bytes of the answer.
        headers: of the answer; the charset of its `Content-Type` counts for bytes that are not UTF-8.

    Returns:
        The value, or a `Problem` in its place. An entry that stays unreadable is its text instead of an object.
    """
    if (problem := check_size(body, MAX_ANSWER)) is not None:
        return Body(problem)
    text, repaired = _decode(body, headers)
    value = parse_text(text)
    if not isinstance(value, Problem) or value.text == "empty":
        return Body(value, repaired)
    repaired = "; ".join(filter(None, (repaired, value.text)))
    if (lenient := _parse(text)) is not None:
        return Body(lenient, repaired)
    if (start := _EVENTS.match(text)) is not None:
        return Body(*_read_entries(text, start.end(), repaired))
    return Body(value)


def header(headers: Mapping[str, str], name: str) -> str:
    """The value of the header of this name, given in lower case; "" if there is none."""
    return next((value for key, value in headers.items() if key.lower() == name), "")


# --- bytes ----------------------------------------------------------------------------------------------------------


def _decode(body: bytes, headers: Mapping[str, str]) -> tuple[str, str]:
    """(the text, what was wrong with the bytes)."""
    head = body[:4]
    if b"\0" in head or not head.isascii():
        for mark, name in _BOMS:
            if body.startswith(mark):
                return _replacing(body[len(mark) :], name)
        if b"\0" in head:
            return _replacing(body, _wide(body))
    try:
        return body.decode(), ""
    except UnicodeDecodeError:
        charset = _charset(header(headers, "content-type"))
    if charset:
        return _replacing(body, charset)
    joined = _SURROGATE_PAIR.sub(_joined, body)
    return joined.decode(errors="replace"), "not UTF-8"


def _replacing(body: bytes, charset: str) -> tuple[str, str]:
    try:
        return body.decode(charset), ""
    except UnicodeDecodeError:
        return body.decode(charset, errors="replace"), f"not {charset.upper()}"


def _wide(body: bytes) -> str:
    """The kind of UTF-16 or UTF-32 of a text that begins with an ASCII character."""
    for start, name in _WITHOUT_BOM:
        if body.startswith(start):
            return name
    return "utf-32-le" if body[1:4] == b"\0\0\0" else "utf-16-le"


def _charset(content_type: str) -> str:
    """The charset that a `Content-Type` names, if it is one that is not UTF-8; else ""."""
    named = _NAMED_CHARSET.search(content_type)
    if named is None or not _CHARSETS.fullmatch(named[1]):
        return ""
    try:
        found = codecs.lookup(named[1]).name
    except LookupError:
        return ""
    return "" if found == "utf-8" else found


def _joined(pair: re.Match[bytes]) -> bytes:
    halves = pair[0].decode("utf-8", "surrogatepass")
    return halves.encode("utf-16", "surrogatepass").decode("utf-16").encode()


# --- JSON -----------------------------------------------------------------------------------------------------------


def _parse(text: str) -> object | None:
    """The value of a text with raw control characters or wrong escapes in its strings; None if it is no JSON."""
    for one in (text, _LONE_BACKSLASH.sub(r"\1\\\\", text)):
        with suppress(ValueError, RecursionError):
            return cast(object, _decoder.decode(_ESCAPE.sub(_escape, one)))
    return None


def _escape(match: re.Match[str]) -> str:
    known, hexadecimal, other = match.groups()
    if known:
        return match[0]
    return f"\\u00{hexadecimal}" if hexadecimal else json.dumps(other)[1:-1]


def _read_entries(text: str, position: int, repaired: str) -> tuple[list[object], str, bool]:
    """The fields of a `Body` for a list of events that is broken as a whole; its first entry is after `position`."""
    entries: list[object] = []
    broken = 0
    while (start := text.find("{", position)) >= 0:
        position = _end_of_object(text, start) or 0
        value = _parse(text[start:position]) if position else None
        if value is None:
            broken += 1
            value, position = _broken_entry(text, start, position, broken)
        entries.append(value)
    return entries, repaired, "]" not in text[position:]


def _broken_entry(text: str, start: int, end: int, broken: int) -> tuple[object, int]:
    """An entry without a right end, and the position after it. `end`: where its braces say, or 0."""
    following = _ENTRY.search(text, start + 1) if broken < _MAX_BROKEN else None
    position = following.start() if following else max(start, text.rfind("]"))
    chunk = text[start:position].rstrip(", \t\r\n")
    if (value := _parse(chunk)) is not None:
        return value, position
    if following is None:
        position = end or len(text)
        chunk = text[start:position]
    return chunk, position


def _end_of_object(text: str, start: int) -> int | None:
    """The position after the object that begins at `start`; None if it has no end."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}":
            depth -= 1
            if depth == 0:
                return token.end()
    return None
