"""The durable store: one SQLite file, written by one thread, a step and its updates in one transaction."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

from statemachine.adapters.protocols import Done, Save, Stored

from ..core import TranscriptUpdate
from ..logs import Logger
from .database import connect, open_owned, translated_errors
from .errors import StaleSave, StoreClosed, check_ack, check_order
from .housekeeping import forget, move_ages, purge
from .schema import rows
from .sealing import Cipher, Sealing, unreadable
from .writer import WriteJob, Writer
from .writing import CallSoon

_log = Logger()

_JOURNAL: Final = (
    "SELECT seq, content FROM session JOIN journal ON session = session.key"
    " WHERE id = ? AND seq > {} ORDER BY seq LIMIT ?"
)


class SqliteStore:
    """Sessions in a file that only its owner can read, for one process at a time.

    Reads run in the caller's thread: a row of a cached page costs less than a switch to another thread and back, and
    the write-ahead log allows reads during a write.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        call_soon: CallSoon,
        busy_ms: int = 5_000,
        transcript: bool = False,
        cipher: Cipher | None = None,
    ) -> None:
        """Open or create the file; a database of an older schema is migrated.

        Args:
            path: The file.
            call_soon: Calls each `done` in the thread that owns the sessions; with asyncio,
                `asyncio.get_running_loop().call_soon_threadsafe`.
            busy_ms: How long to wait for a lock, and for the last owner to release the file.
            transcript: Keep acknowledged updates until they are purged or forgotten.
            cipher: Encrypts snapshots and updates; None: they are kept as JSON.

        Raises:
            StoreError: With the remedy: no directory, no permission, a foreign or newer database, another process
                that has it open (StoreOwned).
        """
        self._path = Path(path)
        self._transcript = transcript
        self._sealing: Final = Sealing(cipher)
        with ExitStack() as undo:
            writing, self._owned = open_owned(self._path, busy_ms)
            undo.callback(self._owned.release)
            undo.callback(writing.close)
            self._reading = connect(self._path, busy_ms)
            self._lock = threading.Lock()
            self._writer = Writer(writing, self._path, call_soon, self._owned.check)
            self._pid = os.getpid()
            undo.pop_all()

    def __repr__(self) -> str:
        return f"<SqliteStore {str(self._path)!r}>"

    def save(self, save: Save, done: Done) -> None:
        """See `Store.save`. The step is durable, flushed to the disk, when `done` is called."""
        self._write(partial(_save, save, self._sealing), done)

    def load(self, session_id: str) -> Stored | None:
        """See `Store.load`. Raises UnreadableSession where the snapshot cannot be read back."""
        found = self._read((object, int), "SELECT snapshot, version FROM session WHERE id = ?", session_id)
        if not found:
            return None
        text, version = found[0]
        try:
            return Stored(self._sealing.open_session(text), version)
        except Exception as error:
            with translated_errors(self._path), self._lock:
                _, version, _, last = _row(self._reading, session_id)
            raise unreadable(self._path, session_id, error, version, last) from error

    def journal(self, session_id: str, after_seq: int, limit: int) -> tuple[TranscriptUpdate, ...]:
        """See `Store.journal`. Updates that cannot be read back are logged and left out."""
        return self._page(_JOURNAL.format("max(?, cursor)"), session_id, after_seq, limit)

    def transcript(self, session_id: str, after_seq: int, limit: int) -> tuple[TranscriptUpdate, ...]:
        """See `Archive.transcript`. Updates that cannot be read back are logged and left out."""
        return self._page(_JOURNAL.format("?"), session_id, after_seq, limit)

    def _page(self, query: str, session_id: str, after_seq: int, limit: int) -> tuple[TranscriptUpdate, ...]:
        while page := self._read((int, object), query, session_id, after_seq, limit):
            updates = tuple(self._sealing.open_updates(session_id, page))
            if updates or len(page) < limit:
                return updates
            after_seq = page[-1][0]  # none of this page: an empty answer would mean that nothing follows
        return ()

    def ack(self, session_id: str, seq: int, done: Done) -> None:
        """See `Store.ack`."""
        self._write(partial(_ack, session_id, seq, self._transcript), done)

    def cursor(self, session_id: str) -> int:
        """See `Store.cursor`."""
        found = self._read((int,), "SELECT cursor FROM session WHERE id = ?", session_id)
        return found[0][0] if found else 0

    def sessions(self) -> tuple[str, ...]:
        """See `Store.sessions`."""
        return tuple(row[0] for row in self._read((str,), "SELECT id FROM session ORDER BY id"))

    def purge(self, before: int, done: Done, *, unread: bool = False) -> None:
        """See `Archive.purge`."""
        self._write(partial(_purge, before, unread), done)

    def cookies(self, session_id: str) -> str:
        """See `Archive.cookies`."""
        found = self._read((str,), "SELECT coalesce(cookies, '') FROM session WHERE id = ?", session_id)
        return found[0][0] if found else ""

    def keep_cookies(self, session_id: str, cookies: str, done: Done) -> None:
        """See `Archive.keep_cookies`."""
        self._write(partial(_keep_cookies, session_id, cookies), done)

    def clock_changed(self, since: int, until: int, by: int, done: Done) -> None:
        """See `Archive.clock_changed`."""
        self._write(partial(move_ages, since, until, by), done)

    def forget(self, session_ids: Iterable[str], done: Done) -> None:
        """See `Archive.forget`. The file is written anew without the data; saves wait meanwhile.

        Until `done` nothing is guaranteed: repeated after a crash, it completes the deletion.
        """
        self._write(partial(_forget, tuple(session_ids)), done, alone=True)

    def close(self) -> None:
        """See `Store.close`. Waits until all requests are written."""
        if self._is_inherited:
            return
        self._writer.close()
        with self._lock:
            self._reading.close()
        self._owned.release()

    def _write(self, run: Callable[[sqlite3.Connection], None], done: Done, *, alone: bool = False) -> None:
        if self._is_inherited:
            done(StoreClosed(_INHERITED))
        else:
            self._writer.put(WriteJob(run, done, alone))

    def _read(self, types: tuple[type, ...], query: str, *values: str | int) -> list[Any]:
        if self._is_inherited:
            raise StoreClosed(_INHERITED)
        with translated_errors(self._path), self._lock:
            return rows(self._reading, types, query, *values)

    @property
    def _is_inherited(self) -> bool:
        """Whether this is a child process: it has no writing thread, and SQLite's connections do not survive a fork."""
        return os.getpid() != self._pid


