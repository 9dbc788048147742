"""The order of updates of several gateways, in the PostgreSQL database of their chats.

Each gateway appends the updates of its own chats, and follows what all append: notifications tell it to look, and carry
status updates. One lock makes the order of the cursors that of the commits, so that no reader passes an entry by.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from attrs import frozen

from statemachine.adapters.aio import is_set_within
from statemachine.cluster import Worker
from statemachine.codec.body import json_text
from statemachine.codec.records import encode_update
from statemachine.core import StatusUpdate, TranscriptUpdate
from statemachine.store.errors import StoreError
from statemachine.store.postgres_database import LOCK, Connection, Link, connect_async
from statemachine.store.psycopg_extra import psycopg
from statemachine.store.sealing import Sealing

from ..logs import Logger, error_values
from .feed import Feed, insist

_log = Logger(10)

LOOK_S: Final = 1.0
"""How long to wait for a notification before looking: a notification may be lost."""
PAGE: Final = 1_000
LONGEST_STATUS: Final = 7_900
"""Bytes that a notification can carry; a longer status update is left out."""
STATUSES: Final = 1_000
_FEED: Final = "statemachine_feed"
_STATUS: Final = "statemachine_status"
_APPEND_LOCK: Final = LOCK + 2

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS feed (
    cursor bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, client text COLLATE "C" NOT NULL,
    session text COLLATE "C" NOT NULL, seq int NOT NULL, at bigint NOT NULL, UNIQUE (client, seq, at));
CREATE INDEX IF NOT EXISTS feed_client ON feed (client, cursor);
CREATE TABLE IF NOT EXISTS feed_reader (name text PRIMARY KEY, cursor bigint NOT NULL);
CREATE TABLE IF NOT EXISTS feed_delivery (
    webhook text NOT NULL, client text COLLATE "C" NOT NULL, cursor bigint NOT NULL, parked int NOT NULL DEFAULT 0,
    PRIMARY KEY (webhook, client));
"""
_INSERT: Final = (
    "INSERT INTO feed (client, session, seq, at) SELECT * FROM unnest(%s::text[], %s::text[], %s::int[], %s::bigint[])"
    " ON CONFLICT DO NOTHING"
)
_NOTIFY: Final = f"SELECT pg_notify('{_STATUS}', one) FROM unnest(%s::text[]) AS one"


@frozen
class _New:
    """An update to append."""

    client: str
    session: str
    seq: int
    at: int
    done: asyncio.Future[None]


