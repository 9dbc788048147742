"""What every store promises, tried on each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from statemachine import (
    Answered,
    DeliveryUpdate,
    Failure,
    Finished,
    HistoryGap,
    Received,
    RequestChat,
    Session,
    TranscriptUpdate,
    new_session,
    reduce,
)
from statemachine.adapters.protocols import Archive, Done, Save, Stored
from statemachine.store.errors import StaleSave, StoreClosed, StoreError
from statemachine.store.memory import MemoryStore
from statemachine.store.sqlite import SqliteStore
from statemachine.wire import Location, Message, Unknown


class Bench:
    """A store with an owner's thread to call back in, which is the test's own."""

    def __init__(self, kind: str, folder: Path, transcript: bool = False) -> None:
        self._calls: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._path = folder / "chats.sqlite" if kind == "sqlite" else None
        self._transcript = transcript
        self.store = self._open()

    def _open(self) -> Archive:
        if self._path:
            return SqliteStore(self._path, call_soon=self._calls.put, transcript=self._transcript)
        return MemoryStore(transcript=self._transcript)

    def reopen(self) -> None:
        """As after a restart; what forgets with the process goes on as it is."""
        if self._path:
            self.store.close()
            self.store = self._open()

    def wait(self, ask: Callable[[Done], None]) -> BaseException | None:
        answers: list[BaseException | None] = []
        ask(answers.append)
        deadline = time.monotonic() + 10
        while not answers:
            self._calls.get(timeout=deadline - time.monotonic())()
        (answer,) = answers
        return answer

    def save(self, version: int, *updates: TranscriptUpdate, session: Session | None = None, key: str = "a") -> object:
        save = Save(key, version, session or new_session(version), updates)
        return self.wait(lambda done: self.store.save(save, done))

    def ack(self, seq: int, key: str = "a") -> object:
        return self.wait(lambda done: self.store.ack(key, seq, done))

    def purge(self, before: int, unread: bool = False) -> object:
        return self.wait(lambda done: self.store.purge(before, done, unread=unread))

    def forget(self, *keys: str) -> object:
        return self.wait(lambda done: self.store.forget(keys, done))

    def transcript(self, key: str = "a", after: int = 0, limit: int = 100) -> list[int]:
        return [update.seq for update in self.store.transcript(key, after, limit)]

    def journal(self, after: int = 0, limit: int = 100, key: str = "a") -> list[int]:
        return [update.seq for update in self.store.journal(key, after, limit)]


@pytest.fixture(params=["memory", "sqlite"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(request.param, tmp_path)
    yield bench
    bench.store.close()


@pytest.fixture(params=["memory", "sqlite"])
def keeping(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """One that keeps transcripts."""
    bench = Bench(request.param, tmp_path, transcript=True)
    yield bench
    bench.store.close()


def gap(seq: int, at: int = 1_000) -> HistoryGap:
    return HistoryGap(seq, at)


def over(at: int) -> Session:
    """A session that was over at this time."""
    session, _ = reduce(new_session(at - 1), RequestChat(at - 1, "origin"))
    session, _ = reduce(session, Answered(at, 1, Failure("http", 400, 5002)))
    assert (session.outcome, session.now) == ("refused", at)
    return session


class TestSessions:
    def test_an_empty_store_holds_nothing(self, bench: Bench) -> None:
        assert bench.store.load("a") is None
        assert bench.store.sessions() == ()
        assert bench.journal() == []
        assert bench.store.cursor("a") == 0

    def test_a_saved_session_is_loaded(self, bench: Bench) -> None:
        session, _ = reduce(new_session(1_000), RequestChat(1_000, "origin", {"n": 1}, text="hällo \U0001f600"))
        assert bench.save(1, session=session) is None
        bench.reopen()
        assert bench.store.load("a") == Stored(session, 1)

    def test_the_last_save_counts(self, bench: Bench) -> None:
        for version in (1, 2, 3):
            assert bench.save(version) is None
        assert bench.store.load("a") == Stored(new_session(3), 3)

    def test_sessions_are_listed_and_share_nothing(self, bench: Bench) -> None:
        bench.save(1, gap(1), key="b")
        bench.save(1, gap(1), gap(2), key="a/ü")
        assert bench.store.sessions() == ("a/ü", "b")
        assert bench.journal(key="b") == [1]
        assert bench.ack(1, key="b") is None
        assert bench.journal(key="a/ü") == [1, 2]

    def test_a_lone_surrogate_is_kept(self, bench: Bench) -> None:
        update = Received(1, 1_000, Message(msg_text="\ud83d"))
        assert bench.save(1, update) is None
        assert bench.store.journal("a", 0, 1)[0].seq == 1


class TestVersions:
    @pytest.mark.parametrize("version", [0, 2, -1])
    def test_the_first_save_is_version_one(self, bench: Bench, version: int) -> None:
        error = bench.save(version)
        assert isinstance(error, StaleSave)
        assert (error.stored, error.wanted) == (0, version)
        assert bench.store.load("a") is None
        assert bench.store.sessions() == ()

    @pytest.mark.parametrize("version", [1, 2, 4])
    def test_a_save_that_does_not_follow_is_refused_whole(self, bench: Bench, version: int) -> None:
        bench.save(1)
        bench.save(2, gap(1))
        error = bench.save(version, gap(2), session=new_session(99))
        assert isinstance(error, StaleSave)
        assert bench.store.load("a") == Stored(new_session(2), 2)
        assert bench.journal() == [1]
        assert bench.save(3, gap(2)) is None

    def test_saves_of_one_session_are_done_in_order(self, bench: Bench) -> None:
        done: list[tuple[int, BaseException | None]] = []
        for version in range(1, 301):
            save = Save("a", version, new_session(version), (gap(version),))
            bench.store.save(save, lambda error, version=version: done.append((version, error)))
        assert bench.save(301) is None
        assert done == [(version, None) for version in range(1, 301)]
        assert bench.journal(limit=1_000) == list(range(1, 301))


class TestJournal:
    def test_every_kind_of_update_is_read_back_unchanged(self, bench: Bench) -> None:
        updates = (
            Received(1, 1_000, Message("m", "p", "<b>x</b>", "x", 5, "web", '{"k":1}'), own=True, late=True),
            Received(2, 1_000, Location("1.50", "-0.1"), historic=True),
            Received(3, 1_000, Unknown("new", '{"event":"new"}')),
            DeliveryUpdate(4, 1_001, "o:1", "failed", "key", "refused", 5003),
            HistoryGap(5, 1_002),
            Finished(6, 1_003, "timed_out", "timed_out", "bye", None),
        )
        assert bench.save(1, *updates) is None
        bench.reopen()
        assert bench.store.journal("a", 0, 10) == updates

    def test_it_is_read_from_a_point_and_up_to_a_limit(self, bench: Bench) -> None:
        bench.save(1, gap(1), gap(3))
        bench.save(2, gap(4), gap(9))
        assert bench.journal(0, 2) == [1, 3]
        assert bench.journal(2, 100) == [3, 4, 9]
        assert bench.journal(9) == []

    @pytest.mark.parametrize("seqs", [(2,), (1,), (3, 3), (4, 3)])
    def test_updates_out_of_order_are_refused_with_their_save(self, bench: Bench, seqs: tuple[int, ...]) -> None:
        bench.save(1, gap(2))
        error = bench.save(2, *map(gap, seqs))
        assert isinstance(error, StoreError)
        assert bench.journal() == [2]
        stored = bench.store.load("a")
        assert stored is not None
        assert stored.version == 1


class TestCursor:
    def test_acknowledged_updates_are_dropped(self, bench: Bench) -> None:
        bench.save(1, gap(1), gap(2), gap(3))
        assert bench.ack(2) is None
        bench.reopen()
        assert bench.store.cursor("a") == 2
        assert bench.journal() == [3]

    def test_it_never_moves_back(self, bench: Bench) -> None:
        bench.save(1, gap(1), gap(2))
        bench.ack(2)
        assert bench.ack(1) is None
        assert bench.store.cursor("a") == 2

    @pytest.mark.parametrize("seq", [3, 100])
    def test_unknown_updates_cannot_be_acknowledged(self, bench: Bench, seq: int) -> None:
        bench.save(1, gap(1), gap(2))
        assert isinstance(bench.ack(seq), StoreError)
        assert bench.store.cursor("a") == 0
        assert isinstance(bench.ack(1, key="nobody"), StoreError)
        assert bench.ack(0, key="nobody") is None

    def test_a_new_save_keeps_the_cursor(self, bench: Bench) -> None:
        bench.save(1, gap(1))
        bench.ack(1)
        bench.save(2, gap(2))
        assert bench.store.cursor("a") == 1

    def test_acknowledged_updates_cannot_be_saved_again(self, bench: Bench) -> None:
        bench.save(1, gap(5))
        bench.ack(5)
        assert isinstance(bench.save(2, gap(5)), StoreError)
        assert bench.save(2, gap(6)) is None


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
        assert isinstance(bench.save(2), StoreClosed)
        assert isinstance(bench.ack(1), StoreClosed)
        assert isinstance(bench.purge(1), StoreClosed)
        assert isinstance(bench.forget("a"), StoreClosed)

    def test_it_may_be_repeated(self, bench: Bench) -> None:
        bench.store.close()
        bench.store.close()
