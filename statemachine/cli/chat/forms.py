"""Forms in a chat, answered question by question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final


class Questions:
    """One form being answered. Without known `fields` each line is NAME=VALUE, and an empty one is the last."""

    def __init__(self, request_id: str, name: str, fields: Sequence[str], *, secure: bool) -> None:
        self.request_id: Final = request_id
        self.name: Final = name
        self.secure: Final = secure
        self._fields = list(fields)
        self._free: Final = not fields
        self.values: Final[dict[str, str]] = {}
        self.done = False

    @property
    def prompt(self) -> str:
        """The question."""
        return "name=value (empty: send)" if self._free else self._fields[0]

    def take(self, line: str) -> str:
        """The answer. Returns what is wrong with it, "" for nothing."""
        if not self._free:
            self.values[self._fields.pop(0)] = line
            self.done = not self._fields
            return ""
        name, equals, value = line.partition("=")
        if not line.strip():
            self.done = True
        elif not equals or not name.strip():
            return "expected name=value, or an empty line to send what was answered"
        else:
            self.values[name.strip()] = value.strip()
        return ""
