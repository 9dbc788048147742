"""Files named on the command line: an error message names the file."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from statemachine.codec.body import MAX_BODY
from statemachine.codec.har import unpacked
from statemachine.files import private_folder, write_private

from .app import Trouble

FILE: Final = click.Path(dir_okay=False, path_type=Path)
FOLDER: Final = click.Path(file_okay=False, path_type=Path)


@contextmanager
def reading(path: Path | str) -> Generator[None]:
    """Within it, this file is read. Raises Trouble for an OSError."""
    with _in_words(path, "cannot be read"):
        yield


@contextmanager
def writing(path: Path | str) -> Generator[None]:
    """Within it, this file or folder is written. Raises Trouble for an OSError."""
    with _in_words(path, "cannot be written"):
        yield


@contextmanager
def _in_words(path: Path | str, otherwise: str) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise Trouble(f"{path}: {error.strerror or otherwise}") from None


def content_of(file: Path | str) -> bytes:
    """The content of a file, of standard input for "-": at most `MAX_BODY` bytes and one more. Raises Trouble."""
    name = "standard input" if str(file) == "-" else file
    try:
        with reading(name):
            if str(file) == "-":
                return sys.stdin.buffer.read(MAX_BODY + 1)
            with Path(file).open("rb") as opened:
                return opened.read(MAX_BODY + 1)
    except ValueError:  # a NUL in the name
        raise Trouble(f"{name}: no such file") from None


def write(path: Path, what: str | bytes) -> None:
    """Write a file for this user alone, and the folder it is in; see `write_private`. Raises Trouble."""
    with writing(path):
        if not path.parent.exists():
            private_folder(path.parent)
        write_private(path, what)


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a byte order mark. Raises Trouble."""
    try:
        return unpacked(content_of(path)).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Trouble(f"{path}: this is no UTF-8 text") from None


def lines(path: Path) -> list[str]:
    """The lines of a text without comments (#) and blank lines. Raises Trouble."""
    return [text for line in read_text(path).splitlines() if (text := line.partition("#")[0].strip())]
