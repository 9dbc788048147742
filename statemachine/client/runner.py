"""One session in an event loop: its driver, its updates, and the callers that wait for a save."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final, TypeAlias

from attrs import evolve, frozen

from statemachine.adapters.aio import LoopClock, is_set_within, settle
from statemachine.adapters.driver import Driver, DriverStopped, label
from statemachine.adapters.protocols import Observer, SavedStep, Store, Transport, Worker
from statemachine.store.errors import UnreadableSession

from ..core import Carryover, Config, Event, IllegalIntent, Session, Tick, carry_over, changes, new_session, reduce
from ..logs import Logger
from .errors import NotSaved, ending, refusal
from .home_loop import check_loop
from .stream import UpdateFeed, UpdateFilter

IntentFactory: TypeAlias = Callable[[Carryover | None], Event]
"""Makes the intent that opens a chat, from the carryover of the last one."""


@frozen
class SubmittedIntent:
    """An intent that the session has handled: the sessions before and after it, and when it is saved.

    A caller subscribes to its delivery updates before it is saved: both may become known at the same moment.
    """

    before: Session
    after: Session
    saved: asyncio.Future[None]


class SessionRunner:
    """Runs the session `session_id`: the stored one, or a new one in phase idle."""

    def __init__(
        self,
        session_id: str,
        *,
        store: Store,
        transport: Transport,
        clock: LoopClock,
        config: Config,
        on_saved: Callable[[SavedStep], None],
        update_filter: UpdateFilter,
        on_change: Callable[[], None],
        on_received: Callable[[str], None] | None = None,
        observers: Sequence[Observer] = (),
        save_timeout: timedelta = timedelta(seconds=30),
        worker: Worker | None = None,
        log: Logger | None = None,
    ) -> None:
        """Load the session. In the place of one that cannot be read comes a new one, which is saved when it begins.

        Raises a `StoreError` where the store cannot be read.

        Args:
            session_id: The session's name in the store.
            store: Keeps the session and its journal.
            transport: Carries its commands.
            clock: The event loop's clock.
            config: For new chats.
            on_saved: Called with the updates of each saved step.
            update_filter: See `UpdateFeed`, as for `on_change` and `on_received`.
            on_change: Called after each change of the feed.
            on_received: Called with the id of each acknowledged message.
            observers: See each step of the session.
            save_timeout: How long a caller waits for a save.
            worker: Computes long steps; None: nothing does so beside the loop.
            log: Writes the session's log lines.
        """
        self.loop: Final = asyncio.get_running_loop()
        """The event loop that runs this session, and in which all methods must be called."""
        self._id = session_id
        self._clock = clock
        self._config = config
        self._on_saved = on_saved
        self._save_timeout = save_timeout
        self._make = partial(
            Driver,
            session_id,
            clock=clock,
            transport=transport,
            store=store,
            listener=self,
            observers=observers,
            worker=worker,
            log=log,
        )
        self._unreadable: UnreadableSession | None = None
        blank = new_session(clock.now(), config)
        session, version = blank, 0
        try:
            if stored := store.load(session_id):
                session, version = stored.session, stored.version
        except UnreadableSession as error:
            self._unreadable = error
            # Its version and `seq` continue: the journal and the application's cursor remain valid.
            session, version = evolve(blank, seq=error.seq), error.version
        self.feed = UpdateFeed(
            store,
            session_id,
            session,
            changes(blank, session),
            update_filter=update_filter,
            on_change=on_change,
            on_received=on_received,
        )
        self._driver = self._make(session, version)
        self._stopped = asyncio.Event()

    @property
    def session(self) -> Session:
        """The session as it is now."""
        return self._driver.session

    @property
    def unreadable(self) -> UnreadableSession | None:
        """Why the stored session cannot be read, until a new one is saved in its place."""
        error = self._unreadable
        return error if error and error.version == self._driver.version else None

    def start(self) -> None:
        """Begin, or continue the stored session."""
        if not self.unreadable:  # else `Restarted` would be saved in its place
            self._driver.start()

    def clock_changed(self, by: int) -> None:
        """See `Driver.clock_changed`."""
        self._driver.clock_changed(by)

    def submit(self, event: Event) -> SubmittedIntent:
        """Let the session handle an intent. Raises NotPossible, ChatClosed, ChatStopped, WrongLoop."""
        check_loop(self.loop)
        saved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        before = self._driver.session
        try:
            after = self._driver.feed(event, partial(_resolve, self._id, saved))
        except IllegalIntent as illegal:
            raise refusal(illegal, before.outcome) from illegal
        except DriverStopped as stopped:
            raise ending(self._driver.error, self._id) from (self._driver.error or stopped)
        return SubmittedIntent(before, after, saved)

    async def wait_saved(self, submitted: SubmittedIntent) -> None:
        """Wait until this intent is saved. Cancelling the wait does not withdraw the intent.

        Raises ChatClosed, ChatStopped, NotSaved (it may still be carried out).
        """
        await self._wait(submitted.saved)

    async def submit_saved(self, event: Event) -> None:
        """Let the session handle an intent, and wait until it is saved. Raises as `submit` and `wait_saved`."""
        await self.wait_saved(self.submit(event))

    def submit_optional(self, intent: Event) -> None:
        """Let the session handle an intent without a caller; it is dropped where it is not possible any more."""
        with suppress(IllegalIntent, DriverStopped):
            self._driver.feed(intent)

    async def acknowledge(self, seq: int) -> None:
        """Acknowledge all updates up to `seq`; returns once that is saved. Raises as `wait_saved`."""
        check_loop(self.loop)
        if self.feed.closed:
            raise ending(self.feed.error, self._id) from self.feed.error
        saved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.feed.acknowledge(seq, partial(_resolve, self._id, saved))
        await self._wait(saved)

    async def _wait(self, saved: asyncio.Future[None]) -> None:
        try:
            async with asyncio.timeout(self._save_timeout.total_seconds()):
                await saved
        except TimeoutError:
            raise NotSaved(
                f"chat {label(self._id)}: the store has not saved this within {self._save_timeout}; it may still do so"
            ) from None

    async def begin(self, opening: IntentFactory, otherwise: Event | None = None) -> SubmittedIntent:
        """Submit the intent that opens a chat; after the end of the last chat, in a new session that follows it.

        `otherwise` is submitted instead where a chat is active, or where the ended one has already carried it out under
        the same key. Raises as `submit_saved`; a refused intent leaves the last chat as it is.
        """
        while (old := self._driver.session).outcome is not None:
            await self.submit_saved(Tick(self._clock.now()))  # changes nothing: it waits until the end itself is saved
            if otherwise and self._driver.session is old and _is_fulfilled(old, otherwise):
                return self.submit(otherwise)
            if self._driver.session is old:  # no other caller has begun a chat meanwhile
                return self._follow(old, opening(carry_over(old)))
        return self.submit(otherwise if otherwise and old.phase != "idle" else opening(None))

    def _follow(self, old: Session, opening: Event) -> SubmittedIntent:
        blank = new_session(self._clock.now(), self._config)
        try:
            reduce(blank, opening)  # refused intents must leave the last chat as it is
        except IllegalIntent as illegal:
            raise refusal(illegal, old.outcome) from illegal
        last = self._driver
        self._driver = self._make(blank, last.version)
        last.abandon()
        self.feed.reopen(last.saved, changes(last.session, blank))
        return self.submit(opening)

    def cut_reads(self) -> None:
        """See `Driver.cut_reads`; the session tries them again."""
        self._driver.cut_reads()

    async def close(self, timeout: timedelta, *, drain: bool = False) -> None:  # noqa: ASYNC109 - the rest is abandoned then
        """Release the session. Requests in flight, and the queue behind them, have `timeout` to finish.

        `drain`: see `Driver.stop`.
        """
        self._driver.stop(drain=drain)
        try:
            await is_set_within(self._stopped, timeout.total_seconds())
        finally:
            self._driver.abandon()

    # --- the driver's listener ----------------------------------------------------------------------------------------

    def saved(self, step: SavedStep) -> None:
        """See `Listener.saved`."""
        self._on_saved(step)
        self.feed.publish(step)

    def finished(self) -> None:
        """See `Listener.finished`."""
        self.feed.finish()

    def stopped(self, error: BaseException | None) -> None:
        """See `Listener.stopped`."""
        if not self._driver.stopped:  # it was the driver of the last chat
            return
        self.feed.close(error)
        self._stopped.set()


def _is_fulfilled(over: Session, intent: Event) -> bool:
    """Whether an ended session accepts this intent: it changes nothing any more, so the intent was carried out."""
    try:
        reduce(over, intent)
    except IllegalIntent:
        return False
    return True


def _resolve(session_id: str, saved: asyncio.Future[None], error: BaseException | None) -> None:
    failure = error and ending(None if isinstance(error, DriverStopped) else error, session_id)
    if failure:
        failure.__cause__ = error
    settle(saved, failure)
