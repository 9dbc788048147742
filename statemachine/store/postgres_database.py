"""Connects to PostgreSQL, creates and migrates the tables, and translates errors.

All tables are in a schema of their own, `statemachine`, so that a database may also hold the application's tables.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias, TypeVar

from .errors import ForeignStore, NewerStore, StoreBusy, StoreError, StoreFull, StoreReadOnly
from .names import shown
from .ownership import Owner
from .psycopg_extra import conninfo_to_dict, psycopg

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]
AsyncConnection: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]
T = TypeVar("T")

SCHEMA: Final = 1
MIN_SCHEMA: Final = 1
"""Versions that know this schema or a later one can use the tables: so old and new workers run side by side."""
SHARDS: Final = 256
"""Of a new database. A session's shard never changes, so neither does this number."""

LOCK: Final = 0x63737373
"""Advisory locks of this package: on this number for the owner of all shards, on the next one for migrations."""

_TABLES: Final = """
CREATE SCHEMA IF NOT EXISTS statemachine;
CREATE TABLE statemachine.layout (
    key int PRIMARY KEY CHECK (key = 1), schema int NOT NULL, min_schema int NOT NULL, shards int NOT NULL, pair text);
CREATE TABLE statemachine.worker (
    id text PRIMARY KEY, beat timestamptz NOT NULL, since timestamptz NOT NULL,
    draining boolean NOT NULL DEFAULT false, address text, awake timestamptz, cut_off boolean NOT NULL DEFAULT false,
    snapshot_schema int NOT NULL DEFAULT 0);
CREATE TABLE statemachine.shard (
    id int PRIMARY KEY, epoch bigint NOT NULL DEFAULT 0, worker text, since timestamptz, wanted text,
    snapshot_schema int NOT NULL DEFAULT 0, strikes int NOT NULL DEFAULT 0);
CREATE TABLE statemachine.session (
    id text COLLATE "C" PRIMARY KEY, shard int NOT NULL, version int NOT NULL, snapshot text NOT NULL,
    cursor int NOT NULL DEFAULT 0, last int NOT NULL DEFAULT 0, ended_at bigint, cookies text) WITH (fillfactor = 60);
CREATE INDEX session_shard ON statemachine.session (shard);
CREATE INDEX session_ended_at ON statemachine.session (ended_at) WHERE ended_at IS NOT NULL;
CREATE TABLE statemachine.journal (
    session text COLLATE "C" NOT NULL, seq int NOT NULL, at bigint NOT NULL, content text NOT NULL,
    PRIMARY KEY (session, seq));
CREATE TABLE statemachine.inbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, shard int NOT NULL, session text COLLATE "C" NOT NULL,
    key text NOT NULL, intent text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(),
    done timestamptz, refused text, UNIQUE (session, key));
CREATE INDEX inbox_open ON statemachine.inbox (shard, id) WHERE done IS NULL;
CREATE TABLE statemachine.reader (name text PRIMARY KEY, seen timestamptz NOT NULL);
CREATE TABLE statemachine.reading (
    reader text NOT NULL REFERENCES statemachine.reader ON DELETE CASCADE, session text COLLATE "C" NOT NULL,
    seq int NOT NULL, PRIMARY KEY (reader, session));
CREATE TABLE statemachine.forgotten (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, label text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp());
"""
"""`layout.pair`: tenant and app id of all chats, as session ids begin. `min_schema`: versions that know an older schema
must not use these tables. `session.last`: the last `seq` ever saved. `reading`: the cursor of each named reader of
updates. `forgotten`: labels of chats whose traces every worker has to delete.

`worker.address`: where it serves requests of the others, if it does. `awake`: its last heartbeat while its event loop
worked. `cut_off`: it does not reach the contact centre. `shard.since`: when its worker had all its chats; `strikes`:
see `cluster.shards`. `snapshot_schema`: of the newest snapshots that a worker writes, or that a shard may have.
"""

SMALL_STEPS: Final = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off"
"""For connections whose prepared statements touch few rows, by their keys: a plan that was made while the tables were
small would read all of them later.
"""

MIGRATIONS: Final[dict[int, Callable[[Connection], object]]] = {}
"""Schema -> its migration to the next one, in the caller's transaction. One is never changed after its release."""

