"""What is forgotten is nowhere in the files any more: rows, free pages, gaps of pages, write-ahead log."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from random import Random

import pytest

from statemachine import Received, RequestChat, new_session, reduce
from statemachine.adapters.protocols import Done, Save
from statemachine.store import housekeeping
from statemachine.store.database import connect, open_owned
from statemachine.store.errors import StoreBusy
from statemachine.store.sqlite import SqliteStore
from statemachine.wire import Message

CLIENTS = 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chats.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path, call_soon=lambda call: call(), busy_ms=200)
    yield store
    store.close()


def wait(ask: Callable[[Done], None]) -> BaseException | None:
    answer: SimpleQueue[BaseException | None] = SimpleQueue()
    ask(answer.put)
    return answer.get(timeout=60)


def word(client: int) -> str:
    return f"SECRET-{client:03d}-"


def live(store: SqliteStore) -> None:
    """Many chats at once, as rows of all lengths that come, grow, shrink and go."""
    random = Random(1)
    versions = [0] * CLIENTS
    for _ in range(CLIENTS * 15):
        client = random.randrange(CLIENTS)
        version = versions[client] = versions[client] + 1
        secret = word(client) * random.randrange(1, 200)
        session, _ = reduce(new_session(version), RequestChat(version, "o", {"note": secret}, text=secret[:900]))
        update = Received(version, version, Message(f"m{version}", msg=word(client) * random.randrange(1, 40)))
        name = f"t/a/CLIENT-{client:03d}"
        store.save(Save(name, version, session, (update,)), lambda _: None)
        if random.random() < 0.3:
            store.ack(name, version, lambda _: None)


def remnants(path: Path) -> set[int]:
    """Clients of whom anything is left in any file."""
    data = b"".join(file.read_bytes() for file in path.parent.iterdir())
    return {n for n in range(CLIENTS) if word(n).encode() in data or f"CLIENT-{n:03d}".encode() in data}


def test_of_a_forgotten_client_nothing_is_left_in_any_file(path: Path, store: SqliteStore) -> None:
    live(store)
    gone = set(range(0, CLIENTS, 3))
    assert wait(lambda done: store.forget([f"t/a/CLIENT-{n:03d}" for n in sorted(gone)], done)) is None
    assert remnants(path) == set(range(CLIENTS)) - gone
    assert len(store.sessions()) == CLIENTS - len(gone)


def test_deleting_alone_leaves_them_there(path: Path, store: SqliteStore) -> None:
    """Or the test above could not fail."""
    live(store)
    assert wait(lambda done: store.purge(2**60, done, unread=True)) is None
    link = connect(path, 1_000)
    link.execute("DELETE FROM journal")
    link.execute("DELETE FROM session")
    link.close()
    assert remnants(path)


def test_saves_asked_before_and_after_keep_their_order(store: SqliteStore) -> None:
    answers: list[tuple[str, BaseException | None]] = []
    store.save(Save("a", 1, new_session(1)), lambda error: answers.append(("before", error)))
    store.forget(["a"], lambda error: answers.append(("forgotten", error)))
    store.save(Save("a", 1, new_session(2)), lambda error: answers.append(("after", error)))
    store.close()
    assert answers == [("before", None), ("forgotten", None), ("after", None)]


def test_a_permanent_reader_is_reported_and_a_retry_helps(path: Path, store: SqliteStore) -> None:
    live(store)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM session").fetchone()
    error = wait(lambda done: store.forget(["t/a/CLIENT-000"], done))
    assert isinstance(error, StoreBusy)
    reader.close()
    assert "t/a/CLIENT-000" not in store.sessions()
    assert wait(lambda done: store.forget(["t/a/CLIENT-000"], done)) is None
    assert 0 not in remnants(path)


def test_a_purge_counts_its_deletions(path: Path, store: SqliteStore) -> None:
    live(store)
    store.close()
    link, lock = open_owned(path, 1_000)
    link.execute("UPDATE session SET ended_at = key WHERE key <= 10")
    unread = {key for (key,) in link.execute("SELECT DISTINCT session FROM journal WHERE session <= 4")}
    update = link.execute("SELECT count(*) FROM journal WHERE session <= 4").fetchone()[0]
    assert unread
    assert housekeeping.purge(link, 5) == housekeeping.Purged(4 - len(unread), 0, len(unread))
    assert housekeeping.purge(link, 5, unread=True) == housekeeping.Purged(len(unread), update, 0)
    assert housekeeping.purge(link, 5, unread=True) == housekeeping.Purged(0, 0, 0)
    link.close()
    lock.release()
