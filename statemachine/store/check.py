"""Checks a database, also while it is in use: how much it holds, and whether all of it can be read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from statemachine.codec.records import decode_update
from statemachine.codec.snapshot import restore
from statemachine.codec.upgrades import from_format_1

from .database import SQLITE_ERRORS, explain, open_reading, translated_errors
from .ownership import Owner, Ownership, owner_of
from .schema import SCHEMA
from .sealing import is_sealed

_NAMED: Final = 20
"""The most faults that are listed; a damaged file has thousands."""


@frozen
class StoreReport:
    """The contents of a database. `current`: the schema that this version writes.

    `size`: bytes, without the write-ahead log. `phases`: sessions by phase.

    `unread`: updates not acknowledged; `kept`: acknowledged ones, kept as transcript. `owner`: the process that uses
    it, or None. `faults`: in words.
    """

    schema: int
    current: int
    size: int
    phases: dict[str, int]
    unread: int
    kept: int
    owner: Owner | None
    faults: tuple[str, ...]

    @property
    def is_old(self) -> bool:
        """It will be migrated when a store opens it."""
        return self.schema < self.current


def check(path: Path) -> StoreReport:
    """Read the whole database. Raises a `StoreError` for a foreign database, or one that cannot be read at all."""
    with translated_errors(path):
        is_held = Ownership.is_held(path.resolve())
    link, schema = open_reading(path)
    with translated_errors(path):
        try:
            link.execute("BEGIN")  # a consistent read, also while others write
            phases = Counter[str]()
            updates = Counter[bool]()
            faults: list[str] = []
            try:
                rows = link.execute(f"PRAGMA integrity_check({_NAMED})")
                faults += [str(row[0]) for row in rows if row[0] != "ok"]
                check_sessions(link.execute("SELECT id, snapshot FROM session"), phases, faults)
                column, upgrade = ("news", from_format_1) if schema < 3 else ("content", dict[str, Any])
                query = f"SELECT id, seq, seq > cursor, {column} FROM journal LEFT JOIN session ON key = session"
                check_updates(link.execute(query), updates, faults, upgrade)
            except SQLITE_ERRORS as error:  # a damaged page: the rest cannot be read
                faults.append(f"{explain(error, path)}")
            owner = owner_of(link) if is_held else None
            return StoreReport(
                schema, SCHEMA, path.stat().st_size, dict(phases), updates[True], updates[False], owner, clipped(faults)
            )
        finally:
            link.close()


def check_sessions(rows: Iterable[tuple[Any, ...]], phases: Counter[str], faults: list[str]) -> None:
    """Read all snapshots: count the phases, and name the faults. `rows`: id, snapshot. Encrypted ones are counted."""
    for session_id, text in rows:
        if is_sealed(text):
            phases["encrypted"] += 1
            continue
        try:
            phases[restore(json.loads(text)).phase] += 1
        except Exception as error:
            phases["unreadable"] += 1
            faults.append(f"the snapshot of session {session_id}: {error}")


def check_updates(
    rows: Iterable[tuple[Any, ...]],
    updates: Counter[bool],
    faults: list[str],
    upgrade: Callable[[Any], dict[str, Any]] = dict,
) -> None:
    """Read all updates: count the unread ones, and name the faults. `rows`: session, seq, unread, content."""
    for session_id, seq, unread, text in rows:
        updates[bool(unread)] += 1
        try:
            if not is_sealed(text):
                decode_update(upgrade(json.loads(text)))
        except Exception as error:
            faults.append(f"update {seq} of session {session_id}: {error}")
        if session_id is None:
            faults.append(f"update {seq} of no session")


def clipped(faults: list[str]) -> tuple[str, ...]:
    """The first faults, and how many follow."""
    more = len(faults) - _NAMED
    return (*faults[:_NAMED], *([f"and {more} more"] if more > 0 else []))
