"""Makes a database that was restored from a backup usable again.

What happened after the backup is not in it: message ids and `seq` were used that it would give out again. The contact
centre would take new texts for old ones, and the application would skip new updates. So both are raised, and each open
chat gets a `HistoryGap`.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any, Final

from attrs import evolve

from statemachine.codec.records import encode_update
from statemachine.codec.snapshot import restore, snapshot

from ..core import HistoryGap
from .errors import StoreError
from .sealing import Cipher, Sealing, is_sealed

RAISED_BY: Final = 1_000_000
"""More than any chat can use between a backup and its loss."""


def recover_file(link: sqlite3.Connection, cipher: Cipher | None = None) -> int:
    """Recover a SQLite database, in one transaction. Returns the number of sessions. Raises StoreError."""
    sealing = Sealing(cipher)
    link.execute("BEGIN IMMEDIATE")
    found = link.execute("SELECT key, snapshot FROM session").fetchall()
    for key, text in found:
        new, gap = _recovered(text, sealing)
        if gap is None:
            continue
        link.execute("UPDATE session SET snapshot = ?, version = version + 1 WHERE key = ?", (new, key))
        values = (key, gap.seq, gap.at, sealing.seal(json.dumps(encode_update(gap))))
        link.execute("INSERT INTO journal (session, seq, at, content) VALUES (?, ?, ?, ?)", values)
    link.execute("COMMIT")
    return len(found)


def recover_database(link: Any, cipher: Cipher | None = None) -> int:
    """Recover a PostgreSQL database, in the caller's transaction; epochs too. Raises StoreError."""
    sealing = Sealing(cipher)
    link.execute("UPDATE statemachine.shard SET epoch = epoch + %s, worker = NULL", (RAISED_BY,))
    link.execute("DELETE FROM statemachine.worker")
    found = link.execute("SELECT id, snapshot FROM statemachine.session").fetchall()
    for name, text in found:
        new, gap = _recovered(text, sealing)
        if gap is None:
            continue
        change = "UPDATE statemachine.session SET snapshot = %s, version = version + 1, last = %s WHERE id = %s"
        link.execute(change, (new, gap.seq, name))
        values = (name, gap.seq, gap.at, sealing.seal(json.dumps(encode_update(gap))))
        link.execute("INSERT INTO statemachine.journal (session, seq, at, content) VALUES (%s, %s, %s, %s)", values)
    return len(found)


def _recovered(text: str, sealing: Sealing) -> tuple[str, HistoryGap | None]:
    """The snapshot with raised numbers, and the update that says so; None for one that cannot be read."""
    if is_sealed(text) and sealing.cipher is None:
        raise StoreError("its chats are encrypted: recover them by a program that has the cipher, see the guide")
    try:
        session = restore(json.loads(sealing.open(text)))
    except Exception:  # `check` names it
        return text, None
    session = evolve(session, ids=session.ids + RAISED_BY, seq=session.seq + RAISED_BY)
    return sealing.seal(json.dumps(snapshot(session))), HistoryGap(session.seq, session.now)
