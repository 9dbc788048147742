"""`statemachine store`: maintenance of the database of chats."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import Final, TypeVar
from urllib.parse import unquote

import click
from attrs import asdict

from statemachine.store import housekeeping
from statemachine.store.check import StoreReport, check
from statemachine.store.database import open_owned, translated_errors
from statemachine.store.errors import StoreError
from statemachine.store.lookup import StoredChat, find
from statemachine.store.schema import SCHEMA, rows

from .app import Group, in_trouble
from .errors import say
from .files import FILE
from .numbers import FiniteRange
from .screen import Screen, phase_style

_WAIT_MS: Final = 1_000
_DAY_MS: Final = 86_400_000
_LONGEST_DAYS: Final = 100_000.0

_T = TypeVar("_T")
_file: Final = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group(name="store", cls=Group, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Maintain the database of chats (`store="chats.sqlite"`): check, show a chat, migrate, purge, forget a client.

    All but check and show need exclusive access: they refuse while a process uses the database, and name that process.

    Exit status: 0 done; 1 check found damage, or show no chat; 2 it could not be executed.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
        ctx.exit(2)


@command.command(name="check")
@_file
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check_(file: Path, as_json: bool) -> int:
    """Print its size, its current owner, and whether it is intact. Changes nothing."""
    with in_trouble(StoreError):
        checked = check(file)
    if as_json:
        click.echo(json.dumps(asdict(checked)))
    else:
        _show(Screen(), file, checked)
    return 1 if checked.faults else 0


@command.command()
@_file
@click.argument("label")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(file: Path, label: str, as_json: bool) -> int:
    """Print the customer and the state of the chat with this LABEL. Changes nothing, and prints no texts.

    Log lines, errors and names of trace files have the label instead of the customer's id, which may be private.
    """
    with in_trouble(StoreError):
        found = find(file, label)
    if not found:
        say(f"{file}: no chat has the label {label}")
    for chat in found:
        if as_json:
            click.echo(json.dumps(asdict(chat)))
        else:
            _show_chat(Screen(), file, chat)
    return 0 if found else 1


@command.command()
@_file
@click.option("--copy", type=FILE, help="Copy the old database to this file first.")
def migrate(file: Path, copy: Path | None) -> None:
    """Migrate it to the current schema, in one transaction.

    A client that opens it does the same."""
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
    "--older-than",
    "days",
    required=True,
    type=FiniteRange(0, _LONGEST_DAYS),
    metavar="DAYS",
    help="Ended so long ago.",
)
@click.option("--unread", is_flag=True, help="Also remove updates that the application has not read.")
def purge(file: Path, days: float, unread: bool) -> None:
    """Remove chats that are over, and the updates kept of them.

    An open chat is kept, whatever its age. A client whose chat was removed starts again with seq 1.
    """

    def work(link: sqlite3.Connection) -> housekeeping.Purged:
        before = time.time_ns() // 1_000_000 - int(days * _DAY_MS)
        link.execute("BEGIN IMMEDIATE")
        purged = housekeeping.purge(link, before, unread=unread)
        link.execute("COMMIT")
        housekeeping.scrub(link)
        return purged

    with in_trouble(StoreError):
        purged = _work(file, work)
    screen = Screen()
    screen.line(f"removed {_chats(purged.sessions)} and {purged.updates:,} updates")
    if purged.unread:
        screen.line(f"kept {_chats(purged.unread)} with unread updates; --unread removes them too")


@command.command()
@_file
@click.argument("client_ids", nargs=-1, required=True, metavar="CLIENT_ID…")
def forget(file: Path, client_ids: tuple[str, ...]) -> None:
    """Remove all data of these customers.

    Open chats are removed too; they are not ended, the contact centre gets no message. Deleted data is overwritten in
    the file. Delete copies of the file, and traces, yourself.
    """
    with in_trouble(StoreError):
        found = _work(file, lambda link: housekeeping.forget(link, _sessions_of(link, client_ids)))
    Screen().line(f"forgot {_chats(found)}" if found else "no data of that client was found")


def _sessions_of(link: sqlite3.Connection, client_ids: tuple[str, ...]) -> list[str]:
    """The ids of their sessions, of any tenant and application; the client's id is the last part of each."""
    ids = [session_id for (session_id,) in rows(link, (str,), "SELECT id FROM session")]
    return [session_id for session_id in ids if unquote(session_id.rpartition("/")[2]) in client_ids]


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


def _show_chat(screen: Screen, file: Path, chat: StoredChat) -> None:
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
        screen.line(f"or delete it: statemachine store forget {file} {quote(chat.client_id)}")


def _show(screen: Screen, file: Path, checked: StoreReport) -> None:
    is_old = f" (the next client that opens it migrates it to {SCHEMA})" if checked.is_old else ""
    screen.line((str(file), "bold"), f": {checked.size:,} bytes, schema {checked.schema}{is_old}")
    screen.line(f"owner       {checked.owner or 'none'}")
    screen.line(f"chats       {sum(checked.phases.values()):,}")
    for phase, count in sorted(checked.phases.items(), key=lambda item: (-item[1], item[0])):
        screen.line(f"  {count:>8,}  ", (phase, phase_style(phase)))
    screen.line(f"updates     {checked.unread:,} unread, {checked.kept:,} kept")
    for fault in checked.faults:
        screen.line(("✗ ", "bold red"), fault)
    if not checked.faults:
        screen.line(("✓ all records can be read", "green"))
