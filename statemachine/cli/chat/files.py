"""Files that a person sends and saves. A name from the wire is untrusted: it leads to no other folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path, PureWindowsPath
from typing import BinaryIO, Final

from statemachine.files import open_private

MAX_FILE: Final = 25 * 1024 * 1024
"""Bytes. Servers take no more (protocol.md 1.2, E12)."""


class BadPath(Exception):
    """This path cannot be used. The text says why."""


def _expanded(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # no such user, or no home
        raise BadPath(f"{text}: there is no such home directory") from None


def readable(text: str) -> Path:
    """A file that can be sent. Raises BadPath."""
    path = _expanded(text)
    try:
        if path.is_dir():
            raise BadPath(f"{path} is a folder")
        size = path.stat().st_size
        path.open("rb").close()
    except OSError as error:
        raise BadPath(f"{path}: {error.strerror or 'cannot be read'}") from None
    if size > MAX_FILE:
        raise BadPath(f"{path} is larger than the server takes ({MAX_FILE // 2**20} MB)")
    return path


async def save(pieces: AsyncIterator[bytes], name: str, where: str = "") -> tuple[Path, int]:
    """Save what comes under this name, here or at `where`, as (path, bytes); what is there already is left alone.

    There is no file until the first piece has come, and none if the last does not. Raises BadPath.
    """
    first = await anext(pieces, b"")
    with _refusing(name, where):
        path, file = await asyncio.to_thread(_new, name, where)
        try:
            with file:
                await asyncio.to_thread(file.write, first)
                async for piece in pieces:
                    await asyncio.to_thread(file.write, piece)
                size = file.tell()
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path, size


def _new(name: str, where: str) -> tuple[Path, BinaryIO]:
    """A file that has not been there before."""
    target = _expanded(where) if where else Path()
    if where and not target.is_dir():
        return target, open_private(target, "x")
    safe = _safe(name)
    for number in count():
        path = target / (f"{safe.stem} ({number}){safe.suffix}" if number else safe.name)
        try:
            return path, open_private(path, "x")
        except FileExistsError:
            continue
    raise AssertionError


@contextmanager
def _refusing(name: str, where: str) -> Generator[None]:
    target = where or name
    try:
        yield
    except FileExistsError:
        raise BadPath(f"{target} is there already") from None
    except OSError as error:
        raise BadPath(f"{target}: {error.strerror or 'cannot be written'}") from None


def _safe(name: str) -> Path:
    """The last step of a name, by the rules of any system, without what a shell or a terminal could trip over."""
    last = PureWindowsPath(name).name
    cleaned = "".join(char if char.isprintable() and char not in '<>:"/\\|?*' else "_" for char in last)
    return Path(cleaned.lstrip(".-~ ").rstrip(". ")[:120] or "file")
