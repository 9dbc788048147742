"""Disks that are full or read-only, tried with real file systems: a clear error each, and nothing lost."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from statemachine.store.database import connect, explain, open_owned, open_reading
from statemachine.store.errors import ForeignStore, NewerStore, StoreError, StoreFull
from statemachine.store.schema import SCHEMA

FULL = """
import subprocess, sys
from queue import SimpleQueue
from statemachine import HistoryGap, new_session
from statemachine.adapters.protocols import Save
from statemachine.store.sqlite import SqliteStore

folder = sys.argv[1]
filler = open(folder + "/filler", "wb")
filler.write(bytes(200_000))
filler.close()
store = SqliteStore(folder + "/chats.sqlite", call_soon=lambda call: call())

def save(version):
    answer = SimpleQueue()
    updates = tuple(HistoryGap(seq, 1) for seq in range(version * 100, version * 100 + 100))
    store.save(Save("a", version, new_session(version), updates), answer.put)
    return answer.get(timeout=30)

version = 0
while (error := save(version + 1)) is None:
    version += 1
print(type(error).__name__, error)
assert store.load("a").version == version
store.close()
store = SqliteStore(folder + "/chats.sqlite", call_soon=lambda call: call())
assert store.load("a").version == version and len(store.journal("a", 0, 10**6)) == version * 100
subprocess.run(["rm", folder + "/filler"], check=True)
for more in range(version + 1, version + 4):
    assert save(more) is None
    version = more
store.close()
print("goes on")
"""

READ_ONLY = """
import subprocess, sys
from statemachine import new_session
from statemachine.adapters.protocols import Save
from statemachine.store.errors import StoreError
from statemachine.store.sqlite import SqliteStore

folder = sys.argv[1]
path = folder + "/chats.sqlite"
def once(version):
    answers = []
    store = SqliteStore(path, call_soon=lambda call: call())
    store.save(Save("a", version, new_session(version)), answers.append)
    store.close()
    assert answers == [None], answers

once(1)
subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
try:
    once(2)
except StoreError as error:
    print(type(error).__name__, error)
subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
once(2)
print("goes on")
"""


def in_a_mount(script: str, folder: Path) -> str:
    """What the script prints, run with a small file system of its own at `folder`."""
    if not shutil.which("unshare") or sys.platform != "linux":
        pytest.skip("needs Linux and unshare")
    mounted = 'mount -t tmpfs -o size=600k none "$1" || exit 77; exec "$2" -c "$3" "$1"'
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh", folder, sys.executable, script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"may not mount here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_full_disk_loses_nothing_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    told, then = in_a_mount(FULL, tmp_path).splitlines()
    assert told == f"StoreFull no space left for {tmp_path}/chats.sqlite: free some; what was not saved was not done"
    assert then == "goes on"


def test_a_read_only_disk_is_reported_and_writing_resumes_later(tmp_path: Path) -> None:
    told, then = in_a_mount(READ_ONLY, tmp_path).splitlines()
    assert told == f"StoreReadOnly {tmp_path}/chats.sqlite cannot be opened: check that its directory can be written"
    assert then == "goes on"


def test_looking_needs_no_right_to_work_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "chats.sqlite"
    with pytest.raises(StoreError, match="there is no such file"):
        open_reading(path)
    owning, lock = open_owned(path, 1_000)
    link, found = open_reading(path)
    assert found == SCHEMA
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        link.execute("DELETE FROM session")
    link.close()
    owning.close()
    lock.release()


@pytest.mark.parametrize(
    ("application", "schema", "error"),
    [(0, 0, ForeignStore), (0x63737373, 0, ForeignStore), (0x63737373, SCHEMA + 1, NewerStore)],
)
def test_a_foreign_or_newer_database_is_not_changed(
    tmp_path: Path, application: int, schema: int, error: type[StoreError]
) -> None:
    path = tmp_path / "chats.sqlite"
    link = sqlite3.connect(path)
    link.executescript(
        f"CREATE TABLE t (x); PRAGMA application_id = {application}; PRAGMA user_version = {schema}; VACUUM"
    )
    link.close()
    before = path.read_bytes()
    for opener in (lambda: open_owned(path, 1), lambda: open_reading(path)):
        with pytest.raises(error):
            opener()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_a_file_that_vanished_is_not_made_anew_in_silence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        connect(tmp_path / "gone.sqlite", 1)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_disk_is_reported(tmp_path: Path) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    assert "the disk failed" in str(explain(error, tmp_path))
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    assert isinstance(explain(error, tmp_path), StoreFull)
    assert str(explain(sqlite3.Error("{odd}"), tmp_path)) == f"{tmp_path} is damaged ({{odd}}): restore a copy"
