"""The contract of stores as a class of tests for pytest: inherit from it, and return your store.

    class TestMine(StoreSuite):
        def open(self, folder, call_soon):
            return MyStore(folder / "chats.db")

`statemachine/DRIVER.md` has a store in less than 60 lines.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TypeAlias

import pytest

from statemachine.adapters.protocols import Done, Save, Store, Stored
from statemachine.core import (
    DeliveryUpdate,
    Finished,
    HistoryGap,
    Received,
    RequestChat,
    Session,
    TranscriptUpdate,
    new_session,
    reduce,
)
from statemachine.core.wire import Location, Message, Unknown
from statemachine.store.errors import StaleSave, StoreError

CallSoon: TypeAlias = Callable[[Callable[[], object]], object]


class OpenStore:
    """A store under test. The thread that owns it, in which `done` is called, is the test's own."""

    def __init__(self, opener: Callable[[CallSoon], Store], is_durable: bool = True) -> None:
        self._opener = opener
        self._is_durable = is_durable
        self._calls: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self.store = opener(self._calls.put)

    def reopen(self) -> None:
        """As after a restart. A store that is not durable goes on as it is."""
        if self._is_durable:
            self.store.close()
            self.store = self._opener(self._calls.put)

    def wait(self, ask: Callable[[Done], None]) -> BaseException | None:
        """The error of this request, or None, once it is done."""
        answers: list[BaseException | None] = []
        ask(answers.append)
        deadline = time.monotonic() + 10
        while not answers:
            self._calls.get(timeout=deadline - time.monotonic())()
        (answer,) = answers
        return answer

    def save(self, version: int, *updates: TranscriptUpdate, session: Session | None = None, key: str = "a") -> object:
        """Save a step, and return the error, if any."""
        save = Save(key, version, session or new_session(version), updates)
        return self.wait(lambda done: self.store.save(save, done))

    def ack(self, seq: int, key: str = "a") -> object:
        """Acknowledge updates, and return the error, if any."""
        return self.wait(lambda done: self.store.ack(key, seq, done))

    def journal(self, after: int = 0, limit: int = 100, key: str = "a") -> list[int]:
        """The `seq` of each update in the journal."""
        return [update.seq for update in self.store.journal(key, after, limit)]


def gap(seq: int, at: int = 1_000) -> HistoryGap:
    """The smallest update."""
    return HistoryGap(seq, at)


