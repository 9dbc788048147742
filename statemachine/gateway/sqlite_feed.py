"""The order of updates of one gateway, in a SQLite file beside its store."""

from __future__ import annotations

import asyncio
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any, Final

from statemachine.adapters.aio import settle
from statemachine.client import BadSetting, ChatClient
from statemachine.core import TranscriptUpdate
from statemachine.files import open_private
from statemachine.store.database import connect, translated_errors
from statemachine.store.writer import WriteJob, Writer

from .feed import Feed, entry_of, insist

_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS feed (
        cursor INTEGER PRIMARY KEY AUTOINCREMENT,
        client TEXT NOT NULL,
        seq INTEGER NOT NULL,
        at INTEGER NOT NULL,
        UNIQUE (client, seq, at))""",  # a chat that was purged or forgotten begins with `seq` 1 again
    "CREATE INDEX IF NOT EXISTS feed_client ON feed (client, cursor)",
    "CREATE TABLE IF NOT EXISTS feed_reader (name TEXT PRIMARY KEY, cursor INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS feed_delivery (
        webhook TEXT NOT NULL,
        client TEXT NOT NULL,
        cursor INTEGER NOT NULL,
        parked INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (webhook, client)) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS belongs (name TEXT PRIMARY KEY) WITHOUT ROWID",
)


class SqliteFeed(Feed):
    """Opens the file beside the store. `belongs`: tenant and app id; another one is refused."""

    columns = "cursor, client, seq, at, NULL"

    def __init__(self, path: Path, belongs: str, client: ChatClient) -> None:
        """Raises a `StoreError`, BadSetting."""
        super().__init__(client)
        with translated_errors(path):
            open_private(path, "a").close()
        self._reading: Final = connect(path, 5_000)
        with translated_errors(path):
            for table in _TABLES:
                self._reading.execute(table)
            self._reading.execute("INSERT INTO belongs SELECT ? WHERE NOT EXISTS (SELECT 1 FROM belongs)", (belongs,))
        self._path: Final = path
        if self.rows("SELECT name FROM belongs") != [(belongs,)]:
            raise BadSetting(f"{path} belongs to another tenant or app id: give each a store of its own")
        loop = asyncio.get_running_loop()
        self._writer: Final = Writer(connect(path, 5_000), path, loop.call_soon_threadsafe, lambda: None)
        self.latest = self.rows("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'feed'")[0][0]

    def close(self) -> None:
        """See `Feed.close`."""
        self._writer.close()
        self._reading.close()

    def rows(self, query: str, *values: str | int) -> list[Any]:
        """See `Feed.rows`."""
        with translated_errors(self._path):
            return self._reading.execute(query, values).fetchall()

    async def write(self, query: str, *values: str | int) -> int:
        """See `Feed.write`."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        inserted: list[int] = []

        def run(link: sqlite3.Connection) -> None:
            result = link.execute(query, values)
            inserted[:] = [(result.lastrowid or 0) if result.rowcount == 1 else 0]

        self._writer.put(WriteJob(run, partial(settle, done)))
        await done
        return inserted[0]

    async def append(self, client_id: str, update: TranscriptUpdate) -> None:
        """See `Feed.append`."""
        query = "INSERT OR IGNORE INTO feed (client, seq, at) VALUES (?, ?, ?)"
        if cursor := await insist(lambda: self.write(query, client_id, update.seq, update.at)):
            self._add(entry_of(cursor, client_id, update))

    def content(self, client_id: str, seq: int, at: int, content: object) -> TranscriptUpdate | None:
        """See `Feed.content`."""
        found = self._client.transcript(client_id, after=seq - 1, limit=1)
        return found[0] if found and (found[0].seq, found[0].at) == (seq, at) else None
