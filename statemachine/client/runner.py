"""One session at work in an event loop: its driver, its news, and those who wait for a save."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TypeAlias

from attrs import frozen

from statemachine.adapters.aio import LoopClock
from statemachine.adapters.driver import Driver, DriverStopped
from statemachine.adapters.protocols import Observer, SavedStep, Store, Transport

from ..core import Carryover, Config, Event, IllegalIntent, Session, Tick, carry_over, changes, new_session, reduce
from .errors import NotSaved, ending, refusal
from .stream import UpdateFeed, UpdateFilter, as_it_is, nobody

__all__ = ["IntentFactory", "SessionRunner", "SubmittedIntent"]

IntentFactory: TypeAlias = Callable[[Carryover | None], Event]
"""Makes the intent that opens a chat, from what it takes over of the last."""


@frozen
class SubmittedIntent:
    """An intent that was fed, the sessions before and after it, and whether it is saved yet.

    Who follows what becomes of it begins before it is saved: the two may become known in the same moment.
    """

    before: Session
    after: Session
    saved: asyncio.Future[None]


class SessionRunner:
    """Drives the session `session_id`: the stored one, or else a new one that nobody asked for yet.

    `config` is for new chats. `told` is called with what each saved step has to tell; `telling`, `notify` and
    `received` are the news stream's. `within`: how long `ask` waits for a save. Raises a `StoreError` where the stored
    session cannot be read.
    """

    def __init__(
        self,
        session_id: str,
        *,
        store: Store,
        transport: Transport,
        clock: LoopClock,
        config: Config,
        told: Callable[[SavedStep], None],
        telling: UpdateFilter = as_it_is,
        notify: Callable[[], None] = nobody,
        received: Callable[[str], None] | None = None,
        observers: Sequence[Observer] = (),
        within: timedelta = timedelta(seconds=30),
    ) -> None:
        self._clock = clock
        self._config = config
        self._told = told
        self._within = within.total_seconds()
        self._make = partial(
            Driver,
            session_id,
            clock=clock,
            transport=transport,
            store=store,
            listener=self,
            observers=observers,
        )
        blank = new_session(clock.now(), config)
        stored = store.load(session_id)
        session, version = (stored.session, stored.version) if stored else (blank, 0)
        self.stream = UpdateFeed(
            store, session_id, session, changes(blank, session), telling=telling, notify=notify, received=received
        )
        self._driver = self._make(session, version)
        self._halted = asyncio.Event()

    @property
    def session(self) -> Session:
        """The session as it is now."""
        return self._driver.session

    def start(self) -> None:
        """Begin, or go on with what was stored."""
        self._driver.start()

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return self._clock.now()

    def feed(self, event: Event) -> SubmittedIntent:
        """Feed an intent. Raises NotPossible, ChatClosed, ChatStopped."""
        saved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        before = self._driver.session
        try:
            after = self._driver.feed(event, partial(_resolve, saved))
        except IllegalIntent as illegal:
            raise refusal(illegal, before.outcome) from illegal
        except DriverStopped as stopped:
            raise ending(self._driver.error) from (self._driver.error or stopped)
        return SubmittedIntent(before, after, saved)

    async def saved(self, asked: SubmittedIntent) -> None:
        """Wait until this is saved. Cancelled, it stands all the same.

        Raises ChatClosed, ChatStopped, NotSaved (it may yet be carried out).
        """
        await self._wait(asked.saved)

    async def ask(self, event: Event) -> SubmittedIntent:
        """Feed an intent, and wait until it is saved. Raises as both do."""
        asked = self.feed(event)
        await self.saved(asked)
        return asked

    def say(self, courtesy: Event) -> None:
        """Feed what nobody waits for: where it is not possible any more, it is left out."""
        with suppress(IllegalIntent, DriverStopped):
            self._driver.feed(courtesy)

    async def acknowledge(self, seq: int) -> None:
        """The application has dealt with all news up to `seq`; returns once that is saved. Raises as `ask` does."""
        if self.stream.closed:
            raise ending(self.stream.error) from self.stream.error
        saved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.stream.acknowledge(seq, partial(_resolve, saved))
        await self._wait(saved)

    async def _wait(self, saved: asyncio.Future[None]) -> None:
        try:
            async with asyncio.timeout(self._within):
                await saved
        except TimeoutError:
            raise NotSaved(f"the store has not saved this within {self._within:g} s") from None

    async def begin(self, opening: IntentFactory, otherwise: Event | None = None) -> SubmittedIntent:
        """Feed the intent that opens a chat; where the last one is over, a session that follows it.

        `opening` makes it, from what it takes over. `otherwise`: fed instead where a chat lives already; nor is one
        begun for what was sent in the last under the same key. Returns as `feed`, raises as `ask`; what is refused
        leaves the last chat as it is.
        """
        while (old := self._driver.session).outcome is not None:
            await self.ask(Tick(self.now()))  # changes nothing: it waits for the end itself to be saved
            if otherwise and self._driver.session is old and _is_fulfilled(old, otherwise):
                return self.feed(otherwise)
            if self._driver.session is old:  # nobody was faster
                return self._follow(old, opening(carry_over(old)))
        return self.feed(otherwise if otherwise and old.phase != "idle" else opening(None))

    def _follow(self, old: Session, opening: Event) -> SubmittedIntent:
        blank = new_session(self.now(), self._config)
        try:
            reduce(blank, opening)  # would it be refused?
        except IllegalIntent as illegal:
            raise refusal(illegal, old.outcome) from illegal
        spent = self._driver
        self._driver = self._make(blank, spent.version)
        spent.abandon()
        self.stream.reopen(spent.saved, changes(spent.session, blank))
        return self.feed(opening)

    async def close(self, within: timedelta) -> None:
        """Let go of the session. What is on the wire, and queued behind it, may finish `within` this time."""
        self._driver.stop()
        try:
            async with asyncio.timeout(within.total_seconds()):
                await self._halted.wait()
        except TimeoutError:
            pass
        finally:
            self._driver.abandon()

    # --- the driver's listener ----------------------------------------------------------------------------------------

    def told(self, update: SavedStep) -> None:
        """See `Listener.told`."""
        self._told(update)
        self.stream.told(update)

    def stopped(self, error: BaseException | None) -> None:
        """See `Listener.stopped`."""
        if not self._driver.stopped:  # it was the driver of the chat before
            return
        self.stream.close(error)
        self._halted.set()


def _is_fulfilled(over: Session, intent: Event) -> bool:
    """A session that is over changes no more: it refuses an intent, or says that there is nothing left to do for it."""
    try:
        reduce(over, intent)
    except IllegalIntent:
        return False
    return True


def _resolve(saved: asyncio.Future[None], error: BaseException | None) -> None:
    if saved.done():  # whoever waited was cancelled
        return
    if error is None:
        saved.set_result(None)
        return
    failure = ending(None if isinstance(error, DriverStopped) else error)
    failure.__cause__ = error
    saved.set_exception(failure)
