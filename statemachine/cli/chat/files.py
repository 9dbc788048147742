"""Files that a person sends and saves. A name from the wire is a stranger's: it leads to no other folder."""

from __future__ import annotations

from itertools import count
from pathlib import Path, PureWindowsPath
from typing import Final

__all__ = ["MAX_FILE", "BadPath", "readable", "write_new"]

MAX_FILE: Final = 25 * 1024 * 1024
"""Bytes. Servers take no more (protocol.md 1.2, E12)."""


class BadPath(Exception):
    """This path cannot be used. The text says why."""


def readable(text: str) -> Path:
    """A file that can be sent. Raises BadPath."""
    path = Path(text).expanduser()
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


def write_new(content: bytes, name: str, where: str = "") -> Path:
    """Save under this name, here or at `where`; what is there already is left alone. Raises BadPath."""
    target = Path(where).expanduser() if where else Path()
    try:
        if where and not target.is_dir():
            return _write(content, target)
        safe = _safe(name)
        for number in count():
            numbered = f"{safe.stem} ({number}){safe.suffix}" if number else safe.name
            try:
                return _write(content, target / numbered)
            except FileExistsError:
                continue
    except FileExistsError:
        raise BadPath(f"{target} is there already") from None
    except OSError as error:
        raise BadPath(f"{target}: {error.strerror or 'cannot be written'}") from None
    raise AssertionError


def _write(content: bytes, path: Path) -> Path:
    with path.open("xb") as file:
        file.write(content)
    return path


def _safe(name: str) -> Path:
    """The last step of a name, by the rules of any system, without what a shell or a terminal could trip over."""
    last = PureWindowsPath(name).name
    cleaned = "".join(char if char.isprintable() and char not in '<>:"/\\|?*' else "_" for char in last)
    return Path(cleaned.lstrip(".-~ ").rstrip(". ")[:120] or "file")
