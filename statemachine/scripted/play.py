"""Many customers at once, each with a session of one client, as an application with many chats has them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from attrs import frozen

from statemachine.client import ChatError, Options
from statemachine.codec.http import Endpoint
from statemachine.scripted.customer import Customer, Watcher
from statemachine.scripted.result import Result, StepResult
from statemachine.scripted.script import Script

from ..client import ChatClient

__all__ = ["Play", "play"]

Tell = Callable[[Result, StepResult | None], None]
"""Called with each step that is done, and with None when the session is."""


@frozen(kw_only=True)
class Play:
    """``sessions``: how many customers; ``rate``: how many of them come a second. ``client_id``: what theirs begin
    with; where None, something new for each play, so that none meets the chats of another.
    """

    sessions: int = 1
    rate: float = 20.0
    client_id: str | None = None


async def play(script: Script, door: Endpoint, options: Options, how: Play, tell: Tell) -> list[Result]:
    """Let them come, and wait until the last one has gone. Raises ChatError where the client cannot even begin."""
    watcher = Watcher()
    client_id = how.client_id or f"run-{secrets.token_hex(4)}"
    names = [client_id] if how.sessions == 1 else [f"{client_id}-{number}" for number in range(1, how.sessions + 1)]
    results = [Result(number, name) for number, name in enumerate(names, 1)]
    async with ChatClient(
        door.url, tenant=door.tenant, app_id=door.app_id, options=options, observers=(watcher,)
    ) as client:

        async def one(result: Result) -> None:
            await asyncio.sleep((result.number - 1) / how.rate)
            try:
                customer = await Customer.come(client, watcher, script, result, lambda done: tell(result, done))
                await customer.go()
            except ChatError as error:
                result.steps.append(StepResult(0, "come", 0.0, str(error)))
            tell(result, None)

        async with asyncio.TaskGroup() as group:
            for result in results:
                group.create_task(one(result))
    return results
