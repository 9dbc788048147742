"""The durable store: its file, its errors, its threads, and what a kill leaves behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from random import Random
from typing import Any

import pytest
from attrs import evolve
from structlog.testing import capture_logs

from statemachine import HistoryGap, Session, new_session
from statemachine.adapters.protocols import Save, Store
from statemachine.store import database, schema, writer
from statemachine.store.errors import (
    ForeignStore,
    NewerStore,
    StoreBusy,
    StoreError,
    StoreFull,
    StoreReadOnly,
    UnreadableSession,
)
from statemachine.store.ownership import lock_of
from statemachine.store.sqlite import SqliteStore

Opener = Callable[..., SqliteStore]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chats.sqlite"


@pytest.fixture
def opened(path: Path) -> Iterator[Opener]:
    stores: list[SqliteStore] = []

    def opener(where: Path = path, **more: Any) -> SqliteStore:
        stores.append(SqliteStore(where, **{"call_soon": lambda call: call(), **more}))
        return stores[-1]

    yield opener
    for store in stores:
        store.close()


def save(store: Store, version: int, *seqs: int, key: str = "a", session: Session | None = None) -> object:
    """Save and wait, in the writer's thread."""
    answer: SimpleQueue[BaseException | None] = SimpleQueue()
    updates = tuple(HistoryGap(seq, 1) for seq in seqs)
    store.save(Save(key, version, session or new_session(version), updates), answer.put)
    return answer.get(timeout=10)


# --- the file -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX's")
def test_the_files_are_private(path: Path, opened: Opener) -> None:
    mask = os.umask(0)
    try:
        save(opened(), 1)
    finally:
        os.umask(mask)
    files = sorted(path.parent.iterdir())
    assert [one.name.removeprefix("chats.sqlite") for one in files] == ["", "-lock", "-shm", "-wal"]
    assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX's")
@pytest.mark.parametrize("mode", [0o644, 0o660, 0o777, 0o604])
def test_the_rights_of_others_to_existing_files_are_removed(path: Path, opened: Opener, mode: int) -> None:
    store = opened()
    save(store, 1)
    ends = ("", "-wal", "-shm", "-lock")
    copies = {end: Path(f"{path}{end}").read_bytes() for end in ends}
    store.close()
    for end, content in copies.items():  # as after a kill
        Path(f"{path}{end}").write_bytes(content)
        Path(f"{path}{end}").chmod(mode)
    store = opened()
    assert store.sessions() == ("a",)
    assert {stat.S_IMODE(Path(f"{path}{end}").stat().st_mode) for end in ends} == {0o600}


