"""Plays a script: many customers at once, each with a session of one client, as an application with many chats does.

A customer whose script has ``restart`` gets a client process of its own, see `statemachine.scripted.process`.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Final

from attrs import evolve, frozen

from statemachine.adapters.protocols import HandledEvent
from statemachine.client import ChatClient, ChatError, Options
from statemachine.codec.http import Endpoint
from statemachine.scripted import events
from statemachine.scripted.customer import Job, StepObserver, run_steps
from statemachine.scripted.events import Listener, PlayEvent, PlayResult
from statemachine.scripted.process import run_in_processes
from statemachine.scripted.script import Script

from ..core import DeliveryUpdate, Received
from ..core.wire import Message


@frozen(kw_only=True)
class Play:
    """How a script is played.

    ``sessions``: number of customers. ``rate``: new customers per second. ``client_id``: prefix of their client ids;
    None: a random one for each play, so that no play meets the chats of another. ``pace``: factor for pauses.
    """

    sessions: int = 1
    rate: float = 20.0
    client_id: str | None = None
    pace: float = 1.0


def _ignore(event: PlayEvent) -> None:
    """The default listener."""


async def play(
    script: Script,
    endpoint: Endpoint,
    options: Options,
    how: Play,
    listener: Callable[[PlayResult], Listener] = lambda _: _ignore,
) -> list[PlayResult]:
    """Play a script to its end.

    Args:
        script: The steps of each customer.
        endpoint: The contact centre; its client id is not used.
        options: Of the client.
        how: The number of customers, and their rate.
        listener: Called with the result of each customer; returns the function that gets each of its events.

    Returns: A result for each customer, in the order of their numbers.
    Raises ChatError where the client cannot begin.
    """
    if script.receipts is not None:
        options = evolve(options, receipts=script.receipts)
    if script.restarts and options.tls is not None:
        raise ChatError("a script with restart runs the client in another process, which cannot use these certificates")
    prefix = how.client_id or f"run-{secrets.token_hex(4)}"
    names = [prefix] if how.sessions == 1 else [f"{prefix}-{number}" for number in range(1, how.sessions + 1)]
    results = [PlayResult(number, name) for number, name in enumerate(names, 1)]
    observer = StepObserver()
    async with ChatClient(
        endpoint.url, tenant=endpoint.tenant, app_id=endpoint.app_id, options=options, observers=(observer,)
    ) as client:

        async def one(result: PlayResult) -> None:
            await asyncio.sleep((result.number - 1) / how.rate)
            recorder = _Recorder(result, listener(result))
            job = Job(script, endpoint, options, result.client_id, result.number, how.pace)
            began = time.monotonic()
            try:
                if script.restarts:
                    await run_in_processes(job, recorder)
                else:
                    await run_steps(job, client, observer, recorder)
            except ChatError as error:
                result.steps.append(events.StepResult(0, "begin", 0.0, str(error)))
            result.seconds = time.monotonic() - began
            recorder(events.PlayFinished())

        async with asyncio.TaskGroup() as group:
            for result in results:
                group.create_task(one(result))
    return results


class _Recorder:
    """A listener that fills the result, and passes everything on."""

    def __init__(self, result: PlayResult, listener: Listener) -> None:
        self._result: Final = result
        self._listener: Final = listener
        self._sent_at: dict[str, float] = {}

    def __call__(self, event: PlayEvent) -> None:
        result = self._result
        match event:
            case HandledEvent(before=before, after=after):
                result.outcome = after.outcome
                if before.phase != after.phase:
                    result.phases.append(after.phase)
            case Received(entry=Message(), own=False):
                result.received += 1
            case DeliveryUpdate(state="sent", item=item) if item in self._sent_at:
                result.sent_ms.append(round((time.monotonic() - self._sent_at.pop(item)) * 1000))
            case events.EntrySent(kind="text", item=item):
                self._sent_at[item] = time.monotonic()
            case events.StepExecuted(result=step):
                result.steps.append(step)
            case events.ChatLeftOpen():
                result.ended_by_us = True
            case _:
                pass
        self._listener(event)
