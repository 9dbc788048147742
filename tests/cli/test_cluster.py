"""`statemachine cluster`, on a database with two workers."""

from __future__ import annotations

import json

import psycopg
import pytest

from statemachine.cli import main
from statemachine.store.postgres import PostgresStore


@pytest.fixture
def url(postgres: str) -> str:
    PostgresStore(postgres, call_soon=lambda call: call(), shared=True).close()
    with psycopg.connect(postgres) as link:
        for name in ("one", "two"):
            link.execute(
                "INSERT INTO statemachine.worker (id, beat, since) VALUES (%s, clock_timestamp(), clock_timestamp())",
                (name,),
            )
        link.execute("UPDATE statemachine.shard SET worker = CASE WHEN id < 100 THEN 'one' ELSE 'two' END WHERE id > 0")
        link.execute("INSERT INTO statemachine.inbox (shard, session, key, intent) VALUES (1, 'a/b/ann', 'k', '{}')")
        link.execute("INSERT INTO statemachine.reader VALUES ('crm', clock_timestamp())")
        link.execute("INSERT INTO statemachine.journal VALUES ('a/b/ann', 1, 1, '{}'), ('a/b/ann', 2, 1, '{}')")
        link.execute("INSERT INTO statemachine.reading VALUES ('crm', 'a/b/ann', 1)")
    return postgres


def told(capsys: pytest.CaptureFixture[str], *args: str, status: int = 0) -> str:
    assert main(["cluster", *args]) == status
    captured = capsys.readouterr()
    return captured.err if status == 2 else captured.out


def test_status_shows_workers_inbox_and_readers(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = told(capsys, "status", url)
    for line in (
        "worker  one: 99 shards, 0 chats, beat ",
        "worker  two: 156 shards, 0 chats, beat ",
        "shards  1 without an owner",
        "inbox   1 waiting, the oldest for ",
        "reader  crm: 1 updates behind, seen ",
    ):
        assert line in shown
    found = json.loads(told(capsys, "status", url, "--json"))
    assert [(one["id"], one["shards"], one["draining"]) for one in found["workers"]] == [
        ("one", 99, False),
        ("two", 156, False),
    ]
    assert found["readers"][0]["lag"] == 1


def test_a_database_that_may_lose_saves_is_reported(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with psycopg.connect(url, autocommit=True) as link:
        link.execute(f"ALTER DATABASE {link.info.dbname} SET synchronous_commit = off")
        try:
            assert "synchronous_commit is off" in told(capsys, "status", url)
        finally:
            link.execute(f"ALTER DATABASE {link.info.dbname} RESET synchronous_commit")


def test_drain_and_move(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "drain", url, "one")
    told(capsys, "move", url, "7", "two")
    with psycopg.connect(url) as link:
        assert link.execute("SELECT id FROM statemachine.worker WHERE draining").fetchall() == [("one",)]
        assert link.execute("SELECT id, wanted FROM statemachine.shard WHERE wanted <> ''").fetchall() == [(7, "two")]


def test_what_is_not_there_is_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no worker three is alive" in told(capsys, "drain", url, "three", status=2)
    assert "there is no shard 999, or" in told(capsys, "move", url, "999", "one", status=2)
    for other in ("chats.sqlite", "mysql://bridge:hunter2-secret@db.example.com/chats"):
        assert "expected the URL of a database" in (line := told(capsys, "status", other, status=2))
        assert "hunter2" not in line
