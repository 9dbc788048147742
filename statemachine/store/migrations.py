"""How a database of an older schema becomes one of the next.

A migration is never changed once its schema was released: it says what the tables were then and what they became, and
shares no statement with today's `schema.py`. Each has a golden database in the tests.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any, Final, cast

__all__ = ["MIGRATIONS"]


def _add_ages(link: sqlite3.Connection) -> None:
    """1 to 2: when sessions were over and when news came, so that both can be purged by age; and who is at work."""
    link.execute("ALTER TABLE session ADD COLUMN over INTEGER")
    link.execute("CREATE INDEX session_over ON session (over) WHERE over IS NOT NULL")
    link.create_function("over_of", 1, _over, deterministic=True)
    link.create_function("at_of", 1, _at, deterministic=True)
    link.execute("UPDATE session SET over = over_of(snapshot)")
    link.execute("ALTER TABLE journal RENAME TO journal_1")
    link.execute(
        """CREATE TABLE journal (
            session INTEGER NOT NULL REFERENCES session (key),
            seq INTEGER NOT NULL,
            at INTEGER NOT NULL,
            news TEXT NOT NULL,
            PRIMARY KEY (session, seq)) WITHOUT ROWID"""
    )
    link.execute("INSERT INTO journal SELECT session, seq, at_of(news), news FROM journal_1")
    link.execute("DROP TABLE journal_1")
    link.execute(
        """CREATE TABLE owner (
            key INTEGER PRIMARY KEY CHECK (key = 1),
            program TEXT NOT NULL,
            pid INTEGER NOT NULL,
            host TEXT NOT NULL,
            since INTEGER NOT NULL)"""
    )


def _over(snapshot: str) -> int | None:
    """When the session was over. A snapshot that cannot be read is kept as one that lives: nobody purges it."""
    fields = _object(snapshot)
    over = _object(fields.get("lifecycle")).get("type") in ("ended", "failed", "timed_out", "gone")
    return _number(fields.get("now")) if over else None


def _at(update: str) -> int:
    return _number(_object(update).get("at")) or 0


def _object(value: object) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _number(value: object) -> int | None:
    return value if type(value) is int else None


MIGRATIONS: Final[dict[int, Callable[[sqlite3.Connection], None]]] = {1: _add_ages}
"""Schema -> what makes of it the next one, inside a transaction of the caller's."""
