"""The heartbeat of a worker, and who owns which shard: four statements, and PostgreSQL's clock.

It runs in a thread of its own: a busy event loop is not a dead worker. An event loop that does nothing for two leases
is: then the heartbeat pauses, and others take the chats over.
"""

from __future__ import annotations

import math
import os
import random
import secrets
import socket
import threading
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, Final, Protocol

from attrs import frozen

from statemachine.store.postgres_database import LOCK, Connection, connect
from statemachine.store.psycopg_extra import psycopg

from ..logs import Logger, error_values
from .lease import Lease, elapsed

_log = Logger()

BEAT_S: Final = 0.5
_RETRY_S: Final = 0.3

_JOIN: Final = (
    "INSERT INTO statemachine.worker (id, beat, since, address) VALUES (%s, clock_timestamp(), clock_timestamp(), %s)"
)
_BEAT: Final = "UPDATE statemachine.worker SET beat = clock_timestamp() WHERE id = %s RETURNING draining"
_REAP: Final = "DELETE FROM statemachine.worker WHERE clock_timestamp() - beat > make_interval(secs => %s)"
_FREE: Final = """
UPDATE statemachine.shard SET worker = NULL
WHERE worker IS NOT NULL AND NOT EXISTS (SELECT 1 FROM statemachine.worker WHERE worker.id = shard.worker) RETURNING id
"""
"""A statement of its own: a worker may claim in the very moment in which it is declared dead."""
_LOOK: Final = """
SELECT (SELECT count(*) FROM statemachine.worker WHERE NOT draining), count(*),
  coalesce(array_agg(id) FILTER (WHERE worker = %(me)s AND wanted <> %(me)s AND wanted IN (SELECT id FROM
    statemachine.worker)), '{}'),
  coalesce(array_agg(id ORDER BY wanted IS NOT DISTINCT FROM %(me)s DESC, id) FILTER (WHERE worker IS NULL AND
    (wanted IS NULL OR wanted = %(me)s OR wanted NOT IN (SELECT id FROM statemachine.worker))), '{}'),
  count(*) FILTER (WHERE worker IS NULL AND wanted = %(me)s)
FROM statemachine.shard
"""
_CLAIM: Final = """
UPDATE statemachine.shard SET worker = %s, epoch = epoch + 1, since = clock_timestamp(), wanted = NULL WHERE id IN (
  SELECT id FROM statemachine.shard WHERE worker IS NULL AND id = ANY(%s) FOR UPDATE SKIP LOCKED)
RETURNING id, epoch
"""
_GIVE_BACK: Final = "UPDATE statemachine.shard SET worker = NULL WHERE worker = %s AND id = ANY(%s)"
_LEAVE: Final = "DELETE FROM statemachine.worker WHERE id = %s"


class Member(Protocol):
    """The worker. Called in the thread of the membership; each call returns at once, but `lost`."""

    def claimed(self, epochs: dict[int, int], taken_over: bool) -> None:
        """These shards belong to this worker now. `taken_over`: of a worker that was declared dead."""

    def surplus(self, count: int, wanted: list[int]) -> None:
        """Give back so many shards, those included that are on their way, and also these."""

    def lost(self) -> None:
        """All shards may belong to others. Returns when no chat of them is here any more."""

    def shared_with(self, workers: int) -> None:
        """So many workers are alive."""


@frozen
class _View:
    workers: int
    shards: int
    elsewhere_wanted: list[int]
    free: list[int]
    reserved: int


class Membership:
    """A worker among the others. `is_awake`: whether its event loop works. `address`: see `Worker.address`."""

    def __init__(
        self,
        url: str,
        member: Member,
        lease: Lease,
        seconds: float,
        *,
        is_awake: Callable[[], bool],
        address: str | None = None,
    ) -> None:
        self._url, self._member, self._lease, self._seconds = url, member, lease, seconds
        self._is_awake = is_awake
        self._address = address
        self._owned: set[int] = set()
        self.id = _new_id()
        self._joined = self._ended = self.leaving = False
        self._reaps_from = 0.0
        self._returned: SimpleQueue[int] = SimpleQueue()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=copy_context().run, args=(self._run,), name="statemachine-beat")
        self._thread.daemon = True

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

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
                pause = BEAT_S - (elapsed() - begun)
            except psycopg.Error as error:
                _log.warning("heartbeat_failed", **error_values(error))
                if link is not None:
                    link.close()
                link, pause = None, _RETRY_S
            self._wake.wait(max(pause, 0.02))
            self._wake.clear()
        self._leave(link)

    def _connect(self) -> Connection:
        link = connect(self._url)
        link.execute("SET statement_timeout = '2s'")
        link.execute("SELECT pg_advisory_lock_shared(%s)", (LOCK,))
        # After an outage nobody is declared dead before all had the time to beat again: so nothing moves.
        self._reaps_from = elapsed() + self._seconds if self._joined else 0.0
        return link

    def _once(self, link: Connection) -> None:
        sent = elapsed()
        if self._joined and not self._is_awake():
            return
        is_draining = self.leaving
        if not self._joined:
            link.execute(_JOIN, (self.id, self._address))
            self._joined = True
        elif row := link.execute(_BEAT, (self.id,)).fetchone():
            is_draining = is_draining or bool(row[0])
        else:
            self._was_declared_dead()
            return
        self._lease.renew(sent)
        self._give_back(link)
        taken_over: list[int] = []
        if sent >= self._reaps_from:
            link.execute(_REAP, (self._seconds,))
            taken_over = [row[0] for row in link.execute(_FREE)]
        self._balance(link, is_draining, taken_over)

    def _give_back(self, link: Connection) -> None:
        shards = [self._returned.get() for _ in range(self._returned.qsize())]
        if shards:
            self._owned.difference_update(shards)
            link.execute(_GIVE_BACK, (self.id, shards))

    def _was_declared_dead(self) -> None:
        _log.error("declared_dead", worker=self.id)
        self._lease.end()
        self._member.lost()
        self.id, self._joined, self._returned = _new_id(), False, SimpleQueue()
        self._owned.clear()
        self._wake.set()

    def _balance(self, link: Connection, is_draining: bool, taken_over: list[int]) -> None:
        row: Any = link.execute(_LOOK, {"me": self.id}).fetchone()
        seen = _View(*row)
        own = len(self._owned)
        share = 0 if is_draining else math.ceil(seen.shards / max(1, seen.workers))
        self._member.shared_with(max(1, seen.workers))
        if own > share or seen.elsewhere_wanted:
            self._member.surplus(max(0, own - share), seen.elsewhere_wanted)
        count = 0 if is_draining else max(share - own, seen.reserved)
        if count > 0 and seen.free:
            first, rest = seen.free[: seen.reserved], seen.free[seen.reserved :]
            random.shuffle(rest)  # not all workers after the same ones
            rows = link.execute(_CLAIM, (self.id, [*first, *rest][:count])).fetchall()
            claimed = {int(shard): int(epoch) for shard, epoch in rows}
            self._owned.update(claimed)
            if claimed:
                self._member.claimed(claimed, not set(taken_over).isdisjoint(claimed))

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
