"""The order of all updates of a gateway, durable, with the cursors of readers and webhooks.

Texts stay in the store: a row here names an update by client id and `seq`. The latest updates are kept in memory too,
so that a thousand open streams read no row twice.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from statemachine.client import BadSetting, ChatClient
from statemachine.codec.body import json_text
from statemachine.codec.records import encode_update
from statemachine.core import Received, TranscriptUpdate
from statemachine.core.wire import Message
from statemachine.files import open_private
from statemachine.serving.event_stream import Readers
from statemachine.store.database import connect, translated_errors
from statemachine.store.errors import StoreError
from statemachine.store.writer import WriteJob, Writer

from ..logs import Logger, error_values

_log = Logger()

RECENT: Final = 1_000
"""Updates kept in memory."""
_RETRY_S: Final = 1.0
_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS feed (
        cursor INTEGER PRIMARY KEY AUTOINCREMENT,
        client TEXT NOT NULL,
        seq INTEGER NOT NULL,
        at INTEGER NOT NULL,
        UNIQUE (client, seq, at))""",  # a chat that was purged or forgotten begins with `seq` 1 again
    "CREATE INDEX IF NOT EXISTS feed_client ON feed (client, cursor)",
    "CREATE TABLE IF NOT EXISTS reader (name TEXT PRIMARY KEY, cursor INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS delivery (
        webhook TEXT NOT NULL,
        client TEXT NOT NULL,
        cursor INTEGER NOT NULL,
        parked INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (webhook, client)) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS belongs (name TEXT PRIMARY KEY) WITHOUT ROWID",
)


def readable(update: TranscriptUpdate) -> dict[str, object]:
    """An update as JSON values, with the plain text of a message beside it."""
    text = update.entry.text if isinstance(update, Received) and isinstance(update.entry, Message) else None
    return {"update": encode_update(update), **({} if text is None else {"text": text})}


@frozen
class Entry:
    """One update in the order of all. `data`: JSON text of the schema Update."""

    cursor: int
    client_id: str
    seq: int
    data: str


@frozen
class Wanted:
    """Entries of this client, or of all whose ids begin with `prefix`."""

    client_id: str | None = None
    prefix: str = ""

    def has(self, client_id: str) -> bool:
        """Whether its entries are wanted."""
        return self.client_id in (None, client_id) and client_id.startswith(self.prefix)

    def condition(self) -> tuple[str, tuple[str, ...]]:
        """The same in SQL."""
        if self.client_id is not None:
            return "AND client = ?", (self.client_id,)
        return "AND substr(client, 1, length(?)) = ?", (self.prefix, self.prefix)


