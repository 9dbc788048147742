"""A customer whose client runs in a process of its own, which is killed and started again at each ``restart``.

The client keeps its chat in a SQLite file, and goes on with it in the next process: nothing may be lost or doubled.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import tempfile
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import structlog

from statemachine.client import ChatError
from statemachine.scripted.customer import PlayListener, StepObserver
from statemachine.scripted.result import StepResult
from statemachine.scripted.runner import Job, run_steps
from statemachine.scripted.script import RestartStep

from ..client import ChatClient

__all__ = ["run_in_processes"]

_SPAWN: Final = get_context("spawn")
_RESTART: Final = "restart"
_OVER: Final = "over"


async def run_in_processes(job: Job, listener: PlayListener) -> None:
    """Run a script whose steps include restarts. Raises ChatError."""
    relay = _Relay(listener)
    first = 0
    with tempfile.TemporaryDirectory(prefix="statemachine-run-") as folder:
        store = str(Path(folder) / "chat.sqlite")
        while first < len(job.script.steps):
            first = await _run_process(job, store, first, relay)


async def _run_process(job: Job, store: str, first: int, relay: _Relay) -> int:
    """One process, from its start until it is killed or all is done; returns the number of steps done by then."""
    receiver, sender = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=_main, args=(sender, job, store, first, relay.latest), daemon=True)
    process.start()
    sender.close()
    relay.listener.process_started(process.pid or 0)
    try:
        index = await _receive(receiver, relay)
    except EOFError:
        raise ChatError("the client's process ended unexpectedly") from None
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
        receiver.close()
    if index is None:
        return len(job.script.steps)
    step = job.script.steps[index]
    relay.listener.process_killed(process.pid or 0)
    relay.listener.executed(step, StepResult(step.line, step.words, 0.0))
    return index + 1


async def _receive(receiver: Connection, relay: _Relay) -> int | None:
    """Pass the process's calls on, until it is done (None) or is at a restart: the index of the step.

    Raises ChatError where the process could not go on, EOFError where it ended without a word.
    """
    while True:
        name, arguments = await asyncio.to_thread(receiver.recv)
        if name == _RESTART:
            index: int = arguments[0]
            return index
        if name == _OVER:
            if arguments[0]:
                raise ChatError(arguments[0])
            return None
        relay.call(name, arguments)


class _Relay:
    """Calls the listener; an update that a new process delivers once more, unchanged, is left out."""

    def __init__(self, listener: PlayListener) -> None:
        self.listener: Final = listener
        self.latest = ""
        """The item of the customer's latest text."""
        self._seen: dict[int, object] = {}

    def call(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Call this method of the listener."""
        if name == "sent":
            self.latest = arguments[0]
        elif name == "updated" and (seq := getattr(arguments[0], "seq", None)) is not None:
            if self._seen.get(seq) == arguments[0]:
                return
            self._seen[seq] = arguments[0]
        getattr(self.listener, name)(*arguments)


# --- in the client's process ------------------------------------------------------------------------------------------


def _send(sender: Connection, name: str, *arguments: object) -> None:
    sender.send((name, arguments))


def _forward(sender: Connection) -> PlayListener:
    """A listener that sends each call to the process of the play."""
    forward = PlayListener()
    for name in (name for name in vars(PlayListener) if not name.startswith("_")):
        setattr(forward, name, partial(_send, sender, name))
    return forward


def _main(sender: Connection, job: Job, store: str, first: int, latest: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process of the play handles Ctrl-C, and kills this one
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        asyncio.run(_run(sender, job, store, first, latest))
    except ChatError as error:
        sender.send((_OVER, (str(error),)))
    else:
        sender.send((_OVER, ("",)))


async def _run(sender: Connection, job: Job, store: str, first: int, latest: str) -> None:
    async def restart(step: RestartStep) -> None:
        sender.send((_RESTART, (next(index for index, one in enumerate(job.script.steps) if one is step),)))
        await asyncio.Event().wait()

    observer = StepObserver()
    at = job.endpoint
    async with ChatClient(
        at.url, tenant=at.tenant, app_id=at.app_id, store=store, options=job.options, observers=(observer,)
    ) as client:
        await run_steps(job, client, observer, _forward(sender), first, latest, restart)
