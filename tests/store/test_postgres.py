"""What only the store in PostgreSQL promises: outages, lost answers, fences, and a clear line for each bad database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import LiteralString
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from statemachine import new_session
from statemachine.driver import Save, StaleSave, Stored, StoreError
from statemachine.store import postgres_database, postgres_writer
from statemachine.store.errors import Fenced, ForeignStore, NewerStore, StoreFull, StoreOwned, StoreReadOnly
from statemachine.store.postgres import PostgresStore
from statemachine.testing.stores import OpenStore, gap
from tests.postgres import PASSWORD, database_url


@pytest.fixture
def opened(postgres: str) -> Iterator[OpenStore]:
    opened = OpenStore(lambda call_soon: PostgresStore(postgres, call_soon=call_soon))
    yield opened
    opened.store.close()


@pytest.fixture
def link(postgres: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres, autocommit=True) as link:
        yield link


def cut_connections(link: psycopg.Connection) -> None:
    """As the server's crash does."""
    link.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )


# --- outages ----------------------------------------------------------------------------------------------------------


def test_an_outage_is_waited_out(opened: OpenStore, link: psycopg.Connection, postgres: str) -> None:
    opened.save(1, gap(1))
    name = urlsplit(postgres).path[1:]
    with psycopg.connect(database_url(postgres, "postgres"), autocommit=True) as other:
        other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        cut_connections(link)
        answers: list[BaseException | None] = []
        opened.store.save(Save("a", 2, new_session(2), (gap(2),)), answers.append)
        threading.Event().wait(0.5)
        assert answers == []
        other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert opened.ack(1) is None
    assert answers == [None]
    assert opened.store.load("a") == Stored(new_session(2), 2)
    assert opened.journal() == [2]


