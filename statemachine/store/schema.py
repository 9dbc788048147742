"""The database file: how it is created, recognised and opened, and what SQLite's errors mean.

Two tables. `session`: one row a session, with its version, its snapshot (JSON text) and the application's cursor.
`journal`: its transcript news by `seq` (JSON text). The schema's number stands in `user_version`.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from .errors import CorruptStore, ForeignStore, NewerStore, StoreBusy, StoreError, StoreFull, StoreReadOnly

__all__ = ["SCHEMA", "connect", "explain", "prepare"]

SCHEMA: Final = 1
APPLICATION: Final = 0x63737373
"""Marks the file as ours (`application_id`), so that a wrong path never adds tables to somebody's data."""

_TABLES: Final = (
    """CREATE TABLE session (
        key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        version INTEGER NOT NULL,
        snapshot TEXT NOT NULL,
        cursor INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE journal (
        session INTEGER NOT NULL REFERENCES session (key),
        seq INTEGER NOT NULL,
        news TEXT NOT NULL,
        PRIMARY KEY (session, seq)) WITHOUT ROWID""",
)

PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # WAL alone may lose the last commits when the power fails
    "PRAGMA fullfsync = ON",  # macOS flushes the drive's own cache only when asked to; a no-op elsewhere
)

_MEANINGS: Final[dict[int, tuple[type[StoreError], str]]] = {
    sqlite3.SQLITE_BUSY: (StoreBusy, "another process keeps {} locked: stop it, or give each its own file"),
    sqlite3.SQLITE_LOCKED: (StoreBusy, "another connection keeps {} locked"),
    sqlite3.SQLITE_FULL: (StoreFull, "no space left for {}: free some; what was not saved was not done"),
    sqlite3.SQLITE_READONLY: (StoreReadOnly, "{} cannot be written: check its permissions and its directory's"),
    sqlite3.SQLITE_PERM: (StoreReadOnly, "{} may not be opened: check its permissions"),
    sqlite3.SQLITE_CANTOPEN: (StoreReadOnly, "{} cannot be opened: check that its directory can be written"),
    sqlite3.SQLITE_NOTADB: (ForeignStore, "{} is not a SQLite database: choose another file"),
    sqlite3.SQLITE_CORRUPT: (CorruptStore, "{} is damaged: restore a copy"),
}


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """This error in words for the person who runs the store."""
    # Extended codes hold the primary one in their lowest byte (sqlite.org/rescode.html).
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    kind, text = _MEANINGS.get(code, (StoreError, "{}: " + str(error).replace("{", "{{").replace("}", "}}")))
    return kind(text.format(path))


def connect(path: Path, busy_ms: int) -> sqlite3.Connection:
    """A connection in autocommit mode, to be used by one thread at a time. Raises sqlite3.Error."""
    # As a URI, so that no file name means anything special, and a file that vanished is not made anew in silence.
    link = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=rw",
        uri=True,
        timeout=busy_ms / 1000,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        for pragma in PRAGMAS:
            link.execute(pragma)
    except BaseException:
        link.close()
        raise
    return link


def prepare(path: Path, busy_ms: int) -> sqlite3.Connection:
    """Open the database, created and readable by its owner alone where there is none. Raises a `StoreError`."""
    _create(path)
    try:
        link = connect(path, busy_ms)
    except sqlite3.Error as error:
        raise explain(error, path) from error
    try:
        _settle(link, path)
    except sqlite3.Error as error:
        link.close()
        raise explain(error, path) from error
    except BaseException:
        link.close()
        raise
    return link


def _create(path: Path) -> None:
    try:
        # SQLite gives the -wal and -shm files the permissions of the database.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except FileNotFoundError as error:
        raise StoreError(f"{path}: there is no such directory; create it first") from error
    except IsADirectoryError as error:
        raise StoreError(f"{path} is a directory: name a file in it") from error
    except OSError as error:
        raise StoreReadOnly(f"{path} cannot be opened for writing: {error.strerror}") from error


def _settle(link: sqlite3.Connection, path: Path) -> None:
    """Create the tables in a new file; refuse a foreign or newer one."""
    link.execute("BEGIN IMMEDIATE")  # two processes may open a new file at once
    try:
        found = _pragma(link, "user_version")
        empty = not link.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        if not empty and _pragma(link, "application_id") != APPLICATION:
            raise ForeignStore(f"{path} is the database of another program: choose another file")
        if found > SCHEMA:
            raise NewerStore(f"{path} has schema {found}, this version knows {SCHEMA}: upgrade the package")
        if empty:
            for table in _TABLES:
                link.execute(table)
            link.execute(f"PRAGMA application_id = {APPLICATION}")
            link.execute(f"PRAGMA user_version = {SCHEMA}")
        link.execute("COMMIT")
    except BaseException:
        if link.in_transaction:
            link.execute("ROLLBACK")
        raise


def _pragma(link: sqlite3.Connection, name: str) -> int:
    return int(link.execute(f"PRAGMA {name}").fetchone()[0])
