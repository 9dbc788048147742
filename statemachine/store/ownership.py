"""One process owns a database: a second one is refused, and the error names the owner.

Ownership is held by locks of the operating system while the store is open. The system releases them as soon as the
process dies, so its sessions are available at once. It never releases the lock of a live process, so a suspended one
(laptop lid, debugger, moved virtual machine) never wakes up beside another owner. A lease with a heartbeat guarantees
neither.

Two files are locked. The lock file beside the database protects its name: a database that is put in its place finds
the write-ahead log of the first one. On Linux the database itself is locked too: it may be renamed, and the lock file
may be deleted. `flock` is bound to the open file, not to the process as POSIX locks are: those are dropped when the
process closes the file anywhere. Like the write-ahead log, locks work among the processes of one machine. The database
holds the owner's name.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import sys
import threading
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

from attrs import frozen

from .errors import StoreError
from .schema import rows

FileId: TypeAlias = tuple[int, int]
"""Device and inode."""

_RETRY_S: Final = 0.01
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS: Final = 250_000_000_000_000  # in the year 9892

LOCKS_DATABASE: Final = sys.platform == "linux"
"""Elsewhere `flock` and SQLite's own locks of one file exclude each other."""

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@frozen
class Owner:
    """The process that owns a database. `since`: milliseconds since the epoch."""

    program: str
    pid: int
    host: str
    since: int

    @classmethod
    def here(cls) -> Owner:
        """This process, as owner from now on."""
        program = Path(sys.argv[0]).name or Path(sys.executable).name
        return cls(program, os.getpid(), socket.gethostname(), time.time_ns() // 1_000_000)

    def sign(self, link: sqlite3.Connection) -> None:
        """Write the owner into the database. Raises sqlite3.Error."""
        values = (self.program, self.pid, self.host, self.since)
        link.execute("INSERT OR REPLACE INTO owner (key, program, pid, host, since) VALUES (1, ?, ?, ?, ?)", values)

    @property
    def is_here(self) -> bool:
        """Whether it is this process."""
        return (self.pid, self.host) == (os.getpid(), socket.gethostname())

    def __str__(self) -> str:
        since = _EPOCH + timedelta(milliseconds=min(max(self.since, 0), _LATEST_MS))  # as stored, perhaps damaged
        return f"{self.program} (process {self.pid} on {self.host}, since {since:%Y-%m-%d %H:%M} UTC)"


def owner_of(link: sqlite3.Connection) -> Owner | None:
    """The last owner; only the lock says whether it still is one."""
    try:
        found = rows(link, (str, int, str, int), "SELECT program, pid, host, since FROM owner")
    except sqlite3.DatabaseError:  # newly created, of a schema without owners, or damaged
        return None
    return Owner(*found[0]) if found else None


def lock_of(path: Path) -> Path:
    """The lock file. It is never deleted: two processes could then lock two files of the same name."""
    return path.with_name(f"{path.name}-lock")


class Ownership:
    """This process owns the database at `path`, a resolved path, until `release`.

    Takes the lock on the database, and on the lock file if there is one: none is left beside another program's data.
    Waits at most `wait_ms`. Raises BlockingIOError where another store owns it, and OSError.
    """

    def __init__(self, path: Path, wait_ms: int) -> None:
        self._path: Final = path
        self._wait_ms: Final = wait_ms
        self._files: dict[Path, FileId | None] = {}
        self._name: Lock | None = None
        self._locks = ExitStack()
        until = time.monotonic() + wait_ms / 1_000
        while not self._take():
            if time.monotonic() >= until:
                raise BlockingIOError
            time.sleep(_RETRY_S)

    def _take(self) -> bool:
        """Take both locks, or none: two that each hold one and wait for the other would wait in vain."""
        self._name = None
        with ExitStack() as undo:
            try:
                with suppress(FileNotFoundError):
                    self._lock_name(undo, 0, create=False)
                if LOCKS_DATABASE:
                    undo.callback(Lock(self._path, 0).release)
            except BlockingIOError:
                return False
            self._locks = undo.pop_all()
        return True

    def complete(self) -> None:
        """Create and lock the lock file if there was none. Raises as above."""
        if self._name is None:
            self._lock_name(self._locks, self._wait_ms, create=True)

    def _lock_name(self, stack: ExitStack, wait_ms: int, *, create: bool) -> None:
        self._name = Lock(lock_of(self._path), wait_ms, create=create)
        stack.callback(self._name.release)

    def watch(self) -> None:
        """From now on, `check` compares the files with those that are there now."""
        files = (self._path, lock_of(self._path), self._path.with_name(f"{self._path.name}-wal"))
        self._files = {file: file_id(file) for file in files}

    def check(self) -> None:
        """Raises StoreError where a file was deleted or replaced: what is saved from now on would be lost."""
        for file, known in self._files.items():
            if file_id(file) != known:
                raise StoreError(
                    f"{file} was deleted, renamed or replaced while {self._path} was in use, so nothing is saved any "
                    "more: restart this process, and stop it before you change its files"
                )

    def release(self) -> None:
        """Release all locks. May be repeated."""
        self._locks.close()

    @classmethod
    def is_held(cls, path: Path) -> bool:
        """Whether a store has this database open now. Raises OSError where that cannot be determined."""
        return Lock.is_held(lock_of(path)) or (LOCKS_DATABASE and Lock.is_held(path))


class Lock:
    """An exclusive lock on a file, for this process. Waits at most `wait_ms` for it.

    The wait lets a stopping process hand over to its successor. `create`: the file is created if it is missing. Raises
    BlockingIOError where the lock is held, by this process too, and OSError.
    """

    def __init__(self, file: Path, wait_ms: int, *, create: bool = False) -> None:
        until = time.monotonic() + wait_ms / 1_000
        while not self._take(file, create):
            if time.monotonic() >= until:
                raise BlockingIOError
            time.sleep(_RETRY_S)

    def _take(self, file: Path, create: bool) -> bool:
        with _guard:
            # A file of this process that is locked must not be opened: its close would drop SQLite's locks on it.
            if file_id(file) in _held:
                return False
            flags = getattr(os, "O_NOFOLLOW", 0) | (os.O_CREAT if create else 0)
            descriptor = os.open(file, flags, 0o600)
            try:
                _try_lock(descriptor)
                found = os.fstat(descriptor)
            except (BlockingIOError, PermissionError):  # the latter on Windows
                os.close(descriptor)
                return False
            except BaseException:
                os.close(descriptor)
                raise
            self._id, self.descriptor = (found.st_dev, found.st_ino), descriptor
            if file_id(file) != self._id:  # deleted or replaced since it was opened
                os.close(descriptor)
                return False
            _held[self._id] = self
            return True

    @classmethod
    def is_held(cls, file: Path) -> bool:
        """Whether a process holds the lock on this file now. Raises OSError where that cannot be determined."""
        try:
            cls(file, 0).release()
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False

    def release(self) -> None:
        """Release the lock. May be repeated."""
        with _guard:
            if _held.get(self._id) is self:
                del _held[self._id]
                os.close(self.descriptor)


_held: Final[dict[FileId, Lock]] = {}
"""The locks of this process."""
_guard: Final = threading.Lock()


def _forget_inherited() -> None:
    """In a forked child: the locks are its parent's, and would outlast it as long as the child has them open."""
    for lock in _held.values():
        os.close(lock.descriptor)
    _held.clear()
    _guard.release()


if sys.platform != "win32":
    os.register_at_fork(before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_forget_inherited)


def file_id(file: Path) -> FileId | None:
    """Identifies a file, whatever its name is now; None: there is no such file."""
    try:
        found = file.stat(follow_symlinks=False)
    except OSError:
        return None
    return found.st_dev, found.st_ino
