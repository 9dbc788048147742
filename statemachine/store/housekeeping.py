"""What is removed for good: what is old, what a client wants forgotten, and what SQLite leaves behind of either.

All of it for whoever is at work on the database, on the connection that writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from attrs import frozen

from .errors import StoreBusy


@frozen
class Purged:
    """What a purge removed, and what it left: sessions long over whose news the application has not read."""

    sessions: int
    updates: int
    unread: int


def purge(link: sqlite3.Connection, before: int, *, unread: bool = False) -> Purged:
    """Remove what was over, or read, `before` this instant (ms): sessions and all their news, and kept transcripts.

    A session that lives stays, and so does news the application has not read; with `unread` that goes as well, if its
    session is over. In a transaction of the caller's. Raises sqlite3.Error.
    """
    old = "SELECT key FROM session WHERE ended_at < :before"
    waiting = "EXISTS (SELECT 1 FROM journal WHERE session = session.key AND seq > cursor)"
    left = 0
    if not unread:
        (left,) = link.execute(
            f"SELECT count(*) FROM session WHERE ended_at < :before AND {waiting}", _at(before)
        ).fetchone()
        old += f" AND NOT {waiting}"
    update = link.execute(f"DELETE FROM journal WHERE session IN ({old})", _at(before)).rowcount
    sessions = link.execute(f"DELETE FROM session WHERE key IN ({old})", _at(before)).rowcount
    update += link.execute(
        "DELETE FROM journal WHERE at < :before AND seq <= (SELECT cursor FROM session WHERE key = session)",
        _at(before),
    ).rowcount
    return Purged(sessions, update, left)


def _at(before: int) -> dict[str, int]:
    return {"before": before}


def forget(link: sqlite3.Connection, session_ids: Iterable[str]) -> int:
    """Remove these sessions and all their news; how many there were. Then `scrub`. Raises as that."""
    link.execute("BEGIN IMMEDIATE")
    found = 0
    for session_id in session_ids:
        link.execute("DELETE FROM journal WHERE session = (SELECT key FROM session WHERE id = ?)", (session_id,))
        found += link.execute("DELETE FROM session WHERE id = ?", (session_id,)).rowcount
    link.execute("COMMIT")
    scrub(link)
    return found


def scrub(link: sqlite3.Connection) -> None:
    """Leave nothing in the file but what is stored, and nothing in the write-ahead log.

    Deleting alone does not: SQLite keeps freed pages, and parts of rows in the gaps of pages it has rearranged, the
    latter even with `secure_delete` (seen in one session of thirty). A file written anew has neither. It takes about as
    long as copying the file; others can read meanwhile. What the disk itself, and copies of the file, keep is beyond
    its reach. Raises StoreBusy, where somebody reads all the time, and sqlite3.Error.
    """
    link.execute("VACUUM")
    busy, *_ = link.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise StoreBusy("it is deleted, but still in the write-ahead log: another connection is reading; try again")
