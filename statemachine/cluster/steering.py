"""See and steer a cluster: its workers, shards and inbox; drain a worker; move a shard."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from statemachine.store.errors import StoreError
from statemachine.store.names import shown
from statemachine.store.postgres_check import reading
from statemachine.store.postgres_database import connect, translated_errors

_WORKERS: Final = """
SELECT id, extract(epoch FROM clock_timestamp() - beat)::float8, extract(epoch FROM clock_timestamp() - since)::float8,
  draining, (SELECT count(*) FROM statemachine.shard WHERE shard.worker = member.id),
  (SELECT count(*) FROM statemachine.session JOIN statemachine.shard ON shard.id = session.shard
    WHERE shard.worker = member.id AND ended_at IS NULL)
FROM statemachine.worker AS member ORDER BY id
"""
_CLUSTER: Final = """
SELECT (SELECT count(*) FROM statemachine.shard WHERE worker IS NULL),
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
    """One worker. `beat_s`: seconds since its last heartbeat; `since_s`: since it has joined; `chats`: open ones."""

    id: str
    beat_s: float
    since_s: float
    draining: bool
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

    `warning`: what a failover of the database would lose, or None.
    """

    workers: tuple[WorkerStatus, ...]
    free_shards: int
    inbox_depth: int
    inbox_oldest_s: float
    readers: tuple[ReaderStatus, ...]
    warning: str | None


def status(url: str) -> ClusterStatus:
    """Read the state of the cluster. Raises a `StoreError`."""
    with reading(url) as (link, _):
        workers = tuple(WorkerStatus(*row) for row in link.execute(_WORKERS).fetchall())
        free, depth, oldest = link.execute(_CLUSTER).fetchone() or (0, 0, 0.0)
        readers = tuple(ReaderStatus(*row) for row in link.execute(_READERS).fetchall())
        commit, standbys, replicas = link.execute(_SAFE).fetchone() or ("on", "", 0)
    warning = None
    if commit == "off":
        warning = "synchronous_commit is off: a crash of the server loses the last saves, and messages are sent twice"
    elif replicas and not standbys:
        warning = "the standby is asynchronous: a failover loses the last saves; set synchronous_standby_names"
    return ClusterStatus(workers, free, depth, oldest, readers, warning)


def drain(url: str, worker: str) -> None:
    """Let this worker give all its shards back, and claim none; it goes on running. Raises a `StoreError`."""
    with translated_errors(url), connect(url) as link:
        if not link.execute("UPDATE statemachine.worker SET draining = true WHERE id = %s", (worker,)).rowcount:
            raise StoreError(f"{shown(url)}: no worker {worker} is alive; `statemachine cluster status` lists them")


def move(url: str, shard: int, worker: str) -> None:
    """Let this worker take this shard over from its owner. Raises a `StoreError`."""
    query = "UPDATE statemachine.shard SET wanted = %s WHERE id = %s AND %s IN (SELECT id FROM statemachine.worker)"
    with translated_errors(url), connect(url) as link:
        if not link.execute(query, (worker, shard, worker)).rowcount:
            raise StoreError(f"{shown(url)}: there is no shard {shard}, or no worker {worker} is alive")
