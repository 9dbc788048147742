"""The heartbeat of a worker, and who owns which shard: a few statements, and PostgreSQL's clock.

It runs in a thread of its own: a busy event loop is not a dead worker. An event loop that does nothing for two leases
is: then the heartbeat pauses, and others take the chats over.

Workers share the shards equally, but a worker claims no shard with snapshots that it cannot read, and one that does not
reach the contact centre while others do claims none. Shards that stopped their workers again and again: see `shards`.
"""

from __future__ import annotations

import os
import random
import secrets
import socket
import threading
import time
from collections.abc import Sequence
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, Final, Protocol

from attrs import frozen

from statemachine.codec.snapshot import SCHEMA as SNAPSHOT_SCHEMA
from statemachine.store.postgres_database import LOCK, Connection, connect
from statemachine.store.psycopg_extra import psycopg

from ..logs import Logger, error_values
from .lease import Lease, elapsed
from .shards import CERTAIN, PROBATION_S, QUARANTINE, SUSPECT

_log = Logger()
_RANDOM: Final = random.SystemRandom()
"""It has no state: that of the shared generator belongs to the application."""

BEAT_S: Final = 0.5
FREED: Final = "statemachine_shards"
"""The channel on which workers tell each other that shards are free: nobody waits for the next heartbeat."""
_RETRY_S: Final = 0.3
_SPACING_S: Final = 0.03
"""Between two looks, however often others wake this worker."""

