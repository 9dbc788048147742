"""Readers of single wire values, tolerant by protocol.md 3.0 (table "type reality") and 10 (rows 3, 24).

Each takes `(value, type)`, the shape of a cattrs hook, and returns the normalised value or raises `Expected`.
None never reaches them: null means absent and is dropped before.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from ..core.declaration import DecimalText, Duration, Instant, TextFlag
from .body import MAX_INTEGER, clean

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?")
_MILLISECONDS_FROM: Final = 100_000_000_000
"""An instant this large is in milliseconds (March 1973), a smaller one in seconds (until the year 5138)."""
_INSTANT_END: Final = 100_000_000_000_000
_LONGEST: Final = 1_000_000_000
"""Seconds. No wait and no form is meant to last thirty years."""


class Expected(ValueError):
    """A value is of no use here. `noun` says what was expected; the value is not quoted."""

    def __init__(self, noun: str) -> None:
        super().__init__(f"expected {noun}")
        self.noun = noun


def read_text(value: object, _type: object = None) -> str:
    """Text, or an id sent as a number."""
    if type(value) is str:
        return value if value.isascii() else clean(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _digits(value)
    raise Expected("text")


def read_decimal(value: object, _type: object = None) -> str:
    """A coordinate as decimal text, as exact as it came: a number gets its shortest exact form."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _digits(value)
    raise Expected("a decimal number")


def read_instant(value: object, _type: object = None) -> int | None:
    """Seconds or milliseconds since the epoch, as number or text -> milliseconds (F7).

    "", zero and less are not known.
    """
    if type(value) is str and value.isdecimal() and value.isascii() and len(value) < 16:
        number: int | float = int(value)
    elif value == "":
        return None
    else:
        number = _number(value, "a time in seconds or milliseconds")
    if number <= 0:
        return None
    milliseconds = int(number) if number >= _MILLISECONDS_FROM else round(number * 1_000)
    if milliseconds >= _INSTANT_END:
        raise Expected("a time in seconds or milliseconds")
    return milliseconds or None


def read_seconds(value: object, _type: object = None) -> int | None:
    """A duration in seconds, as number or text -> milliseconds. "": not known, which is not 0 (F6)."""
    if value == "":
        return None
    number = _number(value, "a duration in seconds")
    if not 0 <= number <= _LONGEST:
        raise Expected("a duration in seconds")
    return round(number * 1_000)


def read_flag(value: object, _type: object = None) -> bool:
    """A flag as JSON boolean, text or 0 and 1."""
    if isinstance(value, bool):
        return value
    text = value.strip().lower() if isinstance(value, str) else value
    if text in ("true", "1", 1):
        return True
    if text in ("false", "0", 0):
        return False
    raise Expected("true or false")


def read_integer(value: object, _type: object = None) -> int:
    """A whole number, as number or text."""
    number = _number(value, "a whole number")
    if number != int(number) or abs(number) >= 2**63:
        raise Expected("a whole number")
    return int(number)


def _number(value: object, noun: str) -> int | float:
    if isinstance(value, str):
        text = value.strip()
        if _NUMBER.fullmatch(text):
            return float(text) if "." in text else int(text)
    elif isinstance(value, float):
        if math.isfinite(value):
            return value
    elif isinstance(value, int) and not isinstance(value, bool):
        return value
    raise Expected(noun)


def _digits(value: int | float) -> str:
    if isinstance(value, int):
        if -MAX_INTEGER < value < MAX_INTEGER:
            return str(value)
    elif math.isfinite(value):
        text = repr(value)
        return text if "e" not in text else format(Decimal(text), "f")
    raise Expected("text")


def write_instant(milliseconds: int) -> str:
    """Milliseconds since the epoch as the text that `read_instant` reads back: small ones in seconds."""
    return str(milliseconds) if milliseconds >= _MILLISECONDS_FROM else write_seconds(milliseconds)


def write_seconds(milliseconds: int) -> str:
    """Milliseconds as seconds, decimal text."""
    whole, rest = divmod(milliseconds, 1_000)
    return str(whole) if not rest else f"{whole}.{rest:03}"


def write_flag(flag: bool) -> str:
    """A flag as text."""
    return "true" if flag else "false"


READERS: Final[dict[object, Callable[[object, object], Any]]] = {
    Instant: read_instant,
    Duration: read_seconds,
    TextFlag: read_flag,
    bool | None: read_flag,
    int | None: read_integer,
    DecimalText: read_decimal,
}
"""Type of a field -> its reader; all others are text."""
WRITERS: Final[dict[object, Callable[[Any], str]]] = {
    Instant: write_instant,
    Duration: write_seconds,
    TextFlag: write_flag,
    int | None: str,
}
"""Type of a field -> its writer; all others are written as they are."""
