"""Ways to get a second owner of one database: each is refused, or harmless."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TypeAlias

import pytest

from statemachine import new_session
from statemachine.adapters.protocols import Save
from statemachine.store.check import check
from statemachine.store.errors import StoreClosed, StoreError, StoreOwned
from statemachine.store.ownership import LOCKS_DATABASE, lock_of
from statemachine.store.sqlite import SqliteStore

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, fork, and deleting open files are POSIX's")
on_linux = pytest.mark.skipif(not LOCKS_DATABASE, reason="the database itself is locked on Linux only")

SECOND = """
import sys
from statemachine.store.errors import StoreError
from statemachine.store.sqlite import SqliteStore
for line in sys.stdin:
    try:
        SqliteStore(line.removesuffix("\\n"), call_soon=lambda call: call(), busy_ms=1).close()
        print("opened", flush=True)
    except StoreError as error:
        print(type(error).__name__, flush=True)
"""
OpenElsewhere: TypeAlias = Callable[[Path], str]


@pytest.fixture(scope="module")
def open_elsewhere() -> Iterator[OpenElsewhere]:
    """What another process gets that opens a store at a path. One process serves all tests: each start takes 0.3 s."""
    command = [sys.executable, "-c", SECOND]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def opened(path: Path) -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
            return process.stdout.readline().rstrip()

        yield opened


def store_at(path: Path) -> SqliteStore:
    return SqliteStore(path, call_soon=lambda call: call(), busy_ms=1)


def save(store: SqliteStore, version: int) -> BaseException | None:
    answer: SimpleQueue[BaseException | None] = SimpleQueue()
    store.save(Save("a", version, new_session(version)), answer.put)
    return answer.get(timeout=30)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "chats"
    folder.mkdir()
    return folder / "chats.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = store_at(path)
    assert save(store, 1) is None
    yield store
    store.close()


def refused_and_working(
    open_elsewhere: OpenElsewhere, path: Path, store: SqliteStore, other: Path | None = None
) -> None:
    """Nobody else can open it, this process neither; the owner goes on, and all that it saved is there afterwards."""
    assert open_elsewhere(other or path) == "StoreOwned"
    with pytest.raises(StoreOwned):
        store_at(other or path)
    assert save(store, 2) is None
    store.close()
    again = store_at(path)
    stored = again.load("a")
    again.close()
    assert stored is not None
    assert stored.version == 2


# --- other names of the same file -----------------------------------------------------------------------------------


def alias(path: Path) -> Path:
    return path.parent / ".." / path.parent.name / path.name


def symbolic_link(path: Path) -> Path:
    link = path.parent.parent / "link.sqlite"
    link.symlink_to(path)
    return link


def linked_folder(path: Path) -> Path:
    (path.parent.parent / "folder").symlink_to(path.parent, target_is_directory=True)
    return path.parent.parent / "folder" / path.name


@pytest.mark.parametrize("name", [alias, symbolic_link, linked_folder])
def test_another_way_to_the_file_is_the_same_file(
    path: Path, open_elsewhere: OpenElsewhere, store: SqliteStore, name: Callable[[Path], Path]
) -> None:
    refused_and_working(open_elsewhere, path, store, name(path))


def test_a_hard_link_is_refused_also_for_reading_and_when_nobody_owns_the_file(
    path: Path, open_elsewhere: OpenElsewhere, store: SqliteStore
) -> None:
    other = path.with_name("other.sqlite")
    other.hardlink_to(path)
    for opener in (store_at, check):
        with pytest.raises(StoreError, match="another name"):
            opener(other)
    assert open_elsewhere(other) == "StoreError"
    assert save(store, 2) is None
    store.close()
    with pytest.raises(StoreError, match="another name"):
        store_at(path)
    other.unlink()
    store_at(path).close()


@on_linux
def test_a_renamed_database_still_has_its_owner(path: Path, open_elsewhere: OpenElsewhere, store: SqliteStore) -> None:
    moved = path.rename(path.with_name("moved.sqlite"))
    assert open_elsewhere(moved) == "StoreOwned"
    with pytest.raises(StoreOwned):
        store_at(moved)
    assert "was deleted, renamed or replaced" in str(save(store, 2))


# --- deleted and replaced files -------------------------------------------------------------------------------------


@on_linux
@pytest.mark.parametrize("replaced", [False, True])
def test_a_deleted_or_replaced_lock_file_lets_nobody_in(
    path: Path, open_elsewhere: OpenElsewhere, store: SqliteStore, replaced: bool
) -> None:
    lock_of(path).unlink()
    if replaced:
        lock_of(path).touch()
    assert open_elsewhere(path) == "StoreOwned"
    with pytest.raises(StoreOwned):
        store_at(path)
    assert "-lock was deleted, renamed or replaced" in str(save(store, 2))


@pytest.mark.parametrize("replaced", [False, True])
def test_a_deleted_or_replaced_database_lets_nobody_in_and_no_save_is_confirmed(
    path: Path, open_elsewhere: OpenElsewhere, store: SqliteStore, tmp_path: Path, replaced: bool
) -> None:
    copy = shutil.copy(path, tmp_path / "copy")
    path.unlink()
    if replaced:
        Path(copy).rename(path)
    assert open_elsewhere(path) == "StoreOwned"
    with pytest.raises(StoreOwned):
        store_at(path)
    error = save(store, 2)
    assert isinstance(error, StoreError)
    assert str(path) in str(error)
    assert "restart this process" in str(error)


def test_all_files_deleted_is_a_new_database_that_the_old_owner_leaves_alone(path: Path, store: SqliteStore) -> None:
    for file in path.parent.iterdir():
        file.unlink()
    new = store_at(path)
    assert save(new, 1) is None
    assert isinstance(save(store, 2), StoreError)
    store.close()
    assert save(new, 2) is None
    new.close()
    again = store_at(path)
    stored = again.load("a")
    again.close()
    assert stored is not None
    assert stored.version == 2


def test_a_deleted_write_ahead_log_confirms_no_save(path: Path, store: SqliteStore) -> None:
    path.with_name(f"{path.name}-wal").unlink()
    assert "-wal was deleted" in str(save(store, 2))
    assert "-wal was deleted" in str(forgotten(store))


def forgotten(store: SqliteStore) -> BaseException | None:
    answer: SimpleQueue[BaseException | None] = SimpleQueue()
    store.forget(["a"], answer.put)
    return answer.get(timeout=30)


# --- other handles of this process ----------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["", "-lock", "-wal", "-shm"])
def test_opening_and_closing_the_files_releases_nothing(
    path: Path, open_elsewhere: OpenElsewhere, store: SqliteStore, end: str
) -> None:
    with open(f"{path}{end}", "r+b"):
        pass
    refused_and_working(open_elsewhere, path, store)


def test_an_applications_own_connection_is_harmless(
    path: Path, open_elsewhere: OpenElsewhere, store: SqliteStore
) -> None:
    for target in (path, lock_of(path)):
        link = sqlite3.connect(target)
        link.execute("SELECT count(*) FROM sqlite_master").fetchall()
        link.close()
    refused_and_working(open_elsewhere, path, store)


def test_another_programs_connection_after_a_close_of_the_file_loses_no_save_in_silence(
    path: Path, open_elsewhere: OpenElsewhere, store: SqliteStore
) -> None:
    """Closing the file here drops SQLite's locks, so the other program deletes the write-ahead log when it ends."""
    open(path, "rb").close()
    program = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT * FROM owner')"
    subprocess.run([sys.executable, "-c", program, path], check=True, timeout=60)
    error = save(store, 2)
    assert error is None or "was deleted, renamed or replaced" in str(error)
    assert open_elsewhere(path) == "StoreOwned"
    store.close()
    again = store_at(path)
    stored = again.load("a")
    again.close()
    assert stored is not None
    assert stored.version == (2 if error is None else 1)


