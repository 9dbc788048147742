"""One writing thread for PostgreSQL: the jobs of a group become one statement, so one round trip and one flush.

The statement names the epoch of each shard (see `cluster`): where another worker has claimed a shard since, nothing of
it is written. It holds no lock between statements, so a process that stops in the middle blocks nobody.

While the database cannot be reached, the group waits and is tried again. A commit whose answer was lost is recognised
by the stored version: only this epoch can have written it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

from attrs import define, field, frozen

from statemachine.adapters.protocols import Done, Save

from ..core import TranscriptUpdate
from ..logs import Logger, error_name
from .errors import Fenced, StaleSave, StoreBusy, StoreError, check_ack, check_order
from .postgres_database import SMALL_STEPS, Connection, connect, explain, shard_of
from .psycopg_extra import psycopg
from .sealing import Sealing
from .writing import GROUP, CallSoon, Outcome, WriterThread

_RETRY_S: Final = 0.2

_log = Logger()

# `%b`: binary parameters; psycopg writes arrays as text in Python, which takes fifty times as long.
_GROUP: Final = """
WITH fence AS MATERIALIZED (
  SELECT shard.id FROM statemachine.shard JOIN unnest(%b::int[], %b::bigint[]) AS own (id, epoch)
    ON shard.id = own.id AND shard.epoch = own.epoch ORDER BY shard.id FOR SHARE OF shard),
new AS MATERIALIZED (
  SELECT new.* FROM unnest(%b::text[], %b::int[], %b::int[], %b::int[], %b::text[], %b::int[], %b::int[], %b::bigint[],
    %b::int[]) AS new (id, shard, base, version, snapshot, first, last, ended_at, cursor)
    JOIN fence ON fence.id = new.shard),
changed AS (
  UPDATE statemachine.session AS old SET
    version = coalesce(new.version, old.version), snapshot = coalesce(new.snapshot, old.snapshot),
    last = coalesce(new.last, old.last), cursor = greatest(old.cursor, new.cursor),
    ended_at = CASE WHEN new.version IS NULL THEN old.ended_at ELSE new.ended_at END
  FROM new WHERE old.id = new.id AND (new.version IS NULL OR old.version = new.base)
    AND (new.first IS NULL OR old.last < new.first)
    AND (new.cursor IS NULL OR new.cursor <= greatest(old.last, new.last)) RETURNING old.id),
added AS (
  INSERT INTO statemachine.session (id, shard, version, snapshot, last, ended_at, cursor)
  SELECT id, shard, version, snapshot, coalesce(last, 0), ended_at, coalesce(cursor, 0) FROM new
    WHERE base = 0 AND coalesce(cursor, 0) <= coalesce(last, 0)
  ON CONFLICT DO NOTHING RETURNING id),
written AS MATERIALIZED (SELECT id FROM changed UNION ALL SELECT id FROM added),
journal AS (
  INSERT INTO statemachine.journal (session, seq, at, content)
  SELECT one.* FROM unnest(%b::text[], %b::int[], %b::bigint[], %b::text[]) AS one (session, seq, at, content)
    JOIN written ON written.id = one.session),
dropped AS (
  DELETE FROM statemachine.journal AS one USING new, written
  WHERE NOT %b::boolean AND written.id = new.id AND one.session = new.id AND one.seq <= new.cursor
    AND NOT EXISTS (SELECT 1 FROM statemachine.reader))