def test_a_commit_whose_answer_was_lost_is_recognised(
    opened: OpenStore, link: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = postgres_writer.Writer._commit
    lost: list[int] = []

    def losing(self: object, group: object, connection: psycopg.Connection, is_repeated: bool) -> object:
        outcomes = commit(self, group, connection, is_repeated)  # type: ignore[arg-type]
        if not lost:
            lost.append(1)
            connection.close()
            raise psycopg.OperationalError("the connection is lost")
        return outcomes

    opened.save(1)
    monkeypatch.setattr(postgres_writer.Writer, "_commit", losing)
    assert opened.save(2, gap(1)) is None
    assert opened.save(3, gap(2)) is None
    assert opened.journal() == [1, 2]
    assert link.execute("SELECT version, last FROM statemachine.session").fetchall() == [(3, 2)]


def test_a_store_that_is_closed_during_an_outage_fails_what_waits(opened: OpenStore, link: psycopg.Connection) -> None:
    name = link.info.dbname
    answers: list[BaseException | None] = []
    with psycopg.connect(link.info.dsn, dbname="postgres", password=PASSWORD, autocommit=True) as other:
        other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        cut_connections(link)
        opened.store.save(Save("a", 1, new_session(1)), answers.append)
        opened.store.close()
        opened.wait(lambda done: opened._calls.put(partial(done, None)))
        other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert "what was not saved was not done" in str(answers[0])


# --- fences -----------------------------------------------------------------------------------------------------------


def test_nothing_of_a_claimed_shard_is_written(opened: OpenStore, link: psycopg.Connection) -> None:
    opened.save(1, gap(1))
    opened.save(1, key="b")
    store = opened.store
    assert isinstance(store, PostgresStore)
    assert store.shard_of("a") != store.shard_of("b")
    link.execute("UPDATE statemachine.shard SET epoch = epoch + 1 WHERE id = %s", (store.shard_of("a"),))
    assert isinstance(opened.save(2, gap(2)), Fenced)
    assert isinstance(opened.ack(1), Fenced)
    assert opened.save(2, key="b") is None
    assert link.execute("SELECT version, cursor FROM statemachine.session WHERE id = 'a'").fetchall() == [(1, 0)]


def test_one_refused_session_does_not_spoil_its_group(opened: OpenStore) -> None:
    answers: dict[str, BaseException | None] = {}
    with opened.store._writer._wake:  # type: ignore[attr-defined]
        queue = opened.store._writer._queue  # type: ignore[attr-defined]
        for key, version in (("a", 1), ("b", 7), ("c", 1)):
            save = Save(key, version, new_session(version))
            queue.append(postgres_writer.SaveJob(save, partial(answers.__setitem__, key)))
    assert opened.save(1, key="d") is None
    assert (answers["a"], answers["c"]) == (None, None)
    assert isinstance(answers["b"], StaleSave)


def test_a_second_process_is_refused_and_the_first_one_named(opened: OpenStore, postgres: str) -> None:
    with pytest.raises(StoreOwned, match=r"\(process \d+ on .*\) uses postgresql://127.0.0.1.*: stop it"):
        PostgresStore(postgres, call_soon=lambda call: call(), busy_ms=50)


def test_a_session_is_read_from_the_cache(opened: OpenStore, link: psycopg.Connection) -> None:
    opened.save(1, gap(1), gap(2))
    opened.ack(1)
    opened.reopen()
    assert opened.store.load("a") is not None
    link.execute("DELETE FROM statemachine.journal")
    assert (opened.store.cursor("a"), opened.journal()) == (1, [2])


# --- bad databases: one clear line each -------------------------------------------------------------------------------


def refused(url: str) -> StoreError:
    with pytest.raises(StoreError) as caught:
        PostgresStore(url, call_soon=lambda call: call(), busy_ms=10).close()
    assert "\n" not in str(caught.value)
    assert PASSWORD not in str(caught.value)
    return caught.value


def with_user(url: str, user: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}"))


def test_a_server_that_is_not_there() -> None:
    assert "127.0.0.1:1/chats cannot be reached" in str(refused("postgresql://someone@127.0.0.1:1/chats"))


def test_a_url_that_is_none() -> None:
    assert "is no URL of a database: expected one like" in str(refused("postgresql://127.0.0.1/chats?nonsense=1"))


@pytest.mark.parametrize("user", ["postgres:wrong-secret", "postgres", "nobody_here:x"])
def test_a_wrong_password_or_user(postgres: str, user: str) -> None:
    assert "the user or the password is wrong" in str(refused(with_user(postgres, user)))


def test_a_database_that_is_not_there(postgres: str) -> None:
    assert "there is no such database" in str(refused(database_url(postgres, "not_there")))


@pytest.fixture
def reader(postgres: str, link: psycopg.Connection) -> Iterator[str]:
    role = f"reader_of_{link.info.dbname}"
    link.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    yield with_user(postgres, f"{role}:{PASSWORD}")
    link.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_user_without_rights(postgres: str, reader: str) -> None:
    assert isinstance(refused(reader), StoreReadOnly)
    PostgresStore(postgres, call_soon=lambda call: call()).close()
    assert "has no rights" in str(refused(reader))


def test_a_database_of_another_program(postgres: str, link: psycopg.Connection) -> None:
    link.execute("CREATE SCHEMA statemachine; CREATE TABLE statemachine.session (id int)")
    assert isinstance(refused(postgres), ForeignStore)
    assert link.execute("SELECT count(*) FROM statemachine.session").fetchone() == (0,)


def test_other_tables_in_the_database_are_left_alone(postgres: str, link: psycopg.Connection) -> None:
    link.execute("CREATE TABLE IF NOT EXISTS public.session (id int)")
    PostgresStore(postgres, call_soon=lambda call: call()).close()
    link.execute("DROP TABLE public.session")


def test_a_newer_schema(postgres: str, link: psycopg.Connection) -> None:
    PostgresStore(postgres, call_soon=lambda call: call()).close()
    link.execute("UPDATE statemachine.layout SET schema = 99")
    PostgresStore(postgres, call_soon=lambda call: call()).close()  # it says that older versions can use it
    assert link.execute("SELECT schema FROM statemachine.layout").fetchone() == (99,)
    link.execute("UPDATE statemachine.layout SET min_schema = 99")
    assert isinstance(refused(postgres), NewerStore)


@pytest.mark.parametrize("damage", ["UPDATE statemachine.layout SET schema = 0", "DELETE FROM statemachine.layout"])
def test_a_schema_of_no_version(postgres: str, link: psycopg.Connection, damage: LiteralString) -> None:
    PostgresStore(postgres, call_soon=lambda call: call()).close()
    link.execute(damage)
    assert "restore a copy of the database" in str(refused(postgres))


def test_processes_that_create_it_together_agree(postgres: str) -> None:
    together = threading.Barrier(6)

    def create() -> int:
        together.wait()
        link, shards = postgres_database.open_database(postgres)
        link.close()
        return shards

    with ThreadPoolExecutor(6) as pool:
        assert {one.result() for one in [pool.submit(create) for _ in range(6)]} == {postgres_database.SHARDS}


def test_an_older_schema_is_migrated(postgres: str, link: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    PostgresStore(postgres, call_soon=lambda call: call()).close()
    monkeypatch.setattr(postgres_database, "SCHEMA", 2)
    column = "ALTER TABLE statemachine.session ADD COLUMN more int"
    monkeypatch.setitem(postgres_database.MIGRATIONS, 1, lambda link: link.execute(column))
    PostgresStore(postgres, call_soon=lambda call: call()).close()
    assert link.execute("SELECT schema FROM statemachine.layout").fetchone() == (2,)
    assert link.execute("SELECT more FROM statemachine.session").fetchall() == []


def test_a_server_that_is_read_only(postgres: str, link: psycopg.Connection) -> None:
    name = link.info.dbname
    link.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        error = refused(postgres)
    finally:
        link.execute("SET default_transaction_read_only = off")
        link.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    assert isinstance(error, StoreReadOnly)
    assert "read-only" in str(error)


def test_a_full_disk(opened: OpenStore, link: psycopg.Connection) -> None:
    opened.save(1)
    link.execute(
        """CREATE FUNCTION statemachine.full() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER full_disk BEFORE UPDATE ON statemachine.session EXECUTE FUNCTION statemachine.full()"""
    )
    error = opened.save(2)
    assert isinstance(error, StoreFull)
    assert "free some; what was not saved was not done" in str(error)
    link.execute("DROP TRIGGER full_disk ON statemachine.session")
    assert opened.save(2) is None


def test_a_deadlock_is_tried_again(opened: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = postgres_writer.Writer._commit
    failed: list[int] = []

    def failing(self: object, *given: object) -> object:
        if not failed:
            failed.append(1)
            raise psycopg.errors.DeadlockDetected("deadlock detected")
        return commit(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(postgres_writer.Writer, "_commit", failing)
    assert opened.save(1, gap(1)) is None
    assert failed == [1]
    assert opened.journal() == [1]
