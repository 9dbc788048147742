"""The driver's clock and worker for asyncio, and tasks whose errors are logged."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Final, TypeAlias, TypeVar

from ..logs import Logger, error_values
from .protocols import Alarm

T = TypeVar("T")

_log = Logger()


CLOCK_TOLERANCE_MS: Final = 1_000
"""A wall clock that differs by more from the monotonic one has been corrected, or the machine was suspended."""

ClockListener: TypeAlias = Callable[[int, int, int], None]
"""Called with (since, until, by) after the wall clock was moved by `by` milliseconds.

Times from `since`, when this clock was made, to `until`, by the clock before, are `by` later by the present one.
"""


def _ignored(since: int, until: int, by: int) -> None:
    """No listener."""


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000


def settle(answer: asyncio.Future[None], error: BaseException | None) -> None:
    """Take the answer of a store: its error, or none. Nothing follows where the caller was cancelled."""
    if answer.done():
        return
    if error is None:
        answer.set_result(None)
    else:
        answer.set_exception(error)


async def is_set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for this event, at most for so many seconds; returns whether it is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


class LoopClock:
    """The wall clock's time for an event loop, which waits by the monotonic clock.

    It follows a wall clock that is corrected, either way, and calls `on_change` then. A wait goes on as it was.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop | None = None,
        *,
        on_change: ClockListener = _ignored,
        seed: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], int] = _wall_clock,
    ) -> None:
        """Begin to follow the clocks.

        Args:
            loop: None: the running one.
            on_change: Called with the first and the last wrong time, and with what to add to them, in milliseconds.
            seed: Of the jitter; None: by chance.
            monotonic: A clock in seconds that is never corrected.
            wall_clock: The wall clock, in milliseconds since the epoch.
        """
        self._loop = loop or asyncio.get_running_loop()
        self._on_change = on_change
        # Not the loop's time, which some loops read once for each round: a long round would count as a correction.
        self._monotonic, self._wall_clock = monotonic, wall_clock
        self._start = monotonic()
        self._epoch = wall_clock()
        self._random = random.Random(seed)

    def now(self) -> int:
        """See `Clock.now`. Notices a corrected wall clock."""
        now, wall = self._reading(), self._wall_clock()
        by = wall - now
        if abs(by) <= CLOCK_TOLERANCE_MS:
            return now
        since, self._epoch = self._epoch, self._epoch + by
        _log.warning("clock_changed", seconds=round(by / 1_000, 1))
        self._on_change(since, now, by)
        return self._reading()

    def _reading(self) -> int:
        return self._epoch + int((self._monotonic() - self._start) * 1_000)

    def call_at(self, at: int, callback: Callable[[], None]) -> Alarm:
        """See `Clock.call_at`."""
        # Half a millisecond later than requested: then `now` has reached `at`, however floats are rounded.
        left = self._start + (at - self._epoch + 0.5) / 1_000 - self._monotonic()
        return self._loop.call_later(max(0.0, left), callback)

    def jitter(self, earliest: int, latest: int) -> int:
        """See `Clock.jitter`."""
        return self._random.randint(earliest, latest)


class LoopWorker:
    """A thread beside the event loop, for long computations, one after the other; the interpreter shares its time.

    One thread: each further one would make the loop wait longer for its turn.

    Args:
        loop: The loop in which results are used.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._executor = ThreadPoolExecutor(1, "statemachine-worker")

    async def run(self, work: Callable[[], T]) -> T:
        """The result of a computation that may take long.

        Args:
            work: The computation.
        """
        return await self._loop.run_in_executor(self._executor, work)

    def begin(self, work: Callable[[], T], done: Callable[[], None]) -> Callable[[], T]:
        """See `Worker.begin`."""
        future = self._executor.submit(work)
        future.add_done_callback(partial(self._done, done))
        return future.result

    def _done(self, done: Callable[[], None], _: Future[T]) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(done)

    def close(self) -> None:
        """Accept no more work. What is being computed ends by itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class Tasks:
    """Tasks, each held until it is done (a loop has weak references only).

    Args:
        failed: The event of the log line about a task that has raised an error.
    """

    def __init__(self, failed: str) -> None:
        self._failed = failed
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, work: Coroutine[object, object, None], key: Hashable = None) -> asyncio.Task[None]:
        """Run this until it is done or cancelled. `key`: for `cancel`; it is used once at a time."""
        task = asyncio.get_running_loop().create_task(work)
        key = task if key is None else key
        self._tasks[key] = task
        task.add_done_callback(partial(self._done, key))
        return task

    def cancel(self, key: Hashable) -> None:
        """Cancel this task, if it is still running."""
        if task := self._tasks.get(key):
            task.cancel()

    async def close(self) -> None:
        """Cancel all tasks, and wait until they are done."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, key: Hashable, task: asyncio.Task[None]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]
        if not task.cancelled() and (error := task.exception()):
            _log.error(self._failed, **error_values(error))
