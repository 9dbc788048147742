"""What stands in the database file: how it is recognised, laid out, and brought up to date.

Three tables. `session`: one row a session, with its version, its snapshot (JSON text), the application's cursor, and
when it was over, in ms (NULL while it lives). `journal`: its transcript news by `seq` (JSON text); `at` is the news'
own. `owner`: one row, who was at work last. The schema's number stands in `user_version`.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from .errors import ForeignStore, NewerStore
from .migrations import MIGRATIONS

__all__ = ["SCHEMA", "pragma", "recognise", "settle"]

SCHEMA: Final = 2
APPLICATION: Final = 0x63737373
"""Marks the file as ours (`application_id`), so that a wrong path never adds tables to somebody's data."""

_TABLES: Final = (
    """CREATE TABLE session (
        key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        version INTEGER NOT NULL,
        snapshot TEXT NOT NULL,
        cursor INTEGER NOT NULL DEFAULT 0,
        over INTEGER)""",
    "CREATE INDEX session_over ON session (over) WHERE over IS NOT NULL",
    """CREATE TABLE journal (
        session INTEGER NOT NULL REFERENCES session (key),
        seq INTEGER NOT NULL,
        at INTEGER NOT NULL,
        news TEXT NOT NULL,
        PRIMARY KEY (session, seq)) WITHOUT ROWID""",
    """CREATE TABLE owner (
        key INTEGER PRIMARY KEY CHECK (key = 1),
        program TEXT NOT NULL,
        pid INTEGER NOT NULL,
        host TEXT NOT NULL,
        since INTEGER NOT NULL)""",
)


def recognise(link: sqlite3.Connection, path: Path) -> int:
    """The schema of this database, 0 where it is empty. Raises ForeignStore, NewerStore, sqlite3.Error."""
    link.execute("BEGIN")  # one moment: another process may be laying it out
    try:
        return _recognise(link, path)
    finally:
        if link.in_transaction:
            link.execute("ROLLBACK")


def _recognise(link: sqlite3.Connection, path: Path) -> int:
    found = pragma(link, "user_version")
    if not link.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
        return 0
    if pragma(link, "application_id") != APPLICATION or found < 1:
        raise ForeignStore(f"{path} is the database of another program: choose another file")
    if found > SCHEMA:
        raise NewerStore(f"{path} has schema {found}, this version knows {SCHEMA}: upgrade the package")
    return found


def settle(link: sqlite3.Connection, path: Path) -> None:
    """Lay out an empty database, bring an older one up to date: as a whole, or not at all. Raises as `recognise`."""
    link.execute("BEGIN IMMEDIATE")
    try:
        found = _recognise(link, path)
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


def pragma(link: sqlite3.Connection, name: str) -> int:
    """The number that this pragma answers."""
    return int(link.execute(f"PRAGMA {name}").fetchone()[0])
