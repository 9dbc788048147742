"""A worker of the failure runs: `python -m tests.cluster.app CENTRE DATABASE LEASE_S SETTLE_S [OPTION…]`.

It prints its figures once a second. Options: `freezable`: it stops itself (SIGSTOP) at the next post that is saved
(SIGUSR1) or executed (SIGUSR2). `unguarded`: it sends without a lease. `skew=SECONDS`: its wall clock is wrong by so
much. `drain=SECONDS`: see `Worker`. `poison=FILE`: updates of the key "poison" end the process, as long as this file is
not there.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable
from datetime import timedelta
from functools import partial

import structlog
from attrs import asdict

from statemachine import DeliveryUpdate, Post
from statemachine.adapters.protocols import Checkpoint, HandledEvent
from statemachine.client import Options
from statemachine.cluster import Worker

GC_THRESHOLD = (10_000, 10, 10)
"""See the guide: a third of a worker's time, and pauses of a tenth of a second, went into collections."""
_MOMENTS: dict[int, Checkpoint] = {signal.SIGUSR1: "saved", signal.SIGUSR2: "executed"}


class Freezer:
    """Stops the process at a moment of the next post."""

    def __init__(self) -> None:
        self._moment: Checkpoint | None = None
        self._session = ""

    def arm(self, number: int) -> None:
        self._moment = _MOMENTS[number]

    def event_handled(self, step: HandledEvent) -> None:
        if self._moment and not self._session and any(isinstance(one, Post) for one in step.outputs):
            self._session = step.session_id

    def checkpoint(self, session_id: str, checkpoint: Checkpoint, number: int) -> None:
        if self._moment == checkpoint and self._session == session_id:
            self._moment, self._session = None, ""
            os.kill(os.getpid(), signal.SIGSTOP)


class Unguarded(Worker):
    """The control: it sends without a lease."""

    def _may_send(self) -> bool:
        return True


def set_clock(seconds: float) -> None:
    """Let all code of this process read another wall clock."""
    time_ns, wall = time.time_ns, time.time
    time.time_ns = lambda: time_ns() + int(seconds * 1e9)
    time.time = lambda: wall() + seconds


async def handle(cure: str, _: object, update: object) -> None:
    """The application's work."""
    if cure and isinstance(update, DeliveryUpdate) and update.key == "poison" and not os.access(cure, os.F_OK):
        os._exit(1)


async def main(centre: str, database: str, lease: float, settle: float, given: dict[str, str]) -> None:
    set_clock(float(given.get("skew", 0)))
    gc.set_threshold(*GC_THRESHOLD)
    kind = Unguarded if "unguarded" in given else Worker
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    freezer = Freezer()
    options = Options(
        request_timeout=timedelta(seconds=10),
        settle=timedelta(seconds=settle),
        poll_timeout=timedelta(seconds=15),
        close_within=timedelta(seconds=3),
        request_within=timedelta(minutes=10),
    )
    worker = kind(
        centre,
        app_id="cluster",
        store=database,
        lease=timedelta(seconds=lease),
        drain=timedelta(seconds=float(given.get("drain", 20))),
        options=options,
        observers=(freezer,) if "freezable" in given else (),
    )
    async with worker:
        loop = asyncio.get_running_loop()
        for number in _MOMENTS:
            loop.add_signal_handler(number, freezer.arm, number)
        worker.close_on(signal.SIGTERM)
        handling: Awaitable[None] = worker.handle(partial(handle, given.get("poison", "")))
        await asyncio.gather(handling, report(worker))


async def report(worker: Worker) -> None:
    """Print the figures once a second: a killed process prints no last ones."""
    while not worker._closed:
        print(json.dumps(asdict(worker.cluster_stats())), flush=True)
        await asyncio.sleep(1)


if __name__ == "__main__":
    pairs = {name: value for name, _, value in (one.partition("=") for one in sys.argv[5:])}
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]), pairs))
