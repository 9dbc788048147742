"""The line of each value in a TOML document; ``tomllib`` does not keep it.

The walk trusts its text: it is for documents that ``tomllib`` has read already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, TypeAlias

__all__ = ["Path", "places"]

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the root: ``("script", 3, "say")``."""

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR: Final = re.compile(r"[^,\]}\n#]*")
_STRINGS: Final = (
    re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}', re.DOTALL),
    re.compile(r"'''.*?'{3,5}", re.DOTALL),
    re.compile(r'"(?:[^"\\]|\\.)*"'),
    re.compile(r"'[^']*'"),
)


def places(text: str) -> dict[Path, int]:
    """The line, from 1, of every key and every element. The root is on line 1."""
    return _Walk(text).document()


class _Walk:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._counted = 0
        self._lines: dict[Path, int] = {(): 1}
        # How many elements an array of tables has so far.
        self._tables: dict[Path, int] = {}

    def document(self) -> dict[Path, int]:
        table: Path = ()
        while self._skip(_BLANK) < len(self._text):
            if self._peek("["):
                table = self._header()
            else:
                self._pair(table)
        return self._lines

    def _header(self) -> Path:
        self._at += 1
        many = self._peek("[")
        self._at += many
        keys = list(self._keys())
        self._at += 1 + many
        path: Path = ()
        for number, key in enumerate(keys):
            path = (*path, key)
            self._mark(path)
            if many and number == len(keys) - 1:
                self._tables[path] = self._tables.get(path, 0) + 1
            if path in self._tables:
                path = (*path, self._tables[path] - 1)
                self._mark(path)
        return path

    def _pair(self, table: Path) -> None:
        path = table
        for key in self._keys():
            path = (*path, key)
            self._mark(path)
        self._at += 1  # the equals sign
        self._value(path)

    def _keys(self) -> Iterator[str]:
        while True:
            self._skip(_SPACE)
            start = self._at
            if self._peek('"') or self._peek("'"):
                self._string()
                # As it stands, without its escapes: only the line is wanted, and odd keys are unknown anyway.
                yield self._text[start + 1 : self._at - 1]
            else:
                self._skip(_BARE)
                yield self._text[start : self._at]
            self._skip(_SPACE)
            if not self._peek("."):
                return
            self._at += 1

    def _value(self, path: Path) -> None:
        self._skip(_SPACE)
        if self._peek("["):
            self._array(path)
        elif self._peek("{"):
            self._inline(path)
        elif self._peek('"') or self._peek("'"):
            self._string()
        else:
            self._skip(_SCALAR)

    def _array(self, path: Path) -> None:
        self._at += 1
        index = 0
        while self._skip(_BLANK) >= 0 and not self._peek("]"):
            self._mark((*path, index))
            self._value((*path, index))
            index += 1
            self._skip(_BLANK)
            self._at += self._peek(",")
        self._at += 1

    def _inline(self, path: Path) -> None:
        self._at += 1
        while self._skip(_BLANK) >= 0 and not self._peek("}"):
            self._pair(path)
            self._skip(_BLANK)
            self._at += self._peek(",")
        self._at += 1

    def _string(self) -> None:
        found = next(match for one in _STRINGS if (match := one.match(self._text, self._at)) is not None)
        self._at = found.end()

    def _skip(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found is not None else self._at
        return self._at

    def _peek(self, what: str) -> bool:
        return self._text.startswith(what, self._at)

    def _mark(self, path: Path) -> None:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = max(self._counted, self._at)
        self._lines.setdefault(path, self._line)
