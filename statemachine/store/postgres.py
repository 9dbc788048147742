"""The durable store of several machines: PostgreSQL, with a group of steps in one statement.

Reads are served from a cache of the chats that this process owns, which each save updates; others come from the
database. Only the owner of a shard writes its chats, so the cache is never out of date.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from itertools import islice
from typing import Any, Final, LiteralString

from attrs import define, field

from statemachine.adapters.protocols import Done, Save, Stored
from statemachine.codec.snapshot import SCHEMA as SNAPSHOT_SCHEMA

from ..core import TranscriptUpdate
from ..logs import Logger
from .errors import Fenced, NewerStore, StoreError, StoreOwned, check_order
from .names import shown
from .postgres_database import LOCK, Connection, Link, open_database, owner_of, shard_of, translated_errors
from .postgres_housekeeping import forget, move_ages, purge
from .postgres_writer import AckJob, OtherJob, SaveJob, SessionWrite, Writer
from .sealing import Cipher, Sealing, unreadable
from .writing import CallSoon

_log = Logger()

_CLAIM_ALL: Final = (
    "UPDATE statemachine.shard SET epoch = epoch + 1, worker = NULL, snapshot_schema = greatest(snapshot_schema, %s)"
    " RETURNING id, epoch, snapshot_schema"
)
_SESSIONS: Final = "SELECT id, snapshot, version, cursor, last, coalesce(cookies, '') FROM statemachine.session WHERE "
_UPDATES: Final = (
    "SELECT id, seq, content FROM statemachine.session JOIN statemachine.journal ON session = id AND seq > cursor"
    " WHERE {} ORDER BY id, seq"
)
_PAGE: Final = "SELECT seq, content FROM statemachine.journal WHERE session = %s AND seq > %s ORDER BY seq LIMIT %s"


@define
class CachedSession:
    """A session as stored. `snapshot`: None once the driver has it. `updates`: not acknowledged, as JSON or decoded."""

    snapshot: str | None
    version: int
    cursor: int
    last: int
    cookies: str
    updates: dict[int, str | TranscriptUpdate] = field(factory=dict[int, "str | TranscriptUpdate"])


class PostgresStore:
    """Sessions in a PostgreSQL database."""

    def __init__(
        self,
        url: str,
        *,
        call_soon: CallSoon,
        busy_ms: int = 5_000,
        transcript: bool = False,
        shared: bool = False,
        cipher: Cipher | None = None,
    ) -> None:
        """Connect; tables are created, or migrated, where necessary.

        Args:
            url: "postgresql://user:password@host:port/database".
            call_soon: See `SqliteStore`.
            busy_ms: How long to wait for the last owner to release the database.
            transcript: Keep acknowledged updates until they are purged or forgotten.
            shared: Own no chat yet: the shards come and go by `take_shards` and `drop_shards`, with a worker's lease.
                Else this process owns all chats.

            cipher: See `SqliteStore`.

        Raises:
            StoreError: With the remedy, in one line: the server cannot be reached, a wrong password, no rights, a newer
                schema, a read-only server, another process that owns the chats (StoreOwned).
        """
        self.url: Final = url
        self._shared = shared
        self._sealing: Final = Sealing(cipher)
        self._epochs: dict[int, int] = {}
        self._cache: dict[str, CachedSession] = {}
        self._lock = threading.RLock()  # of the cache
        self._reading = Link(url)
        with ExitStack() as undo:
            link, self.shards = open_database(url)
            undo.callback(link.close)
            undo.callback(self._reading.close)
            with translated_errors(url):
                self._lock_database(link, busy_ms / 1_000)
                if not shared:
                    self.take_shards(self._claim_all(link))
            self._writer = Writer(
                url,
                call_soon,
                epochs=self._epochs,
                shards=self.shards,
                keep=transcript,
                sealing=self._sealing,
                written=self._written,
                owned=partial(self._lock_database, within_s=0.0),
            )
            with translated_errors(url):
                self._writer.start(link)
            undo.pop_all()

    def _claim_all(self, link: Connection) -> dict[int, int]:
        rows = link.execute(_CLAIM_ALL, (SNAPSHOT_SCHEMA,)).fetchall()
        if any(newest > SNAPSHOT_SCHEMA for _, _, newest in rows):
            raise NewerStore(f"{shown(self.url)} has chats saved by a newer version of this package: upgrade it")
        return {int(shard): int(epoch) for shard, epoch, _ in rows}

    def _lock_database(self, link: Connection, within_s: float) -> None:
        """Exclude the other kind of owner while this connection lasts: one process with all chats, or workers."""
        kind = "_shared" if self._shared else ""
        until = time.monotonic() + within_s
        while not (link.execute(f"SELECT pg_try_advisory_lock{kind}(%s)", (LOCK,)).fetchone() or (False,))[0]:
            if time.monotonic() >= until:
                owner = owner_of(link) or "another process"
                raise (StoreOwned if within_s else Fenced)(
                    f"{owner} uses {shown(self.url)}: stop it first, or run workers only (statemachine.cluster)"
                )
            time.sleep(0.05)

    # --- shards -------------------------------------------------------------------------------------------------------

    def take_shards(self, epochs: dict[int, int]) -> list[str]:
        """Own these shards, by epoch, and read their chats into the cache; returns the ids. It blocks.

        Raises a `StoreError`.
        """
        self.drop_shards(epochs)  # what was cached before: another process may have written since
        self._cache_rows("shard = ANY(%s) AND (ended_at IS NULL OR cursor < last)", list(epochs))
        self._epochs.update(epochs)
        with self._lock:
            return [session_id for session_id in self._cache if self.shard_of(session_id) in epochs]

    def drop_shards(self, shards: Iterable[int]) -> None:
        """Own these shards no more. Their chats must be closed."""
        dropped = set(shards)
        for shard in dropped:
            self._epochs.pop(shard, None)
        with self._lock:
            for session_id in [one for one in self._cache if self.shard_of(one) in dropped]:
                del self._cache[session_id]

    def uncache(self, session_ids: Iterable[str]) -> None:
        """Read these chats from the database the next time: another process has deleted them."""
        with self._lock:
            for session_id in session_ids:
                self._cache.pop(session_id, None)

    def shard_of(self, session_id: str) -> int:
        """The shard of a chat."""
        return shard_of(session_id, self.shards)

    def owns(self, session_id: str) -> bool:
        """Whether this process owns this chat."""
        return self.shard_of(session_id) in self._epochs

    @property
    def fenced(self) -> int:
        """The writes refused because another worker had claimed the shard."""
        return self._writer.fenced

    # --- writing ------------------------------------------------------------------------------------------------------

    def save(self, save: Save, done: Done) -> None:
        """See `Store.save`. While the database cannot be reached, it waits."""
        try:
            check_order(0 if not save.updates else save.updates[0].seq - 1, save.updates)
        except StoreError as error:
            self._other(partial(_refuse, error), done)
        else:
            self._writer.put(SaveJob(save, done))

    def ack(self, session_id: str, seq: int, done: Done) -> None:
        """See `Store.ack`."""
        self._writer.put(AckJob(session_id, seq, done))

    def purge(self, before: int, done: Done, *, unread: bool = False) -> None:
        """See `Archive.purge`."""
        self._other(partial(purge, before=before, unread=unread), done, self._cache.clear)

    def keep_cookies(self, session_id: str, cookies: str, done: Done) -> None:
        """See `Archive.keep_cookies`."""
        with self._lock:
            if cached := self._cache.get(session_id):
                cached.cookies = cookies
        query = "UPDATE statemachine.session SET cookies = %s WHERE id = %s"
        self._other(lambda link: link.execute(query, (cookies, session_id)), done)

    def clock_changed(self, since: int, until: int, by: int, done: Done) -> None:
        """See `Archive.clock_changed`."""
        self._other(partial(move_ages, since=since, until=until, by=by), done)

    def forget(self, session_ids: Iterable[str], done: Done) -> None:
        """See `Archive.forget`. Intents in the inbox are deleted too.

        Deleted rows stay in the files of the server until its next vacuum, and in its write-ahead log, replicas and
        backups: delete those where the law demands it.
        """
        ids = tuple(session_ids)
        self._other(partial(forget, session_ids=ids), done, partial(self.uncache, ids))

    def close(self) -> None:
        """See `Store.close`. Waits until all requests are written; where the database is away, they fail."""
        self._writer.close()
        self._reading.close()

    def _other(
        self, run: Callable[[Connection], object], done: Done, uncache: Callable[[], object] | None = None
    ) -> None:
        def work(link: Connection) -> None:
            run(link)
            if uncache:
                with self._lock:
                    uncache()

        self._writer.put(OtherJob(work, done))

    def _written(self, session_id: str, one: SessionWrite | None) -> None:
        """In the writer's thread."""
        with self._lock:
            cached = self._cache.get(session_id)
            if one is None:  # the cache may be out of date
                self._cache.pop(session_id, None)
                return
            if cached is None:
                if one.base != 0:
                    return
                cached = self._cache[session_id] = CachedSession(None, 0, 0, 0, "")
            if one.save is not None:
                cached.snapshot, cached.version = None, one.save.version
            cached.last = cached.last if one.last is None else one.last
            cached.updates.update((update.seq, update) for update in one.updates)
            if one.cursor is not None and one.cursor > cached.cursor:
                cached.cursor = one.cursor
                for seq in [seq for seq in cached.updates if seq <= one.cursor]:
                    del cached.updates[seq]
            if one.ended_at is not None and not cached.updates:
                del self._cache[session_id]

    # --- reading ------------------------------------------------------------------------------------------------------

    def load(self, session_id: str) -> Stored | None:
        """See `Store.load`. Raises UnreadableSession where the snapshot cannot be read back."""
        cached = self._cached(session_id)
        if cached is not None and cached.snapshot is None:  # it was saved in this process
            with self._lock:
                self._cache.pop(session_id, None)
            cached = self._cached(session_id)
        if cached is None:
            return None
        try:
            return Stored(self._sealing.open_session(cached.snapshot or ""), cached.version)
        except Exception as error:
            raise unreadable(shown(self.url), session_id, error, cached.version, cached.last) from error

    def journal(self, session_id: str, after_seq: int, limit: int) -> tuple[TranscriptUpdate, ...]:
        """See `Store.journal`. Updates that cannot be read back are logged and left out."""
        cached = self._cached(session_id)
        if cached is None:
            return ()
        with self._lock:
            page = [(seq, one) for seq, one in cached.updates.items() if seq > max(after_seq, cached.cursor)]
        return tuple(islice(self._sealing.open_updates(session_id, page), limit))

    def transcript(self, session_id: str, after_seq: int, limit: int) -> tuple[TranscriptUpdate, ...]:
        """See `Archive.transcript`. Updates that cannot be read back are logged and left out."""
        updates: tuple[TranscriptUpdate, ...] = ()
        while not updates and (page := self._read(_PAGE, session_id, after_seq, limit)):
            updates, after_seq = tuple(self._sealing.open_updates(session_id, page)), page[-1][0]
        return updates

    def cursor(self, session_id: str) -> int:
        """See `Store.cursor`."""
        cached = self._cached(session_id)
        return cached.cursor if cached else 0

    def cookies(self, session_id: str) -> str:
        """See `Archive.cookies`."""
        cached = self._cached(session_id)
        return cached.cookies if cached else ""

    def sessions(self) -> tuple[str, ...]:
        """The ids of all sessions that this process owns, sorted."""
        query = "SELECT id FROM statemachine.session WHERE shard = ANY(%s) ORDER BY id"
        return tuple(row[0] for row in self._read(query, list(self._epochs)))

    def _cached(self, session_id: str) -> CachedSession | None:
        """The session from the cache, else from the database."""
        with self._lock:
            if cached := self._cache.get(session_id):
                return cached
        self._cache_rows("id = %s", session_id)
        with self._lock:
            return self._cache.get(session_id)

    def _cache_rows(self, condition: LiteralString, value: object) -> None:
        """Read these sessions. What was cached meanwhile is newer, and stays."""
        rows = self._read(_SESSIONS + condition, value)
        found = {row[0]: CachedSession(*row[1:]) for row in rows}
        for session_id, seq, content in self._read(_UPDATES.format(condition), value) if found else ():
            if session_id in found:
                found[session_id].updates[seq] = content
        with self._lock:
            for session_id, cached in found.items():
                self._cache.setdefault(session_id, cached)

    def _read(self, query: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        return self._reading.run(lambda link: link.execute(query, values).fetchall())


def _refuse(error: StoreError, _: Connection) -> None:
    raise error
