"""Databases of every schema there was, each written by the version that had it, are brought up to date whole."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from statemachine import DeliveryUpdate, Finished, HistoryGap, Received
from statemachine.codec.snapshot import snapshot
from statemachine.store import database, schema
from statemachine.store.check import check
from statemachine.store.errors import StoreError
from statemachine.store.sqlite import SqliteStore
from statemachine.wire import Location
from tests.codec.sessions import SESSIONS

GOLDEN = Path(__file__).parent / "golden"
OLDER = range(1, schema.SCHEMA)
AT = 1_700_000_000_000
FULL, ANN, GONE = (f"acme.example/bot/{client}" for client in ("%2B15550001", "ann", "gone"))


def _call(callback: Callable[[], object]) -> None:
    callback()


@pytest.fixture(params=OLDER)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copy(GOLDEN / f"schema_{request.param}.db", tmp_path / "chats.sqlite"))


def test_there_is_one_of_each(tmp_path: Path) -> None:
    assert {file.name for file in GOLDEN.iterdir()} == {f"schema_{number}.db" for number in OLDER}
    for number in OLDER:
        link, found = database.open_reading(Path(shutil.copy(GOLDEN / f"schema_{number}.db", tmp_path)))
        link.close()
        assert found == number


def test_nothing_is_lost(old: Path) -> None:
    store = SqliteStore(old, call_soon=_call, transcript=True)
    assert store.sessions() == tuple(sorted([FULL, ANN, GONE]))
    full, ann, gone = (store.load(name) for name in (FULL, ANN, GONE))
    assert full is not None
    assert ann is not None
    assert gone is not None
    assert (full.version, ann.version, gone.version) == (1, 2, 1)
    assert snapshot(full.session) == snapshot(SESSIONS["full"])
    assert ann.session.phase == "ending"
    assert [(update.seq, update.at) for update in store.journal(FULL, 0, 9)] == [(1, AT + 1), (2, AT + 2)]
    assert [(update.seq, update.at) for update in store.journal(GONE, 0, 9)] == [(3, AT + 3)]
    assert [store.cursor(name) for name in (FULL, ANN, GONE)] == [0, 0, 2]
    store.close()


def test_updates_are_renamed_to_the_standard_terms(tmp_path: Path) -> None:
    store = SqliteStore(Path(shutil.copy(GOLDEN / "schema_2.db", tmp_path / "chats.sqlite")), call_soon=_call)
    kept = store.transcript(ANN, 0, 9)
    store.close()
    assert kept == (
        Received(1, AT + 1, Location("50.45", "30.52"), own=True),
        DeliveryUpdate(2, AT + 1, "origin-1", "failed", "k1", "refused", 5603, "", "n1"),
        HistoryGap(3, AT + 2),
        Finished(4, AT + 2, "failed", "gave_up", "Bye", 5001),
    )


@pytest.mark.parametrize("number", [*OLDER, schema.SCHEMA])
def test_a_database_of_any_schema_can_be_checked(number: int, tmp_path: Path) -> None:
    path = Path(shutil.copy(GOLDEN / f"schema_{min(number, OLDER[-1])}.db", tmp_path / "chats.sqlite"))
    if number == schema.SCHEMA:
        link, lock = database.open_owned(path, 1_000)
        link.close()
        lock.release()
    checked = check(path)
    assert (checked.schema, checked.is_old) == (number, number < schema.SCHEMA)
    assert checked.faults == ()
    assert checked.phases == {"warned": 1, "ending": 1, "ended": 1}
    assert checked.unread + checked.kept == len(sqlite3.connect(path).execute("SELECT 1 FROM journal").fetchall())


def test_old_ended_sessions_can_be_purged(old: Path) -> None:
    store = SqliteStore(old, call_soon=_call)
    answers: list[BaseException | None] = []
    store.purge(AT + 1, answers.append, unread=True)
    store.close()
    assert answers == [None]
    link, _ = database.open_reading(old)
    assert sorted(link.execute("SELECT id FROM session")) == [(FULL,), (ANN,)]
    assert link.execute("SELECT DISTINCT at FROM journal").fetchall() == [(AT + 1,), (AT + 2,)]
    link.close()


def _layout(link: sqlite3.Connection) -> dict[str, list[object]]:
    tables = [name for (name,) in link.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    layout: dict[str, list[object]] = {
        name: [
            pragma_rows
            for pragma in ("table_xinfo", "foreign_key_list", "index_list")
            for pragma_rows in link.execute(f"PRAGMA {pragma}({name})")
        ]
        for name in tables
    }
    layout["without rowid"] = [row for row in link.execute("PRAGMA table_list") if row[0] == "main" and row[4]]
    return layout


def test_it_is_laid_out_like_a_new_one(old: Path, tmp_path: Path) -> None:
    layouts = []
    for path in (old, tmp_path / "new.sqlite"):
        link, lock = database.open_owned(path, 1_000)
        layouts.append(_layout(link))
        assert schema.pragma(link, "user_version") == schema.SCHEMA
        link.close()
        lock.release()
    assert layouts[0] == layouts[1]


def test_a_migration_that_fails_changes_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, _ = database.open_reading(old)
    rows = list(before.iterdump())
    number = schema.pragma(before, "user_version")
    before.close()
    real = schema.MIGRATIONS[schema.SCHEMA - 1]

    def fail(link: sqlite3.Connection) -> None:
        real(link)
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setitem(schema.MIGRATIONS, schema.SCHEMA - 1, fail)
    with pytest.raises(StoreError):
        database.open_owned(old, 1_000)
    after, found = database.open_reading(old)
    assert (found, list(after.iterdump())) == (number, rows)
    after.close()


def test_unreadable_rows_are_kept_as_they_are(tmp_path: Path) -> None:
    path = Path(shutil.copy(GOLDEN / "schema_1.db", tmp_path / "chats.sqlite"))
    link = sqlite3.connect(path)
    with link:
        link.execute("UPDATE session SET snapshot = '{' WHERE id = ?", (GONE,))
        link.execute("UPDATE journal SET news = ? WHERE seq = 3", ("[",))
    link.close()
    link, lock = database.open_owned(path, 1_000)
    assert link.execute("SELECT snapshot, ended_at FROM session WHERE id = ?", (GONE,)).fetchone() == ("{", None)
    assert link.execute("SELECT at, content FROM journal WHERE seq = 3").fetchone() == (0, "[")
    link.close()
    lock.release()