def test_check_beside_it_is_harmless_in_this_process_and_in_another(
    path: Path, open_elsewhere: OpenElsewhere, store: SqliteStore
) -> None:
    assert check(path).owner is not None
    command = [sys.executable, "-m", "statemachine", "store", "check", str(path)]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert str(os.getpid()) in shown
    refused_and_working(open_elsewhere, path, store)


def test_refused_opens_and_repeated_closes_release_nothing(
    path: Path, open_elsewhere: OpenElsewhere, store: SqliteStore
) -> None:
    store.close()
    store.close()
    next_one = store_at(path)
    store.close()
    for _ in range(3):
        with pytest.raises(StoreOwned):
            store_at(path)
    refused_and_working(open_elsewhere, path, next_one)


# --- threads and forks ----------------------------------------------------------------------------------------------


def test_of_many_threads_one_opens_it(path: Path, open_elsewhere: OpenElsewhere) -> None:
    opened: list[SqliteStore] = []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        with suppress(StoreOwned):
            opened.append(store_at(path))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (store,) = opened
    assert save(store, 1) is None
    refused_and_working(open_elsewhere, path, store)


FORK = """
import os, sys, warnings
from statemachine import new_session
from statemachine.adapters.protocols import Save
from statemachine.store.errors import StoreError
from statemachine.store.sqlite import SqliteStore

warnings.simplefilter("ignore")
store = SqliteStore(sys.argv[1], call_soon=lambda call: call(), busy_ms=1)
if not (child := os.fork()):
    answers = []
    store.save(Save("a", 1, new_session(1)), answers.append)
    for attempt in (store.sessions, lambda: SqliteStore(sys.argv[1], call_soon=print, busy_ms=1)):
        try:
            attempt()
        except StoreError as error:
            answers.append(error)
    store.close()
    print(*(type(answer).__name__ for answer in answers), flush=True)
    del store  # closes SQLite's connections in the child
    sys.exit(0)
os.waitpid(child, 0)
print("owner", flush=True)
sys.stdin.readline()
answers = []
store.save(Save("a", 1, new_session(1)), answers.append)
store.close()
print(answers, flush=True)
"""


def test_a_forked_child_neither_uses_nor_owns_the_store_nor_releases_it(
    path: Path, open_elsewhere: OpenElsewhere
) -> None:
    command = [sys.executable, "-c", FORK, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().split() == [StoreClosed.__name__] * 2 + [StoreOwned.__name__]
        assert process.stdout.readline() == "owner\n"
        assert open_elsewhere(path) == "StoreOwned"
        rest, _ = process.communicate("\n", timeout=30)
        assert rest == "[None]\n"
    assert open_elsewhere(path) == "opened"
