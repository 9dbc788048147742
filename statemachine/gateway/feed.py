"""The order of all updates of a gateway, durable, with the cursors of readers and webhooks.

Texts stay in the store: a row here names an update by client id and `seq`. The latest updates are kept in memory too,
so that a thousand open streams read no row twice.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import takewhile
from typing import Any, Final, TypeVar

from attrs import frozen

from statemachine.client import ChatClient
from statemachine.codec.body import json_text
from statemachine.codec.records import encode_update
from statemachine.core import Received, StatusUpdate, TranscriptUpdate
from statemachine.core.wire import Message
from statemachine.serving.event_stream import Readers
from statemachine.store.errors import StoreError

from ..logs import Logger, error_values

_log = Logger()

T = TypeVar("T")

RECENT: Final = 1_000
"""Updates kept in memory."""
_RETRY_S: Final = 1.0


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

    def condition(self) -> tuple[str, tuple[str | int, ...]]:
        """The same in SQL."""
        if self.client_id is not None:
            return "AND client = ?", (self.client_id,)
        return "AND substr(client, 1, CAST(? AS INTEGER)) = ?", (len(self.prefix), self.prefix)


class Feed(ABC):
    """The order, in one database; a subclass for each kind. In all queries `?` is the place of a value."""

    columns: str
    """Of `Entry`, from the table `feed`: cursor, client, seq, at, and the content where it is beside it."""

    def __init__(self, client: ChatClient) -> None:
        self._client: Final = client
        self.readers: Final = Readers()
        """Woken by each new entry."""
        self.added: Callable[[str], object] = lambda _: None
        """Called with the client id of each new entry."""
        self.status_changed: Callable[[str, str, str], object] = lambda _client, _type, _text: None
        """Called with each status update: client id, type, and JSON text."""
        self.latest: int = 0
        self._recent: deque[Entry] = deque(maxlen=RECENT)

    @abstractmethod
    def rows(self, query: str, *values: str | int) -> list[Any]:
        """The rows of a query. Raises a `StoreError`."""

    @abstractmethod
    async def write(self, query: str, *values: str | int) -> int:
        """Carry out one statement, durably; in SQLite the id of an inserted row, else 0. Raises a `StoreError`."""

    @abstractmethod
    async def append(self, client_id: str, update: TranscriptUpdate) -> None:
        """Add an update once. Repeated until the disk takes it."""

    @abstractmethod
    def content(self, client_id: str, seq: int, at: int, content: object) -> TranscriptUpdate | None:
        """The update of this row; None for one that was purged or forgotten."""

    @abstractmethod
    def close(self) -> None:
        """Write what is queued, and close the database."""

    def is_mine(self, client_id: str) -> bool:
        """Whether this process has the chat of this client, and so delivers its updates to webhooks."""
        return True

    def newest(self, cursor: int) -> int:
        """The latest cursor of all; exact where `cursor` is ahead of it."""
        return self.latest

    def status(self, client_id: str, update: StatusUpdate) -> None:
        """Pass a status update on, best effort."""
        self.status_changed(client_id, type(update).__name__, json_text(encode_update(update)))

    def label(self, client_id: str) -> str:
        """The name of this client's chat in logs and message ids, without the client id."""
        return self._client.label(client_id)

    # --- writing ------------------------------------------------------------------------------------------------------

    def _add(self, entry: Entry) -> None:
        self._recent.append(entry)
        self.latest = max(self.latest, entry.cursor)
        self.readers.wake()
        self.added(entry.client_id)

    async def acknowledge(self, reader: str, cursor: int) -> int:
        """Move a reader's cursor, never back; where it is now."""
        query = (
            "INSERT INTO feed_reader (name, cursor) VALUES (?, ?) ON CONFLICT (name) DO UPDATE"
            " SET cursor = excluded.cursor WHERE excluded.cursor > feed_reader.cursor"
        )
        await self.write(query, reader, min(cursor, self.newest(cursor)))
        return self.cursor(reader)

    async def delete_reader(self, reader: str) -> None:
        """Delete this reader, if there is one."""
        await self.write("DELETE FROM feed_reader WHERE name = ?", reader)

    async def delivered(self, webhook: str, client_id: str, cursor: int, *, parked: bool = False) -> None:
        """Keep how far a webhook has come with a client."""
        query = (
            "INSERT INTO feed_delivery (webhook, client, cursor, parked) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (webhook, client) DO UPDATE SET cursor = excluded.cursor, parked = excluded.parked"
        )
        await self.write(query, webhook, client_id, cursor, int(parked))

    async def forget(self, client_id: str) -> None:
        """Delete all rows of this client."""
        self._forget_recent(client_id)
        await self.write("DELETE FROM feed WHERE client = ?", client_id)
        await self.write("DELETE FROM feed_delivery WHERE client = ?", client_id)

    def _forget_recent(self, client_id: str) -> None:
        self._recent = deque((one for one in self._recent if one.client_id != client_id), RECENT)

    async def purge(self, before: int) -> None:
        """Delete what is older than this time (ms)."""
        await self.write("DELETE FROM feed WHERE at < ?", before)
        await self.write("DELETE FROM feed_delivery WHERE client NOT IN (SELECT client FROM feed)")

    # --- reading ------------------------------------------------------------------------------------------------------

    def after(self, cursor: int, limit: int, wanted: Wanted) -> tuple[list[Entry], int]:
        """The next wanted entries, at most `limit`, and the cursor behind them."""
        if self._recent and cursor >= self._recent[0].cursor - 1:
            newer = takewhile(lambda one: one.cursor > cursor, reversed(self._recent))
            rows = list(newer)[::-1][:limit]
            found = [one for one in rows if wanted.has(one.client_id)]
            return found, rows[-1].cursor if rows else cursor
        condition, values = wanted.condition()
        query = f"SELECT {self.columns} FROM feed WHERE cursor > ? {condition} ORDER BY cursor LIMIT ?"
        places = self.rows(query, cursor, *values, limit)
        stored = [self._stored(*place) for place in places]
        return [one for one in stored if one], places[-1][0] if places else max(cursor, self._before_recent())

    def _before_recent(self) -> int:
        return self._recent[0].cursor - 1 if self._recent else self.latest

    def next_of(self, client_id: str, cursor: int) -> Entry | None:
        """The next entry of this client behind this cursor."""
        query = f"SELECT {self.columns} FROM feed WHERE client = ? AND cursor > ? ORDER BY cursor LIMIT 1"
        while found := self.rows(query, client_id, cursor):
            if entry := self._stored(*found[0]):
                return entry
            cursor = found[0][0]
        return None

    def _stored(self, cursor: int, client_id: str, seq: int, at: int, content: object) -> Entry | None:
        update = self.content(client_id, seq, at, content)
        return entry_of(cursor, client_id, update) if update else None

    def cursor(self, reader: str) -> int:
        """What this reader has acknowledged."""
        found = self.rows("SELECT cursor FROM feed_reader WHERE name = ?", reader)
        return int(found[0][0]) if found else 0

    def all_readers(self) -> dict[str, int]:
        """Each reader and its cursor."""
        return dict(self.rows("SELECT name, cursor FROM feed_reader ORDER BY name"))

    def delivery(self, webhook: str, client_id: str) -> int:
        """The cursor of the last update of this client that the webhook has."""
        found = self.rows("SELECT cursor FROM feed_delivery WHERE webhook = ? AND client = ?", webhook, client_id)
        return int(found[0][0]) if found else 0

    def parked(self, webhook: str) -> list[str]:
        """The clients that this webhook gets no updates of until a replay."""
        query = "SELECT client FROM feed_delivery WHERE webhook = ? AND parked <> 0 ORDER BY client"
        return [row[0] for row in self.rows(query, webhook)]

    def undelivered(self, webhook: str) -> list[str]:
        """The clients with updates that this webhook does not have, parked ones too."""
        query = (
            "SELECT client FROM feed GROUP BY client HAVING max(cursor) > coalesce((SELECT cursor FROM feed_delivery"
            " WHERE webhook = ? AND feed_delivery.client = feed.client), 0)"
        )
        return [row[0] for row in self.rows(query, webhook)]


def entry_of(cursor: int, client_id: str, update: TranscriptUpdate) -> Entry:
    """The entry of this update."""
    data = json_text({"cursor": cursor, "client_id": client_id, **readable(update)})
    return Entry(cursor, client_id, update.seq, data)


async def insist(work: Callable[[], Awaitable[T]]) -> T:
    """The result of this once the database works; logged once."""
    failed = False
    while True:
        try:
            return await work()
        except StoreError as error:
            if not failed:
                _log.error("gateway_feed_failed", **error_values(error))
            failed = True
            await asyncio.sleep(_RETRY_S)
