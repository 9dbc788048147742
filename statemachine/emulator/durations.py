"""Lengths of time as people write them: ``500ms``, ``1.5s``, ``10m``, ``1h30m``."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["milliseconds", "written"]

_UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_PART: Final = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)")
_WHOLE: Final = re.compile(rf"(?:{_PART.pattern})+")


def milliseconds(text: str) -> int:
    """Raises ValueError in the words of the person who wrote it."""
    compact = "".join(text.split())
    if not _WHOLE.fullmatch(compact):
        raise ValueError(f"{text!r} is no length of time: write 500ms, 1.5s, 10m or 1h30m")
    return round(sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(compact)))


def written(ms: int) -> str:
    """The shortest spelling that ``milliseconds`` reads back."""
    if 0 < ms < 1_000:
        return f"{ms}ms"
    hours, rest = divmod(ms, _UNITS["h"])
    minutes, rest = divmod(rest, _UNITS["m"])
    counts = {"h": str(hours or ""), "m": str(minutes or ""), "s": f"{rest / 1000:g}" if rest else ""}
    return "".join(f"{count}{unit}" for unit, count in counts.items() if count) or "0s"
