"""Copies the chats of a SQLite file into a PostgreSQL database; the file is refused afterwards.

Repeated after a crash, it continues. Nobody may use the file or the database meanwhile.
"""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from .database import open_owned
from .database import translated_errors as translated_sqlite
from .errors import StoreError, StoreOwned
from .names import shown
from .postgres_database import LOCK, Connection, open_database, owner_of, shard_of, translated_errors
from .schema import mark_moved

_BATCH: Final = 200
_SESSIONS: Final = (
    "SELECT key, id, version, snapshot, cursor, ended_at, cookies,"
    " max(cursor, coalesce((SELECT max(seq) FROM journal WHERE session = key), 0)) FROM session ORDER BY key"
)
_INSERT: Final = (
    "INSERT INTO statemachine.session (id, shard, version, snapshot, cursor, ended_at, cookies, last)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_UPDATE: Final = "INSERT INTO statemachine.journal (session, seq, at, content) VALUES (%s, %s, %s, %s)"


@frozen
class Copied:
    """`sessions`, `updates`: copied now; `skipped`: sessions that were there already."""

    sessions: int
    updates: int
    skipped: int


def copy(file: Path, url: str) -> Copied:
    """Copy all chats, check them, and mark the file as moved. Raises a `StoreError`; nothing of the file is lost."""
    with ExitStack() as stack:
        source, owned = open_owned(file, 1_000)
        stack.callback(owned.release)
        stack.callback(source.close)
        target, shards = open_database(url)
        stack.enter_context(target)
        with translated_sqlite(file), translated_errors(url):
            if not (target.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone() or (False,))[0]:
                raise StoreOwned(f"{owner_of(target) or 'another process'} uses {shown(url)}: stop it first")
            copied, updates, skipped = 0, 0, 0
            sessions = source.execute(_SESSIONS)
            while batch := sessions.fetchmany(_BATCH):
                with target.transaction():
                    for row in batch:
                        added = _copy_session(source, target, row, shards, url)
                        copied, updates, skipped = copied + (added >= 0), updates + max(added, 0), skipped + (added < 0)
            _compare(source, target, url)
            mark_moved(source, shown(url))
        return Copied(copied, updates, skipped)


def _copy_session(source: sqlite3.Connection, target: Connection, row: tuple[Any, ...], shards: int, url: str) -> int:
    """The number of updates copied; -1 for a session that is there already, with the same content."""
    key, name, *values = row
    if not target.execute(_INSERT, (name, shard_of(name, shards), *values)).rowcount:
        there = target.execute("SELECT version, snapshot FROM statemachine.session WHERE id = %s", (name,)).fetchone()
        if there != (values[0], values[1]):
            raise StoreError(
                f"{shown(url)} has another chat of one of these customers: copy into a database without their chats"
            )
        return -1
    updates = source.execute("SELECT ?, seq, at, content FROM journal WHERE session = ?", (name, key)).fetchall()
    with target.cursor() as cursor:
        cursor.executemany(_UPDATE, updates)
    return len(updates)


def _compare(source: sqlite3.Connection, target: Connection, url: str) -> None:
    """Compare every session with its copy. Raises StoreError."""
    for name, version, cursor, number, last in source.execute(
        "SELECT id, version, cursor, (SELECT count(*) FROM journal WHERE session = key),"
        " coalesce((SELECT max(seq) FROM journal WHERE session = key), 0) FROM session"
    ):
        row = target.execute(
            "SELECT version, cursor, (SELECT count(*) FROM statemachine.journal WHERE session = id),"
            " coalesce((SELECT max(seq) FROM statemachine.journal WHERE session = id), 0)"
            " FROM statemachine.session WHERE id = %s",
            (name,),
        ).fetchone()
        if row != (version, cursor, number, last):
            raise StoreError(f"{shown(url)}: the copy differs from the file: drop its chats, and copy again")
