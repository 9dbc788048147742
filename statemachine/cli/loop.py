"""Runs the commands that hold many connections: on uvloop where it is installed, with as many open files as allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from .stopping import interruptible

T = TypeVar("T")


def run_many(main: Coroutine[Any, Any, T]) -> T:
    """As `run_interruptibly`."""
    from statemachine.client.process import fast_event_loop, raise_file_limit

    raise_file_limit()
    with asyncio.Runner(loop_factory=fast_event_loop()) as runner:
        return runner.run(interruptible(main))
