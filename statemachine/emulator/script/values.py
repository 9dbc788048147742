"""Readers of TOML values, for scenarios and for scripts of customers. Each raises ValueError in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, Final, cast

from statemachine.durations import parse_duration

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
