"""`statemachine store`: maintenance of the database of chats."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from shlex import quote
from typing import Any, Final, TypeVar
from urllib.parse import unquote

import click
from attrs import asdict

from statemachine.store import housekeeping, recovery
from statemachine.store.check import StoreReport, check
from statemachine.store.database import open_owned, translated_errors
from statemachine.store.errors import StoreError
from statemachine.store.lookup import StoredChat, find
from statemachine.store.names import is_url, shown
from statemachine.store.schema import SCHEMA, rows

from .app import Group, Trouble, in_trouble
from .errors import say
from .files import FILE
from .numbers import FiniteRange
from .screen import Screen, phase_style

_WAIT_MS: Final = 1_000
_DAY_MS: Final = 86_400_000
_LONGEST_DAYS: Final = 100_000.0

_T = TypeVar("_T")


class _File(click.Path):
    """A SQLite file. Other URLs than those of PostgreSQL are not repeated in the message: they may hold a password."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if "://" in str(value):
            self.fail("expected a SQLite file here; the URL of a database begins with postgresql://", param, ctx)
        return super().convert(value, param, ctx)


_path: Final = _File(exists=True, dir_okay=False, path_type=Path)


def _database(ctx: click.Context, parameter: click.Parameter, value: str) -> Path | str:
    """The URL of a PostgreSQL database, or the path of a SQLite file."""
    found: Path | str = value if is_url(value) else _path.convert(value, parameter, ctx)
    return found


_file: Final = click.argument("file", callback=_database, metavar="DATABASE")


@click.group(name="store", cls=Group)
def command() -> None:
    """Maintain the database of chats: check, show a chat, migrate, purge, forget a client, recover, copy.

    DATABASE is a SQLite file (`store="chats.sqlite"`), or the URL of a PostgreSQL database. For a file, all but check
    and show need exclusive access: they refuse while a process uses it, and name that process. With PostgreSQL, purge
    and forget run beside the workers.

    Exit status: 0 done; 1 check or recover found damage, or show no chat; 2 it could not be executed.
    """


@command.command(name="check")
@_file
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check_(file: Path | str, as_json: bool) -> int:
    """Print its size, its current owner, and whether it is intact. Changes nothing."""
    with in_trouble(StoreError):
        checked = _postgres("check").check(file) if is_url(file) else check(Path(file))
    if as_json:
        click.echo(json.dumps(asdict(checked)))
    else:
        _show(Screen(), file, checked)
    return 1 if checked.faults else 0


@command.command()
@_file
@click.argument("label")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(file: Path | str, label: str, as_json: bool) -> int:
    """Print the customer and the state of the chat with this LABEL. Changes nothing, and prints no texts.

    Log lines, errors and names of trace files have the label instead of the customer's id, which may be private.
    """
    with in_trouble(StoreError):
        found = _postgres("check").find(file, label) if is_url(file) else find(Path(file), label)
    if not found:
        say(f"{_name(file)}: no chat has the label {label}")
    for chat in found:
        if as_json:
            click.echo(json.dumps(asdict(chat)))
        else:
            _show_chat(Screen(), file, chat)
    return 0 if found else 1


@command.command()
@click.argument("file", type=_path)
@click.option("--copy", type=FILE, help="Copy the old database to this file first.")
def migrate(file: Path, copy: Path | None) -> None:
    """Migrate a SQLite file to the current schema, in one transaction.

    A client that opens it does the same, and so it does with a PostgreSQL database."""
    with in_trouble(StoreError):
        found = check(file).schema
        _work(file, lambda link: None, copy)
    is_old = found < SCHEMA
    kept = f"; as it was: {copy}" if copy and is_old else ""
    Screen().line(
        f"{file}: from schema {found} to {SCHEMA}{kept}" if is_old else f"{file}: has schema {SCHEMA} already"
    )


@command.command()
@_file
@click.option(
    "--older-than", "days", required=True, type=FiniteRange(0, _LONGEST_DAYS), metavar="DAYS", help="Ended so long ago."
)
@click.option("--unread", is_flag=True, help="Also remove updates that the application has not read.")
def purge(file: Path | str, days: float, unread: bool) -> None:
    """Remove chats that are over, and the updates kept of them.

    An open chat is kept, whatever its age. A client whose chat was removed starts again with seq 1.
    """

    before = time.time_ns() // 1_000_000 - int(days * _DAY_MS)

    def work(link: sqlite3.Connection) -> housekeeping.Purged:
        link.execute("BEGIN IMMEDIATE")
        purged = housekeeping.purge(link, before, unread=unread)
        link.execute("COMMIT")
        housekeeping.scrub(link)
        return purged

    with in_trouble(StoreError):
        if is_url(file):
            purged = _work_in_postgres(file, partial(_postgres("housekeeping").purge, before=before, unread=unread))
        else:
            purged = _work(Path(file), work)
    screen = Screen()
    screen.line(f"removed {_chats(purged.sessions)} and {purged.updates:,} updates")
    if purged.unread:
        screen.line(f"kept {_chats(purged.unread)} with unread updates; --unread removes them too")


