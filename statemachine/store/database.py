"""Creates and opens the database file, and translates SQLite's errors."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from ..files import open_private
from .errors import CorruptStore, ForeignStore, StoreBusy, StoreError, StoreFull, StoreOwned, StoreReadOnly
from .ownership import Owner, Ownership, lock_of, owner_of
from .schema import SCHEMA, migrate, read_schema

PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # WAL alone may lose the last commits when the power fails
    "PRAGMA fullfsync = ON",  # macOS flushes the drive's own cache only when asked to; a no-op elsewhere
    "PRAGMA secure_delete = ON",  # deleted content is overwritten; `scrub` does the rest
)

_MEANINGS: Final[dict[int, tuple[type[StoreError], str]]] = {
    sqlite3.SQLITE_BUSY: (StoreBusy, "another process keeps {} locked: stop it, or give each its own file"),
    sqlite3.SQLITE_LOCKED: (StoreBusy, "another connection keeps {} locked"),
    sqlite3.SQLITE_FULL: (StoreFull, "no space left for {}: free some; what was not saved was not done"),
    sqlite3.SQLITE_READONLY: (StoreReadOnly, "{} cannot be written: check its permissions and its directory's"),
    sqlite3.SQLITE_PERM: (StoreReadOnly, "{} may not be opened: check its permissions"),
    sqlite3.SQLITE_CANTOPEN: (StoreReadOnly, "{} cannot be opened: check that its directory can be written"),
    sqlite3.SQLITE_NOTADB: (
        ForeignStore,
        "{} is not a SQLite database, or its first page is damaged: choose another file, or restore a copy",
    ),
    sqlite3.SQLITE_CORRUPT: (CorruptStore, "{} is damaged: restore a copy"),
    sqlite3.SQLITE_IOERR: (StoreError, "{}: the disk failed; what was not saved was not done"),
}


SQLITE_ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)
"""The second one comes from a message that quotes a damaged page."""


def explain(error: sqlite3.Error | UnicodeDecodeError, path: Path) -> StoreError:
    """The `StoreError` for an error of SQLite, with the remedy."""
    # Extended codes hold the primary one in their lowest byte (sqlite.org/rescode.html).
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    # Any other error, such as a missing table or a text that is not UTF-8, comes from damaged pages.
    kind, text = _MEANINGS.get(code, (CorruptStore, "{} is damaged ({}): restore a copy"))
    return kind(text.format(path, error))


@contextmanager
def translated_errors(path: Path) -> Generator[None, None, None]:
    """Turn errors of SQLite and of the operating system in the block into a `StoreError`."""
    try:
        yield
    except SQLITE_ERRORS as error:
        raise explain(error, path) from error
    except OSError as error:
        raise StoreReadOnly(f"{path} cannot be opened: {error.strerror}") from error


def open_owned(path: Path, busy_ms: int, *, copy: Path | None = None) -> tuple[sqlite3.Connection, Ownership]:
    """Open the database for writing: created if missing, migrated, and marked with this process as owner.

    `copy`: the path for a copy of a database with an older schema: an older version of this package cannot read the
    migrated one. Raises a `StoreError`; StoreOwned names the process that has the database open.
    """
    _create(path)
    path = _one_name(path)
    with translated_errors(path), ExitStack() as undo:
        _make_private(path)
        with _refused(path):
            owned = Ownership(path, busy_ms)
            undo.callback(owned.release)
        link = _open(path, "rw", busy_ms)
        undo.callback(link.close)
        read_schema(link, path)  # before any write: a wrong path may name another program's data
        with _refused(path):
            owned.complete()
        if copy is not None and read_schema(link, path) != SCHEMA:
            _copy(link, copy)
        _set(link)
        migrate(link, path)
        Owner.here().sign(link)
        owned.watch()
        undo.pop_all()
        return link, owned


def connect(path: Path, busy_ms: int) -> sqlite3.Connection:
    """Another connection to a database that this process owns. Raises a `StoreError`."""
    with translated_errors(path), ExitStack() as undo:
        link = _open(path, "rw", busy_ms)
        undo.callback(link.close)
        _set(link)
        undo.pop_all()
        return link


def open_reading(path: Path) -> tuple[sqlite3.Connection, int]:
    """Open a database read-only, also while it is in use. Returns its schema too. Raises a `StoreError`."""
    if not path.is_file():
        raise StoreError(f"{path}: there is no such file")
    path = _one_name(path)
    with translated_errors(path), ExitStack() as undo:
        link = _open(path, "ro", 5_000)
        undo.callback(link.close)
        schema = read_schema(link, path)
        undo.pop_all()
        return link, schema


def _open(path: Path, mode: str, busy_ms: int) -> sqlite3.Connection:
    """A connection in autocommit mode, to be used by one thread at a time."""
    # As a URI: no file name has a special meaning, and a missing file is not created.
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}",
        uri=True,
        timeout=busy_ms / 1000,
        isolation_level=None,
        check_same_thread=False,
    )


def _set(link: sqlite3.Connection) -> None:
    for pragma in PRAGMAS:
        link.execute(pragma)


@contextmanager
def _refused(path: Path) -> Generator[None, None, None]:
    """Turn the errors of taking ownership into a `StoreError`."""
    try:
        yield
    except BlockingIOError as error:
        raise StoreOwned(_owned_words(path)) from error
    except OSError as error:
        raise StoreReadOnly(f"{path} needs a lock file beside it, which cannot be made: {error.strerror}") from error


def _owned_words(path: Path) -> str:
    owner = None
    with suppress(StoreError):
        link, _ = open_reading(path)
        owner = owner_of(link)
        link.close()
    if owner and owner.is_here:
        return f"this process has {path} open already: share one store, or use another file"
    return f"{owner or 'another process'} uses {path}: stop it first, or give each its own file"


def _copy(link: sqlite3.Connection, to: Path) -> None:
    if to.exists():
        raise StoreError(f"{to} exists already: name a file that does not")
    _create(to)
    link.execute("VACUUM INTO ?", (str(to),))


def _create(path: Path) -> None:
    """Create an empty file if there is none. An existing one is not opened: its close would drop SQLite's locks."""
    try:
        open_private(path, "x").close()
    except FileExistsError:
        if path.is_dir():
            raise StoreError(f"{path} is a directory: name a file in it") from None
        if not path.exists():
            raise StoreError(f"{path} is a symbolic link to no file: name the file itself") from None
    except FileNotFoundError as error:
        raise StoreError(f"{path}: there is no such directory; create it first") from error
    except ValueError as error:
        raise StoreError(f"{str(path)!r} cannot be a path: {error}") from error
    except OSError as error:
        raise StoreReadOnly(f"{path} cannot be opened for writing: {error.strerror}") from error


