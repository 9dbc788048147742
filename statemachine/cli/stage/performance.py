"""One scene, played: emulator and client in this process, with real HTTP between them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, TextIO

from attrs import field, frozen

from statemachine.emulator.http import Emulator

from ...client import ChatClient
from ...version import __version__
from .customer import Broken, Customer, Watcher
from .judge import problems
from .scenes import Scene, knobs
from .story import Story

__all__ = ["APP_ID", "PRODUCT", "TENANT", "Performance", "perform"]

TENANT: Final = "demo.example"
APP_ID: Final = "demo-entry"
PRODUCT: Final = f"chat-session-statemachine {__version__} demo"


@frozen
class Performance:
    """What came of a scene. `problems`: what did not go as it should, in words."""

    scenario: str
    phases: tuple[str, ...]
    outcome: str | None
    sent: int
    received: int
    delivered: int
    read: int
    seconds: float
    problems: tuple[str, ...] = ()
    transcript: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def ok(self) -> bool:
        """Whether it ended as it should."""
        return not self.problems

    def as_json(self) -> dict[str, object]:
        """What `statemachine demo --json` prints."""
        return {
            "scenario": self.scenario,
            "phases": list(self.phases),
            "outcome": self.outcome,
            "messages": {
                "sent": self.sent,
                "received": self.received,
                "delivered": self.delivered,
                "read": self.read,
            },
            "ok": self.ok,
            "problems": list(self.problems),
            "seconds": round(self.seconds, 3),
        }


async def perform(scene: Scene, story: Story, pace: float, trace: TextIO | None = None) -> Performance:
    """Play a scene to its end."""
    started = time.monotonic()
    watcher = Watcher(PRODUCT, story, trace)
    async with Emulator(scene.scenario, knobs(pace)) as emulator:
        story.aside(f"a contact centre listens on {emulator.url}; a chat client connects to it over HTTP", "dim")
        async with ChatClient(
            emulator.url,
            tenant=TENANT,
            app_id=APP_ID,
            options=scene.options,
            observers=(watcher,),
        ) as client:
            chat = await client.session("demo-customer", start=False, parameters={"first_name": "Eve"})
            customer = Customer(chat, story, pace)
            broken = await _play(scene, customer)
            found = [*broken, *problems(scene, emulator.centre, customer, watcher, chat.outcome)]
            return Performance(
                scene.name,
                tuple(watcher.phases),
                chat.outcome,
                len(customer.items("sent")),
                len(customer.received()),
                len(customer.items("delivered")),
                len(customer.items("read")),
                time.monotonic() - started,
                tuple(found),
                tuple(story.transcript),
            )


async def _play(scene: Scene, customer: Customer) -> Sequence[str]:
    listening = asyncio.create_task(customer.listen())
    try:
        async with asyncio.timeout(scene.within):
            await scene.play(customer)
            await customer.finishes()
    except TimeoutError:
        return [f"the scene was not over after {scene.within:.0f} s"]
    except Broken as error:
        return [str(error)]
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
    return []
