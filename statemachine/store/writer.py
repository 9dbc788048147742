"""One writing thread, with several jobs in each commit (group commit).

Each commit costs a flush to the disk. Jobs that arrive during a commit share the next one, so a busy process with
thousands of sessions makes few commits, and an idle one answers at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from attrs import frozen

from statemachine.adapters.protocols import Done

from ..logs import Logger
from .database import SQLITE_ERRORS, explain
from .writing import GROUP, CallSoon, Outcome, WriterThread

_log = Logger()


@frozen
class WriteJob:
    """A request to write. If `run` raises, nothing of this job is written; the others are not affected.

    `alone`: run outside a transaction, for statements that SQLite does not allow in one.
    """

    run: Callable[[sqlite3.Connection], None]
    done: Done
    alone: bool = False


class Writer(WriterThread[WriteJob]):
    """The thread, which owns the connection."""

    def __init__(self, link: sqlite3.Connection, path: Path, call_soon: CallSoon, check: Callable[[], None]) -> None:
        """`check`: called before each commit; it raises where nothing may be written."""
        super().__init__(call_soon)
        self._link = link
        self._path = path
        self._check = check
        self._begin()

    def _run(self) -> None:
        while group := self._take():
            self._report(self._commit(group))
        self._link.close()

    def _take(self) -> list[WriteJob]:
        """The next group, in order; empty when closed and drained."""
        with self._wake:
            self._wait()
            end = next((n for n, job in enumerate(islice(self._queue, GROUP)) if job.alone), GROUP) or 1
            return [self._queue.popleft() for _ in range(min(end, len(self._queue)))]

    def _commit(self, group: Sequence[WriteJob]) -> list[Outcome]:
        """Write all jobs in one transaction; if one is refused, each in its own.

        That is rare; savepoints would avoid it, but slow down every save by a tenth.
        """
        try:
            self._write(group)
        except Exception as error:
            self._roll_back()
            if len(group) > 1 and not isinstance(error, sqlite3.OperationalError):  # that is the disk or the file
                return [outcome for job in group for outcome in self._commit([job])]
            failure = explain(error, self._path) if isinstance(error, SQLITE_ERRORS) else error
            return [(job.done, failure) for job in group]
        return [(job.done, None) for job in group]

    def _write(self, group: Sequence[WriteJob]) -> None:
        link = self._link
        if group[0].alone:
            self._check()
            group[0].run(link)
            return
        link.execute("BEGIN IMMEDIATE")
        for job in group:
            job.run(link)
        self._check()
        link.execute("COMMIT")

    def _roll_back(self) -> None:
        try:
            if self._link.in_transaction:
                self._link.execute("ROLLBACK")
        except sqlite3.Error as error:
            # The next group fails at its BEGIN, with the reason.
            _log.error("store_rollback_failed", path=str(self._path), error=str(error))
