"""Deletes what nobody needs any more: updates that all readers have, and the inbox's memory of keys."""

from __future__ import annotations

from typing import Final

from statemachine.store.postgres_database import connect, translated_errors

READER_DAYS: Final = 7
"""A reader that was not seen for so long keeps no updates any more."""
KEY_DAYS: Final = 7
"""How long a key of the inbox is remembered after its execution."""
FORGOTTEN_DAYS: Final = 30
"""How long a worker may be away, and still delete the traces of customers who were forgotten meanwhile."""

_JOURNAL: Final = """
DELETE FROM statemachine.journal AS one USING statemachine.session
WHERE session.shard = ANY(%s) AND session.id = one.session AND one.seq <= session.cursor AND NOT EXISTS (
  SELECT 1 FROM statemachine.reader LEFT JOIN statemachine.reading
    ON reading.reader = reader.name AND reading.session = one.session
  WHERE reader.seen > clock_timestamp() - make_interval(days => %s) AND coalesce(reading.seq, 0) < one.seq)
"""
_INBOX: Final = """
DELETE FROM statemachine.inbox WHERE shard = ANY(%s) AND done < clock_timestamp() - make_interval(days => %s)
"""
_FORGOTTEN: Final = "DELETE FROM statemachine.forgotten WHERE at < clock_timestamp() - make_interval(days => %s)"
_LAG: Final = """
SELECT reader.name, count(one.seq) FROM statemachine.reader
CROSS JOIN (SELECT id FROM statemachine.session WHERE shard = ANY(%s)) AS mine
LEFT JOIN statemachine.reading ON reading.reader = reader.name AND reading.session = mine.id
LEFT JOIN statemachine.journal AS one ON one.session = mine.id AND one.seq > coalesce(reading.seq, 0)
GROUP BY reader.name
"""


def trim(url: str, shards: list[int], *, keep: bool) -> dict[str, int]:
    """Delete it in these shards; returns how many updates of them each reader has not read.

    `keep`: acknowledged updates stay. Raises a `StoreError`.
    """
    with translated_errors(url), connect(url) as link:
        if not keep:
            link.execute(_JOURNAL, (shards, READER_DAYS))
        link.execute(_INBOX, (shards, KEY_DAYS))
        link.execute(_FORGOTTEN, (FORGOTTEN_DAYS,))
        return {str(name): int(lag) for name, lag in link.execute(_LAG, (shards,))}
