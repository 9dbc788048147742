"""Deletes data permanently: by age, by session, and the remains that SQLite leaves in the file.

All functions use the writing connection of the database's owner.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from attrs import frozen

from .errors import StoreBusy


@frozen
class Purged:
    """What a purge deleted. `unread`: ended sessions that it left, because of updates not acknowledged."""

    sessions: int
    updates: int
    unread: int


def purge(link: sqlite3.Connection, before: int, *, unread: bool = False) -> Purged:
    """Delete sessions that ended `before` this time (ms) with all their updates, and older acknowledged updates.

    Active sessions stay, and sessions with updates not acknowledged; the latter are deleted too with `unread`, if they
    have ended. Runs in the caller's transaction. Raises sqlite3.Error.
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


def move_ages(since: int, until: int, by: int, link: sqlite3.Connection) -> None:
    """Move the ages of sessions and updates from `since` to `until` (ms) by `by`, in the caller's transaction."""
    values = {"since": since, "until": until, "by": by}
    link.execute("UPDATE session SET ended_at = ended_at + :by WHERE ended_at BETWEEN :since AND :until", values)
    link.execute("UPDATE journal SET at = at + :by WHERE at BETWEEN :since AND :until", values)


def _at(before: int) -> dict[str, int]:
    return {"before": before}


def forget(link: sqlite3.Connection, session_ids: Iterable[str]) -> int:
    """Delete these sessions and all their updates, then `scrub`. Returns how many existed. Raises as `scrub`."""
    link.execute("BEGIN IMMEDIATE")
    found = 0
    for session_id in session_ids:
        link.execute("DELETE FROM journal WHERE session = (SELECT key FROM session WHERE id = ?)", (session_id,))
        found += link.execute("DELETE FROM session WHERE id = ?", (session_id,)).rowcount
    link.execute("COMMIT")
    scrub(link)
    return found


def scrub(link: sqlite3.Connection) -> None:
    """Remove all deleted data from the file and from the write-ahead log.

    Deleting rows is not enough: SQLite keeps freed pages, and parts of rows in the gaps of rearranged pages, the latter
    even with `secure_delete` (seen in one session of thirty). A file written anew has neither. It takes about as long
    as copying the file; others can read meanwhile. Remains on the disk itself and copies of the file are not affected.
    Raises StoreBusy where another connection reads all the time, and sqlite3.Error.
    """
    link.execute("VACUUM")
    busy, *_ = link.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise StoreBusy("it is deleted, but still in the write-ahead log: another connection is reading; try again")
