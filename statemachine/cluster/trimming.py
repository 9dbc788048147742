"""Deletes what nobody needs any more: updates that all readers have, and the inbox's memory of keys."""

from __future__ import annotations

from typing import Final

from statemachine.store.postgres_database import connect, translated_errors

READER_DAYS: Final = 7
"""A reader that was not seen for so long keeps no updates any more."""
KEY_DAYS: Final = 7
"""How long a key of the inbox is remembered after its execution."""

_JOURNAL: Final = """
DELETE FROM statemachine.journal AS one USING statemachine.session
WHERE session.shard = ANY(%s) AND session.id = one.session AND one.seq <= session.cursor AND NOT EXISTS (
  SELECT 1 FROM statemachine.reader LEFT JOIN statemachine.reading
    ON reading.reader = reader.name AND reading.session = one.session
  WHERE reader.seen > clock_timestamp() - make_interval(days => %s) AND coalesce(reading.seq, 0) < one.seq)
"""
_INBOX: Final = "DELETE FROM statemachine.inbox WHERE shard = ANY(%s) AND done < to_timestamp(%s / 1000.0)"


def trim(url: str, shards: list[int], now: int, *, keep: bool) -> None:
    """Delete it in these shards. `keep`: acknowledged updates stay. `now`: in ms. Raises a `StoreError`."""
    with translated_errors(url), connect(url) as link:
        if not keep:
            link.execute(_JOURNAL, (shards, READER_DAYS))
        link.execute(_INBOX, (shards, now - KEY_DAYS * 86_400_000))
