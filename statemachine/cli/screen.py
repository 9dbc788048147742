"""Lines for a person: with colour and wrapped to the width on a terminal, plain and whole anywhere else.

Whatever is shown goes through `visible`: no text from outside reaches a terminal as it is.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from typing import Final, TextIO, TypeAlias

from .errors import say
from .text import visible

Piece: TypeAlias = tuple[str, str]
"""(text, style); styles are rich's, "" is none."""

PHASE_WIDTH: Final = 12
_NARROWEST: Final = 40
_WIDE: Final = 110
_ASCII: Final = str.maketrans(
    {"→": ">", "·": "-", "…": "...", "✓": "+", "✗": "x", "─": "-", "▸": ">", "“": '"', "”": '"'}
)

_PHASES: Final = {
    "queued": "yellow",
    "connecting": "yellow",
    "connected": "green",
    "agent_joined": "bold green",
    "warned": "bold yellow",
    "ended": "bold",
    "failed": "bold red",
    "timed_out": "bold red",
    "gone": "bold red",
}


def phase_style(phase: str) -> str:
    """How a phase is coloured."""
    return _PHASES.get(phase, "cyan")


def reopen() -> None:
    """Let no character stop a line: what the encoding of a pipe or an old console lacks is escaped.

    Streams that were closed before the start are replaced by empty ones.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def discard_output() -> None:
    """Write what is still buffered nowhere, so that the interpreter does not fail on it at its end."""
    with suppress(AttributeError, OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def progress(line: str, *, always: bool = False) -> None:
    """Show how far a long command is: on a terminal, in place of the line before; "" removes it.

    `always`: elsewhere too, as a message.
    """
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{visible(line)}")
        sys.stderr.flush()
    elif always:
        say(line)


class Screen:
    """Where lines go. `stream`: standard output, as it is when this is made."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream: Final = stream or sys.stdout
        terminal = self._stream.isatty()
        dumb = os.environ.get("TERM", "") == "dumb"
        self._coloured: Final = terminal and not dumb and not os.environ.get("NO_COLOR")
        self._terminal: Final = terminal
        self._unicode: Final = _can_encode(self._stream)

    @property
    def narrow(self) -> bool:
        """Too narrow for two columns of text."""
        return self._width is not None and self._width < _WIDE

    @property
    def _width(self) -> int | None:
        """As it is now: a window may be made wider or narrower at any time."""
        return max(_NARROWEST, shutil.get_terminal_size().columns) if self._terminal else None

    def line(self, *pieces: Piece | str, indent: int = 0) -> None:
        """One line. Where it has to be wrapped, what follows is indented by `indent`."""
        parts = [(piece, "") if isinstance(piece, str) else piece for piece in pieces]
        parts = [(self._spelled(text), style) for text, style in parts]
        width = self._width
        if width is None:
            self._write("".join(text for text, _ in parts).rstrip() + "\n")
        else:
            self._write(self._rendered(parts, indent, width))

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def _spelled(self, text: str) -> str:
        text = visible(text)
        return text if self._unicode else text.translate(_ASCII)

    def _rendered(self, parts: list[Piece], indent: int, width: int) -> str:
        plain = "".join(text for text, _ in parts)
        spans = _wrapped(plain, width, indent)
        lines = [plain[start:end].rstrip() for start, end in spans]
        if self._coloured:
            lines = _styled(parts, spans)
        return "".join(f"{' ' * indent if number else ''}{line}\n" for number, line in enumerate(lines))


def _wrapped(text: str, width: int, indent: int) -> list[tuple[int, int]]:
    """(start, end) of each line, broken at spaces where there are any; wide characters take two columns."""
    from rich.cells import cell_len

    spans: list[tuple[int, int]] = []
    start, space, used, room = 0, -1, 0, width
    for index, char in enumerate(text):
        used += cell_len(char)
        if char == " ":
            space = index
        elif used > room:
            end = space if space > start + (indent if not spans else 0) else index
            spans.append((start, end))
            start = end + 1 if end == space else end
            room = max(_NARROWEST // 2, width - indent)
            used = cell_len(text[start : index + 1])
    return [*spans, (start, len(text))]


def _styled(parts: list[Piece], spans: list[tuple[int, int]]) -> list[str]:
    """The lines with their colours."""
    from rich.color import ColorSystem
    from rich.style import Style

    lines: list[str] = []
    for start, end in spans:
        at, line = 0, ""
        for text, style in parts:
            piece = text[max(0, start - at) : max(0, end - at)]
            at += len(text)
            if piece:
                line += Style.parse(style).render(piece, color_system=ColorSystem.STANDARD) if style else piece
        lines.append(line.rstrip())
    return lines


def _can_encode(stream: TextIO) -> bool:
    try:
        "→·…✓✗─▸“”".encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True
