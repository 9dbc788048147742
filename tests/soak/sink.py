"""What the application did with its news: one line each, written before the news counts as dealt with."""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from pathlib import Path
from typing import Any, TypeAlias

__all__ = ["Line", "Sink", "read_lines"]

Line: TypeAlias = list[Any]
"""Customer, seq, type, and what the type needs."""


class Sink:
    """The file, and what is known from it. A kill loses nothing that was written: the system has it."""

    def __init__(self, path: Path) -> None:
        self.outcomes: defaultdict[str, set[str]] = defaultdict(set)
        """Keys of the texts whose outcome was told, by customer."""
        self.replies: defaultdict[str, set[str]] = defaultdict(set)
        """Keys of the texts that were answered."""
        self.failed: defaultdict[str, int] = defaultdict(int)
        self.met: set[str] = set()
        """Customers with any news."""
        self.over: set[str] = set()
        for line in read_lines(path):
            self._know(line)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, *line: Any) -> None:
        """Add a line."""
        os.write(self._file, (json.dumps(line) + "\n").encode())
        self._know(list(line))

    def _know(self, line: Line) -> None:
        who, _, kind, *rest = line
        self.met.add(who)
        if kind == "delivery_update" and rest[0]:
            if rest[0] not in self.outcomes[who]:
                self.failed[who] += rest[1] == "failed"
            self.outcomes[who].add(rest[0])
        elif kind == "message" and (answered := re.search(r"You said: this is (text-\d+)", rest[1])):
            self.replies[who].add(answered[1])
        elif kind == "finished":
            self.over.add(who)


def read_lines(path: Path) -> list[Line]:
    """All whole lines; a torn last one was never finished, so its news is told again."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        path.write_bytes(whole)
    return [json.loads(line) for line in whole.splitlines()]
