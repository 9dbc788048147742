"""Makes a database that was restored from a backup usable again.

What happened after the backup is not in it: message ids and `seq` were used that it would give out again. The contact
centre would take new texts for old ones, and the application would skip new updates. So both are raised, and each chat
gets a `HistoryGap`. What waits to be sent may have arrived since: it is sent again only where the history lacks it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, Final

from attrs import evolve, frozen

from statemachine.adapters.driver import label
from statemachine.codec.snapshot import restore, snapshot

from ..core import HistoryGap
from .errors import StoreError
from .sealing import Cipher, Sealing, is_sealed

RAISED_BY: Final = 1_000_000
"""More than any chat can use between a backup and its loss."""
_REFUSED: Final = "the database was restored from a backup, where this waited: it may have been executed since"


@frozen
class Recovered:
    """`sessions`: all of them; `unreadable`: the labels of those whose snapshot cannot be read, see `store check`.

    `refused`: intents of the inbox that waited in the backup.
    """

    sessions: int
    unreadable: tuple[str, ...]
    refused: int = 0


def recover_file(link: sqlite3.Connection, cipher: Cipher | None = None) -> Recovered:
    """Recover a SQLite database, in one transaction. Raises StoreError, sqlite3.Error."""
    sealing = Sealing(cipher)
    link.execute("BEGIN IMMEDIATE")
    found = link.execute(
        "SELECT key, id, snapshot, max(cursor, coalesce((SELECT max(seq) FROM journal WHERE session = key), 0)),"
        " coalesce((SELECT max(at) FROM journal WHERE session = key), 0) FROM session"
    ).fetchall()

    def write(key: object, text: str, gap: HistoryGap) -> None:
        link.execute("UPDATE session SET snapshot = ?, version = version + 1 WHERE key = ?", (text, key))
        values = (key, gap.seq, gap.at, sealing.seal_update(gap))
        link.execute("INSERT INTO journal (session, seq, at, content) VALUES (?, ?, ?, ?)", values)

    unreadable = _recover(found, write, sealing)
    link.execute("COMMIT")
    return Recovered(len(found), unreadable)


def recover_database(link: Any, cipher: Cipher | None = None) -> Recovered:
    """Recover a PostgreSQL database, in the caller's transaction; epochs too. Raises StoreError, psycopg.Error."""
    sealing = Sealing(cipher)
    link.execute("UPDATE statemachine.shard SET epoch = epoch + %s, worker = NULL", (RAISED_BY,))
    link.execute("DELETE FROM statemachine.worker")
    refuse = "UPDATE statemachine.inbox SET done = clock_timestamp(), refused = %s, intent = '' WHERE done IS NULL"
    refused = link.execute(refuse, (_REFUSED,)).rowcount
    found = link.execute(
        "SELECT id, id, snapshot, last, coalesce((SELECT max(at) FROM statemachine.journal WHERE session = id), 0)"
        " FROM statemachine.session"
    ).fetchall()

    def write(name: object, text: str, gap: HistoryGap) -> None:
        change = "UPDATE statemachine.session SET snapshot = %s, version = version + 1, last = %s WHERE id = %s"
        link.execute(change, (text, gap.seq, name))
        values = (name, gap.seq, gap.at, sealing.seal_update(gap))
        link.execute("INSERT INTO statemachine.journal (session, seq, at, content) VALUES (%s, %s, %s, %s)", values)

    return Recovered(len(found), _recover(found, write, sealing), refused)


def _recover(
    found: Iterable[tuple[Any, ...]], write: Callable[[object, str, HistoryGap], None], sealing: Sealing
) -> tuple[str, ...]:
    """Write each session anew; returns the labels of unreadable ones, of which only `seq` is raised.

    `found`: key, id, snapshot, last `seq`, and when that was.
    """
    unreadable: list[str] = []
    for key, session_id, text, last, at in found:
        if is_sealed(text) and sealing.cipher is None:
            raise StoreError("its chats are encrypted: recover them by a program that has the cipher, see the guide")
        try:
            new, gap = _raised(json.loads(sealing.open(text)))
            new = sealing.seal(new)
        except Exception:  # `check` says why
            unreadable.append(label(session_id))
            new, gap = text, HistoryGap(last + RAISED_BY, at)
        write(key, new, gap)
    return tuple(unreadable)


def _raised(stored: object) -> tuple[str, HistoryGap]:
    """The snapshot with raised numbers and its queue in doubt, and the update that says so. Raises BadSnapshot."""
    session = restore(stored)
    session = evolve(session, ids=session.ids + RAISED_BY, seq=session.seq + RAISED_BY)
    data: Any = snapshot(session)
    for item in data.get("items", ()) if session.chat.chat_id else ():  # without a chat there is no history to ask
        if item["state"]["type"] == "pending":
            item["state"] = {"type": "in_doubt", "due": None}
    return json.dumps(data), HistoryGap(session.seq, session.now)
