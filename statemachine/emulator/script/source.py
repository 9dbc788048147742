"""A TOML file with its line numbers, and everything that is wrong with it at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import define, field, frozen

from statemachine.emulator.script.places import Path, places

_DEEP_KEY: Final = re.compile(r"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){64}""")
"""A dotted key of so many parts: they are read in quadratic time."""
_LINE_END: Final = r"Illegal character '\n'"
_WHERE: Final = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


@frozen(order=True)
class Problem:
    """A problem on a line (from 1) of a file."""

    line: int
    message: str
    file: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.file else f"line {self.line}: {self.message}"


class ScriptError(ValueError):
    """A file that cannot be used, with all its problems by line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems: Final = tuple(problems)


def read_toml(text: str, name: str = "") -> dict[str, Any]:
    """The content of this text. Raises ScriptError where it is no TOML, or beyond what is read."""
    if (deep := _DEEP_KEY.search(text)) is not None:
        raise ScriptError([Problem(text.count("\n", 0, deep.start()) + 1, "this key has too many parts", name)])
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        found = _WHERE.search(message)
        line = int(found[1]) if found is not None and found[1] else text.count("\n") + 1
        message = _WHERE.sub("", message).replace(_LINE_END, "the line ends before the text does: add a quotation mark")
        raise ScriptError([Problem(line, message, name)]) from None
    except RecursionError:
        raise ScriptError([Problem(1, "this is nested too deeply", name)]) from None
    except ValueError:  # Python reads no integer of more than 4,300 digits
        raise ScriptError([Problem(1, "a number in this file has too many digits", name)]) from None


@define
class Source:
    """The content of a file, its lines, and its problems so far."""

    name: str
    data: Mapping[str, Any]
    lines: Mapping[Path, int]
    problems: list[Problem] = field(factory=list[Problem])

    @classmethod
    def of(cls, text: str, name: str = "") -> Source:
        """Read this text, with or without a byte order mark. Raises ScriptError where it is no TOML."""
        text = text.removeprefix("\ufeff")
        return cls(name, read_toml(text, name), places(text))

    def line(self, path: Path) -> int:
        """The line of a path, or of the nearest thing above it that has one."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]

    def wrong(self, path: Path, message: str) -> None:
        """Note a problem at a path."""
        self.problems.append(Problem(self.line(path), message, self.name))

    def check(self) -> None:
        """Raises ScriptError if anything was wrong."""
        if self.problems:
            raise ScriptError(sorted(set(self.problems)))
