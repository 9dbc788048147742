"""What every store promises, tried on each, and what only our own promise: transcripts, purge and forget."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from statemachine import Answered, Failure, RequestChat, Session, new_session, reduce
from statemachine.driver import Archive, MemoryStore, SqliteStore, StaleSave, Store
from statemachine.store.errors import StoreClosed
from statemachine.store.postgres import PostgresStore
from statemachine.testing.stores import CallSoon, OpenStore, StoreSuite, gap
from tests.docs.documents import ROOT, block_with

PAGE = ROOT / "statemachine" / "DRIVER.md"


class TestMemory(StoreSuite):
    is_durable = False

    def open(self, folder: Path, call_soon: CallSoon) -> Store:
        return MemoryStore()


class TestSqlite(StoreSuite):
    def open(self, folder: Path, call_soon: CallSoon) -> Store:
        return SqliteStore(folder / "chats.sqlite", call_soon=call_soon)


class TestPostgres(StoreSuite):
    @pytest.fixture(autouse=True)
    def database(self, postgres: str) -> None:
        self.url = postgres

    def open(self, folder: Path, call_soon: CallSoon) -> Store:
        return PostgresStore(self.url, call_soon=call_soon)


class TestTheOneOfTheGuide(StoreSuite):
    def open(self, folder: Path, call_soon: CallSoon) -> Store:
        code: dict[str, Any] = {"__name__": "page"}
        text = block_with(PAGE, "class MyStore")
        assert len([line for line in text.splitlines() if line.strip()]) <= 60
        exec(text, code)
        return cast(Store, code["MyStore"](str(folder / "mine.db")))


class Bench(OpenStore):
    """One of our own stores."""

    def __init__(self, request: pytest.FixtureRequest, transcript: bool = False) -> None:
        kind, folder = request.param, request.getfixturevalue("tmp_path")
        url = request.getfixturevalue("postgres") if kind == "postgres" else ""

        def opener(call_soon: CallSoon) -> Store:
            if kind == "memory":
                return MemoryStore(transcript=transcript)
            if kind == "postgres":
                return PostgresStore(url, call_soon=call_soon, transcript=transcript)
            return SqliteStore(folder / "chats.sqlite", call_soon=call_soon, transcript=transcript)

        super().__init__(opener, is_durable=kind != "memory")

    @property
    def archive(self) -> Archive:
        return cast(Archive, self.store)

    def purge(self, before: int, unread: bool = False) -> object:
        return self.wait(lambda done: self.archive.purge(before, done, unread=unread))

    def forget(self, *keys: str) -> object:
        return self.wait(lambda done: self.archive.forget(keys, done))

    def transcript(self, key: str = "a", after: int = 0, limit: int = 100) -> list[int]:
        return [update.seq for update in self.archive.transcript(key, after, limit)]


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench = Bench(request)
    yield bench
    bench.store.close()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def keeping(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """One that keeps transcripts."""
    bench = Bench(request, transcript=True)
    yield bench
    bench.store.close()


def over(at: int) -> Session:
    """A session that was over at this time."""
    session, _ = reduce(new_session(at - 1), RequestChat(at - 1, "origin"))
    session, _ = reduce(session, Answered(at, 1, Failure("http", 400, 5002)))
    assert (session.outcome, session.now) == ("refused", at)
    return session


class TestTranscript:
    def test_without_being_asked_nothing_is_kept(self, bench: Bench) -> None:
        bench.save(1, gap(1), gap(2))
        bench.ack(1)
        assert bench.transcript() == [2]
        assert bench.transcript("nobody") == []

    def test_acknowledged_updates_are_kept_and_not_delivered_again(self, keeping: Bench) -> None:
        keeping.save(1, gap(1), gap(2), gap(3))
        keeping.ack(2)
        keeping.reopen()
        assert keeping.journal() == keeping.journal(1) == [3]
        assert keeping.transcript() == [1, 2, 3]
        assert keeping.transcript(after=1, limit=1) == [2]
        assert keeping.ack(3) is None
        assert keeping.save(2, gap(4)) is None
        assert keeping.journal() == [4]


class TestPurge:
    def test_a_purge_removes_old_sessions_with_all_their_updates(self, bench: Bench) -> None:
        for key, at in (("old", 999), ("new", 1_000)):
            bench.save(1, gap(1), session=over(at), key=key)
            bench.ack(1, key=key)
        bench.save(1, gap(1), session=new_session(5), key="lives")
        assert bench.purge(1_000) is None
        bench.reopen()
        assert bench.store.sessions() == ("lives", "new")
        assert bench.store.cursor("old") == 0
        assert bench.journal(key="lives") == [1]

    def test_unacknowledged_updates_stay_unless_requested_otherwise(self, bench: Bench) -> None:
        bench.save(1, gap(1), gap(2), session=over(500))
        bench.ack(1)
        assert bench.purge(1_000) is None
        assert bench.journal() == [2]
        assert bench.purge(1_000, unread=True) is None
        assert (bench.journal(), bench.store.sessions()) == ([], ())

    def test_a_client_that_comes_back_begins_anew(self, bench: Bench) -> None:
        bench.save(1, session=over(500))
        bench.purge(1_000)
        assert bench.save(2) is not None
        assert bench.save(1, gap(1)) is None
        assert bench.journal() == [1]

    def test_a_session_with_a_new_chat_is_not_purged(self, bench: Bench) -> None:
        bench.save(1, session=over(500))
        bench.save(2, session=new_session(600))
        assert bench.purge(1_000) is None
        assert bench.store.sessions() == ("a",)

    def test_a_purge_removes_old_acknowledged_updates_of_active_sessions(self, keeping: Bench) -> None:
        keeping.save(1, gap(1, at=10), gap(2, at=2_000), gap(3, at=20))
        keeping.ack(2)
        assert keeping.purge(1_000, unread=True) is None
        assert keeping.transcript() == [2, 3]
        assert keeping.save(2, gap(4)) is None


class TestForget:
    def test_a_session_goes_whatever_its_state(self, keeping: Bench) -> None:
        for key in ("a", "b", "c"):
            keeping.save(1, gap(1), gap(2), key=key)
        keeping.ack(1, key="b")
        assert keeping.forget("b", "nobody", "c") is None
        keeping.reopen()
        assert keeping.store.sessions() == ("a",)
        assert keeping.store.load("b") is None
        assert keeping.transcript("b") == []
        assert keeping.store.cursor("b") == 0
        assert keeping.transcript("a") == [1, 2]

    def test_a_driver_of_a_deleted_session_is_stopped(self, bench: Bench) -> None:
        bench.save(1)
        bench.forget("a")
        error = bench.save(2)
        assert isinstance(error, StaleSave)
        assert (error.stored, error.wanted) == (0, 2)

    def test_the_client_may_come_back_as_a_stranger(self, bench: Bench) -> None:
        bench.save(1, gap(7))
        bench.forget("a")
        assert bench.save(1, gap(1)) is None
        assert bench.journal() == [1]


class TestClose:
    def test_requests_after_the_close_are_refused(self, bench: Bench) -> None:
        bench.save(1, gap(1))
        bench.store.close()
        assert isinstance(bench.purge(1), StoreClosed)
        assert isinstance(bench.forget("a"), StoreClosed)
