"""The layout of the database file, how it is recognised, created and migrated.

Three tables. `session`: one row for each session, with its version, its snapshot (JSON text), the application's
cursor, when the session ended, in ms (NULL before), and the customer's cookies (NULL for none). `journal`: its
transcript updates by `seq` (JSON text), each with its `at`. `owner`: one row, the process that opened the database
last. `user_version` is the schema's number.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final

from .errors import ForeignStore, NewerStore, StoreError
from .migrations import MIGRATIONS

SCHEMA: Final = 3
APPLICATION: Final = 0x63737373
"""Marks the file as ours (`application_id`): a wrong path must not add tables to another program's data."""

_TABLES: Final = (
    """CREATE TABLE session (
        key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        version INTEGER NOT NULL,
        snapshot TEXT NOT NULL,
        cursor INTEGER NOT NULL DEFAULT 0,
        ended_at INTEGER,
        cookies TEXT)""",
    "CREATE INDEX session_ended_at ON session (ended_at) WHERE ended_at IS NOT NULL",
    """CREATE TABLE journal (
        session INTEGER NOT NULL REFERENCES session (key),
        seq INTEGER NOT NULL,
        at INTEGER NOT NULL,
        content TEXT NOT NULL,
        PRIMARY KEY (session, seq)) WITHOUT ROWID""",
    """CREATE TABLE owner (
        key INTEGER PRIMARY KEY CHECK (key = 1),
        program TEXT NOT NULL,
        pid INTEGER NOT NULL,
        host TEXT NOT NULL,
        since INTEGER NOT NULL)""",
)


def read_schema(link: sqlite3.Connection, path: Path) -> int:
    """The schema of this database, 0 where it is empty. Raises ForeignStore, NewerStore, sqlite3.Error."""
    link.execute("BEGIN")  # one consistent read: another process may be creating the tables
    try:
        return _read_schema(link, path)
    finally:
        if link.in_transaction:
            link.execute("ROLLBACK")


def _read_schema(link: sqlite3.Connection, path: Path) -> int:
    found = pragma(link, "user_version")
    if not link.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
        return 0
    if pragma(link, "application_id") != APPLICATION or found < 1:
        raise ForeignStore(f"{path} is the database of another program: choose another file")
    moved = link.execute("SELECT name FROM sqlite_master WHERE name = 'moved'").fetchone()
    if moved:
        (target,) = link.execute("SELECT target FROM moved").fetchone()
        raise StoreError(f"the chats of {path} are in {target} now: use that database, and delete this file")
    if found > SCHEMA:
        raise NewerStore(f"{path} has schema {found}, this version knows {SCHEMA}: upgrade the package")
    return found


def migrate(link: sqlite3.Connection, path: Path) -> None:
    """Create the tables of an empty database, or migrate an older one, in one transaction. Raises as `read_schema`."""
    link.execute("BEGIN IMMEDIATE")
    try:
        found = _read_schema(link, path)
        if found == 0:
            for table in _TABLES:
                link.execute(table)
            link.execute(f"PRAGMA application_id = {APPLICATION}")
        else:
            for older in range(found, SCHEMA):
                MIGRATIONS[older](link)
        link.execute(f"PRAGMA user_version = {SCHEMA}")
        link.execute("COMMIT")
    except BaseException:
        if link.in_transaction:
            link.execute("ROLLBACK")
        raise


def mark_moved(link: sqlite3.Connection, target: str) -> None:
    """Refuse this database from now on: its chats are in `target`. Raises sqlite3.Error."""
    link.execute("BEGIN IMMEDIATE")
    link.execute("CREATE TABLE moved (target TEXT NOT NULL)")
    link.execute("INSERT INTO moved VALUES (?)", (target,))
    link.execute("COMMIT")


def rows(link: sqlite3.Connection, types: tuple[type, ...], query: str, *values: str | int) -> list[Any]:
    """All rows of a query. A value of another type than `types` says (object: any) comes from a damaged page.

    Raises sqlite3.Error.
    """
    found = link.execute(query, values).fetchall()
    for row in found:
        for value, kind in zip(row, types, strict=True):
            if kind is not object and type(value) is not kind:
                raise sqlite3.DatabaseError(f"{type(value).__name__} in place of {kind.__name__}")
    return found


def pragma(link: sqlite3.Connection, name: str) -> int:
    """The value of an integer pragma."""
    return int(link.execute(f"PRAGMA {name}").fetchone()[0])
