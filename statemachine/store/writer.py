"""One thread that writes, several works to a commit.

A commit costs a flush to the disk, whatever it holds; works that arrive while one is being made share the next. So a
busy process with thousands of sessions makes few commits, and an idle one answers at once.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from attrs import frozen
from structlog import get_logger

from statemachine.adapters.protocols import Done

from .database import explain
from .errors import StoreClosed

CallSoon: TypeAlias = Callable[[Callable[[], object]], object]
"""Runs a callback in the owner's thread, soon, as `loop.call_soon_threadsafe` does. Called in the writer's thread."""

GROUP: Final = 1_000
"""The most works in one commit: it keeps the first of them from waiting for a transaction without end."""

_log = get_logger(__name__)
_Outcome: TypeAlias = tuple[Done, BaseException | None]


@frozen
class WriteJob:
    """Something to write. `run` raises to refuse; then nothing of this work is kept, whatever becomes of the others.

    `alone`: outside any transaction, for what SQLite does in none; it sees to itself that it is done or not.
    """

    run: Callable[[sqlite3.Connection], None]
    done: Done
    alone: bool = False


class Writer:
    """The thread, and the queue before it. It owns the connection."""

    def __init__(self, link: sqlite3.Connection, path: Path, call_soon: CallSoon) -> None:
        self._link = link
        self._path = path
        self._call_soon = call_soon
        self._queue: list[WriteJob] = []
        self._closed = False
        self._wake = threading.Condition()
        # A daemon: a process that forgets to close may still exit; what was not answered was not promised.
        self._thread = threading.Thread(target=self._run, name="statemachine-store", daemon=True)
        self._thread.start()

    def put(self, work: WriteJob) -> None:
        """Queue this work. After `close` it is refused at once."""
        with self._wake:
            closed = self._closed
            if not closed:
                self._queue.append(work)
                self._wake.notify()
        if closed:
            work.done(StoreClosed("the store is closed"))

    def close(self) -> None:
        """Write what is queued, and end the thread. Waits for it; harmless when repeated."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._take():
            outcomes = self._alone(group[0]) if group[0].alone else self._commit(group)
            try:
                self._call_soon(partial(_answer, outcomes))
            except Exception as error:  # the owner's loop is closed: the works are done, and nobody asks any more
                _log.warning("store_answers_dropped", count=len(outcomes), error=type(error).__name__)
        self._link.close()

    def _take(self) -> list[WriteJob]:
        """The next group, in order; empty when closed and drained."""
        with self._wake:
            while not self._queue and not self._closed:
                self._wake.wait()
            end = next((n for n, work in enumerate(self._queue[:GROUP]) if work.alone), GROUP) or 1
            group, self._queue = self._queue[:end], self._queue[end:]
            return group

    def _alone(self, work: WriteJob) -> list[_Outcome]:
        try:
            work.run(self._link)
        except Exception as error:
            self._roll_back()
            return [(work.done, explain(error, self._path) if isinstance(error, sqlite3.Error) else error)]
        return [(work.done, None)]

    def _commit(self, group: Sequence[WriteJob]) -> list[_Outcome]:
        """All of them in one transaction; where one is refused, each in its own.

        That is rare, and savepoints, which would spare it, cost every save a tenth of its time.
        """
        link = self._link
        try:
            link.execute("BEGIN IMMEDIATE")
            for work in group:
                work.run(link)
            link.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            if len(group) > 1 and not isinstance(error, sqlite3.OperationalError):  # that is the disk or the file
                return [outcome for work in group for outcome in self._commit([work])]
            failure = explain(error, self._path) if isinstance(error, sqlite3.Error) else error
            return [(work.done, failure) for work in group]
        return [(work.done, None) for work in group]

    def _roll_back(self) -> None:
        try:
            if self._link.in_transaction:
                self._link.execute("ROLLBACK")
        except sqlite3.Error as error:
            # Nothing more can be done here: the next group fails at its BEGIN, and says why.
            _log.error("store_rollback_failed", path=str(self._path), error=str(error))


def _answer(outcomes: Sequence[_Outcome]) -> None:
    for done, error in outcomes:
        done(error)
