"""Deletes data from a PostgreSQL database: by age and by session. Each function runs in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, unquote

from statemachine.adapters.driver import label

from .housekeeping import Purged
from .postgres_database import Connection

_SEEN: Final = "NOT EXISTS (SELECT 1 FROM statemachine.journal WHERE session = id AND seq > cursor)"


def purge(link: Connection, before: int, *, unread: bool = False) -> Purged:
    """Delete sessions that ended `before` this time (ms), and older acknowledged updates; see `housekeeping.purge`.

    Inbox rows that were executed are deleted by age too. Raises psycopg.Error.
    """
    old = "SELECT id FROM statemachine.session WHERE ended_at < %(before)s"
    left = 0
    if not unread:
        row = link.execute(f"SELECT count(*) FROM ({old} AND NOT {_SEEN}) AS left_over", {"before": before}).fetchone()
        left = int(row[0]) if row else 0
        old += f" AND {_SEEN}"
    names = [row[0] for row in link.execute(f"{old} FOR UPDATE", {"before": before})]
    updates = link.execute("DELETE FROM statemachine.journal WHERE session = ANY(%s)", (names,)).rowcount
    sessions = link.execute("DELETE FROM statemachine.session WHERE id = ANY(%s)", (names,)).rowcount
    updates += link.execute(
        "DELETE FROM statemachine.journal USING statemachine.session WHERE session = id AND at < %s AND seq <= cursor",
        (before,),
    ).rowcount
    link.execute("DELETE FROM statemachine.reading WHERE session = ANY(%s)", (names,))
    link.execute("DELETE FROM statemachine.inbox WHERE done < to_timestamp(%s / 1000.0)", (before,))
    return Purged(sessions, updates, left)


def move_ages(link: Connection, since: int, until: int, by: int) -> None:
    """Move the ages of sessions and updates from `since` to `until` (ms) by `by`. Raises psycopg.Error."""
    values = {"since": since, "until": until, "by": by}
    for query in (
        "UPDATE statemachine.session SET ended_at = ended_at + %(by)s WHERE ended_at BETWEEN %(since)s AND %(until)s",
        "UPDATE statemachine.journal SET at = at + %(by)s WHERE at BETWEEN %(since)s AND %(until)s",
    ):
        link.execute(query, values)


def forget_clients(link: Connection, client_ids: Sequence[str]) -> int:
    """Delete all data of these customers; see `forget`. Their chats may be gone already, and traces still there."""
    ids = {
        name
        for (name,) in link.execute(
            "SELECT id FROM statemachine.session UNION SELECT session FROM statemachine.inbox"
            " UNION SELECT session FROM statemachine.reading"
        )
        if unquote(name.rpartition("/")[2]) in client_ids
    }
    for (pair,) in link.execute("SELECT pair FROM statemachine.layout WHERE pair IS NOT NULL"):
        ids.update(pair + quote(one, safe="") for one in client_ids)
    return forget(link, sorted(ids))


def forget(link: Connection, session_ids: Sequence[str]) -> int:
    """Delete these sessions with all their data, and let all workers delete their traces.

    Returns how many existed. Raises psycopg.Error.
    """
    ids = list(session_ids)
    # One transaction after the other: a worker that has seen a row would not look for one with a smaller id.
    link.execute("LOCK TABLE statemachine.forgotten IN SHARE ROW EXCLUSIVE MODE")
    rows = "INSERT INTO statemachine.forgotten (label) SELECT unnest(%s::text[])"
    link.execute(rows, ([label(name) for name in ids],))
    # First the sessions: a save that is being committed comes before it, or finds none, and adds no update any more.
    count = link.execute("DELETE FROM statemachine.session WHERE id = ANY(%s)", (ids,)).rowcount
    for table in ("journal", "inbox", "reading"):
        link.execute(f"DELETE FROM statemachine.{table} WHERE session = ANY(%s)", (ids,))
    return count
