"""Migrations: each changes a database of one schema into one of the next.

A migration is never changed once its schema was released, and shares no statement with `schema.py`. The tests hold a
golden database for each older schema.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any, Final, cast

from statemachine.codec.upgrades import from_format_1


def _add_ages(link: sqlite3.Connection) -> None:
    """1 to 2: add the time of the end of sessions and of updates, so that both can be purged by age; and the owner."""
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
    """When the session ended. An unreadable snapshot counts as a session that has not ended: it is never purged."""
    fields = _object(snapshot)
    over = _object(fields.get("lifecycle")).get("type") in ("ended", "failed", "timed_out", "gone")
    return _number(fields.get("now")) if over else None


def _at(update: str) -> int:
    return _number(_object(update).get("at")) or 0


def _use_standard_terms(link: sqlite3.Connection) -> None:
    """2 to 3: rename columns and the JSON of updates; add cookies. Snapshots need nothing: `restore` upgrades them."""
    link.execute("DROP INDEX session_over")
    link.execute("ALTER TABLE session RENAME COLUMN over TO ended_at")
    link.execute("CREATE INDEX session_ended_at ON session (ended_at) WHERE ended_at IS NOT NULL")
    link.execute("ALTER TABLE session ADD COLUMN cookies TEXT")
    link.execute("ALTER TABLE journal RENAME COLUMN news TO content")
    link.create_function("content_of", 1, _content, deterministic=True)
    link.execute("UPDATE journal SET content = content_of(content)")


def _content(news: str) -> str:
    """The update as format 2 spells it. Unreadable JSON stays as it is."""
    fields = _object(news)
    return json.dumps(from_format_1(fields), separators=(",", ":")) if fields else news


def _object(value: object) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _number(value: object) -> int | None:
    return value if type(value) is int else None


MIGRATIONS: Final[dict[int, Callable[[sqlite3.Connection], None]]] = {1: _add_ages, 2: _use_standard_terms}
"""Schema -> its migration to the next one, which runs in the caller's transaction."""
