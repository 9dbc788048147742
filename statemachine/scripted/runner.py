"""Runs the steps of one customer's script with a client."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from attrs import frozen

from statemachine.client import ChatError, Options
from statemachine.codec.http import Endpoint
from statemachine.scripted.customer import Customer, StepObserver
from statemachine.scripted.events import Listener, StepExecuted
from statemachine.scripted.result import StepFailed, StepResult
from statemachine.scripted.script import RepeatStep, RestartStep, Script, ScriptStep

from ..client import ChatClient


@frozen
class Job:
    """What one customer has to do, and where."""

    script: Script
    endpoint: Endpoint
    options: Options
    client_id: str
    number: int
    pace: float


async def _no_restart(step: RestartStep) -> None:
    raise AssertionError("a script with restart runs in processes")


async def run_steps(
    job: Job,
    client: ChatClient,
    observer: StepObserver,
    listener: Listener,
    first: int = 0,
    latest: str = "",
    restart: Callable[[RestartStep], Awaitable[None]] = _no_restart,
) -> None:
    """Run the script's steps from ``first`` on until one fails; no chat is left open. Raises ChatError.

    ``latest``: the item of the customer's latest text, where another process sent it. ``restart``: awaited at each
    restart step; it does not return.
    """
    parameters = dict(job.script.parameters) or None
    chat = await client.session(job.client_id, start=False, parameters=parameters)
    customer = Customer(chat, listener, job.number, job.pace)
    observer.add(customer)
    if first:
        customer.resume(latest)
    try:
        await _Run(customer, listener, restart).all(job.script.steps[first:])
    finally:
        await customer.close()


class _Run:
    """One pass over the steps."""

    def __init__(
        self, customer: Customer, listener: Listener, restart: Callable[[RestartStep], Awaitable[None]]
    ) -> None:
        self._customer: Final = customer
        self._listener: Final = listener
        self._restart: Final = restart

    async def all(self, steps: Sequence[ScriptStep]) -> bool:
        """Run these until one fails; whether none did."""
        for step in steps:
            if not await self._one(step):
                return False
        return True

    async def _one(self, step: ScriptStep) -> bool:
        if isinstance(step, RepeatStep):
            for _ in range(step.times):
                if not await self.all(step.steps):
                    return False
            return True
        began = time.monotonic()
        problem, more = "", tuple[ScriptStep, ...]()
        try:
            if isinstance(step, RestartStep):
                await self._restart(step)
            else:
                more = await self._customer.execute(step)
        except (StepFailed, ChatError, OSError) as error:
            problem = str(error)
        self._listener(StepExecuted(step, StepResult(step.line, step.words, time.monotonic() - began, problem)))
        return not problem and await self.all(more)
