"""Durations as text: the format of files and options (``1m30s``), and words for people (``1 min 30 s``)."""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_PART: Final = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)")
_WHOLE: Final = re.compile(rf"(?:{_PART.pattern})+")


def parse_duration(text: str) -> int:
    """Read ``500ms``, ``1.5s``, ``10m``, ``1h30m`` or ``2d``.

    Returns: Milliseconds.
    Raises ValueError with a text for the author of the file.
    """
    compact = "".join(text.split())
    if not _WHOLE.fullmatch(compact):
        raise ValueError(f"{text!r} is not a duration: write 500ms, 1.5s, 10m or 1h30m")
    return round(sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(compact)))


def format_duration(ms: int) -> str:
    """The shortest text that ``parse_duration`` reads back."""
    if 0 < ms < 1_000:
        return f"{ms}ms"
    hours, rest = divmod(ms, _UNITS["h"])
    minutes, rest = divmod(rest, _UNITS["m"])
    counts = {"h": str(hours or ""), "m": str(minutes or ""), "s": f"{rest / 1000:g}" if rest else ""}
    return "".join(f"{count}{unit}" for unit, count in counts.items() if count) or "0s"


def duration_words(ms: int) -> str:
    """Words for people, in whole seconds: ``45 s``, ``2 min 5 s``, ``1 h 10 min``."""
    seconds = ms // 1_000
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"