@command.command()
@_file
@click.argument("client_ids", nargs=-1, required=True, metavar="CLIENT_ID…")
def forget(file: Path | str, client_ids: tuple[str, ...]) -> None:
    """Remove all data of these customers.

    Open chats are removed too; they are not ended, the contact centre gets no message. Deleted data is overwritten in
    a file; a PostgreSQL server overwrites it at its next vacuum, and keeps it in its write-ahead log. Delete copies,
    backups and traces yourself.
    """

    def work(link: sqlite3.Connection) -> int:
        ids = [session_id for (session_id,) in rows(link, (str,), "SELECT id FROM session")]
        return housekeeping.forget(link, _of_clients(ids, client_ids))

    def work_in_postgres(link: Any) -> int:
        found: int = _postgres("housekeeping").forget_clients(link, client_ids)
        return found

    with in_trouble(StoreError):
        found = _work_in_postgres(file, work_in_postgres) if is_url(file) else _work(Path(file), work)
    Screen().line(f"forgot {_chats(found)}" if found else "no data of that client was found")


@command.command()
@_file
def recover(file: Path | str) -> int:
    """Raise all numbers after the database was restored from a backup, so that no message id is used twice.

    Do it once, before a process uses the database again. Each chat reports a `HistoryGap`: the backup does not know
    what came after it. A message that waits in the backup is sent only where the history lacks it; intents that wait in
    the inbox are refused.
    """
    with in_trouble(StoreError):
        if is_url(file):
            found = _work_in_postgres(file, recovery.recover_database)
        else:
            found = _work(Path(file), recovery.recover_file)
    screen = Screen()
    screen.line(f"recovered {_chats(found.sessions - len(found.unreadable))}")
    if found.refused:
        screen.line(f"refused {found.refused:,} intents that waited in the inbox: put those again that are still due")
    for name in found.unreadable:
        screen.line(
            ("✗ ", "bold red"), f"chat {name}: its snapshot cannot be read: statemachine store show DATABASE {name}"
        )
    return 1 if found.unreadable else 0


@command.command()
@click.argument("file", type=_path)
@click.argument("url")
def copy(file: Path, url: str) -> None:
    """Copy the chats of a SQLite file into a PostgreSQL database; the file is refused afterwards.

    Stop the processes of both first. Repeated after a crash, it continues where it was.
    """
    if not is_url(url):
        raise Trouble("expected the URL of a database, like postgresql://user:password@host/database")
    with in_trouble(StoreError):
        copied = _module("copying").copy(file, url)
    skipped = f", {copied.skipped:,} were there already" if copied.skipped else ""
    Screen().line(f"copied {_chats(copied.sessions)} and {copied.updates:,} updates{skipped}; {file} is refused now")


def _module(name: str) -> Any:
    """A module that needs psycopg. Raises Trouble where it is not installed."""
    with in_trouble(ImportError):
        return import_module(f"statemachine.store.{name}")


def _postgres(name: str) -> Any:
    return _module(f"postgres_{name}")


def _name(file: Path | str) -> str:
    return shown(file) if is_url(file) else str(file)


def _of_clients(ids: list[str], client_ids: tuple[str, ...]) -> list[str]:
    """The sessions of these clients, of any tenant and application; the client's id is the last part of each."""
    return [session_id for session_id in ids if unquote(session_id.rpartition("/")[2]) in client_ids]


def _work_in_postgres(url: str, work: Callable[[Any], _T]) -> _T:
    """Do this in one transaction, beside the workers."""
    with _postgres("database").existing(url) as (link, _), link.transaction():
        return work(link)


def _work(file: Path, work: Callable[[sqlite3.Connection], _T], copy: Path | None = None) -> _T:
    """Do this with exclusive access to the database."""
    link, lock = open_owned(file, _WAIT_MS, copy=copy)
    try:
        with translated_errors(file):
            return work(link)
    finally:
        link.close()
        lock.release()


def _chats(count: int) -> str:
    return f"{count:,} chat" if count == 1 else f"{count:,} chats"


def _show_chat(screen: Screen, file: Path | str, chat: StoredChat) -> None:
    screen.line(f"client id   {chat.client_id}")
    screen.line(f"tenant      {chat.tenant}")
    screen.line(f"app id      {chat.app_id}")
    outcome = f", outcome {chat.outcome}" if chat.outcome else ""
    screen.line("phase       ", (chat.phase, phase_style(chat.phase)), outcome)
    if chat.fault is None:
        screen.line(f"chat id     {chat.chat_id or 'none yet'}")
        screen.line(f"queued      {chat.queued} not sent yet")
    screen.line(f"updates     {chat.unread:,} unread")
    if chat.fault is not None:
        screen.line(("✗ ", "bold red"), f"its snapshot cannot be read: {chat.fault}")
        screen.line("Continue with ChatClient.session(…, new_chat=True), which begins a new chat in its place,")
        screen.line(f"or delete it: statemachine store forget {_name(file)} {quote(chat.client_id)}")


def _show(screen: Screen, file: Path | str, checked: StoreReport) -> None:
    is_old = f" (the next client that opens it migrates it to {checked.current})" if checked.is_old else ""
    screen.line((_name(file), "bold"), f": {checked.size:,} bytes, schema {checked.schema}{is_old}")
    screen.line(f"owner       {checked.owner or 'none'}")
    screen.line(f"chats       {sum(checked.phases.values()):,}")
    for phase, count in sorted(checked.phases.items(), key=lambda item: (-item[1], item[0])):
        screen.line(f"  {count:>8,}  ", (phase, phase_style(phase)))
    screen.line(f"updates     {checked.unread:,} unread, {checked.kept:,} kept")
    for fault in checked.faults:
        screen.line(("✗ ", "bold red"), fault)
    if not checked.faults:
        screen.line(("✓ all records can be read", "green"))