class StoreSuite:
    """The tests. `is_durable`: what was saved is there when the store is opened again."""

    is_durable = True

    def open(self, folder: Path, call_soon: CallSoon) -> Store:
        """Your store, new or with what it has in this folder. `call_soon`: makes a call in the thread of the test."""
        raise NotImplementedError("return the store under test: def open(self, folder, call_soon): return …")

    @pytest.fixture
    def opened(self, tmp_path: Path) -> Iterator[OpenStore]:
        """The store under test, closed after each test."""
        opened = OpenStore(partial(self.open, tmp_path), self.is_durable)
        yield opened
        opened.store.close()

    # --- sessions ---

    def test_an_empty_store_holds_nothing(self, opened: OpenStore) -> None:
        """An empty store holds nothing."""
        assert opened.store.load("a") is None
        assert opened.store.sessions() == ()
        assert opened.journal() == []
        assert opened.store.cursor("a") == 0

    def test_a_saved_session_is_loaded(self, opened: OpenStore) -> None:
        """A saved session is loaded."""
        session, _ = reduce(new_session(1_000), RequestChat(1_000, "origin", {"n": 1}, text="hällo \U0001f600"))
        assert opened.save(1, session=session) is None
        opened.reopen()
        assert opened.store.load("a") == Stored(session, 1)

    def test_the_last_save_counts(self, opened: OpenStore) -> None:
        """The last save counts."""
        for version in (1, 2, 3):
            assert opened.save(version) is None
        assert opened.store.load("a") == Stored(new_session(3), 3)

    def test_sessions_are_listed_and_share_nothing(self, opened: OpenStore) -> None:
        """Sessions are listed and share nothing."""
        opened.save(1, gap(1), key="b")
        opened.save(1, gap(1), gap(2), key="a/ü")
        assert opened.store.sessions() == ("a/ü", "b")
        assert opened.journal(key="b") == [1]
        assert opened.ack(1, key="b") is None
        assert opened.journal(key="a/ü") == [1, 2]

    def test_a_lone_surrogate_is_kept(self, opened: OpenStore) -> None:
        """A lone surrogate is kept."""
        update = Received(1, 1_000, Message(msg_text="\ud83d"))
        assert opened.save(1, update) is None
        assert opened.store.journal("a", 0, 1)[0].seq == 1

    # --- versions ---

    @pytest.mark.parametrize("version", [0, 2, -1])
    def test_the_first_save_is_version_one(self, opened: OpenStore, version: int) -> None:
        """The first save is version one."""
        error = opened.save(version)
        assert isinstance(error, StaleSave)
        assert (error.stored, error.wanted) == (0, version)
        assert opened.store.load("a") is None
        assert opened.store.sessions() == ()

    @pytest.mark.parametrize("version", [1, 2, 4])
    def test_a_save_that_does_not_follow_is_refused_whole(self, opened: OpenStore, version: int) -> None:
        """A save that does not follow is refused whole."""
        opened.save(1)
        opened.save(2, gap(1))
        error = opened.save(version, gap(2), session=new_session(99))
        assert isinstance(error, StaleSave)
        assert opened.store.load("a") == Stored(new_session(2), 2)
        assert opened.journal() == [1]
        assert opened.save(3, gap(2)) is None

    def test_saves_of_one_session_are_done_in_order(self, opened: OpenStore) -> None:
        """Saves of one session are done in order."""
        done: list[tuple[int, BaseException | None]] = []

        def note(version: int, error: BaseException | None) -> None:
            done.append((version, error))

        for version in range(1, 301):
            save = Save("a", version, new_session(version), (gap(version),))
            opened.store.save(save, partial(note, version))
        assert opened.save(301) is None
        assert done == [(version, None) for version in range(1, 301)]
        assert opened.journal(limit=1_000) == list(range(1, 301))

    # --- journal ---

    def test_every_kind_of_update_is_read_back_unchanged(self, opened: OpenStore) -> None:
        """Every kind of update is read back unchanged."""
        updates = (
            Received(1, 1_000, Message("m", "p", "<b>x</b>", "x", 5, "web", '{"k":1}'), own=True, late=True),
            Received(2, 1_000, Location("1.50", "-0.1"), historic=True),
            Received(3, 1_000, Unknown("new", '{"event":"new"}')),
            DeliveryUpdate(4, 1_001, "o:1", "failed", "key", "refused", 5003),
            HistoryGap(5, 1_002),
            Finished(6, 1_003, "timed_out", "timed_out", "bye", None),
        )
        assert opened.save(1, *updates) is None
        opened.reopen()
        assert opened.store.journal("a", 0, 10) == updates

    def test_it_is_read_from_a_point_and_up_to_a_limit(self, opened: OpenStore) -> None:
        """It is read from a point and up to a limit."""
        opened.save(1, gap(1), gap(3))
        opened.save(2, gap(4), gap(9))
        assert opened.journal(0, 2) == [1, 3]
        assert opened.journal(2, 100) == [3, 4, 9]
        assert opened.journal(9) == []

    @pytest.mark.parametrize("seqs", [(2,), (1,), (3, 3), (4, 3)])
    def test_updates_out_of_order_are_refused_with_their_save(self, opened: OpenStore, seqs: tuple[int, ...]) -> None:
        """Updates out of order are refused with their save."""
        opened.save(1, gap(2))
        error = opened.save(2, *map(gap, seqs))
        assert isinstance(error, StoreError)
        assert opened.journal() == [2]
        stored = opened.store.load("a")
        assert stored is not None
        assert stored.version == 1

    # --- cursor ---

    def test_acknowledged_updates_are_dropped(self, opened: OpenStore) -> None:
        """Acknowledged updates are dropped."""
        opened.save(1, gap(1), gap(2), gap(3))
        assert opened.ack(2) is None
        opened.reopen()
        assert opened.store.cursor("a") == 2
        assert opened.journal() == [3]

    def test_it_never_moves_back(self, opened: OpenStore) -> None:
        """It never moves back."""
        opened.save(1, gap(1), gap(2))
        opened.ack(2)
        assert opened.ack(1) is None
        assert opened.store.cursor("a") == 2

    @pytest.mark.parametrize("seq", [3, 100])
    def test_unknown_updates_cannot_be_acknowledged(self, opened: OpenStore, seq: int) -> None:
        """Unknown updates cannot be acknowledged."""
        opened.save(1, gap(1), gap(2))
        assert isinstance(opened.ack(seq), StoreError)
        assert opened.store.cursor("a") == 0
        assert isinstance(opened.ack(1, key="nobody"), StoreError)
        assert opened.ack(0, key="nobody") is None

    def test_a_new_save_keeps_the_cursor(self, opened: OpenStore) -> None:
        """A new save keeps the cursor."""
        opened.save(1, gap(1))
        opened.ack(1)
        opened.save(2, gap(2))
        assert opened.store.cursor("a") == 1

    def test_acknowledged_updates_cannot_be_saved_again(self, opened: OpenStore) -> None:
        """Acknowledged updates cannot be saved again."""
        opened.save(1, gap(5))
        opened.ack(5)
        assert isinstance(opened.save(2, gap(5)), StoreError)
        assert opened.save(2, gap(6)) is None

    # --- close ---

    def test_saves_after_the_close_are_refused(self, opened: OpenStore) -> None:
        """Saves after the close are refused."""
        opened.save(1, gap(1))
        opened.store.close()
        assert isinstance(opened.save(2), StoreError)
        assert isinstance(opened.ack(1), StoreError)

    def test_it_may_be_closed_twice(self, opened: OpenStore) -> None:
        """It may be closed twice."""
        opened.store.close()