class Feed:
    """Opens the file beside the store. `belongs`: tenant and app id; another one is refused."""

    def __init__(self, path: Path, belongs: str, client: ChatClient) -> None:
        """Raises a `StoreError`, BadSetting."""
        with translated_errors(path):
            open_private(path, "a").close()
        self._client: Final = client
        self._reading: Final = connect(path, 5_000)
        with translated_errors(path):
            for table in _TABLES:
                self._reading.execute(table)
            self._reading.execute("INSERT INTO belongs SELECT ? WHERE NOT EXISTS (SELECT 1 FROM belongs)", (belongs,))
        self._path: Final = path
        if self._rows("SELECT name FROM belongs") != [(belongs,)]:
            raise BadSetting(f"{path} belongs to another tenant or app id: give each a store of its own")
        loop = asyncio.get_running_loop()
        self._writer: Final = Writer(connect(path, 5_000), path, loop.call_soon_threadsafe, lambda: None)
        self.readers: Final = Readers()
        """Woken by each new entry."""
        self.latest: int = self._rows("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'feed'")[0][0]
        self._recent: deque[Entry] = deque(maxlen=RECENT)

    def close(self) -> None:
        """Write what is queued, and close the file."""
        self._writer.close()
        self._reading.close()

    def label(self, client_id: str) -> str:
        """The name of this client's chat in logs and message ids, without the client id."""
        return self._client.label(client_id)

    # --- writing ------------------------------------------------------------------------------------------------------

    async def append(self, client_id: str, update: TranscriptUpdate) -> Entry | None:
        """Add an update once; None where it is there already. Repeated until the disk takes it."""
        row = (client_id, update.seq, update.at)
        cursor = await self._until_written("INSERT OR IGNORE INTO feed (client, seq, at) VALUES (?, ?, ?)", *row)
        if not cursor:
            return None
        entry = _entry(cursor, client_id, update)
        self._recent.append(entry)
        self.latest = max(self.latest, cursor)
        self.readers.wake()
        return entry

    async def _until_written(self, query: str, *values: str | int) -> int:
        failed = False
        while True:
            try:
                cursor = await self.write(query, *values)
            except StoreError as error:
                if not failed:
                    _log.error("gateway_feed_failed", **error_values(error))
                failed = True
                await asyncio.sleep(_RETRY_S)
            else:
                return cursor

    async def write(self, query: str, *values: str | int) -> int:
        """Carry out one statement, durably; the row id of an inserted row, else 0. Raises a `StoreError`."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        inserted: list[int] = []

        def run(link: sqlite3.Connection) -> None:
            result = link.execute(query, values)
            inserted[:] = [(result.lastrowid or 0) if result.rowcount == 1 else 0]

        self._writer.put(WriteJob(run, partial(_answer, done)))
        await done
        return inserted[0]

    async def acknowledge(self, reader: str, cursor: int) -> int:
        """Move a reader's cursor, never back; where it is now."""
        query = (
            "INSERT INTO reader VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET cursor = max(cursor, excluded.cursor)"
        )
        await self.write(query, reader, min(cursor, self.latest))
        return self.cursor(reader)

    async def delete_reader(self, reader: str) -> None:
        """Delete this reader, if there is one."""
        await self.write("DELETE FROM reader WHERE name = ?", reader)

    async def delivered(self, webhook: str, client_id: str, cursor: int, *, parked: bool = False) -> None:
        """Keep how far a webhook has come with a client."""
        await self.write("INSERT OR REPLACE INTO delivery VALUES (?, ?, ?, ?)", webhook, client_id, cursor, int(parked))

    async def forget(self, client_id: str) -> None:
        """Delete all rows of this client."""
        self._recent = deque((one for one in self._recent if one.client_id != client_id), RECENT)
        await self.write("DELETE FROM feed WHERE client = ?", client_id)
        await self.write("DELETE FROM delivery WHERE client = ?", client_id)

    async def purge(self, before: int) -> None:
        """Delete what is older than this time (ms)."""
        await self.write("DELETE FROM feed WHERE at < ?", before)
        await self.write("DELETE FROM delivery WHERE client NOT IN (SELECT client FROM feed)")

    # --- reading ------------------------------------------------------------------------------------------------------

    def after(self, cursor: int, limit: int, wanted: Wanted) -> tuple[list[Entry], int]:
        """The next wanted entries, at most `limit`, and the cursor behind them."""
        if self._recent and cursor >= self._recent[0].cursor - 1:
            newer = takewhile(lambda one: one.cursor > cursor, reversed(self._recent))
            rows = list(newer)[::-1][:limit]
            found = [one for one in rows if wanted.has(one.client_id)]
            return found, rows[-1].cursor if rows else cursor
        condition, values = wanted.condition()
        query = f"SELECT cursor, client, seq, at FROM feed WHERE cursor > ? {condition} ORDER BY cursor LIMIT ?"
        places = self._rows(query, cursor, *values, limit)
        stored = [self._stored(*place) for place in places]
        return [one for one in stored if one], places[-1][0] if places else max(cursor, self._before_recent())

    def _before_recent(self) -> int:
        return self._recent[0].cursor - 1 if self._recent else self.latest

    def next_of(self, client_id: str, cursor: int) -> Entry | None:
        """The next entry of this client behind this cursor."""
        query = "SELECT cursor, client, seq, at FROM feed WHERE client = ? AND cursor > ? ORDER BY cursor LIMIT 1"
        while found := self._rows(query, client_id, cursor):
            if entry := self._stored(*found[0]):
                return entry
            cursor = found[0][0]
        return None

    def _stored(self, cursor: int, client_id: str, seq: int, at: int) -> Entry | None:
        """None for an update that was purged or forgotten."""
        found = self._client.transcript(client_id, after=seq - 1, limit=1)
        return _entry(cursor, client_id, found[0]) if found and (found[0].seq, found[0].at) == (seq, at) else None

    def cursor(self, reader: str) -> int:
        """What this reader has acknowledged."""
        found = self._rows("SELECT cursor FROM reader WHERE name = ?", reader)
        return found[0][0] if found else 0

    def all_readers(self) -> dict[str, int]:
        """Each reader and its cursor."""
        return dict(self._rows("SELECT name, cursor FROM reader ORDER BY name"))

    def delivery(self, webhook: str, client_id: str) -> int:
        """The cursor of the last update of this client that the webhook has."""
        found = self._rows("SELECT cursor FROM delivery WHERE webhook = ? AND client = ?", webhook, client_id)
        return found[0][0] if found else 0

    def undelivered(self, webhook: str) -> tuple[list[str], list[str]]:
        """The clients with updates that this webhook does not have, and its parked ones."""
        waiting = (
            "SELECT client, max(cursor) AS last FROM feed GROUP BY client HAVING last > coalesce("
            "(SELECT cursor FROM delivery WHERE webhook = ? AND delivery.client = feed.client), 0)"
        )
        parked = [row[0] for row in self._rows("SELECT client FROM delivery WHERE webhook = ? AND parked", webhook)]
        return [row[0] for row in self._rows(waiting, webhook) if row[0] not in parked], parked

    def _rows(self, query: str, *values: str | int) -> list[Any]:
        with translated_errors(self._path):
            return self._reading.execute(query, values).fetchall()


def _entry(cursor: int, client_id: str, update: TranscriptUpdate) -> Entry:
    data = json_text({"cursor": cursor, "client_id": client_id, **readable(update)})
    return Entry(cursor, client_id, update.seq, data)


def _answer(done: asyncio.Future[None], error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