_MEANINGS: Final[dict[str, tuple[type[StoreError], str]]] = {
    "25006": (StoreReadOnly, "it is read-only, perhaps a standby: name the primary server"),
    "28": (StoreError, "the user or the password is wrong"),
    "3D": (StoreError, "there is no such database: createdb makes one"),
    "42501": (StoreReadOnly, "the user has no rights: GRANT CREATE ON DATABASE, or connect as the owner of its tables"),
    "42P01": (ForeignStore, "tables of this package are missing in it: restore a copy, or name another database"),
    "42703": (ForeignStore, "its tables have other columns than ours: restore a copy, or name another database"),
    "53100": (StoreFull, "no space left on the server's disk: free some; what was not saved was not done"),
    "53300": (StoreBusy, "the server accepts no more connections: raise max_connections"),
    "TLS": (StoreError, "no TLS connection: check sslmode and the certificates in the URL, and those of the server"),
    "URL": (
        StoreError,
        "this is no URL of a database: expected one like postgresql://user:password@host:5432/database",
    ),
}
"""The start of an SQLSTATE, or a name of ours -> the error, and the words for it."""

_REFUSED: Final = {
    "password authentication failed": "28",
    "no password supplied": "28",
    "no pg_hba.conf entry": "28",
    'FATAL: role "': "28",
    'FATAL: database "': "3D",
    "session is read-only": "25006",
    "permission denied for database": "42501",
    "too many clients": "53300",
    "does not support SSL": "TLS",
    "certificate": "TLS",
    "connection is bad: invalid": "URL",
    "could not match": "URL",
}
"""libpq reports refused connections without an SQLSTATE: a part of its message, and the state that it means."""


def explain(error: Exception, url: str) -> StoreError:
    """The `StoreError` for an error of psycopg, in one line with the remedy. It quotes no values."""
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    text = " ".join(str(error).split())
    if not state:
        otherwise = "URL" if isinstance(error, psycopg.ProgrammingError) else ""
        state = next((state for words, state in _REFUSED.items() if words in text), otherwise)
    for start, (kind, words) in _MEANINGS.items():
        if state.startswith(start):
            return kind(f"{shown(url)}: {words}")
    if not state and isinstance(error, psycopg.OperationalError):
        return StoreBusy(f"{shown(url)} cannot be reached: check host and port, and that the server runs")
    return StoreError(f"{shown(url)}: PostgreSQL refused a statement ({type(error).__name__}, SQLSTATE {state})")


@contextmanager
def translated_errors(url: str) -> Generator[None]:
    """Turn errors of psycopg in the block into a `StoreError`."""
    try:
        yield
    except psycopg.Error as error:
        raise explain(error, url) from error


def connect(url: str, mode: str = "read-write") -> Connection:
    """A connection in autocommit mode, to a server in this `mode` (target_session_attrs). Raises psycopg.Error.

    It notices a dead network within seconds, and so does the server, which then releases the connection's locks.
    """
    link = psycopg.connect(url, autocommit=True, **_settings(url, mode))
    link.execute("SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3")
    return link


