"""The durable store: one SQLite file, written by one thread, a step and its news in one transaction."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from functools import partial
from pathlib import Path
from typing import Any

from statemachine import Transcript
from statemachine.adapters.protocols import Done, Save, Stored
from statemachine.codec.records import decode_news, encode_news
from statemachine.codec.snapshot import restore, snapshot

from .errors import CorruptStore, StaleSave, check_ack, check_order
from .schema import connect, explain, prepare
from .writer import CallSoon, Work, Writer

__all__ = ["SqliteStore"]


class SqliteStore:
    """Sessions in a file that is private to its owner.

    `call_soon` brings each `done` back to the thread that owns the sessions; with asyncio it is
    `asyncio.get_running_loop().call_soon_threadsafe`. `busy_ms`: how long another process may keep the file locked.

    Reading happens in the caller's thread: one row of a page that is in memory costs less than the way to another
    thread and back, and the journal (WAL) lets it read while the writer writes.

    Raises a `StoreError` whose text says what to do: no directory, no permission, a foreign or newer database.
    """

    def __init__(self, path: str | os.PathLike[str], *, call_soon: CallSoon, busy_ms: int = 5_000) -> None:
        self._path = Path(path)
        writing = prepare(self._path, busy_ms)
        try:
            self._reading = connect(self._path, busy_ms)
        except sqlite3.Error as error:
            writing.close()
            raise explain(error, self._path) from error
        self._lock = threading.Lock()
        self._writer = Writer(writing, self._path, call_soon)

    def save(self, save: Save, done: Done) -> None:
        """See `Store.save`. The step is durable, flushed to the disk, when `done` is called."""
        self._writer.put(Work(partial(_save, save), done))

    def load(self, session_id: str) -> Stored | None:
        """See `Store.load`. Raises CorruptStore where the snapshot cannot be read back."""
        rows = self._read("SELECT snapshot, version FROM session WHERE id = ?", session_id)
        if not rows:
            return None
        text, version = rows[0]
        try:
            return Stored(restore(json.loads(text)), version)
        except Exception as error:
            raise CorruptStore(f"{self._path}: a session's snapshot cannot be read back: {error}") from error

    def journal(self, session_id: str, after_seq: int, limit: int) -> tuple[Transcript, ...]:
        """See `Store.journal`. Raises CorruptStore where a row cannot be read back."""
        rows = self._read(
            "SELECT news FROM journal WHERE session = (SELECT key FROM session WHERE id = ?) AND seq > ?"
            " ORDER BY seq LIMIT ?",
            session_id,
            after_seq,
            limit,
        )
        try:
            return tuple(_news(text) for (text,) in rows)
        except Exception as error:
            raise CorruptStore(f"{self._path}: the journal cannot be read back: {error}") from error

    def ack(self, session_id: str, seq: int, done: Done) -> None:
        """See `Store.ack`."""
        self._writer.put(Work(partial(_ack, session_id, seq), done))

    def cursor(self, session_id: str) -> int:
        """See `Store.cursor`."""
        rows = self._read("SELECT cursor FROM session WHERE id = ?", session_id)
        return rows[0][0] if rows else 0

    def sessions(self) -> tuple[str, ...]:
        """See `Store.sessions`."""
        return tuple(row[0] for row in self._read("SELECT id FROM session ORDER BY id"))

    def close(self) -> None:
        """See `Store.close`. Waits until everything asked is written."""
        self._writer.close()
        with self._lock:
            self._reading.close()

    def _read(self, statement: str, *values: str | int) -> list[Any]:
        try:
            with self._lock:
                return self._reading.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise explain(error, self._path) from error


def _text(value: object) -> str:
    # ASCII: a lone surrogate, which chat text may hold, has no UTF-8 that SQLite would take.
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def _news(text: str) -> Transcript:
    news = decode_news(json.loads(text))
    if not isinstance(news, Transcript):
        raise TypeError(f"{type(news).__name__} does not belong here")
    return news


def _save(save: Save, link: sqlite3.Connection) -> None:
    row = link.execute("SELECT key, version, cursor FROM session WHERE id = ?", (save.session_id,)).fetchone()
    key, stored, cursor = row or (None, 0, 0)
    if save.version != stored + 1:
        raise StaleSave(stored, save.version)
    text = _text(snapshot(save.session))
    if row:
        link.execute("UPDATE session SET version = ?, snapshot = ? WHERE key = ?", (save.version, text, key))
    else:
        insert = "INSERT INTO session (id, version, snapshot) VALUES (?, ?, ?)"
        key = link.execute(insert, (save.session_id, save.version, text)).lastrowid
    if save.news:
        check_order(_last(link, key, cursor), save.news)
        link.executemany(
            "INSERT INTO journal (session, seq, news) VALUES (?, ?, ?)",
            [(key, one.seq, _text(encode_news(one))) for one in save.news],
        )


def _last(link: sqlite3.Connection, key: int | None, cursor: int) -> int:
    """The last `seq` there ever was: what is acknowledged is gone from the journal."""
    return link.execute("SELECT max(seq) FROM journal WHERE session = ?", (key,)).fetchone()[0] or cursor


def _ack(session_id: str, seq: int, link: sqlite3.Connection) -> None:
    row = link.execute("SELECT key, cursor FROM session WHERE id = ?", (session_id,)).fetchone()
    key, cursor = row or (None, 0)
    check_ack(_last(link, key, cursor), seq)
    if seq > cursor:
        link.execute("UPDATE session SET cursor = ? WHERE key = ?", (seq, key))
        link.execute("DELETE FROM journal WHERE session = ? AND seq <= ?", (key, seq))
