"""`Inbox`: send for any customer from any process, and read updates with cursors of one's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any, Final, Self
from urllib.parse import quote, unquote

from attrs import frozen

from statemachine.client.arguments import text as checked_text
from statemachine.client.errors import BadSetting, ChatClosed
from statemachine.codec.records import decode_update
from statemachine.store.errors import StoreBusy, StoreError
from statemachine.store.names import is_url
from statemachine.store.postgres_database import AsyncConnection, connect_async, explain, shard_of, translated_errors
from statemachine.store.psycopg_extra import psycopg
from statemachine.store.sealing import Cipher, Sealing

from ..core import TranscriptUpdate
from .intake import CHANNEL, write_intent
from .pairs import read_pair

PAGE: Final = 500
POLL_S: Final = 0.1
LIMIT: Final = 1_000
"""The most intents of one customer that wait."""

_PUT: Final = f"""
WITH new AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY session ORDER BY place) + (
    SELECT count(*) FROM statemachine.inbox WHERE inbox.session = given.session AND done IS NULL) <= {LIMIT} AS fits
  FROM unnest(%b::int[], %b::text[], %b::text[], %b::text[]) WITH ORDINALITY
    AS given (shard, session, key, intent, place)),
added AS (
  INSERT INTO statemachine.inbox (shard, session, key, intent)
  SELECT shard, session, key, intent FROM new WHERE fits ORDER BY place
  ON CONFLICT (session, key) DO NOTHING RETURNING shard),
notified AS (SELECT pg_notify('{CHANNEL}', shard::text) FROM (SELECT DISTINCT shard FROM added) AS one)
SELECT (SELECT count(*) FROM notified) >= 0 AND (fits OR EXISTS (
  SELECT 1 FROM statemachine.inbox WHERE inbox.session = new.session AND inbox.key = new.key))
FROM new ORDER BY place
"""
"""The count is never negative: it makes the server notify the workers."""
_REFUSED: Final = "SELECT done IS NOT NULL, refused FROM statemachine.inbox WHERE session = %s AND key = %s"
_OWNER: Final = (
    "SELECT worker.address FROM statemachine.shard JOIN statemachine.worker ON worker.id = shard.worker"
    " WHERE shard.id = %s"
)
_KNOWN: Final = (
    "SELECT EXISTS (SELECT 1 FROM statemachine.session WHERE id = %(session)s)"
    " OR EXISTS (SELECT 1 FROM statemachine.inbox WHERE session = %(session)s AND done IS NULL)"
)
_READER: Final = (
    "INSERT INTO statemachine.reader (name, seen) VALUES (%s, clock_timestamp())"
    " ON CONFLICT (name) DO UPDATE SET seen = clock_timestamp()"
)
_NEXT: Final = """
SELECT session, seq, content FROM (
  SELECT one.*, max(one.at) OVER (PARTITION BY one.session ORDER BY one.seq) AS latest FROM statemachine.journal AS one
  LEFT JOIN statemachine.reading ON reading.reader = %s AND reading.session = one.session
  WHERE one.seq > coalesce(reading.seq, 0)) AS unread
ORDER BY latest, session, seq LIMIT %s
"""
"""Never by `at` alone: the clock of a chat's next worker may be behind, and a later `seq` would come first."""
_READ: Final = """
INSERT INTO statemachine.reading (reader, session, seq) SELECT %s, id, %s FROM statemachine.session WHERE id = %s
ON CONFLICT (reader, session) DO UPDATE SET seq = greatest(reading.seq, excluded.seq)
"""


@frozen
class _Put:
    """An intent to store: shard, session, key, text. `is_stored`: False where too many wait."""

    row: tuple[int, str, str, str]
    is_stored: asyncio.Future[bool]


