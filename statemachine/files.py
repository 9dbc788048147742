"""Creates files and folders that may hold texts or tokens: for their owner alone, and never through a symbolic link.

Another user could otherwise read them, or plant a link with the same name and have a file elsewhere overwritten.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
from pathlib import Path
from typing import BinaryIO, Final, Literal

__all__ = ["open_private", "private_folder", "replace_private", "write_private"]

_FLAGS: Final = {"w": 0, "a": os.O_APPEND, "x": os.O_EXCL}


def open_private(path: Path, mode: Literal["w", "a", "x"] = "w") -> BinaryIO:
    """Open a file for writing: "w" empties an existing one, "a" appends to it, "x" refuses it.

    Raises:
        OSError: Also for a symbolic link, for a file with another name (hard link), and for a file of another user.
    """
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | _FLAGS[mode]
    try:
        descriptor = os.open(os.fspath(path), flags, 0o600)
    except OSError as error:
        raise (_link(path) if error.errno == errno.ELOOP else error) from None
    try:
        _make_private(descriptor, path)
        if mode == "w" and stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.truncate(descriptor, 0)
        return os.fdopen(descriptor, "ab" if mode == "a" else "wb")
    except BaseException:
        os.close(descriptor)
        raise


def _make_private(descriptor: int, path: Path) -> None:
    if sys.platform == "win32":  # a new file has the rights of its folder there
        return
    found = os.fstat(descriptor)
    if stat.S_ISCHR(found.st_mode):  # /dev/null, a terminal
        return
    if found.st_uid != os.geteuid():
        raise OSError(errno.EPERM, "it belongs to another user: choose another file", str(path))
    if found.st_nlink > 1:
        raise OSError(errno.EMLINK, "it has another name (hard link): choose another file", str(path))
    if stat.S_IMODE(found.st_mode) & 0o077:
        os.fchmod(descriptor, 0o600)


def write_private(path: Path, content: str | bytes) -> None:
    """Write a whole file. A lone surrogate, which a chat's text may hold, becomes "?". Raises as `open_private`."""
    with open_private(path) as file:
        file.write(content.encode("utf-8", "replace") if isinstance(content, str) else content)


def replace_private(path: Path, text: str) -> None:
    """Write a whole file at once: its readers see the old text or the new one. Raises as `open_private`."""
    if path.is_symlink():
        raise _link(path)
    if path.exists() and not path.is_file():  # a device would be gone for the whole system
        raise OSError(errno.EEXIST, "it is no regular file: name another", str(path))
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with open_private(fresh, "x") as file:
            file.write(text.encode())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def private_folder(path: Path) -> None:
    """Create a folder and its missing parents, for their owner alone; existing ones keep their rights.

    Raises:
        OSError: Also where `path` is a symbolic link.
    """
    if path.is_symlink():
        raise _link(path)
    if not path.parent.is_dir():
        private_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def _link(path: Path) -> OSError:
    return OSError(errno.ELOOP, "it is a symbolic link: name the file or folder itself", str(path))
