"""The thread that writes, and its queue: what the writers of SQLite and PostgreSQL share."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import partial
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from statemachine.adapters.protocols import Done

from ..logs import Logger, error_values
from .errors import StoreClosed

CallSoon: TypeAlias = Callable[[Callable[[], object]], object]
"""Runs a callback in the owner's thread, as `loop.call_soon_threadsafe` does. Called in the writer's thread."""

Outcome: TypeAlias = tuple[Done, BaseException | None]

GROUP: Final = 1_000
"""The most jobs in one commit: it limits how long the first of them waits."""

_log = Logger()


class _Job(Protocol):
    @property
    def done(self) -> Done: ...


J = TypeVar("J", bound=_Job)


class WriterThread(ABC, Generic[J]):
    """A thread that takes jobs from a queue. A writer defines `_run`, and calls `_begin` once it can write."""

    def __init__(self, call_soon: CallSoon) -> None:
        self._call_soon = call_soon
        self._queue: deque[J] = deque()
        self._closed = False
        self._wake = threading.Condition()
        # A daemon: a process that does not close the store can still exit; unanswered requests are not guaranteed.
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._run,), name="statemachine-store", daemon=True
        )

    def put(self, job: J) -> None:
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

    def _begin(self) -> None:
        self._thread.start()

    @abstractmethod
    def _run(self) -> None:
        """Write until `_wait` is false."""

    def _wait(self) -> bool:
        """Wait for a job, with `_wake` held. False: it is closed, and the queue is empty."""
        while not self._queue and not self._closed:
            self._wake.wait()
        return bool(self._queue)

    def _report(self, outcomes: Sequence[Outcome]) -> None:
        """Report these outcomes in the owner's thread."""
        try:
            self._call_soon(partial(_answer, outcomes))
        except Exception as error:  # the owner's loop is closed: the jobs are done, and no caller is left
            _log.warning("store_answers_dropped", count=len(outcomes), **error_values(error))


def _answer(outcomes: Sequence[Outcome]) -> None:
    for done, error in outcomes:
        done(error)