_JOIN: Final = (
    "INSERT INTO statemachine.worker (id, beat, awake, since, snapshot_schema, address)"
    " VALUES (%s, clock_timestamp(), clock_timestamp(), clock_timestamp(), %s, %s)"
)
_BEAT: Final = """
UPDATE statemachine.worker SET beat = clock_timestamp(), draining = draining OR %(leaving)s, cut_off = %(cut_off)s,
  awake = CASE WHEN %(awake)s THEN clock_timestamp() ELSE awake END WHERE id = %(me)s RETURNING draining
"""
_REAP: Final = """
WITH dead AS (
  DELETE FROM statemachine.worker WHERE clock_timestamp() - beat > make_interval(secs => %(lease)s)
  RETURNING id, awake),
held AS (SELECT shard.id, worker, strikes >= %(suspect)s AS suspect,
    since IS NULL OR awake - since < make_interval(secs => %(probation)s) AS fresh
  FROM statemachine.shard JOIN dead ON dead.id = worker),
judged AS (SELECT *, count(*) FILTER (WHERE fresh AND suspect) OVER (PARTITION BY worker) AS tried FROM held)
UPDATE statemachine.shard SET worker = NULL, strikes = CASE
    WHEN fresh AND suspect AND tried = 1 AND strikes >= %(certain)s THEN %(quarantine)s
    WHEN fresh AND (suspect OR tried = 0) THEN strikes + 1
    WHEN fresh THEN strikes
    ELSE (tried = 0)::int END
FROM judged WHERE shard.id = judged.id RETURNING shard.id, strikes
"""
"""A worker that stops while it tries suspects accuses those alone: see `shards`."""
_ACQUIT: Final = "UPDATE statemachine.shard SET strikes = 0 WHERE worker IS NULL AND strikes < %(quarantine)s"
_NOT_GUILTY: Final = "UPDATE statemachine.shard SET strikes = 0 WHERE id = ANY(%s)"
"""Of a worker that was late, and works: none of its shards has stopped it."""
_FREE: Final = """
UPDATE statemachine.shard SET worker = NULL
WHERE worker IS NOT NULL AND NOT EXISTS (SELECT 1 FROM statemachine.worker WHERE worker.id = shard.worker)
RETURNING id, 0
"""
"""A statement of its own: a worker may claim in the very moment in which it is declared dead."""
_LOOK: Final = """
WITH alive AS (SELECT * FROM statemachine.worker WHERE NOT draining),
able AS (SELECT * FROM alive WHERE NOT cut_off OR NOT EXISTS (SELECT 1 FROM alive WHERE NOT cut_off)),
usable AS (SELECT * FROM statemachine.shard WHERE strikes < %(quarantine)s),
level AS (SELECT 0 AS least UNION SELECT snapshot_schema FROM able WHERE snapshot_schema <= %(schema)s),
free AS (SELECT * FROM usable WHERE worker IS NULL AND snapshot_schema <= %(schema)s
  AND (wanted IS NULL OR wanted = %(me)s OR wanted NOT IN (SELECT id FROM statemachine.worker)))
SELECT (SELECT count(*) FROM statemachine.worker),
  (SELECT count(*) FROM usable WHERE strikes < %(suspect)s AND (worker <> %(me)s AND since IS NULL
    OR worker IS NULL AND snapshot_schema <= (SELECT max(snapshot_schema) FROM able WHERE id <> %(me)s))),
  (SELECT coalesce(max(ceil((SELECT count(*) FROM usable WHERE usable.snapshot_schema >= least)::float8
      / greatest(1, (SELECT count(*) FROM able WHERE able.snapshot_schema >= least)))), 0)::int
    FROM level WHERE EXISTS (SELECT 1 FROM able WHERE id = %(me)s)),
  ARRAY(SELECT id FROM usable WHERE worker = %(me)s AND wanted <> %(me)s
    AND wanted IN (SELECT id FROM statemachine.worker)),
  ARRAY(SELECT id FROM free WHERE strikes < %(suspect)s AND wanted = %(me)s),
  ARRAY(SELECT id FROM free WHERE strikes < %(suspect)s AND wanted IS DISTINCT FROM %(me)s),
  ARRAY(SELECT id FROM free WHERE strikes >= %(suspect)s AND strikes = (SELECT max(strikes) FROM free)
    AND NOT EXISTS (SELECT 1 FROM usable WHERE worker = %(me)s AND strikes >= %(suspect)s
      AND (since IS NULL OR clock_timestamp() - since < make_interval(secs => %(probation)s))))
"""
"""The fair share is the greatest over all snapshot schemas that this worker can read: the shards with newer ones are
shared by those who can read them.
"""
_CLAIM: Final = """
UPDATE statemachine.shard SET worker = %(me)s, epoch = epoch + 1, since = NULL, wanted = NULL,
  snapshot_schema = greatest(snapshot_schema, %(schema)s) WHERE id IN (
  SELECT id FROM statemachine.shard WHERE worker IS NULL AND id = ANY(%(shards)s)
    AND snapshot_schema <= %(schema)s FOR UPDATE SKIP LOCKED)
RETURNING id, epoch
"""
_ADOPTED: Final = """
UPDATE statemachine.shard SET since = clock_timestamp() WHERE worker = %s AND id IN (
  SELECT id FROM statemachine.shard WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE)
"""
"""Rows are locked in the order of the writer: its groups lock shards of the same worker at the same time."""
_GIVE_BACK: Final = f"""
WITH freed AS (UPDATE statemachine.shard SET worker = NULL, strikes = 0 WHERE worker = %s AND id = ANY(%s) RETURNING id)
SELECT pg_notify('{FREED}', '') WHERE EXISTS (SELECT 1 FROM freed)
"""
_LEAVE: Final = "DELETE FROM statemachine.worker WHERE id = %s"
_LIMITS: Final = {"suspect": SUSPECT, "certain": CERTAIN, "quarantine": QUARANTINE, "probation": PROBATION_S}
_FORGOTTEN: Final = "SELECT id, label FROM statemachine.forgotten WHERE id > %s ORDER BY id"