_INHERITED: Final = "this process inherited the store by fork, and cannot use it: open the store after the fork"


_ROW: Final = (
    "SELECT key, version, cursor, coalesce((SELECT max(seq) FROM journal WHERE session = key), cursor)"
    " FROM session WHERE id = ?"
)
"""The last column is the last `seq` ever saved: acknowledged updates may be gone from the journal."""


def _row(link: sqlite3.Connection, session_id: str) -> tuple[int, int, int, int]:
    found = rows(link, (int, int, int, int), _ROW, session_id)
    return found[0] if found else (0, 0, 0, 0)


def _save(save: Save, sealing: Sealing, link: sqlite3.Connection) -> None:
    key, stored, _, last = _row(link, save.session_id)
    if save.version != stored + 1:
        raise StaleSave(stored, save.version)
    check_order(last, save.updates)
    text = sealing.seal_session(save.session)
    ended_at = None if save.session.outcome is None else save.session.now
    if stored:
        update = "UPDATE session SET version = ?, snapshot = ?, ended_at = ? WHERE key = ?"
        link.execute(update, (save.version, text, ended_at, key))
    else:
        insert = "INSERT INTO session (id, version, snapshot, ended_at) VALUES (?, ?, ?, ?)"
        key = link.execute(insert, (save.session_id, save.version, text, ended_at)).lastrowid or 0
    for one in save.updates:
        insert = "INSERT INTO journal (session, seq, at, content) VALUES (?, ?, ?, ?)"
        link.execute(insert, (key, one.seq, one.at, sealing.seal_update(one)))


def _ack(session_id: str, seq: int, keep: bool, link: sqlite3.Connection) -> None:
    key, _, cursor, last = _row(link, session_id)
    check_ack(last, seq)
    if seq > cursor:
        link.execute("UPDATE session SET cursor = ? WHERE key = ?", (seq, key))
        if not keep:
            link.execute("DELETE FROM journal WHERE session = ? AND seq <= ?", (key, seq))


def _keep_cookies(session_id: str, cookies: str, link: sqlite3.Connection) -> None:
    link.execute("UPDATE session SET cookies = ? WHERE id = ?", (cookies, session_id))


def _purge(before: int, unread: bool, link: sqlite3.Connection) -> None:
    purged = purge(link, before, unread=unread)
    _log.info("store_purged", sessions=purged.sessions, updates=purged.updates, unread=purged.unread)


def _forget(session_ids: tuple[str, ...], link: sqlite3.Connection) -> None:
    _log.info("store_forgot", sessions=forget(link, session_ids))
