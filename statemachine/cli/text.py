"""Untrusted text, made safe to show: control characters, which a terminal would obey or hide, are escaped.

Imports nothing but the standard library: error messages need it where the extras are missing.
"""

from __future__ import annotations

from typing import Final

_JOINERS: Final = "\u200c\u200d"
"""Within words of Persian and within emoji; they hide nothing."""


def visible(text: str) -> str:
    """The text on one line, with control characters, escapes, overrides of direction and the like written out.

    `\\x1b`, `\\n`, `\\u202e`… A space of any kind is a space. Applied twice, it changes nothing more.
    """
    if text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(char: str) -> str:
    if char.isprintable() or char in _JOINERS:
        return char
    return " " if char.isspace() and ord(char) > 0x9F else repr(char)[1:-1]


def clipped(text: str, limit: int) -> str:
    """At most `limit` characters of it."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
