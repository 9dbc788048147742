"""The news of all sessions of a client: which session's turn it is, and handlers that may fail.

Sessions with news stand in one queue, each at most once, and take turns, one news at a time: the news of one session
stays in order and is never with two handlers at once, and a busy session holds up nobody. A handler that raises gets
the same news again after a while; at last the session is *parked*: its news stays in the journal, its chat goes on,
and nobody is called for it until `ChatSession.resume()` or a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from attrs import define, frozen
from structlog import get_logger

from statemachine.adapters.driver import label

from ..core import TranscriptUpdate
from .errors import ChatError
from .stream import Update, UpdateStream

if TYPE_CHECKING:
    from .session import ChatSession

__all__ = ["DeliveryScheduler", "DeliverySlot", "Handler", "HandlerRunner", "MergedUpdates", "RetryPolicy", "Stopped"]

_log = get_logger(__name__)


@frozen
class Stopped:
    """The session could not go on, and why; told once. `ChatClient.session` takes it up again."""

    error: BaseException


Handler: TypeAlias = "Callable[[ChatSession, Update | Stopped], Awaitable[object]]"
"""The application's own: called with each news and whose it is."""


@define(eq=False)
class DeliverySlot:
    """A session's place: idle, nothing to tell; queued; out, somebody has its news; parked; apart, with its own reader.

    `news`: what is told, or told again. `tries`: how often in vain. `stopped`: that it could not go on was told.
    """

    session: ChatSession
    place: Literal["idle", "queued", "out", "parked", "apart"] = "idle"
    reader: UpdateStream | None = None
    updates: Update | Stopped | None = None
    tries: int = 0
    stopped: bool = False


class DeliveryScheduler:
    """The queue of sessions with news. One run over it at a time; what an earlier run left undone comes again."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[DeliverySlot | None] = asyncio.Queue()
        self._run = 0
        self._busy = 0

    def notify(self, turn: DeliverySlot) -> None:
        """This session has news, or has ended: it takes its turn."""
        if turn.place == "idle":
            turn.place = "queued"
            self._queue.put_nowait(turn)

    def begin(self, turns: Iterable[DeliverySlot]) -> int:
        """A new run: every session from its cursor on. Returns the run's number. Raises ChatError."""
        if self._busy:
            raise ChatError("somebody takes the news of this client already: one loop or handler at a time")
        self._run += 1
        for turn in turns:
            turn.reader = turn.updates = None
            if turn.place == "out":
                turn.place = "idle"
            self.notify(turn)
        return self._run

    @contextmanager
    def busy(self) -> Generator[None]:
        """No other run begins meanwhile."""
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1

    async def take(self, run: int, *, auto_ack: bool) -> tuple[DeliverySlot, Update | Stopped] | None:
        """The next turn, to be given back; None when the client is closed. Raises ChatError."""
        if run != self._run:
            raise ChatError("another loop over the news of this client has begun")
        while True:
            await asyncio.sleep(0)  # a reader that never waits must not keep the polls from being read
            turn = await self._queue.get()
            if turn is None:
                self._queue.put_nowait(None)  # for the others who wait
                return None
            if update := self._look(turn, auto_ack):
                return turn, update

    def _look(self, turn: DeliverySlot, auto_ack: bool) -> Update | Stopped | None:
        if turn.place != "queued":
            return None
        turn.place = "idle"
        if turn.updates is None:
            turn.reader = turn.reader or turn.session.read(auto_ack=auto_ack)
            try:
                turn.updates = turn.reader.look() or _stopping(turn)
            except Exception as error:  # the journal cannot be read, or a middleware fails
                park(turn, error)
        if turn.updates is not None:
            turn.place = "out"
        return turn.updates

    def done(self, run: int, turn: DeliverySlot, *, ack: bool) -> None:
        """Its news was told."""
        if run != self._run:  # the present run began at the cursor again
            return
        if ack and turn.reader:
            turn.reader.acknowledge()
        self._give_back(turn)

    def again(self, run: int, turn: DeliverySlot) -> None:
        """Its news was not told: it comes again."""
        if run == self._run and turn.place == "out":
            turn.place = "idle"
            self.notify(turn)

    def resume(self, turn: DeliverySlot) -> None:
        """A parked session takes its turn again. What was acknowledged meanwhile is not told again."""
        if turn.place == "parked":
            turn.reader = None
            self._give_back(turn)

    def claim(self, turn: DeliverySlot) -> None:
        """This session has a reader of its own from here on."""
        turn.place = "apart"

    def _give_back(self, turn: DeliverySlot) -> None:
        turn.updates, turn.tries = None, 0
        if turn.place != "apart":
            turn.place = "idle"
            self.notify(turn)

    def close(self) -> None:
        """Nothing comes any more."""
        self._queue.put_nowait(None)


