"""Ctrl-C and SIGTERM for commands that run until they are stopped."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

T = TypeVar("T")

INTERRUPTED: Final = 130
"""The exit status after Ctrl-C."""
_CLEANUP_S: Final = 0.8
_AGAIN_S: Final = 0.1
_TRIES: Final = 20


def run_interruptibly(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, which ends within two seconds after Ctrl-C: it cancels the tasks of the clean-up, too.

    Raises KeyboardInterrupt after Ctrl-C.
    """
    return asyncio.run(_interruptible(work))


def run_many(work: Coroutine[Any, Any, T]) -> T:
    """The same for many connections: on uvloop where it is installed, with as many open files as allowed."""
    from statemachine.client.process import fast_event_loop, raise_file_limit

    raise_file_limit()
    with asyncio.Runner(loop_factory=fast_event_loop()) as runner:
        return runner.run(_interruptible(work))


async def _interruptible(work: Coroutine[Any, Any, T]) -> T:
    """Do this work; soon after it is cancelled, cancel all tasks that its clean-up waits for."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait([task], timeout=_CLEANUP_S)
        for _ in range(_TRIES):
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for other in others:
                other.cancel()
            if others:
                await asyncio.wait(others, timeout=_AGAIN_S)
        raise


def stop_signal() -> asyncio.Future[int]:
    """A future that is done at Ctrl-C (with the exit status 130) or SIGTERM (with 0).

    Where signals cannot be handled by the loop (Windows, another thread) it is never done: Ctrl-C raises
    KeyboardInterrupt there.
    """
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(status: int) -> None:
        if not stopped.done():
            stopped.set_result(status)

    for number, status in ((signal.SIGINT, INTERRUPTED), (signal.SIGTERM, 0)):
        with suppress(NotImplementedError, RuntimeError):
            loop.add_signal_handler(number, stop, status)
    return stopped