class Member(Protocol):
    """The worker. Called in the thread of the membership; each call returns at once, but `lost`."""

    def claimed(self, epochs: dict[int, int], taken_over: bool) -> None:
        """These shards belong to this worker now. `taken_over`: of a worker that was declared dead."""

    def keep(self, share: int, wanted: list[int], moving: int) -> None:
        """Give back all shards but so many, and in any case those `wanted` elsewhere.

        `moving`: so many are free for others, or claimed by them, and their chats not all at work yet.
        """

    def lost(self) -> None:
        """All shards may belong to others. Returns when no chat of them is here any more."""

    def shared_with(self, workers: int) -> None:
        """So many workers are alive."""

    def forgotten(self, labels: Sequence[str]) -> None:
        """The customers of the chats with these labels were forgotten."""

    def is_cut_off(self) -> bool:
        """Whether the contact centre does not answer this worker."""
        ...

    def idle_s(self) -> float:
        """The seconds since its event loop worked last."""
        ...


@frozen
class _View:
    """`moving`: shards that others can claim, or whose chats they resume; `share`: of this worker; the rest are shards.

    `suspects`: empty while this worker has one on probation.
    """

    workers: int
    moving: int
    share: int
    elsewhere_wanted: list[int]
    reserved: list[int]
    free: list[int]
    suspects: list[int]


