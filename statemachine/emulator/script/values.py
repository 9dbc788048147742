"""Readers of TOML values, for scenarios and for scripts of customers. Each raises ValueError in words."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, Final, cast, get_args

from statemachine.durations import parse_duration
from statemachine.emulator.knobs import Call

BASE64: Final = "base64:"
"""The beginning of a text that is no text, but bytes in base64."""
# More names than this are no help.
_MANY: Final = 60


def read_any_text(value: object) -> str:
    """A text, which may be empty."""
    if not isinstance(value, str):
        raise ValueError(f"a text is needed, not {value!r:.60}")
    return value


def read_text(value: object) -> str:
    """A text that is not empty."""
    if not read_any_text(value):
        raise ValueError("a text is needed, not ''")
    return read_any_text(value)


def read_texts(value: object) -> tuple[str, ...]:
    """One text, or a list of them; none is empty."""
    return tuple(map(read_text, read_list(value)))


def read_list(value: object) -> list[Any]:
    """A list, or one element of it."""
    return cast("list[object]", value) if isinstance(value, list) else [value]


def read_duration(value: object) -> int:
    """``"1m30s"``, in milliseconds."""
    return parse_duration(read_text(value))


def read_whole_number(value: object) -> int:
    """A number from 1 to a million."""
    if type(value) is not int or not 0 < value <= 1_000_000:
        raise ValueError(f"a whole number from 1 on is needed, not {value!r:.60}")
    return value


def read_integer(value: object) -> int:
    """A whole number."""
    if type(value) is not int:
        raise ValueError(f"a whole number is needed, not {value!r:.60}")
    return value


def read_number(value: object) -> float:
    """A finite number."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"a number is needed, not {value!r:.60}")
    return float(value)


def read_bytes(value: object) -> bytes:
    """Bytes: a text as it is, or ``base64:`` and their base64."""
    text = read_any_text(value)
    if not text.startswith(BASE64):
        return text.encode(errors="replace")
    try:
        return base64.b64decode(text.removeprefix(BASE64), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"the text after {BASE64} is no base64") from None


def read_true(value: object) -> bool:
    """True: the name of a step that has no value."""
    if value is not True:
        raise ValueError("write the name alone, without a value")
    return value


def read_call(value: object) -> str:
    """The name of a call."""
    require_known((text := read_any_text(value),), get_args(Call))
    return text


def read_flag(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError(f"true or false is needed, not {value!r:.60}")
    return value


def read_table(value: object) -> Mapping[str, Any]:
    """A table."""
    if not isinstance(value, dict):
        raise ValueError(f"a table is needed, not {value!r:.60}")
    return cast("dict[str, Any]", value)


def require_known(values: Collection[str], known: Collection[str]) -> None:
    """Require each of these values to be a known one."""
    for value in values:
        if value not in known:
            raise ValueError(f"there is no {value!r}{did_you_mean(value, known)}")


def did_you_mean(odd: str, known: Collection[str]) -> str:
    """The end of a message about an unknown name: the most similar known one, or all of them."""
    close = get_close_matches(odd, list(known), 1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(known)}" if 0 < len(known) <= _MANY else ""