def test_rights_that_cannot_be_removed_are_refused(path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    opened().close()
    path.chmod(0o644)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(StoreReadOnly, match="can be read by other users: its owner must run chmod 600"):
        opened()


def test_no_database_is_created_through_a_symbolic_link(path: Path, opened: Opener) -> None:
    path.symlink_to(path.parent / "elsewhere")
    with pytest.raises(StoreError, match="symbolic link to no file"):
        opened()
    assert not (path.parent / "elsewhere").exists()


def test_nothing_but_the_database_and_an_empty_lock_is_left_after_closing(path: Path, opened: Opener) -> None:
    store = opened()
    save(store, 1)
    store.close()
    assert sorted(one.name for one in path.parent.iterdir()) == ["chats.sqlite", "chats.sqlite-lock"]
    assert lock_of(path).stat().st_size == 0


def test_every_commit_is_flushed(path: Path, opened: Opener) -> None:
    opened()
    link = database.connect(path, 0)
    assert link.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert link.execute("PRAGMA synchronous").fetchone() == (2,)
    link.close()


def test_a_name_with_a_meaning_to_sqlite_is_just_a_name(tmp_path: Path, opened: Opener, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (":memory:", "a?mode=memory", "100%#.db", "späti.db"):
        save(opened(Path(name)), 1)
        assert (tmp_path / name).is_file()


def test_a_missing_directory_is_named(tmp_path: Path, opened: Opener) -> None:
    with pytest.raises(StoreError, match="no such directory"):
        opened(tmp_path / "nowhere" / "chats.sqlite")


def test_a_directory_is_no_file(tmp_path: Path, opened: Opener) -> None:
    with pytest.raises(StoreError, match="is a directory"):
        opened(tmp_path)


def test_a_file_that_may_not_be_opened(path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreReadOnly, match="cannot be opened for writing: Permission denied"):
        opened()


def test_a_file_that_is_no_database_is_not_changed(path: Path, opened: Opener) -> None:
    path.write_text("a shopping list, long enough to be one page of a file " * 50)
    before = path.read_bytes()
    with pytest.raises(ForeignStore, match="not a SQLite database"):
        opened()
    assert path.read_bytes() == before


def test_another_programs_database_is_left_alone(path: Path, opened: Opener) -> None:
    link = sqlite3.connect(path)
    link.execute("CREATE TABLE bookmarks (url TEXT)")
    link.close()
    before = path.read_bytes()
    with pytest.raises(ForeignStore, match="another program"):
        opened()
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["chats.sqlite"]


def test_a_newer_schema_is_refused(path: Path, opened: Opener) -> None:
    opened().close()
    link = sqlite3.connect(path)
    link.execute(f"PRAGMA user_version = {schema.SCHEMA + 1}")
    link.close()
    with pytest.raises(NewerStore, match="upgrade the package"):
        opened()


def test_of_many_that_create_it_at_once_each_gets_its_turn(path: Path) -> None:
    versions: list[int] = []

    def work() -> None:
        store = SqliteStore(path, call_soon=lambda call: call(), busy_ms=60_000)
        stored = store.load("a")
        versions.append(stored.version if stored else 0)
        assert save(store, versions[-1] + 1) is None
        store.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert versions == list(range(8))


# --- errors of a save -----------------------------------------------------------------------------------------------


def test_a_full_disk_is_reported_and_loses_nothing(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PRAGMAS", (*database.PRAGMAS, "PRAGMA max_page_count = 40"))
    store = opened()
    version = 0
    while (error := save(store, version + 1, *range(version * 1_000 + 1, version * 1_000 + 1_001))) is None:
        version += 1
    assert isinstance(error, StoreFull)
    assert "free some" in str(error)
    stored = store.load("a")
    assert stored is not None
    assert stored.version == version
    assert len(store.journal("a", 0, 1_000_000)) == version * 1_000


def test_a_database_that_became_read_only_is_reported(opened: Opener) -> None:
    store = opened()
    save(store, 1)
    store._writer._link.execute("PRAGMA query_only = ON")
    error = save(store, 2)
    assert isinstance(error, StoreReadOnly)
    assert "check its permissions" in str(error)


def test_a_locked_database_is_reported(path: Path, opened: Opener) -> None:
    store = opened(busy_ms=10)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    error = save(store, 1)
    assert isinstance(error, StoreBusy)
    assert "another process" in str(error)
    other.execute("ROLLBACK")
    assert save(store, 1) is None
    other.close()


def test_a_locked_database_cannot_be_opened(path: Path, opened: Opener) -> None:
    opened().close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreBusy, match="another process"):
        opened(busy_ms=10)
    other.close()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1}', '{"schema": 10000}'])
def test_a_corrupted_snapshot_is_reported(path: Path, opened: Opener, text: str) -> None:
    store = opened()
    save(store, 1)
    link = sqlite3.connect(path)
    with link:
        link.execute("UPDATE session SET snapshot = ?", (text,))
    link.close()
    with pytest.raises(UnreadableSession, match=r"snapshot cannot be read back.*new_chat=True.*store forget") as caught:
        store.load("a")
    assert (caught.value.version, caught.value.seq) == (1, 0)


@pytest.mark.parametrize("text", ["", "{}", '{"type":"anomaly","at":1,"kind":"odd"}'])
@pytest.mark.parametrize("bad", [{1}, {3}, {1, 2}, {2, 3}, {1, 2, 3}])
def test_updates_that_cannot_be_read_are_logged_and_left_out(
    path: Path, opened: Opener, text: str, bad: set[int]
) -> None:
    store = opened()
    save(store, 1, 1, 2, 3)
    link = sqlite3.connect(path)
    with link:
        link.executemany("UPDATE journal SET content = ? WHERE seq = ?", [(text, seq) for seq in bad])
    link.close()
    with capture_logs() as logs:
        for limit in (1, 2, 10):
            found, after = list[int](), 0
            while page := store.journal("a", after, limit):
                found += [one.seq for one in page]
                after = found[-1]
            assert found == sorted({1, 2, 3} - bad)
    assert {log["seq"] for log in logs} == bad
    assert {log["event"] for log in logs} == {"update_unreadable"}


@pytest.mark.parametrize("value", [5, True, None, b"x", 1.5, ["x"]])
def test_what_could_not_be_read_again_is_not_saved(opened: Opener, value: Any) -> None:
    store = opened()
    save(store, 1)
    stored = store.load("a")
    assert stored
    wrong = evolve(stored.session, chat=evolve(stored.session.chat, chat_id=value))
    answers = SimpleQueue[BaseException | None]()
    store.save(Save("a", 2, wrong), answers.put)
    answer = answers.get(timeout=10)
    assert isinstance(answer, Exception)
    assert f"not {type(value).__name__}" in str(answer)
    assert store.load("a") == stored


# --- the writer -----------------------------------------------------------------------------------------------------


def test_one_refused_work_takes_no_other_of_its_group_with_it(opened: Opener) -> None:
    store = opened()
    store._writer._wake.acquire()
    waiting: SimpleQueue[tuple[str, BaseException | None]] = SimpleQueue()
    for key, version in (("a", 1), ("b", 7), ("c", 1)):
        store._writer._queue.append(
            writer.WriteJob(
                lambda link, key=key, version=version: _write(link, key, version),
                lambda error, key=key: waiting.put((key, error)),
            )
        )
    store._writer._wake.notify()
    store._writer._wake.release()
    answers = dict(waiting.get(timeout=5) for _ in range(3))
    assert answers["a"] is None
    assert isinstance(answers["b"], StoreError)
    assert answers["c"] is None
    assert store.sessions() == ("a", "c")


def test_the_writes_of_a_refused_job_are_undone(opened: Opener) -> None:
    store = opened()

    def write_and_refuse(link: sqlite3.Connection) -> None:
        _write(link, "b", 1)
        raise StoreError("no")

    answers: SimpleQueue[BaseException | None] = SimpleQueue()
    with store._writer._wake:
        for work in (partial(_write, key="a", version=1), write_and_refuse, partial(_write, key="c", version=1)):
            store._writer._queue.append(writer.WriteJob(work, answers.put))
        store._writer._wake.notify()
    assert [str(answers.get(timeout=10)) for _ in range(3)] == ["None", "no", "None"]
    assert store.sessions() == ("a", "c")


def test_an_exclusive_job_keeps_its_place_in_the_queue(opened: Opener) -> None:
    store = opened()
    seen: list[tuple[str, bool]] = []

    def work(name: str, alone: bool) -> writer.WriteJob:
        return writer.WriteJob(lambda link: seen.append((name, link.in_transaction)), lambda _: None, alone)

    with store._writer._wake:
        store._writer._queue += [work("a", False), work("b", True), work("c", True), work("d", False)]
        store._writer._wake.notify()
    store.close()
    assert seen == [("a", True), ("b", False), ("c", False), ("d", True)]


def _write(link: sqlite3.Connection, key: str, version: int) -> None:
    from statemachine.store.sealing import Sealing
    from statemachine.store.sqlite import _save

    _save(Save(key, version, new_session(1), (HistoryGap(1, 1),)), Sealing(), link)


def test_works_that_wait_share_a_commit(opened: Opener) -> None:
    store = opened()
    commits = 0

    def count(statement: str) -> None:
        nonlocal commits
        commits += statement == "COMMIT"

    store._writer._link.set_trace_callback(count)
    for number in range(500):
        store.save(Save(f"s{number}", 1, new_session(1)), lambda _: None)
    store.close()
    assert 1 <= commits < 250


def test_closing_writes_all_requests(path: Path, opened: Opener) -> None:
    store = opened()
    answers: list[BaseException | None] = []
    for version in range(1, 200):
        store.save(Save("a", version, new_session(version)), answers.append)
    store.close()
    assert answers == [None] * 199
    stored = opened().load("a")
    assert stored is not None
    assert stored.version == 199


def test_an_owner_that_is_gone_stops_no_writing(opened: Opener, path: Path) -> None:
    loop = asyncio.new_event_loop()
    store = opened(call_soon=loop.call_soon_threadsafe)
    loop.close()
    with capture_logs() as logs:
        store.save(Save("a", 1, new_session(1)), lambda _: None)
        store.close()
    assert [log["event"] for log in logs] == ["store_answers_dropped"]
    assert opened().sessions() == ("a",)


def test_answers_come_in_the_owners_thread(path: Path) -> None:
    async def main() -> set[int]:
        loop = asyncio.get_running_loop()
        store = SqliteStore(path, call_soon=loop.call_soon_threadsafe)
        threads: set[int] = set()
        done = asyncio.Event()

        def answer(error: BaseException | None) -> None:
            threads.add(threading.get_ident())
            done.set()

        store.save(Save("a", 1, new_session(1)), answer)
        await done.wait()
        store.close()
        return threads

    assert asyncio.run(main()) == {threading.get_ident()}


# --- kills ----------------------------------------------------------------------------------------------------------

KILLS = 20


@pytest.fixture
def kill_writer(path: Path) -> Iterator[Callable[[float, bool], list[str]]]:
    """Lets a writer write for so many seconds, kills it, and returns the acknowledgements it printed.

    The seconds begin with the writer's life, or (`at_work`) with its first acknowledgement.
    """
    script = Path(__file__).with_name("killed_writer.py")
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, str(script), str(path)], stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        asked, answers = server.stdin, server.stdout

        def kill(seconds: float, at_work: bool) -> list[str]:
            print("go", file=asked, flush=True)
            child = int(answers.readline())
            lines = [answers.readline()] if at_work else []
            time.sleep(seconds)
            os.kill(child, signal.SIGKILL)
            while (line := answers.readline()) != "dead\n":
                assert line, "the writer's parent is gone"
                lines.append(line)
            return [line for line in lines if line.endswith(" ok\n")]

        yield kill


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_a_kill_loses_no_acknowledged_save_and_splits_none(
    kill_writer: Callable[[float, bool], list[str]], opened: Opener
) -> None:
    """A writer is killed at a random moment, over and over; each time it goes on from what the file holds."""
    random = Random(1)
    acknowledged: dict[str, int] = {}
    for number in range(KILLS):
        for line in kill_writer(random.uniform(0.0, 0.1), number % 2 == 1):
            key, version, _ = line.split()
            assert int(version) > acknowledged.get(key, 0)
            acknowledged[key] = int(version)
        store = opened()
        assert set(acknowledged) <= set(store.sessions())
        for key in store.sessions():
            _is_whole(store, key, acknowledged.get(key, 0))
        store.close()
    assert sum(acknowledged.values()) >= KILLS // 2


def _is_whole(store: SqliteStore, key: str, acknowledged: int) -> None:
    stored = store.load(key)
    assert stored is not None
    assert stored.version >= acknowledged, "an acknowledged save is lost"
    assert stored.session.now == stored.version
    journal = [update.seq for update in store.journal(key, 0, 1_000_000)]
    assert journal == list(range(1, stored.version + 1)), "session and journal disagree"
