"""The driver's clock for asyncio, and tasks whose errors are logged."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Hashable
from functools import partial

from ..logs import Logger, error_values
from .protocols import Alarm

_log = Logger()


class LoopClock:
    """The loop's monotonic time, starting at the wall clock's time: changes of the wall clock do not affect it.

    `loop`: None: the running one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None, *, seed: int | None = None) -> None:
        self._loop = loop or asyncio.get_running_loop()
        self._start = self._loop.time()
        self._epoch = time.time_ns() // 1_000_000
        self._random = random.Random(seed)

    def now(self) -> int:
        """See `Clock.now`."""
        return self._epoch + int((self._loop.time() - self._start) * 1_000)

    def call_at(self, at: int, callback: Callable[[], None]) -> Alarm:
        """See `Clock.call_at`."""
        # Half a millisecond later than requested: then `now` has reached `at`, however floats are rounded.
        return self._loop.call_at(self._start + (at - self._epoch + 0.5) / 1_000, callback)

    def jitter(self, earliest: int, latest: int) -> int:
        """See `Clock.jitter`."""
        return self._random.randint(earliest, latest)


class Tasks:
    """Tasks by key, each held until it is done (a loop has weak references only); errors are logged."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, key: Hashable, work: Coroutine[object, object, None]) -> None:
        """Run this until it is done or cancelled. A key is used once at a time."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[key] = task
        task.add_done_callback(partial(self._done, key))

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
            _log.error("task_failed", **error_values(error))
