"""`statemachine store`, on real databases."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from attrs import evolve

from statemachine import HistoryGap
from statemachine.adapters.driver import label
from statemachine.adapters.protocols import Stored
from statemachine.cli import main
from statemachine.core import TranscriptUpdate
from statemachine.core.states import ItemInDoubt
from statemachine.store import copying
from statemachine.store.errors import StoreError, UnreadableSession
from statemachine.store.postgres import PostgresStore
from statemachine.store.schema import SCHEMA
from statemachine.store.sqlite import SqliteStore
from tests.store.test_migrations import GOLDEN


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three chats of schema 1: one alive, one ending, one over with news that was not read."""
    return Path(shutil.copy(GOLDEN / "schema_1.db", tmp_path / "chats.sqlite"))


def told(capsys: pytest.CaptureFixture[str], *args: object, status: int = 0) -> str:
    assert main(["store", *map(str, args)]) == status
    captured = capsys.readouterr()
    return captured.err if status == 2 else captured.out


def test_check_says_what_is_there_and_changes_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = file.read_bytes()
    shown = told(capsys, "check", file)
    for line in (
        "schema 1 (the next client",
        "owner       none",
        "chats       3",
        "3 unread, 0 kept",
        "✓ all records",
    ):
        assert line in shown
    assert file.read_bytes() == before


