"""Checks a PostgreSQL database, and finds a stored chat in it; also while it is in use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

from statemachine.adapters.driver import label

from .check import StoreReport, check_sessions, check_updates, clipped
from .lookup import StoredChat, stored_chat
from .postgres_database import SCHEMA, Connection, existing, owner_of

_JOURNAL = (
    "SELECT id, seq, seq > cursor, content FROM statemachine.journal LEFT JOIN statemachine.session ON id = session"
)
_CHAT = (
    "SELECT id, snapshot, version, (SELECT count(*) FROM statemachine.journal WHERE session = id AND seq > cursor)"
    " FROM statemachine.session WHERE id = %s"
)


@contextmanager
def reading(url: str) -> Generator[tuple[Connection, int]]:
    """A connection in one transaction that changes nothing, and the schema. Raises a `StoreError`."""
    with existing(url, "any") as (link, schema):
        link.autocommit = False
        link.read_only = True
        yield link, schema


def check(url: str) -> StoreReport:
    """Read the whole database. `size`: of its tables, in bytes. Raises a `StoreError`."""
    with reading(url) as (link, schema):
        phases, updates, faults = Counter[str](), Counter[bool](), list[str]()
        check_sessions(_rows(link, "SELECT id, snapshot FROM statemachine.session"), phases, faults)
        check_updates(_rows(link, _JOURNAL), updates, faults)
        size = "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class WHERE relkind = 'r'"
        row = link.execute(f"{size} AND relnamespace = 'statemachine'::regnamespace").fetchone() or (0,)
        owner, counted = owner_of(link), (updates[True], updates[False])
        return StoreReport(schema, SCHEMA, int(row[0]), dict(phases), *counted, owner, clipped(faults))


def find(url: str, wanted: str) -> tuple[StoredChat, ...]:
    """The chats with this label: one, or none. Raises a `StoreError`."""
    with reading(url) as (link, _):
        ids = [name for (name,) in _rows(link, "SELECT id FROM statemachine.session ORDER BY id")]
        found = [link.execute(_CHAT, (name,)).fetchone() for name in ids if label(name) == wanted]
        return tuple(stored_chat(*row) for row in found if row)


def _rows(link: Connection, query: LiteralString) -> Iterator[tuple[Any, ...]]:
    """All rows, a few at a time: a table may not fit into memory."""
    with link.cursor(name="rows") as cursor:
        yield from cursor.execute(query)
