"""Bounded JSON: from untrusted bytes to data, and back to text that is always valid JSON and UTF-8.

Faults F9, F10 and F24 of protocol.md section 8 begin here: every answer of a server or a proxy becomes
data.
"""

from __future__ import annotations

import json
import math
import re
from typing import Final, TypeAlias, TypeGuard, cast

from attrs import frozen

Object: TypeAlias = dict[str, object]

MAX_BODY: Final = 50_000_000
"""Bytes of a file: twice the limit of the vendor's servers; or of a capture."""

MAX_ANSWER: Final = 16_000_000
"""Bytes of JSON in one answer: 10,000 long messages. Parsed, the worst of it takes twenty times as much memory."""

MAX_DEPTH: Final = 64
"""Levels of nesting. Real entries have three (a signal's `data`, cards of MS Teams)."""

MAX_INTEGER: Final = 10**30
"""Beyond any id or instant, and far below the size where Python refuses to write an integer."""

_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_write: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


@frozen
class Problem:
    """Why a body is no data. `text` never quotes the body."""

    text: str


class TooDeep(ValueError):
    """A value is nested deeper than `MAX_DEPTH`."""


def is_object(value: object) -> TypeGuard[Object]:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


def as_object(value: object) -> Object:
    """The JSON object, or an empty one for any other value."""
    return value if is_object(value) else {}


def is_array(value: object) -> TypeGuard[list[object]]:
    """Whether a JSON value is an array."""
    return isinstance(value, list)


def clean(text: str) -> str:
    """The text with each lone surrogate replaced by U+FFFD, so that it can be encoded as UTF-8."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text)
    return text


def check_size(body: bytes, most: int) -> Problem | None:
    """A `Problem` for a body that is too large to be parsed."""
    return Problem(f"larger than {most // 1_000_000} MB") if len(body) > most else None


def parse_body(body: bytes) -> object:
    """The JSON value in `body`, or a `Problem`; never an exception. Strict: see `lenient.read_body` for answers.

    NaN, infinities and numbers too large to be meant become None (absent). Of a repeated key the last counts.
    """
    if (problem := check_size(body, MAX_BODY)) is not None:
        return problem
    try:
        return parse_text(body.decode().removeprefix("\ufeff"))  # some proxies put a byte order mark before the body
    except UnicodeDecodeError:
        return Problem("not UTF-8")


def parse_text(text: str) -> object:
    """The JSON value in `text`, or a `Problem`, as `parse_body` returns them."""
    if not text or text.isspace():
        return Problem("empty")
    try:
        value, end = _decoder.raw_decode(text)  # `decode` also looks for white space, which takes as long
        if end == len(text):
            return cast(object, value)
    except (ValueError, RecursionError):
        pass  # the readers below say what is wrong
    for read in (_read, _read_by_hand):
        try:
            return read(text)
        except RecursionError:
            return Problem("nested too deep")
        except json.JSONDecodeError as error:
            return Problem(f"not JSON (character {error.pos})")
        except ValueError:  # an integer of thousands of digits: now integers are read by hand, which is slower
            continue
    raise AssertionError("reading by hand refuses no integer")


def _absent(_literal: str) -> None:
    return None


def finite_or_none(literal: str) -> float | None:
    """The number of a JSON literal; None for one beyond all floats."""
    number = float(literal)
    return number if math.isfinite(number) else None


def small_or_none(literal: str) -> int | None:
    """The integer of a JSON literal; None for one of thousands of digits, which Python refuses to read."""
    return int(literal) if len(literal) < 1_000 else None


# Made once: `json.loads` with options makes a decoder at every call, which takes longer than a small body.
_decoder: Final = json.JSONDecoder(parse_constant=_absent, parse_float=finite_or_none)
_read: Final = _decoder.decode
_read_by_hand: Final = json.JSONDecoder(
    parse_constant=_absent, parse_float=finite_or_none, parse_int=small_or_none
).decode


def json_text(value: object) -> str:
    """`value` as canonical JSON text (sorted keys) that can be encoded as UTF-8. Raises `TooDeep`.

    What JSON cannot say (it can only come from a caller in Python, not from `parse_body`) becomes null.
    """
    if _depth(value) > MAX_DEPTH:
        raise TooDeep
    try:
        return clean(_write(value))
    except (TypeError, ValueError):
        return clean(_write(_tame(value)))


def _depth(value: object) -> int:
    """Levels of nesting, counted no further than is needed to see that there are too many."""
    level, depth = [value], 0
    while level and depth <= MAX_DEPTH:
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(cast(dict[object, object], item).values())
            elif isinstance(item, list | tuple):
                inner.extend(cast(list[object], item))
        level, depth = inner, depth + 1
    return depth


def _tame(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _tame(item) for key, item in cast(dict[object, object], value).items()}
    if isinstance(value, list | tuple):
        return [_tame(item) for item in cast(list[object], value)]
    if isinstance(value, int):
        return value if -MAX_INTEGER < value < MAX_INTEGER else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str) else None