def _one_name(path: Path) -> Path:
    """The resolved path. Raises StoreError where the file has another name: SQLite would keep a log beside each.

    So do its files beside it: SQLite writes through a link that somebody has planted there.
    """
    path = path.resolve()
    for file in (path, *_beside(path)):
        with suppress(FileNotFoundError):
            found = file.stat(follow_symlinks=False)
            if not stat.S_ISREG(found.st_mode):
                raise StoreError(f"{file} is no regular file: {'name another' if file == path else 'remove it'}")
            if found.st_nlink > 1:
                raise StoreError(f"{file} has another name (hard link): remove one of the two")
    return path


def _beside(path: Path) -> tuple[Path, ...]:
    """The files that a database has beside it."""
    return (lock_of(path), *(path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm", "-journal")))


def _make_private(path: Path) -> None:
    """Take the rights of other users away. SQLite gives the -wal and -shm files the permissions of the database."""
    if os.name != "posix":
        return
    for file in (path, *_beside(path)):
        with suppress(FileNotFoundError):
            if file.stat(follow_symlinks=False).st_mode & 0o077 == 0:
                continue
            try:
                file.chmod(0o600)
            except PermissionError:
                raise StoreReadOnly(f"{file} can be read by other users: its owner must run chmod 600 {file}") from None
