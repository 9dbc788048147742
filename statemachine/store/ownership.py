"""One process owns a database: a second one is refused, and the error names the owner.

Ownership is a lock of the operating system on a file beside the database, held while the store is open. The system
releases it as soon as the process dies, so its sessions are available at once. It never releases the lock of a live
process, so a suspended one (laptop lid, debugger, moved virtual machine) never wakes up beside another owner. A lease
with a heartbeat guarantees neither.

The lock is a write transaction without end on an empty SQLite database: it exists wherever SQLite does (Linux, macOS,
Windows), also between two stores of one process, and a fork does not inherit it. Like the write-ahead log, it works
among the processes of one machine. The database holds the owner's name.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from attrs import frozen


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
        since = datetime.fromtimestamp(self.since / 1_000, UTC)
        return f"{self.program} (process {self.pid} on {self.host}, since {since:%Y-%m-%d %H:%M} UTC)"


def owner_of(link: sqlite3.Connection) -> Owner | None:
    """The last owner; only the lock says whether it still is one."""
    try:
        row = link.execute("SELECT program, pid, host, since FROM owner").fetchone()
    except sqlite3.OperationalError:  # newly created, or of a schema without owners
        return None
    return Owner(*row) if row else None


def lock_of(path: Path) -> Path:
    """The lock file. It is never deleted: two processes could then lock two files of the same name."""
    return path.with_name(f"{path.name}-lock")


class Lock:
    """Ownership of the database at `path`. Waits at most `wait_ms` for it.

    The wait lets a stopping process hand over to its successor. Raises sqlite3.Error, with SQLITE_BUSY where another
    process owns the database, and OSError.
    """

    def __init__(self, path: Path, wait_ms: int) -> None:
        file = lock_of(path)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        self._link = sqlite3.connect(
            f"{file.resolve().as_uri()}?mode=rw",
            uri=True,
            timeout=wait_ms / 1_000,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            self._link.execute("PRAGMA journal_mode = OFF")  # nothing is ever written: no more files
            self._link.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._link.close()
            raise

    @classmethod
    def is_held(cls, path: Path) -> bool:
        """Whether a process owns this database now. Raises OSError, sqlite3.Error where that cannot be determined."""
        if not lock_of(path).exists():
            return False
        try:
            cls(path, 0).release()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return True
        return False

    def release(self) -> None:
        """Release ownership. May be repeated."""
        self._link.close()