class Link:
    """One connection for one thread at a time; made anew where it broke while nobody used it."""

    def __init__(self, url: str) -> None:
        self._url: Final = url
        self._lock: Final = threading.Lock()
        self._link: Connection | None = None

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do this, once more where the connection was broken. Raises a `StoreError`."""
        with self._lock, translated_errors(self._url):
            for is_last in (False, True):
                try:
                    if self._link is None or self._link.closed:
                        self._link = connect(self._url)
                        self._link.execute("SET search_path = statemachine")
                    return work(self._link)
                except psycopg.Error:
                    if is_last or self._link is None or not self._link.closed:
                        raise
        raise AssertionError

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._link is not None:
                self._link.close()


async def connect_async(url: str) -> AsyncConnection:
    """The same for asyncio."""
    return await psycopg.AsyncConnection.connect(url, autocommit=True, **_settings(url, "read-write"))


def _settings(url: str, mode: str) -> dict[str, Any]:
    """Connection parameters; the URL may set its own `connect_timeout` and `target_session_attrs`."""
    here, given = Owner.here(), conninfo_to_dict(url)
    settings: dict[str, Any] = {"connect_timeout": 5, "target_session_attrs": mode}
    return {name: value for name, value in settings.items() if name not in given} | {
        "application_name": ":".join((here.program[:20], str(here.pid), here.host[:30])),
        "tcp_user_timeout": 5_000,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
    }


def open_database(url: str) -> tuple[Connection, int]:
    """Connect, and create or migrate the tables. Returns the number of shards too. Raises a `StoreError`."""
    with translated_errors(url):
        link = connect(url)
        try:
            if read_schema(link, url) < SCHEMA:
                # Before the transaction: one that has begun may still see the catalogue as it was before the wait.
                link.execute("SELECT pg_advisory_lock(%s)", (LOCK + 1,))
                with link.transaction():
                    _migrate(link, read_schema(link, url))
                link.execute("SELECT pg_advisory_unlock(%s)", (LOCK + 1,))
            return link, shards_of(link)
        except BaseException:
            link.close()
            raise


def read_schema(link: Connection, url: str) -> int:
    """The schema of this database, 0 where it is empty. Raises ForeignStore, NewerStore, psycopg.Error."""
    found = "SELECT to_regnamespace('statemachine') IS NOT NULL, to_regclass('statemachine.layout') IS NOT NULL"
    has_names, has_layout = link.execute(found).fetchone() or (False, False)
    if not has_layout:
        used = "SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('statemachine')"
        if has_names and (link.execute(used).fetchone() or (0,))[0]:
            raise ForeignStore(
                f"{shown(url)}: its schema `statemachine` belongs to another program: choose another database"
            )
        return 0
    row = link.execute("SELECT schema, min_schema FROM statemachine.layout").fetchone()
    if row is None or row[0] < 1:
        raise ForeignStore(f"{shown(url)}: its table `layout` has no valid schema: restore a copy of the database")
    schema, least = int(row[0]), int(row[1])
    if least > SCHEMA:
        raise NewerStore(f"{shown(url)} has schema {schema}, this version knows {SCHEMA}: upgrade the package")
    return schema


@contextmanager
def existing(url: str, mode: str = "read-write") -> Generator[tuple[Connection, int]]:
    """A connection to a database that has our tables, and its schema. Raises a `StoreError`."""
    with translated_errors(url), connect(url, mode) as link:
        schema = read_schema(link, url)
        if schema == 0:
            raise ForeignStore(f"{shown(url)}: it has no tables of this package: check the name of the database")
        yield link, schema


def _migrate(link: Connection, found: int) -> None:
    if found == 0:
        link.execute(_TABLES)
        values = (SCHEMA, MIN_SCHEMA, SHARDS)
        link.execute("INSERT INTO statemachine.layout (key, schema, min_schema, shards) VALUES (1, %s, %s, %s)", values)
        link.execute("INSERT INTO statemachine.shard (id) SELECT generate_series(0, %s)", (SHARDS - 1,))
        return
    for older in range(found, SCHEMA):  # none where another process has done it meanwhile
        MIGRATIONS[older](link)
    link.execute("UPDATE statemachine.layout SET schema = %s, min_schema = %s", (SCHEMA, MIN_SCHEMA))


def owner_of(link: Connection) -> Owner | None:
    """A process that has all chats, or one of the workers. Raises psycopg.Error."""
    row = link.execute(
        "SELECT application_name, extract(epoch FROM backend_start) FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE locktype = 'advisory' AND objid = %s AND granted AND database = (SELECT oid FROM pg_database"
        " WHERE datname = current_database()) LIMIT 1",
        (LOCK,),
    ).fetchone()
    program, pid, host = [*str(row[0]).split(":"), "", ""][:3] if row else ("", "", "")
    return Owner(program, int(pid), host, int(row[1] * 1_000)) if row and pid.isdecimal() else None


def shards_of(link: Connection) -> int:
    """The number of shards of this database. Raises psycopg.Error."""
    row = link.execute("SELECT shards FROM statemachine.layout").fetchone()
    return int(row[0]) if row else 0


def shard_of(session_id: str, shards: int) -> int:
    """The shard of a session: the same on every machine."""
    return zlib.crc32(session_id.encode(errors="surrogatepass")) % shards