class Inbox:
    """The inbox of a cluster. `async with` connects; it needs no connection to the contact centre.

    Each method that puts an intent returns once it is durable. The owner of the chat executes the intents of a customer
    in this order. The same key is the same intent: repeat a call freely. Each raises BadSetting, and a `StoreError`.
    """

    def __init__(self, store: str, *, cipher: Cipher | None = None) -> None:
        """Check the address.

        Args:
            store: The URL of the workers' database.
            cipher: That of the workers' `Options`.

        Raises:
            BadSetting: It is no URL of a database.
        """
        if not is_url(store):
            raise BadSetting("store: an inbox needs the URL of a PostgreSQL database, like postgresql://user@host/db")
        self._url, self._sealing = store, Sealing(cipher)
        self._link: AsyncConnection | None = None
        self._lock = asyncio.Lock()
        self._shards, self._prefix = 0, ""
        self._puts: list[_Put] = []
        self._putting: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._shards, self._prefix = await asyncio.to_thread(read_pair, self._url)
        with translated_errors(self._url):
            self._link = await connect_async(self._url)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._link is not None:
            await self._link.close()
            self._link = None

    # --- write --------------------------------------------------------------------------------------------------------

    async def send(self, client_id: str, text: str, *, key: str, note: str = "") -> None:
        """Send a text; it begins a chat where there is none. `DeliveryUpdate` has key, note and the result.

        Args:
            client_id: The customer's id.
            text: Plain text.
            key: The idempotency key of this text.
            note: Any text, returned in the delivery updates; it is not sent.
        """
        await self.put(client_id, "send", key=key, text=text, note=note)

    async def end(self, client_id: str, *, key: str) -> None:
        """End a customer's chat.

        Args:
            client_id: The customer's id.
            key: The idempotency key of this call.
        """
        await self.put(client_id, "end", key=key)

    async def put(self, client_id: str, call: str, *, key: str, context: str = "", **values: object) -> None:
        """Put the call of another method of `ChatSession`.

        `send_location`, `send_file` (a path that every worker can read), `answer_form` (of a form that is not secure),
        `disconnect`, `end`, `mark_read`.

        Args:
            client_id: The customer's id.
            call: The method's name.
            key: The idempotency key of this call.
            context: For `Worker.within`, such as the `traceparent` of the caller's span.
            values: The method's arguments, as JSON can hold.
        """
        session = self._session(client_id)
        intent = self._sealing.seal(write_intent(call, values, context))
        put = _Put(
            (shard_of(session, self._shards), session, _checked_key(call, key), intent),
            asyncio.get_running_loop().create_future(),
        )
        self._puts.append(put)
        if self._putting is None or self._putting.done():
            self._putting = asyncio.create_task(self._write())
        if not await put.is_stored:
            raise StoreError(f"{LIMIT} intents of this customer wait already: no worker runs, or it cannot keep up")

    async def refusal(self, client_id: str, key: str) -> str | None:
        """The reason why an intent was refused, "" where it was not; None while it is waiting or unknown.

        Args:
            client_id: The customer's id.
            key: Of the intent.
        """
        rows = await self._ask(_REFUSED, (self._session(client_id), key))
        return (rows[0][1] or "") if rows and rows[0][0] else None

    # --- look up ------------------------------------------------------------------------------------------------------

    async def owner_address(self, client_id: str) -> str | None:
        """The `Worker.address` of the worker that has a customer's chat, if one has it and serves requests.

        Args:
            client_id: The customer's id.
        """
        rows = await self._ask(_OWNER, (shard_of(self._session(client_id), self._shards),))
        return rows[0][0] if rows else None

    async def knows(self, client_id: str) -> bool:
        """Whether a customer has a stored chat, or an intent that waits.

        Args:
            client_id: The customer's id.
        """
        return bool((await self._ask(_KNOWN, {"session": self._session(client_id)}))[0][0])

    # --- read ---------------------------------------------------------------------------------------------------------

    async def updates(self, reader: str) -> AsyncGenerator[tuple[str, TranscriptUpdate]]:
        """The transcript updates of all customers, without end.

        Each at least once, in order of `seq` for a customer. Asking for the next one acknowledges the last. A name is
        remembered, and updates are kept for it, also while nobody reads; `forget_reader` ends that.

        Args:
            reader: The name of this reader.

        Returns:
            Pairs of client id and update.
        """
        name = checked_text("updates: reader", reader)
        await self._ask(_READER, (name,), fetch=False)
        while True:
            rows = await self._ask(_NEXT, (name, PAGE))
            for session, seq, content in rows:
                update = decode_update(json.loads(self._sealing.open(content)))
                if isinstance(update, TranscriptUpdate):
                    yield unquote(session.removeprefix(self._prefix)), update
                await self._ask(_READ, (name, seq, session), fetch=False)
            if not rows:
                await asyncio.sleep(POLL_S)
            await self._ask(_READER, (name,), fetch=False)

    async def forget_reader(self, reader: str) -> None:
        """Keep no more updates for a reader.

        Args:
            reader: Its name.
        """
        await self._ask("DELETE FROM statemachine.reader WHERE name = %s", (reader,), fetch=False)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _session(self, client_id: str) -> str:
        if not self._prefix:
            raise ChatClosed("the inbox is not open: use it inside `async with`")
        return self._prefix + quote(checked_text("client_id", client_id), safe="")

    async def _write(self) -> None:
        """Write all intents that wait, as long as there are some: those of one moment in one statement."""
        while self._puts:
            group, self._puts = self._puts[:PAGE], self._puts[PAGE:]
            await self._write_group(group)

    async def _write_group(self, group: list[_Put]) -> None:
        try:
            rows = await self._ask(_PUT, [list(column) for column in zip(*(put.row for put in group), strict=True)])
        except StoreBusy as error:
            _fail(group, error)
        except Exception as error:
            if len(group) == 1:
                _fail(group, error)
            else:  # one of them cannot be stored: the others must be
                for put in group:
                    await self._write_group([put])
        else:
            for put, (is_stored,) in zip(group, rows, strict=True):
                if not put.is_stored.done():  # else its caller was cancelled
                    put.is_stored.set_result(is_stored)

    async def _ask(self, query: Any, values: Any = (), *, fetch: bool = True) -> list[Any]:
        """Execute a statement; once more where the connection had been cut: all of them can be repeated."""
        async with self._lock:
            for is_last in (False, True):
                if self._link is None:
                    raise ChatClosed("the inbox is not open: use it inside `async with`")
                try:
                    if self._link.closed:
                        self._link = await connect_async(self._url)
                    result = await self._link.execute(query, values)
                    return await result.fetchall() if fetch else []
                except psycopg.Error as error:
                    if is_last or not self._link.closed:
                        raise explain(error, self._url) from error
        raise AssertionError


def _checked_key(call: str, key: object) -> str:
    checked = checked_text(f"{call}: key", key)
    if "\0" in checked or any("\ud800" <= one <= "\udfff" for one in checked):
        raise BadSetting(f"{call}: key has a character that PostgreSQL cannot store")
    return checked


def _fail(group: list[_Put], error: Exception) -> None:
    for put in group:
        if not put.is_stored.done():
            put.is_stored.set_exception(error)