def _stopping(turn: DeliverySlot) -> Stopped | None:
    """Why the session could not go on, once."""
    if turn.stopped or turn.session.error is None:
        return None
    turn.stopped = True
    return Stopped(turn.session.error)


def park(turn: DeliverySlot, error: Exception) -> None:
    """Nobody is called for this session any more."""
    turn.place = "parked"
    kind = type(turn.updates).__name__
    seq = turn.updates.seq if isinstance(turn.updates, TranscriptUpdate) else None
    _log.error("news_parked", session=label(turn.session.id), updates=kind, seq=seq, error=type(error).__name__)


class MergedUpdates(AsyncIterator["tuple[ChatSession, Update | Stopped]"]):
    """One run over the news of all sessions, until the client is closed.

    With `auto_ack` a transcript news counts as dealt with when the next one is asked for.
    """

    def __init__(self, turns: DeliveryScheduler, begin: Callable[[], int], *, auto_ack: bool) -> None:
        self._turns = turns
        self._begin = begin
        self._auto_ack = auto_ack
        self._run: int | None = None
        self._out: DeliverySlot | None = None

    async def __anext__(self) -> tuple[ChatSession, Update | Stopped]:
        """The next one, and whose it is. Raises ChatError."""
        if self._run is None:
            self._run = self._begin()
        if self._out:
            self._turns.done(self._run, self._out, ack=self._auto_ack)
            self._out = None
        with self._turns.busy():
            taken = await self._turns.take(self._run, auto_ack=self._auto_ack)
        if taken is None:
            raise StopAsyncIteration
        self._out, update = taken
        return self._out.session, update


@frozen
class RetryPolicy:
    """How a handler is called. `within`: how long it may take, None for ever. `failed`: called each time it failed."""

    tries: int
    pause: timedelta
    within: timedelta | None
    auto_ack: bool
    failed: Callable[[], None]


class HandlerRunner:
    """Calls a handler for the news of all sessions."""

    def __init__(self, turns: DeliveryScheduler, handler: Handler, how: RetryPolicy) -> None:
        self._turns: Final = turns
        self._handler: Final = handler
        self._how: Final = how

    async def run(self, run: int, concurrency: int) -> None:
        """Until the client is closed. Cancelled, it cancels the handlers, and what they had comes again."""
        with self._turns.busy():
            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(self._work(run))

    async def _work(self, run: int) -> None:
        within = self._how.within.total_seconds() if self._how.within else None
        while taken := await self._turns.take(run, auto_ack=False):
            turn, update = taken
            try:
                async with asyncio.timeout(within):
                    await self._handler(turn.session, update)
            except Exception as error:
                self._failed(run, turn, update, error)
            except BaseException:
                self._turns.again(run, turn)
                raise
            else:
                self._turns.done(run, turn, ack=self._how.auto_ack)

    def _failed(self, run: int, turn: DeliverySlot, update: Update | Stopped, error: Exception) -> None:
        turn.tries += 1
        self._how.failed()
        # The type alone: what an application's error says may quote the chat.
        name, kind = type(error).__name__, type(update).__name__
        _log.warning("handler_failed", session=label(turn.session.id), updates=kind, tries=turn.tries, error=name)
        if turn.tries >= self._how.tries:
            park(turn, error)
            return
        pause = self._how.pause.total_seconds() * 2 ** (turn.tries - 1)
        asyncio.get_running_loop().call_later(pause, self._turns.again, run, turn)
