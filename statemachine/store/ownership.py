"""One process at work on a database: the second is refused, and told by whom.

The right to work is a lock of the operating system on a file beside the database, held while the store is open. The
system lets go of it in the moment its process dies, however it dies, so a dead process's sessions are free at once; and
it never lets go of a live one's, so a process that was merely suspended (a laptop's lid, a debugger, a virtual machine
that moved) never wakes up beside another. A lease with a heartbeat promises neither.

The lock is SQLite's own, a write transaction without end on an empty database: it exists wherever SQLite does (Linux,
macOS, Windows), also between two stores of one process, and is not inherited by a fork. Like the write-ahead log, it is
good among the processes of one machine. The name of who holds it stands in the database itself.
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
    """Who is at work. `since`: milliseconds since the epoch."""

    program: str
    pid: int
    host: str
    since: int

    @classmethod
    def here(cls) -> Owner:
        """This process, from now on."""
        program = Path(sys.argv[0]).name or Path(sys.executable).name
        return cls(program, os.getpid(), socket.gethostname(), time.time_ns() // 1_000_000)

    def sign(self, link: sqlite3.Connection) -> None:
        """Write the name down for those who come later. Raises sqlite3.Error."""
        values = (self.program, self.pid, self.host, self.since)
        link.execute("INSERT OR REPLACE INTO owner (key, program, pid, host, since) VALUES (1, ?, ?, ?, ?)", values)

    @property
    def is_here(self) -> bool:
        """It is this process itself."""
        return (self.pid, self.host) == (os.getpid(), socket.gethostname())

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since / 1_000, UTC)
        return f"{self.program} (process {self.pid} on {self.host}, since {since:%Y-%m-%d %H:%M} UTC)"


def owner_of(link: sqlite3.Connection) -> Owner | None:
    """The last one who was at work; whether it still is, only the lock knows."""
    try:
        row = link.execute("SELECT program, pid, host, since FROM owner").fetchone()
    except sqlite3.OperationalError:  # just made, or of a schema without names
        return None
    return Owner(*row) if row else None


def lock_of(path: Path) -> Path:
    """The file that is locked. It is left in place: removed, two could hold locks on two files of one name."""
    return path.with_name(f"{path.name}-lock")


class Lock:
    """The right to work on the database at `path`, waited for at most `wait_ms`.

    A process that is just being stopped thus hands over to the one that is started in its place. Raises sqlite3.Error,
    with SQLITE_BUSY where another has it, and OSError.
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
        """Somebody is at work on this database now. Raises OSError, sqlite3.Error where that cannot be seen."""
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
        """Let the next one work. Harmless when repeated."""
        self._link.close()
