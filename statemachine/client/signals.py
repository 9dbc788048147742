"""Signals of the operating system, handled in the event loop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from functools import partial


def on_first_signal(number: int, call: Callable[[], object]) -> Callable[[], None]:
    """Call this in the running loop at the first signal of this number. Returns a function that undoes this.

    The second signal has its earlier effect, which for SIGTERM is to end the process.
    Raises ValueError for an invalid number, one that cannot be caught, and outside the main thread.
    """
    loop = asyncio.get_running_loop()
    before = signal.getsignal(number)

    def restore() -> None:
        if signal.getsignal(number) is caught:
            signal.signal(number, signal.SIG_DFL if before is None else before)

    def arrive() -> None:
        restore()
        call()

    # Python's own handlers exist on every platform and wake the loop up; the loop's exist on POSIX only.
    caught = partial(_caught, loop, arrive)
    signal.signal(number, caught)
    return restore


def _caught(loop: asyncio.AbstractEventLoop, arrive: Callable[[], None], number: int, frame: object) -> None:
    loop.call_soon_threadsafe(arrive)
