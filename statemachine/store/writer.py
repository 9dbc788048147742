"""One writing thread, with several jobs in each commit (group commit).

Each commit costs a flush to the disk. Jobs that arrive during a commit share the next one, so a busy process with
thousands of sessions makes few commits, and an idle one answers at once.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from attrs import frozen

from statemachine.adapters.protocols import Done

from ..logs import Logger, error_values
from .database import SQLITE_ERRORS, explain
from .errors import StoreClosed

CallSoon: TypeAlias = Callable[[Callable[[], object]], object]
"""Runs a callback in the owner's thread, as `loop.call_soon_threadsafe` does. Called in the writer's thread."""

GROUP: Final = 1_000
"""The most jobs in one commit: it limits how long the first of them waits."""

_log = Logger()
_Outcome: TypeAlias = tuple[Done, BaseException | None]


@frozen
class WriteJob:
    """A request to write. If `run` raises, nothing of this job is written; the others are not affected.

    `alone`: run outside a transaction, for statements that SQLite does not allow in one.
    """

    run: Callable[[sqlite3.Connection], None]
    done: Done
    alone: bool = False


class Writer:
    """The thread and its queue. It owns the connection."""

    def __init__(self, link: sqlite3.Connection, path: Path, call_soon: CallSoon, check: Callable[[], None]) -> None:
        """`check`: called before each commit; it raises where nothing may be written."""
        self._link = link
        self._path = path
        self._check = check
        self._call_soon = call_soon
        self._queue: list[WriteJob] = []
        self._closed = False
        self._wake = threading.Condition()
        # A daemon: a process that does not close the store can still exit; unanswered requests are not guaranteed.
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._run,), name="statemachine-store", daemon=True
        )
        self._thread.start()

    def put(self, job: WriteJob) -> None:
        """Queue this job. After `close` it is refused at once."""
        with self._wake:
            closed = self._closed
            if not closed:
                self._queue.append(job)
                self._wake.notify()
        if closed:
            job.done(StoreClosed("the store is closed"))

    def close(self) -> None:
        """Write all queued jobs, and wait for the end of the thread. May be repeated."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._take():
            outcomes = self._alone(group[0]) if group[0].alone else self._commit(group)
            try:
                self._call_soon(partial(_answer, outcomes))
            except Exception as error:  # the owner's loop is closed: the jobs are done, and no caller is left
                _log.warning("store_answers_dropped", count=len(outcomes), **error_values(error))
        self._link.close()

    def _take(self) -> list[WriteJob]:
        """The next group, in order; empty when closed and drained."""
        with self._wake:
            while not self._queue and not self._closed:
                self._wake.wait()
            end = next((n for n, job in enumerate(self._queue[:GROUP]) if job.alone), GROUP) or 1
            group, self._queue = self._queue[:end], self._queue[end:]
            return group

    def _alone(self, job: WriteJob) -> list[_Outcome]:
        try:
            self._check()
            job.run(self._link)
        except Exception as error:
            self._roll_back()
            return [(job.done, explain(error, self._path) if isinstance(error, SQLITE_ERRORS) else error)]
        return [(job.done, None)]

    def _commit(self, group: Sequence[WriteJob]) -> list[_Outcome]:
        """Write all jobs in one transaction; if one is refused, each in its own.

        That is rare; savepoints would avoid it, but slow down every save by a tenth.
        """
        link = self._link
        try:
            link.execute("BEGIN IMMEDIATE")
            for job in group:
                job.run(link)
            self._check()
            link.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            if len(group) > 1 and not isinstance(error, sqlite3.OperationalError):  # that is the disk or the file
                return [outcome for job in group for outcome in self._commit([job])]
            failure = explain(error, self._path) if isinstance(error, SQLITE_ERRORS) else error
            return [(job.done, failure) for job in group]
        return [(job.done, None) for job in group]

    def _roll_back(self) -> None:
        try:
            if self._link.in_transaction:
                self._link.execute("ROLLBACK")
        except sqlite3.Error as error:
            # The next group fails at its BEGIN, with the reason.
            _log.error("store_rollback_failed", path=str(self._path), error=str(error))


def _answer(outcomes: Sequence[_Outcome]) -> None:
    for done, error in outcomes:
        done(error)