class Membership:
    """A worker among the others. `address`: see `Worker.address`."""

    def __init__(self, url: str, member: Member, lease: Lease, seconds: float, *, address: str | None = None) -> None:
        self._url, self._member, self._lease, self._seconds = url, member, lease, seconds
        self._address, self._schema = address, SNAPSHOT_SCHEMA
        self._owned: set[int] = set()
        self.id = _new_id()
        self._joined = self._ended = self._leaving = False
        self._reaps_from = self._beats_at = 0.0
        self._last_forgotten = 0
        self._adopted: SimpleQueue[int] = SimpleQueue()
        self._returned: SimpleQueue[int] = SimpleQueue()
        self._to_return, self._to_mark = set[int](), set[int]()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=copy_context().run, args=(self._run,), name="statemachine-beat")
        self._thread.daemon = True

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def look(self) -> None:
        """Shards may be free: do not wait for the next heartbeat."""
        self._wake.set()

    def leave(self) -> None:
        """Give all shards back, and claim none."""
        self._leaving, self._beats_at = True, 0.0
        self._wake.set()

    def adopted(self, shard: int) -> None:
        """All chats of this shard are at work."""
        self._adopted.put(shard)
        self._wake.set()

    def give_back(self, shard: int) -> None:
        """Release this shard: nothing of it is in this process any more."""
        self._returned.put(shard)
        self._wake.set()

    def end(self) -> None:
        """Leave the cluster, and wait for it, where the database is there."""
        self._ended = True
        self._wake.set()
        self._thread.join()

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        link: Connection | None = None
        while not self._ended:
            begun = elapsed()
            try:
                if link is None:
                    link = self._connect()
                self._once(link)
                pause = self._beats_at - elapsed()
            except psycopg.Error as error:
                _log.warning("heartbeat_failed", **error_values(error))
                if link is not None:
                    link.close()
                link, pause = None, _RETRY_S
            self._wake.wait(max(pause, 0.02))
            self._wake.clear()
            time.sleep(max(0.0, begun + _SPACING_S - elapsed()))
        self._leave(link)

    def _connect(self) -> Connection:
        link = connect(self._url)
        link.execute("SET statement_timeout = '2s'")
        link.execute("SELECT pg_advisory_lock_shared(%s)", (LOCK,))
        # After an outage nobody is declared dead before all had the time to beat again: so nothing moves.
        self._reaps_from = elapsed() + self._seconds if self._joined else 0.0
        self._beats_at = 0.0
        return link

    def _once(self, link: Connection) -> None:
        """Hand shards over; beat and reap only when it is time: chats that are handed over have no poll meanwhile."""
        sent, idle_s, freed = elapsed(), self._member.idle_s(), set[int]()
        is_due = sent >= self._beats_at
        if is_due:
            self._beats_at = sent + BEAT_S
        if self._joined and idle_s >= 2 * self._seconds:
            return
        self._give_back(link)
        if is_due:
            if not self._joined:
                link.execute(_JOIN, (self.id, self._schema, self._address))
                self._joined = True
            elif not self._beat(link, is_awake=idle_s < BEAT_S):
                self._was_declared_dead(link)
                return
            self._lease.renew(sent)
            self._forget(link)
            freed = self._reap(link) if sent >= self._reaps_from else freed
        self._balance(link, freed)

    def _beat(self, link: Connection, *, is_awake: bool) -> bool:
        """Whether this worker is still one."""
        cut_off = self._member.is_cut_off()
        values = {"me": self.id, "leaving": self._leaving, "cut_off": cut_off, "awake": is_awake}
        return link.execute(_BEAT, values).fetchone() is not None

    def _reap(self, link: Connection) -> set[int]:
        """Declare workers dead; returns the shards that are free now."""
        rows = [*link.execute(_REAP, {"lease": self._seconds, **_LIMITS}), *link.execute(_FREE)]
        if rows:
            link.execute(f"NOTIFY {FREED}")
        for shard, strikes in rows:
            if strikes >= QUARANTINE:
                link.execute(_ACQUIT, _LIMITS)
                _log.error("shard_quarantined", shard=shard, remedy=f"statemachine cluster release URL {shard}")
        return {shard for shard, _ in rows}

    def _give_back(self, link: Connection) -> None:
        """What cannot be written now is written after the next connection: nobody else could claim these shards."""
        self._to_return |= _taken(self._returned)
        self._to_mark |= _taken(self._adopted)
        if self._to_return:
            self._owned -= self._to_return
            link.execute(_GIVE_BACK, (self.id, list(self._to_return)))
            self._to_return.clear()
        if self._to_mark:
            link.execute(_ADOPTED, (self.id, list(self._to_mark)))
            self._to_mark.clear()

    def _forget(self, link: Connection) -> None:
        rows = link.execute(_FORGOTTEN, (self._last_forgotten,)).fetchall()
        if rows:
            self._member.forgotten([label for _, label in rows])
            self._last_forgotten = rows[-1][0]

    def _was_declared_dead(self, link: Connection) -> None:
        link.execute(_NOT_GUILTY, (list(self._owned),))
        _log.error("declared_dead", worker=self.id)
        self._lease.end()
        self._member.lost()
        self.id, self._joined, self._returned, self._adopted = _new_id(), False, SimpleQueue(), SimpleQueue()
        for shards in (self._owned, self._to_return, self._to_mark):
            shards.clear()
        self._beats_at = 0.0
        self._wake.set()

    def _balance(self, link: Connection, taken_over: set[int]) -> None:
        values = {"me": self.id, "schema": self._schema}
        row: Any = link.execute(_LOOK, values | _LIMITS).fetchone()
        seen, own = _View(*row), len(self._owned)
        self._member.shared_with(seen.workers)
        self._member.keep(seen.share, seen.elsewhere_wanted, seen.moving)
        if seen.share == 0:
            return
        _RANDOM.shuffle(seen.free)  # not all workers after the same ones
        _RANDOM.shuffle(seen.suspects)
        half = (len(seen.suspects) + 1) // 2
        wanted = [*seen.reserved, *seen.suspects[:half], *seen.free][: max(seen.share - own, len(seen.reserved))]
        if wanted:
            rows = link.execute(_CLAIM, {**values, "shards": wanted}).fetchall()
            claimed = {int(shard): int(epoch) for shard, epoch in rows}
            self._owned.update(claimed)
            if claimed:
                self._member.claimed(claimed, not taken_over.isdisjoint(claimed))

    def _leave(self, link: Connection | None) -> None:
        self._lease.end()
        try:
            if link is not None and self._joined:
                self._give_back(link)
                link.execute(_LEAVE, (self.id,))
        except psycopg.Error as error:  # the others find out, one lease later
            _log.warning("heartbeat_failed", **error_values(error))
        finally:
            if link is not None:
                link.close()


def _new_id() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def _taken(queue: SimpleQueue[int]) -> set[int]:
    return {queue.get() for _ in range(queue.qsize())}