SELECT true, id FROM written UNION ALL SELECT false, id::text FROM fence
"""

_STORED: Final = "SELECT id, version, last FROM statemachine.session WHERE id = ANY(%s)"


@define
class SessionWrite:
    """What one group writes of one session. `base`: the stored version it follows; `cursor`: acknowledged up to here.

    `answers`: for each job its callback, and the version that it saves, or None.
    """

    base: int | None = None
    save: Save | None = None
    first: int | None = None
    last: int | None = None
    cursor: int | None = None
    updates: list[TranscriptUpdate] = field(factory=list[TranscriptUpdate])
    answers: list[tuple[Done, int | None]] = field(factory=list[tuple[Done, int | None]])

    @property
    def ended_at(self) -> int | None:
        """When the session ended."""
        return None if self.save is None or self.save.session.outcome is None else self.save.session.now

    def refusal(self, version: int | None, stored: tuple[int, int]) -> StoreError:
        """Why the job that saves this version was refused, from the stored version and the last `seq`."""
        if version is not None and self.base != stored[0]:
            return StaleSave(stored[0], version)
        try:
            check_order(stored[1], tuple(self.updates))
            check_ack(max(stored[1], self.last or 0), self.cursor or 0)
        except StoreError as error:
            return error
        return StaleSave(*stored) if version is None else StaleSave(stored[0], version)


@frozen
class SaveJob:
    """A step to save."""

    save: Save
    done: Done

    def add_to(self, group: dict[str, SessionWrite]) -> bool:
        """Add it to the group; False: it belongs into the next one."""
        save, one = self.save, group.get(self.save.session_id) or SessionWrite()
        if one.save is not None and save.version != one.save.version + 1:
            return False
        if save.updates and one.last is not None and save.updates[0].seq <= one.last:
            return False
        group[save.session_id] = one
        one.base = save.version - 1 if one.save is None else one.base
        one.save = save
        one.answers.append((self.done, save.version))
        if save.updates:
            one.first = save.updates[0].seq if one.first is None else one.first
            one.last = save.updates[-1].seq
            one.updates += save.updates
        return True


@frozen
class AckJob:
    """Updates to acknowledge."""

    session_id: str
    seq: int
    done: Done

    def add_to(self, group: dict[str, SessionWrite]) -> bool:
        """See `SaveJob`. A statement cannot delete the rows that it inserts itself."""
        one = group.get(self.session_id) or SessionWrite()
        if one.first is not None and self.seq >= one.first:
            return False
        group[self.session_id] = one
        one.cursor = max(self.seq, one.cursor or 0)
        one.answers.append((self.done, None))
        return True


@frozen
class OtherJob:
    """Any other request, in a transaction of its own. It must be repeatable: an answer may be lost."""

    run: Callable[[Connection], object]
    done: Done

    def add_to(self, group: dict[str, SessionWrite]) -> bool:
        """See `SaveJob`."""
        return False


Job: TypeAlias = SaveJob | AckJob | OtherJob


class Writer(WriterThread[Job]):
    """The thread. `epochs`: of the shards that this process owns.

    `written`: called in this thread with each write that is durable, and with None for a session whose write was
    refused. `owned`: called with each new connection.
    """

    def __init__(
        self,
        url: str,
        call_soon: CallSoon,
        *,
        epochs: Mapping[int, int],
        shards: int,
        keep: bool,
        sealing: Sealing,
        written: Callable[[str, SessionWrite | None], None],
        owned: Callable[[Connection], None],
    ) -> None:
        super().__init__(call_soon)
        self._url, self._epochs, self._shards, self._keep = url, epochs, shards, keep
        self._written, self._owned, self._sealing = written, owned, sealing
        self._link: Connection | None = None
        self.failing = False
        self.fenced = 0

    def start(self, link: Connection) -> None:
        """Begin, with this connection. Raises psycopg.Error."""
        link.execute(SMALL_STEPS)
        self._link = link
        self._begin()

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._wake:
                if not self._wait():
                    break
                other, group = self._take()
            found = self._insist(partial(self._other, other) if other else partial(self._commit, group))
            jobs = [other.done] if other else [done for one in group.values() for done, _ in one.answers]
            outcomes: list[Outcome] = [(done, found) for done in jobs] if isinstance(found, BaseException) else found
            self._report(outcomes)
        if self._link is not None:
            self._link.close()

    def _take(self) -> tuple[OtherJob | None, dict[str, SessionWrite]]:
        first = self._queue[0]
        if isinstance(first, OtherJob):
            self._queue.popleft()
            return first, {}
        group: dict[str, SessionWrite] = {}
        for _ in range(min(len(self._queue), GROUP)):
            if not self._queue[0].add_to(group):
                break
            self._queue.popleft()
        return None, group

    def _insist(self, work: Callable[[Connection, bool], list[Outcome]]) -> list[Outcome] | BaseException:
        """Do this; wait while the database is away, unless the store is being closed."""
        is_repeated = False
        while True:
            try:
                if self._link is None:
                    self._link = self._reconnect()
                outcomes = work(self._link, is_repeated)
                self.failing = False
                return outcomes
            except psycopg.Error as error:
                if (error.sqlstate or "").startswith("40"):  # a deadlock: all of it was rolled back
                    continue
                if not self._is_away(error):
                    return explain(error, self._url)
                if not self.failing:
                    _log.warning("store_away", error=error_name(error))
                self.failing = is_repeated = True
                if self._link is not None:
                    self._link.close()
                self._link = None
                if self._closed:
                    return StoreBusy(f"{explain(error, self._url)}; what was not saved was not done")
                time.sleep(_RETRY_S)
            except Exception as error:
                return error

    def _reconnect(self) -> Connection:
        link = connect(self._url)
        try:
            self._owned(link)
            link.execute(SMALL_STEPS)
        except BaseException:
            link.close()
            raise
        return link

    def _is_away(self, error: psycopg.Error) -> bool:
        """Whether the connection is lost, or cannot be made: not where the server refused the statement."""
        state = error.sqlstate or ""
        return self._link is None or self._link.closed or state[:2] in ("08", "57") or state == "25006"

    def _other(self, job: OtherJob, link: Connection, _: bool) -> list[Outcome]:
        with link.transaction():
            job.run(link)
        return [(job.done, None)]

    def _commit(self, group: dict[str, SessionWrite], link: Connection, is_repeated: bool) -> list[Outcome]:
        rows = link.execute(_GROUP, self._values(group), prepare=True).fetchall()
        written = {name for is_session, name in rows if is_session}
        fenced_in = {int(name) for is_session, name in rows if not is_session}
        others = [name for name in group if name not in written]
        stored = {name: row for name, *row in link.execute(_STORED, (others,))} if others else {}
        outcomes: list[Outcome] = []
        for name, one in group.items():
            version, last = stored.get(name, (0, 0))
            is_fenced = self._shard(name) not in fenced_in
            # Its first try was committed, and the answer lost.
            is_there = is_repeated and one.save is not None and one.save.version == version
            is_written = name in written or (is_there and not is_fenced)
            self._written(name, one if is_written else None)
            if is_written:
                outcomes += [(done, None) for done, _ in one.answers]
            elif is_fenced:
                self.fenced += len(one.answers)
                error = Fenced(f"shard {self._shard(name)} belongs to another worker now")
                outcomes += [(done, error) for done, _ in one.answers]
            elif one.save is None and not one.cursor and not version:  # to acknowledge nothing of nobody is no error
                outcomes += [(done, None) for done, _ in one.answers]
            else:
                outcomes += [(done, one.refusal(saved, (version, last))) for done, saved in one.answers]
        return outcomes

    def _shard(self, session_id: str) -> int:
        return shard_of(session_id, self._shards)

    def _values(self, group: dict[str, SessionWrite]) -> list[object]:
        epochs = {shard: epoch for shard in {self._shard(name) for name in group} if (epoch := self._epochs.get(shard))}
        rows = [
            (
                name,
                self._shard(name),
                one.base,
                None if one.save is None else one.save.version,
                None if one.save is None else self._sealing.seal_session(one.save.session),
                one.first,
                one.last,
                one.ended_at,
                one.cursor,
            )
            for name, one in group.items()
        ]
        updates = [
            (name, update.seq, update.at, self._sealing.seal_update(update))
            for name, one in group.items()
            for update in one.updates
        ]
        return [list(epochs), list(epochs.values()), *_columns(rows, 9), *_columns(updates, 4), self._keep]


def _columns(rows: list[tuple[Any, ...]], count: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(count)]
