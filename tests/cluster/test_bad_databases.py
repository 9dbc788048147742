"""A database that cannot be used: one clear line, at every door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from statemachine.client.errors import BadSetting
from statemachine.cluster import Inbox, Worker, steering
from statemachine.store import postgres_check
from statemachine.store.errors import StoreError
from statemachine.store.postgres import PostgresStore
from tests.postgres import PASSWORD, NoServer, Server, database_url


async def open_worker(url: str) -> None:
    async with Worker("http://127.0.0.1:9", app_id="a", tenant="t", store=url):
        pass


async def open_inbox(url: str) -> None:
    async with Inbox(url):
        pass


def store(url: str) -> None:
    PostgresStore(url, call_soon=lambda call: call(), busy_ms=10).close()


DOORS: dict[str, Callable[[str], object]] = {
    "store": store,
    "worker": lambda url: asyncio.run(open_worker(url)),
    "inbox": lambda url: asyncio.run(open_inbox(url)),
    "status": steering.status,
    "drain": lambda url: steering.drain(url, "nobody"),
    "check": postgres_check.check,
}
"""What opens a database."""


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def refused(door: str, url: str) -> str:
    """The line with which it is refused."""
    with pytest.raises((StoreError, BadSetting)) as caught:
        DOORS[door](url)
    line = str(caught.value)
    assert "\n" not in line
    assert PASSWORD not in line
    return line


def with_user(url: str, user: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}"))


def test_a_wrong_address_or_user(door: str, postgres: str) -> None:
    assert "cannot be reached: check host and port" in refused(door, "postgresql://u@127.0.0.1:1/chats")
    for wrong in (
        "/chats?nonsense=1",
        ":99999/chats",
        ":x/chats",
        ":1/chats?sslmode=perhaps",
        ":1,:2/chats?port=1,2,3",
    ):
        assert "is no URL of a database" in refused(door, f"postgresql://127.0.0.1{wrong}")
    assert "no TLS connection: check sslmode" in refused(door, f"{postgres}?sslmode=require")
    assert "the user or the password is wrong" in refused(door, with_user(postgres, "postgres:wrong-secret"))
    assert "there is no such database" in refused(door, database_url(postgres, "not_there"))


SPOILED = {
    "newer": ("UPDATE statemachine.layout SET schema = 98, min_schema = 98", "schema 98, this version knows"),
    "no version": ("DELETE FROM statemachine.layout", "restore a copy"),
    "other columns": ("ALTER TABLE statemachine.layout RENAME min_schema TO other", "other columns than ours"),
    "foreign": ("DROP TABLE statemachine.layout", "belongs to another program"),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_other_tables_than_ours(door: str, kind: str, postgres: str) -> None:
    store(postgres)
    spoil, words = SPOILED[kind]
    with psycopg.connect(postgres, autocommit=True) as link:
        link.execute(spoil)  # type: ignore[call-overload]
    assert words in refused(door, postgres)


@pytest.mark.parametrize("door", ["inbox", "status", "drain", "check"])
def test_an_empty_database(door: str, postgres: str) -> None:
    assert "no tables of this package" in refused(door, postgres)


def test_a_user_without_rights(door: str, postgres: str) -> None:
    store(postgres)
    assert not postgres_check.check(postgres).is_old
    with psycopg.connect(postgres, autocommit=True) as link:
        role = f"nobody_of_{link.info.dbname}"
        link.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")  # type: ignore[call-overload]
        try:
            assert "the user has no rights" in refused(door, with_user(postgres, f"{role}:{PASSWORD}"))
        finally:
            link.execute(f"DROP ROLE {role}")  # type: ignore[call-overload]


def test_a_server_that_may_lose_saves(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as link:
        name = link.info.dbname
        link.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")  # type: ignore[call-overload]
        try:
            assert "synchronous_commit is off" in refused("worker", postgres)
        finally:
            link.execute(f"ALTER DATABASE {name} RESET synchronous_commit")  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def standby() -> Iterator[str]:
    """The URL of a standby whose database has our tables."""
    try:
        servers = [Server()]
    except NoServer as error:
        pytest.skip(str(error))
    try:
        servers[0].start()
        asyncio.run(open_worker(servers[0].url()))
        servers.append(Server(servers[0]))
        servers[1].start()
        yield servers[1].url()
    finally:
        for server in servers:
            server.stop("immediate")
            server.remove()


@pytest.mark.slow
@pytest.mark.parametrize("door", ["store", "worker", "inbox", "drain"])
def test_a_standby(door: str, standby: str) -> None:
    assert "it is read-only, perhaps a standby: name the primary server" in refused(door, standby)
    assert steering.status(standby).workers == ()  # it can be read