def test_check_as_json_names_who_is_at_work(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = SqliteStore(file, call_soon=lambda call: call())
    found = json.loads(told(capsys, "check", file, "--json"))
    store.close()
    assert found["phases"] == {"ended": 1, "ending": 1, "warned": 1}
    assert found["owner"]["program"]
    assert json.loads(told(capsys, "check", file, "--json"))["owner"] is None


def test_check_names_what_is_damaged(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = sqlite3.connect(file)
    with link:
        link.execute("UPDATE session SET snapshot = '{}' WHERE id LIKE '%ann'")
        link.execute("UPDATE journal SET news = '[' WHERE seq = 2")
    link.close()
    shown = told(capsys, "check", file, status=1)
    assert "✗ the snapshot of session acme.example/bot/ann: " in shown
    assert "✗ update 2 of session acme.example/bot/%2B15550001: " in shown
    assert "unreadable" in shown


def test_check_sees_a_page_that_was_overwritten(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with file.open("r+b") as damaged:
        damaged.seek(2 * 4096)
        damaged.write(b"\xff" * 4096)
    assert f"✗ {file} is damaged: restore a copy" in told(capsys, "check", file, status=1)


def test_migrate_keeps_a_copy_for_going_back(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "before.sqlite"
    assert f"from schema 1 to {SCHEMA}; as it was: {copy}" in told(capsys, "migrate", file, "--copy", copy)
    assert "schema 1 (" in told(capsys, "check", copy)
    assert copy.stat().st_mode & 0o077 == 0
    assert f"has schema {SCHEMA} already" in told(capsys, "migrate", file)
    assert "✓ all records" in told(capsys, "check", file)


def test_a_copy_overwrites_nothing(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "before.sqlite"
    copy.write_text("mine")
    assert "exists already" in told(capsys, "migrate", file, "--copy", copy, status=2)
    assert copy.read_text() == "mine"
    assert "schema 1 (" in told(capsys, "check", file)


def test_purge_leaves_what_lives_and_what_was_not_read(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = told(capsys, "purge", file, "--older-than", 30)
    assert kept == ("removed 0 chats and 0 updates\nkept 1 chat with unread updates; --unread removes them too\n")
    assert told(capsys, "purge", file, "--older-than", 30, "--unread") == "removed 1 chat and 1 updates\n"
    assert json.loads(told(capsys, "check", file, "--json"))["phases"] == {"ending": 1, "warned": 1}


def test_forget_leaves_nothing_of_a_client(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert b"15550001" in file.read_bytes()
    assert told(capsys, "forget", file, "+15550001", "nobody") == "forgot 1 chat\n"
    for left in file.parent.iterdir():
        data = left.read_bytes()
        assert b"15550001" not in data
        assert b"+380441234567" not in data
    assert "no data of that client was found" in told(capsys, "forget", file, "+15550001")


@pytest.mark.parametrize("args", [["migrate"], ["purge", "--older-than", "1"], ["forget", "x"]])
def test_what_somebody_is_at_work_on_is_left_alone(
    file: Path, args: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("statemachine.cli.store._WAIT_MS", 1)
    store = SqliteStore(file, call_soon=lambda call: call())
    name, *more = args
    assert "open already" in told(capsys, name, file, *more, status=2)
    store.close()


@pytest.mark.parametrize("name", ["check", "migrate"])
def test_what_is_no_database_is_told_in_a_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "list.txt"
    other.write_text("a shopping list " * 500)
    shown = told(capsys, name, other, status=2)
    assert shown.count("\n") == 1
    assert "not a SQLite database" in shown


def test_without_a_command_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store"]) == 2
    assert "Commands:" in capsys.readouterr().out


def test_show_finds_the_customer_of_a_label_also_while_the_database_is_in_use(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = SqliteStore(file, call_soon=lambda call: call())
    name = label("acme.example/bot/%2B15550001")
    shown = told(capsys, "show", file, name)
    store.close()
    for line in ("client id   +15550001", "tenant      acme.example", "app id      bot", "warned", "2 unread"):
        assert line in shown
    found = json.loads(told(capsys, "show", file, name, "--json"))
    assert (found["client_id"], found["phase"], found["fault"]) == ("+15550001", "warned", None)
    assert set(found) == {
        "label",
        "client_id",
        "app_id",
        "tenant",
        "version",
        "unread",
        "phase",
        "outcome",
        "chat_id",
        "queued",
        "updated",
        "fault",
    }


def test_show_of_an_unknown_label(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "show", str(file), "000000000000"]) == 1
    assert "no chat has the label 000000000000" in capsys.readouterr().err


def test_a_chat_that_cannot_be_read_is_shown_with_the_remedies_and_can_be_forgotten(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = sqlite3.connect(file)
    with link:
        link.execute("UPDATE session SET snapshot = '{' WHERE id LIKE '%15550001'")
    link.close()
    shown = told(capsys, "show", file, label("acme.example/bot/%2B15550001"))
    assert "unreadable" in shown
    assert "new_chat=True" in shown
    assert f"store forget {file} +15550001" in shown.replace("\n", " ")
    assert told(capsys, "forget", file, "+15550001") == "forgot 1 chat\n"
    assert told(capsys, "show", file, label("acme.example/bot/%2B15550001"), status=1) == ""


def test_recover_raises_all_numbers(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "migrate", file)
    with closing(SqliteStore(file, call_soon=lambda call: call())) as store:
        before = contents(store)
    assert "recovered 3 chats" in told(capsys, "recover", file)
    with closing(SqliteStore(file, call_soon=lambda call: call())) as store:
        assert_recovered(before, contents(store))


def test_recover_names_unreadable_chats_and_uses_none_of_their_numbers_again(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(capsys, "migrate", file)
    with closing(sqlite3.connect(file)) as link, link:
        link.execute("UPDATE session SET snapshot = '{' WHERE key = (SELECT max(key) FROM session)")
        name, last = link.execute(
            "SELECT id, max(seq) FROM session LEFT JOIN journal ON session = key GROUP BY key ORDER BY key DESC"
        ).fetchone()
    shown = told(capsys, "recover", file, status=1)
    assert "recovered 2 chats" in shown
    assert f"chat {label(name)}: its snapshot cannot be read" in shown
    with closing(SqliteStore(file, call_soon=lambda call: call())) as store:
        with pytest.raises(UnreadableSession) as caught:
            store.load(name)
        assert caught.value.seq == (last or 0) + 1_000_000


def contents(store: SqliteStore | PostgresStore) -> dict[str, tuple[Stored, list[TranscriptUpdate]]]:
    found = {}
    for name in store.sessions():
        stored = store.load(name)
        assert stored
        found[name] = stored, list(store.journal(name, 0, 100))
    return found


def assert_recovered(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert before.keys() == after.keys() != set()
    for name, (old, updates) in before.items():
        new, more = after[name]
        numbers = {"ids": old.session.ids + 1_000_000, "seq": old.session.seq + 1_000_000}
        doubted = [
            evolve(one, state=ItemInDoubt(None)) if old.session.chat.chat_id and one.state.name == "pending" else one
            for one in old.session.items
        ]
        assert new.session == evolve(old.session, items=tuple(doubted), **numbers)
        assert more == [*updates, HistoryGap(new.session.seq, old.session.now)]


class TestPostgres:
    """The same commands with the URL of a database."""

    @pytest.fixture
    def copied(self, file: Path, postgres: str, capsys: pytest.CaptureFixture[str]) -> str:
        shown = told(capsys, "copy", file, postgres)
        assert f"copied 3 chats and 3 updates; {file} is refused now" in shown
        return postgres

    def test_a_copy_holds_the_same(
        self, file: Path, postgres: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        same = Path(shutil.copy(file, tmp_path / "same.sqlite"))
        told(capsys, "copy", file, postgres)
        sqlite = SqliteStore(same, call_soon=lambda call: call())
        copy = PostgresStore(postgres, call_soon=lambda call: call())
        assert copy.sessions() == sqlite.sessions() != ()
        for name in sqlite.sessions():
            assert copy.load(name) == sqlite.load(name)
            assert copy.journal(name, 0, 100) == sqlite.journal(name, 0, 100)
            assert copy.cursor(name) == sqlite.cursor(name)
        sqlite.close()
        copy.close()

    def test_the_copied_file_is_refused(self, copied: str, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert f"the chats of {file} are in postgresql://127.0.0.1" in told(capsys, "copy", file, copied, status=2)
        with pytest.raises(StoreError, match="use that database"):
            SqliteStore(file, call_soon=lambda call: call())

    def test_a_copy_that_was_interrupted_continues(
        self, file: Path, postgres: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(copying, "_BATCH", 1)
        insert, calls = copying._copy_session, 0

        def interrupted(*values: Any) -> int:
            nonlocal calls
            calls += 1
            if calls == 3:
                raise StoreError("the power fails")
            return insert(*values)

        monkeypatch.setattr(copying, "_copy_session", interrupted)
        assert "the power fails" in told(capsys, "copy", file, postgres, status=2)
        assert "copied 1 chat and 1 updates, 2 were there already" in told(capsys, "copy", file, postgres)

    def test_a_database_with_other_chats_of_the_customers_is_not_changed(
        self, copied: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        other = shutil.copy(GOLDEN / "schema_1.db", tmp_path / "other.sqlite")
        link = sqlite3.connect(other)
        with link:
            link.execute("UPDATE session SET version = version + 1")
        link.close()
        assert "has another chat of one of these customers" in told(capsys, "copy", other, copied, status=2)

    def test_check_counts_what_is_there(self, copied: str, capsys: pytest.CaptureFixture[str]) -> None:
        shown = told(capsys, "check", copied)
        for line in (
            "postgresql://127.0.0.1",
            "owner       none",
            "chats       3",
            "3 unread, 0 kept",
            "✓ all records",
        ):
            assert line in shown
        assert "hunter2-secret" not in shown
        store = PostgresStore(copied, call_soon=lambda call: call())
        assert json.loads(told(capsys, "check", copied, "--json"))["owner"]["pid"] == os.getpid()
        store.close()

    def test_check_names_what_is_damaged(self, copied: str, capsys: pytest.CaptureFixture[str]) -> None:
        with psycopg.connect(copied) as link:
            link.execute("UPDATE statemachine.session SET snapshot = '{}' WHERE id LIKE '%ann'")
            link.execute("UPDATE statemachine.journal SET content = '[' WHERE seq = 2")
        shown = told(capsys, "check", copied, status=1)
        assert "✗ the snapshot of session acme.example/bot/ann: " in shown
        assert "✗ update 2 of session acme.example/bot/%2B15550001: " in shown

    def test_show_finds_a_chat(self, copied: str, capsys: pytest.CaptureFixture[str]) -> None:
        shown = told(capsys, "show", copied, label("acme.example/bot/ann"))
        assert "client id   ann" in shown

    def test_purge_and_forget(self, copied: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert "removed 0 chats and 0 updates" in told(capsys, "purge", copied, "--older-than", "0")
        assert "removed 1 chat and 1 updates" in told(capsys, "purge", copied, "--older-than", "0", "--unread")
        assert "forgot 1 chat" in told(capsys, "forget", copied, "ann")
        assert "no data" in told(capsys, "forget", copied, "ann")
        assert "chats       1" in told(capsys, "check", copied)

    def test_recover_raises_all_numbers(self, copied: str, capsys: pytest.CaptureFixture[str]) -> None:
        with closing(PostgresStore(copied, call_soon=lambda call: call())) as store:
            before, epochs = contents(store), dict(store._epochs)
        assert "recovered 3 chats" in told(capsys, "recover", copied)
        with closing(PostgresStore(copied, call_soon=lambda call: call())) as store:
            assert_recovered(before, contents(store))
            assert store._epochs == {shard: epoch + 1_000_001 for shard, epoch in epochs.items()}

    def test_a_database_without_our_tables(self, postgres: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert "no tables of this package" in told(capsys, "check", postgres, status=2)

    def test_a_copy_needs_a_url(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert "expected the URL of a database" in told(capsys, "copy", file, "chats.db", status=2)

    @pytest.mark.parametrize(("scheme", "command"), [("postgresql", "copy"), ("mysql", "check")])
    def test_a_url_in_the_place_of_a_file_is_not_repeated(
        self, scheme: str, command: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        url = f"{scheme}://bridge:hunter2-secret@db.example.com/chats"
        line = told(capsys, command, *[url] * (1 + (command == "copy")), status=2)
        assert "expected a SQLite file here" in line
        assert "hunter2" not in line
