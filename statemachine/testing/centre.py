"""The emulated contact centre for tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from statemachine.durations import parse_duration
from statemachine.emulator import Centre, Chat, Knobs, Scenario, Violation
from statemachine.emulator.clock import Clock
from statemachine.emulator.http import Emulator
from statemachine.emulator.knobs import from_settings
from statemachine.emulator.traffic import Exchange
from statemachine.testing.agent import Agent

T = TypeVar("T")


class EmulatedCentre:
    """A contact centre at ``url``, on a free port of this machine, while its block runs.

    ``scenario``: what chats go through; the default leaves everything to ``agent``. ``knobs``: how the centre behaves,
    as ``statemachine emulate --knobs`` lists them. ``speed``: of its clock; 0: it changes only by ``advance``.

    With ``async with`` it runs in your loop, with ``with`` in a thread of its own. Either way its coroutines may be
    awaited in any loop; beside a thread ``call`` waits for one where there is none.
    """

    def __init__(
        self,
        scenario: str | Scenario = "silent",
        knobs: Knobs | Mapping[str, object] | None = None,
        *,
        speed: float = 1.0,
        patience_s: float = 10.0,
    ) -> None:
        settings = knobs if isinstance(knobs, Knobs) else from_settings(knobs or {})
        self.emulator: Final = Emulator(scenario, settings, clock=Clock(speed))
        # How long agents wait for a client before they raise TimeoutError; real seconds.
        self.patience_s: Final = patience_s
        # By chat id, where a chat was transferred to.
        self.queues: Final[dict[str, str]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """What your client is to be given as its host, without a slash at the end."""
        return self.emulator.url

    @property
    def chats(self) -> list[Chat]:
        """Every chat so far, oldest first."""
        return list(self.emulator.centre.chats.values())

    def agent(self, name: str = "agent", *, queue: str | None = None) -> Agent:
        """A new agent; ``queue``: it accepts only chats that were transferred to this queue."""
        return Agent(self, name, queue)

    def violations(self, client_id: str | None = None) -> list[Violation]:
        """What clients, or one, did wrong, oldest first."""
        found = list(self.emulator.centre.violations)
        return [one for one in found if client_id in (None, one.client.client_id)]

    def requests(self, client_id: str | None = None) -> list[Exchange]:
        """The latest requests of clients, or of one, with their answers; oldest first."""
        found = list(self.emulator.traffic.latest.values())
        return [one for one in found if client_id in (None, one.client.client_id)]

    async def advance(self, duration: str) -> None:
        """Move the centre's clock: ``"10m"``. Clients that poll get their moment to poll again on the way."""
        await self.run(self.emulator.advance(parse_duration(duration)))

    async def set_knobs(self, **settings: object) -> None:
        """Turn knobs while chats run."""
        await self.run(self.emulator.set_knobs(settings))

    async def until(self, wanted: Callable[[Centre], bool]) -> None:
        """Wait until the centre looks as wanted. Raises TimeoutError."""
        await self.run(self.emulator.until(wanted, self.patience_s))

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run this in the centre's loop, from any loop."""
        if self._loop is None:
            work.close()
            raise RuntimeError("the centre does not run: use it inside its `with` block")
        if asyncio.get_running_loop() is self._loop:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Do this, and wait for it: ``centre.call(agent.accept())``. For tests without a loop."""
        if self._loop is None or self._thread is None:
            work.close()
            raise RuntimeError("call is for a centre in a thread of its own: `with EmulatedCentre() as centre:`")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def __aenter__(self) -> Self:
        await self.emulator.__aenter__()
        self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop = None
        await self.emulator.__aexit__(kind, error, trace)

    def __enter__(self) -> Self:
        loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="emulated centre", daemon=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.__aenter__(), loop).result()
        except BaseException:
            self._stop(loop)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop = self._loop
        if loop is not None:
            asyncio.run_coroutine_threadsafe(self.__aexit__(kind, error, trace), loop).result()
            self._stop(loop)

    def _stop(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon_threadsafe(loop.stop)
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        loop.close()
