"""Never two at work on one database: the second is told who the first is, and takes over in the moment it is dead."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from statemachine import new_session
from statemachine.adapters.protocols import Save
from statemachine.store.errors import StoreBusy, StoreError, StoreOwned
from statemachine.store.ownership import Lock, Owner, Ownership, lock_of
from statemachine.store.sqlite import SqliteStore

posix_only = pytest.mark.skipif(os.name != "posix", reason="SIGKILL, SIGSTOP and fork are POSIX's")

BRIDGE = """
import os, sys, time
from statemachine import new_session
from statemachine.adapters.protocols import Save
from statemachine.store.sqlite import SqliteStore

sys.argv[0] = "/opt/bridge.py"
store = SqliteStore(sys.argv[1], call_soon=lambda call: call())
store.save(Save("a", 1, new_session(1)), lambda error: print(error or "saved", flush=True))
if "fork" in sys.argv and not os.fork():
    time.sleep(600)
sys.stdin.read()
store.close()
print("closed", flush=True)
"""


@contextmanager
def bridge(path: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """A process that is at work until its standard input is closed."""
    command = [sys.executable, "-c", BRIDGE, str(path), *more]
    with ExitStack() as stack:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0)
        stack.enter_context(process)
        stack.callback(_kill_group, process.pid)
        assert process.stdout is not None
        assert process.stdout.readline() == "saved\n"
        yield process


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def store_at(path: Path, wait_ms: int = 60_000) -> SqliteStore:
    return SqliteStore(path, call_soon=lambda call: call(), busy_ms=wait_ms)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chats.sqlite"


@posix_only
def test_the_second_process_is_refused_by_name(path: Path) -> None:
    with bridge(path) as first:
        with pytest.raises(StoreOwned) as refused:
            store_at(path, wait_ms=1)
        told = str(refused.value)
        assert told.startswith(f"bridge.py (process {first.pid} on {socket.gethostname()}, since 20")
        assert told.endswith(f"UTC) uses {path}: stop it first, or give each its own file")
        assert isinstance(refused.value, StoreBusy)


@posix_only
def test_a_dead_ones_sessions_are_taken_over_at_once(path: Path) -> None:
    with bridge(path) as first:
        first.kill()
        first.wait()
        store = store_at(path, wait_ms=1)
        assert store.sessions() == ("a",)
        store.close()


@posix_only
def test_one_that_was_suspended_does_not_wake_up_beside_another(path: Path) -> None:
    with bridge(path) as first:
        first.send_signal(signal.SIGSTOP)
        with pytest.raises(StoreOwned):
            store_at(path, wait_ms=100)
        first.send_signal(signal.SIGCONT)
        out, _ = first.communicate("")
        assert out == "closed\n"
    store_at(path, wait_ms=1).close()


@posix_only
def test_a_surviving_child_process_does_not_keep_the_lock(path: Path) -> None:
    with bridge(path, "fork") as first:
        first.kill()
        first.wait()
        store_at(path, wait_ms=1).close()
        os.killpg(first.pid, 0)  # the child is there


@posix_only
def test_a_new_one_waits_for_the_old_one_to_be_done(path: Path) -> None:
    """A deployment starts the new process while the old one is still being stopped."""
    with bridge(path) as first:
        assert first.stdin is not None
        stop = threading.Timer(0.3, first.stdin.close)
        stop.start()
        store = store_at(path)
        stop.join()
        stored = store.load("a")
        assert stored is not None
        assert stored.version == 1
        store.close()


def test_opening_twice_in_one_process_is_reported_as_such(path: Path) -> None:
    store = store_at(path)
    with pytest.raises(StoreOwned, match=r"this process has .* open already: share one store"):
        store_at(path, wait_ms=1)
    answers: list[BaseException | None] = []
    store.save(Save("a", 1, new_session(1)), answers.append)
    store.close()
    assert answers == [None]
    store_at(path, wait_ms=1).close()


def test_a_refused_job_does_not_affect_the_others(path: Path) -> None:
    """Also not by closing files: POSIX locks of a process go when it closes the file anywhere."""
    store = store_at(path)
    for _ in range(3):
        with pytest.raises(StoreOwned):
            store_at(path, wait_ms=1)
    store.close()


def test_closing_twice_does_not_release_the_next_owner(path: Path) -> None:
    first = store_at(path)
    first.close()
    second = store_at(path)
    first.close()
    with pytest.raises(StoreOwned):
        store_at(path, wait_ms=1)
    second.close()


def test_one_that_could_not_be_opened_leaves_it_free(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("in the middle")

    with monkeypatch.context() as patched:
        patched.setattr(Owner, "sign", fail)
        with pytest.raises(RuntimeError, match="in the middle"):
            store_at(path)
    store_at(path, wait_ms=1).close()


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("kind", ["link", "link to nothing", "hard link", "folder", "pipe"])
@pytest.mark.parametrize("end", ["-lock", "-wal", "-shm", "-journal"])
def test_a_planted_file_beside_the_database_is_refused(path: Path, end: str, kind: str, existing: bool) -> None:
    other, planted = path.parent / "elsewhere", path.with_name(path.name + end)
    if existing:
        store_at(path).close()
        planted.unlink(missing_ok=True)
    if kind != "link to nothing":
        other.write_bytes(b"of somebody else")
        other.chmod(0o644)
    if kind == "folder":
        planted.mkdir()
    elif kind == "pipe":
        os.mkfifo(planted)
    elif kind == "hard link":
        planted.hardlink_to(other)
    else:
        planted.symlink_to(other)
    with pytest.raises(StoreError, match=f"{planted} (is no regular file|has another name)"):
        store_at(path)
    assert other.exists() == (kind != "link to nothing")
    if other.exists():
        assert other.read_bytes() == b"of somebody else"
        assert other.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("name", ["/dev/null", "/dev/zero", "nul\0.sqlite"])
def test_what_is_no_regular_file_is_refused(name: str) -> None:
    with pytest.raises(StoreError, match=r"no regular file|cannot be a path"):
        store_at(Path(name))


def test_two_that_create_a_store_at_once_do_not_wait_for_each_other(path: Path) -> None:
    """One has the database before there is a lock file; the other finds the lock file that somebody left meanwhile."""
    path.touch()
    first = Ownership(path, 5_000)
    Lock(lock_of(path), 0, create=True).release()
    taken: list[Ownership] = []
    second = threading.Thread(target=lambda: taken.append(Ownership(path, 5_000)))
    second.start()
    time.sleep(0.1)  # the other one tries
    first.complete()
    assert taken == []
    first.release()
    second.join()
    (owned,) = taken
    owned.release()
