"""See and steer a cluster: its workers, shards and inbox; drain a worker; move or release a shard."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from statemachine.store.errors import StoreError
from statemachine.store.names import shown
from statemachine.store.postgres_check import reading
from statemachine.store.postgres_database import existing

from .shards import QUARANTINE, SUSPECT

_WORKERS: Final = """
SELECT id, extract(epoch FROM clock_timestamp() - beat)::float8, extract(epoch FROM clock_timestamp() - since)::float8,
  draining, cut_off, (SELECT count(*) FROM statemachine.shard WHERE shard.worker = member.id),
  (SELECT count(*) FROM statemachine.session JOIN statemachine.shard ON shard.id = session.shard
    WHERE shard.worker = member.id AND ended_at IS NULL)
FROM statemachine.worker AS member ORDER BY id
"""
_CLUSTER: Final = """
SELECT (SELECT count(*) FROM statemachine.shard WHERE worker IS NULL),
  ARRAY(SELECT id FROM statemachine.shard WHERE strikes >= %(quarantine)s ORDER BY id),
  (SELECT count(*) FROM statemachine.shard WHERE worker IS NULL AND strikes BETWEEN %(suspect)s AND %(quarantine)s - 1),
  (SELECT count(*) FROM statemachine.inbox WHERE done IS NULL),
  (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0)::float8 FROM statemachine.inbox
    WHERE done IS NULL)
"""
_READERS: Final = """
SELECT name, extract(epoch FROM clock_timestamp() - seen)::float8, (SELECT count(*) FROM statemachine.journal
  LEFT JOIN statemachine.reading ON reader = name AND reading.session = journal.session
  WHERE journal.seq > coalesce(reading.seq, 0)) FROM statemachine.reader ORDER BY name
"""
_SAFE: Final = (
    "SELECT current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),"
    " (SELECT count(*) FROM pg_stat_replication)"
)


@frozen
class WorkerStatus:
    """One worker. `beat_s`: seconds since its last heartbeat; `since_s`: since it has joined; `chats`: open ones.

    `cut_off`: the contact centre does not answer it.
    """

    id: str
    beat_s: float
    since_s: float
    draining: bool
    cut_off: bool
    shards: int
    chats: int


@frozen
class ReaderStatus:
    """One reader of updates. `seen_s`: seconds since it has read; `lag`: updates that it has not read."""

    name: str
    seen_s: float
    lag: int


@frozen
class ClusterStatus:
    """The cluster. `free_shards`: without an owner; `inbox_oldest_s`: the age of the oldest waiting intent.

    `quarantined`: the shards that stopped their workers again and again, which nobody claims until they are released;
    `suspects`: free shards that are claimed in parts, to find those. `warning`: what a failover of the database would
    lose, or None.
    """

    workers: tuple[WorkerStatus, ...]
    free_shards: int
    quarantined: tuple[int, ...]
    suspects: int
    inbox_depth: int
    inbox_oldest_s: float
    readers: tuple[ReaderStatus, ...]
    warning: str | None


def status(url: str) -> ClusterStatus:
    """Read the state of the cluster. Raises a `StoreError`."""
    with reading(url) as (link, _):
        workers = tuple(WorkerStatus(*row) for row in link.execute(_WORKERS).fetchall())
        values = {"suspect": SUSPECT, "quarantine": QUARANTINE}
        free, bad, suspects, depth, oldest = link.execute(_CLUSTER, values).fetchone() or (0, [], 0, 0, 0.0)
        readers = tuple(ReaderStatus(*row) for row in link.execute(_READERS).fetchall())
        commit, standbys, replicas = link.execute(_SAFE).fetchone() or ("on", "", 0)
    warning = None
    if commit == "off":
        warning = "synchronous_commit is off: a crash of the server loses the last saves, and messages are sent twice"
    elif replicas and not standbys:
        warning = "the standby is asynchronous: a failover loses the last saves; set synchronous_standby_names"
    elif standbys and commit == "local":
        warning = "synchronous_commit is local: a failover loses the last saves; set it to on"
    return ClusterStatus(workers, free, tuple(bad), suspects, depth, oldest, readers, warning)


def drain(url: str, worker: str) -> None:
    """Let this worker give all its shards back, and claim none; it goes on running. Raises a `StoreError`."""
    with existing(url) as (link, _):
        if not link.execute("UPDATE statemachine.worker SET draining = true WHERE id = %s", (worker,)).rowcount:
            raise StoreError(f"{shown(url)}: no worker {worker} is alive; `statemachine cluster status` lists them")


def move(url: str, shard: int, worker: str) -> None:
    """Let this worker take this shard over from its owner. Raises a `StoreError`."""
    query = "UPDATE statemachine.shard SET wanted = %s WHERE id = %s AND %s IN (SELECT id FROM statemachine.worker)"
    with existing(url) as (link, _):
        if not link.execute(query, (worker, shard, worker)).rowcount:
            raise StoreError(f"{shown(url)}: there is no shard {shard}, or no worker {worker} is alive")


def release(url: str, shard: int) -> None:
    """Let the workers claim this quarantined shard again. Raises a `StoreError`."""
    query = "UPDATE statemachine.shard SET strikes = 0 WHERE id = %s AND strikes >= %s"
    with existing(url) as (link, _):
        if not link.execute(query, (shard, QUARANTINE)).rowcount:
            raise StoreError(
                f"{shown(url)}: shard {shard} is not in quarantine; `statemachine cluster status` lists them"
            )