class PostgresFeed(Feed):
    """Opens the tables. `run` must run beside it."""

    columns = (
        "cursor, client, seq, at, (SELECT content FROM journal"
        " WHERE journal.session = feed.session AND journal.seq = feed.seq AND journal.at = feed.at)"
    )

    def __init__(self, url: str, worker: Worker, sealing: Sealing) -> None:
        """Raises a `StoreError`."""
        super().__init__(worker)
        self.sealing: Final = sealing
        self._worker: Final = worker
        self._url: Final = url
        self._reading: Final = Link(url)
        self._writing: Final = Link(url)
        self._new: list[_New] = []
        self._statuses: list[str] = []
        self._to_write: Final = asyncio.Event()
        self._to_read: Final = asyncio.Event()
        self._writing.run(_create)
        self.latest = self._newest()

    async def run(self) -> None:
        """Append, follow and listen until it is cancelled; while the database is away, it waits."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._append_all())
            group.create_task(self._follow())
            group.create_task(self._listen())

    def close(self) -> None:
        """See `Feed.close`."""
        self._reading.close()
        self._writing.close()

    def is_mine(self, client_id: str) -> bool:
        """See `Feed.is_mine`."""
        return self._worker.owns(client_id)

    def rows(self, query: str, *values: str | int) -> list[Any]:
        """See `Feed.rows`."""
        return self._reading.run(lambda link: link.execute(_percent(query), values).fetchall())

    async def write(self, query: str, *values: str | int) -> int:
        """See `Feed.write`."""
        await asyncio.to_thread(self._writing.run, lambda link: link.execute(_percent(query), values))
        return 0

    def newest(self, cursor: int) -> int:
        """See `Feed.newest`: another gateway may have read further."""
        return self.latest if cursor <= self.latest else self._newest()

    def _newest(self) -> int:
        return int(self.rows("SELECT coalesce(max(cursor), 0) FROM feed")[0][0])

    async def forget(self, client_id: str) -> None:
        """See `Feed.forget`."""
        await super().forget(client_id)
        self._notify({"forgotten": client_id})

    # --- append -------------------------------------------------------------------------------------------------------

    async def append(self, client_id: str, update: TranscriptUpdate) -> None:
        """See `Feed.append`."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._new.append(_New(client_id, self._worker.session_id(client_id), update.seq, update.at, done))
        self._to_write.set()
        await done

    def status(self, client_id: str, update: StatusUpdate) -> None:
        """See `Feed.status`: all gateways get it."""
        self._notify({"client_id": client_id, "type": type(update).__name__, "update": encode_update(update)})

    def _notify(self, about: dict[str, object]) -> None:
        text = self.sealing.seal(json_text(about))
        if len(text.encode(errors="replace")) <= LONGEST_STATUS and len(self._statuses) < STATUSES:
            self._statuses.append(text)
            self._to_write.set()

    async def _append_all(self) -> None:
        while True:
            await self._to_write.wait()
            self._to_write.clear()
            new, self._new = self._new, []
            statuses, self._statuses = self._statuses, []
            await self._write_all(partial(_write, new=new, statuses=statuses))
            for one in new:
                if not one.done.done():
                    one.done.set_result(None)

    async def _write_all(self, write: Callable[[Connection], None]) -> None:
        await insist(lambda: asyncio.to_thread(self._writing.run, write))

    # --- follow -------------------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        query = f"SELECT {self.columns} FROM feed WHERE cursor > ? ORDER BY cursor LIMIT ?"
        while True:
            try:
                rows = await asyncio.to_thread(self.rows, query, self.latest, PAGE)
            except StoreError as error:
                _log.warning("gateway_feed_failed", **error_values(error))
                rows = []
            for row in rows:
                if entry := self._stored(*row):
                    self._add(entry)
                self.latest = row[0]
            if len(rows) < PAGE:
                await is_set_within(self._to_read, LOOK_S)
                self._to_read.clear()

    def content(self, client_id: str, seq: int, at: int, content: object) -> TranscriptUpdate | None:
        """See `Feed.content`."""
        kept = [(seq, content)] if isinstance(content, str) else []  # not what was purged
        return next(self.sealing.open_updates(self._worker.session_id(client_id), kept), None)

    async def _listen(self) -> None:
        while True:
            try:
                async with await connect_async(self._url) as link:
                    await link.execute(f"LISTEN {_FEED}")
                    await link.execute(f"LISTEN {_STATUS}")
                    async for one in link.notifies():
                        with _log.errors("gateway_feed_failed"):  # any user of the database may notify
                            self._heard(one.channel, one.payload)
            except (psycopg.Error, OSError) as error:
                _log.warning("gateway_feed_failed", **error_values(error))
            await asyncio.sleep(LOOK_S)

    def _heard(self, channel: str, payload: str) -> None:
        if channel == _FEED:
            self._to_read.set()
            return
        about = json.loads(self.sealing.open(payload))
        if client_id := about.get("forgotten"):
            self._forget_recent(client_id)
        else:
            self.status_changed(about["client_id"], about["type"], json_text(about["update"]))


def _create(link: Connection) -> None:
    with link.transaction():
        link.execute("SELECT pg_advisory_xact_lock(%s)", (_APPEND_LOCK,))  # several gateways may start at once
        link.execute("SET LOCAL client_min_messages = warning")
        link.execute(_TABLES)


def _write(link: Connection, new: Sequence[_New], statuses: Sequence[str]) -> None:
    with link.transaction():
        if new:
            link.execute("SELECT pg_advisory_xact_lock(%s)", (_APPEND_LOCK,))
            columns = ("client", "session", "seq", "at")
            link.execute(_INSERT, [[getattr(one, name) for one in new] for name in columns])
            link.execute(f"SELECT pg_notify('{_FEED}', '')")
        if statuses:
            link.execute(_NOTIFY, (list(statuses),))


def _percent(query: str) -> Any:
    return query.replace("?", "%s")
