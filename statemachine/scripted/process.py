"""A customer whose client runs in a process of its own, which is killed and started again at each ``restart``.

The client keeps its chat in a SQLite file, and goes on with it in the next process: nothing may be lost or doubled.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, TypeAlias

from attrs import frozen

from statemachine.client import ChatClient, ChatError
from statemachine.scripted import events
from statemachine.scripted.customer import Job, StepObserver, run_steps
from statemachine.scripted.events import Listener, PlayEvent
from statemachine.scripted.script import RestartStep

from ..logs import silenced

_SPAWN: Final = get_context("spawn")


@frozen
class _AtRestart:
    """The process waits to be killed. ``index``: of the restart among the script's steps."""

    index: int


@frozen
class _Over:
    """The process is done; ``error``: why it could not go on."""

    error: str = ""


_Report: TypeAlias = PlayEvent | _AtRestart | _Over


async def run_in_processes(job: Job, listener: Listener) -> None:
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
    relay.listener(events.ProcessStarted(process.pid or 0))
    try:
        index = await _receive(receiver.recv, process.kill, relay)
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
        receiver.close()
    if index is None:
        return len(job.script.steps)
    step = job.script.steps[index]
    relay.listener(events.ProcessKilled(process.pid or 0))
    relay.listener(events.StepExecuted(step, events.StepResult(step.line, step.words, 0.0)))
    return index + 1


async def _receive(receive: Callable[[], _Report], kill: Callable[[], None], relay: _Relay) -> int | None:
    """Pass the process's events on until it is done (None), or was killed at a restart: the index of the step.

    Events sent before it was killed are read too: they count as delivered. Raises ChatError.
    """
    index: int | None = None
    while True:
        try:
            report = await asyncio.to_thread(receive)
        except (EOFError, OSError):  # OSError: it was killed while it sent
            if index is None:
                raise ChatError("the client's process ended unexpectedly") from None
            return index
        match report:
            case _AtRestart(index):
                kill()
            case _Over(""):
                return None
            case _Over(error):
                raise ChatError(error)
            case event:
                relay.pass_on(event)


class _Relay:
    """Calls the listener; an update that a new process delivers once more, unchanged, is left out."""

    def __init__(self, listener: Listener) -> None:
        self.listener: Final = listener
        self.latest = ""
        """The item of the customer's latest text."""
        self._seen: dict[int, PlayEvent] = {}

    def pass_on(self, event: PlayEvent) -> None:
        """Call the listener."""
        if isinstance(event, events.EntrySent) and event.kind == "text":
            self.latest = event.item
        seq: int | None = getattr(event, "seq", None)
        if seq is not None:
            if self._seen.get(seq) == event:
                return
            self._seen[seq] = event
        self.listener(event)


# --- in the client's process ------------------------------------------------------------------------------------------


def _main(sender: Connection, job: Job, store: str, first: int, latest: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process of the play handles Ctrl-C, and kills this one
    try:
        with silenced():
            asyncio.run(_run(sender, job, store, first, latest))
    except ChatError as error:
        sender.send(_Over(str(error)))
    else:
        sender.send(_Over())


async def _run(sender: Connection, job: Job, store: str, first: int, latest: str) -> None:
    async def restart(step: RestartStep) -> None:
        sender.send(_AtRestart(next(index for index, one in enumerate(job.script.steps) if one is step)))
        await asyncio.Event().wait()

    observer = StepObserver()
    at = job.endpoint
    async with ChatClient(
        at.url, tenant=at.tenant, app_id=at.app_id, store=store, options=job.options, observers=(observer,)
    ) as client:
        await run_steps(job, client, observer, sender.send, first, latest, restart)
