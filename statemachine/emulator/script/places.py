"""The line of each value in a TOML document; ``tomllib`` does not keep it.

This reader trusts its text: it is for documents that ``tomllib`` has read already.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import Final, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the root: ``("script", 3, "say")``."""

_TOKEN: Final = re.compile(
    r"""
    [ \t\r\n]+ | \#[^\n]*                                              # blanks and comments
    | (?P<token> \"{3}(?:[^\\]|\\.)*?\"{3,5} | '{3}.*?'{3,5}           # strings of several lines
    | "(?:[^"\\]|\\.)*" | '[^']*' | [][{}=,.] | [^\s\][{}=,.\#"']+ )   # strings, marks, bare keys and scalars
    """,
    re.DOTALL | re.VERBOSE,
)


def places(text: str) -> dict[Path, int]:
    """The line, from 1, of every key and every element. The root is on line 1."""
    reader = _PlaceReader(text)
    reader.read_document()
    return reader.lines


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """Tokens with their lines, and "" at the end."""
    line = 1
    for match in _TOKEN.finditer(text):
        if match["token"]:
            yield match["token"], line
        line += match[0].count("\n")
    yield "", line


class _PlaceReader:
    def __init__(self, text: str) -> None:
        self._tokens = deque(_tokens(text))
        self._tables: dict[Path, int] = {}  # how many elements an array of tables has so far
        self.lines: Final[dict[Path, int]] = {(): 1}

    def read_document(self) -> None:
        table: Path = ()
        while self._next():
            if self._next() == "[":
                table = self._header()
            else:
                self._pair(table)

    def _next(self) -> str:
        return self._tokens[0][0]

    def _skip(self, mark: str) -> bool:
        found = self._next() == mark
        if found:
            self._tokens.popleft()
        return found

    def _keys(self) -> Iterator[tuple[str, int]]:
        """The parts of a dotted key; quoted ones without their quotes, escapes as written."""
        while True:
            key, line = self._tokens.popleft()
            yield (key[1:-1] if key[0] in "\"'" else key), line
            if not self._skip("."):
                return

    def _header(self) -> Path:
        self._skip("[")
        is_array = self._skip("[")
        keys = list(self._keys())
        path: Path = ()
        for number, (key, line) in enumerate(keys, 1):
            path = (*path, key)
            self.lines.setdefault(path, line)
            if is_array and number == len(keys):
                self._tables[path] = self._tables.get(path, 0) + 1
            if path in self._tables:
                path = (*path, self._tables[path] - 1)
                self.lines.setdefault(path, line)
        while self._skip("]"):
            pass
        return path

    def _pair(self, table: Path) -> None:
        path = table
        for key, line in self._keys():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self._skip("=")
        self._value(path)

    def _value(self, path: Path) -> None:
        token, line = self._tokens.popleft()
        if token == "[":
            index = 0
            while not self._skip("]"):
                self.lines.setdefault((*path, index), self._tokens[0][1])
                self._value((*path, index))
                index += 1
                self._skip(",")
        elif token == "{":
            while not self._skip("}"):
                self._pair(path)
                self._skip(",")
        elif token[0] not in "\"'":  # a scalar of several tokens: 1.5, or a date and a time
            while self._tokens[0][1] == line and self._next() not in (",", "]", "}", ""):
                self._tokens.popleft()
