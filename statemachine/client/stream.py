"""The updates of one session, read from the store's journal at the application's pace.

Transcript updates are read from the journal, a page at a time: however slow the application is, memory does not grow
and no poll waits for it. Of each kind of status update only the latest is kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final, Literal, TypeAlias

from attrs import define, frozen

from statemachine.adapters.protocols import Done, SavedStep, Store

from ..core import Finished, Received, Session, StatusUpdate, TranscriptUpdate
from ..core import Update as Update
from ..core.wire import Message
from .errors import ChatError, ending
from .home_loop import check_loop

UpdateFilter: TypeAlias = Callable[[Update], Update | None]
"""Changes an update before it is delivered; None: the application does not get it."""

PAGE: Final = 100
"""Updates read from the journal at once."""


class UpdateFeed:
    """The updates of one session that the application has not acknowledged, and their cursor."""

    def __init__(
        self,
        store: Store,
        session_id: str,
        session: Session,
        statuses: tuple[StatusUpdate, ...],
        *,
        update_filter: UpdateFilter,
        on_change: Callable[[], None],
        on_received: Callable[[str], None] | None,
    ) -> None:
        """Start at the stored cursor.

        Args:
            store: Holds the journal and the cursor.
            session_id: The session's name in the store.
            session: The session as stored.
            statuses: The status updates that describe it.
            update_filter: Applied to each update as it is read.
            on_change: Called after each change.
            on_received: Called with the id of each message of others once it is acknowledged.
        """
        self.loop: Final = asyncio.get_running_loop()
        self.store: Final = store
        self.session_id: Final = session_id
        self.cursor = store.cursor(session_id)
        self.ended = self.over = session.outcome is not None
        """`ended`: the session is in a terminal phase, as far as it was saved. `over`: no late updates come either."""
        self.closed = False
        self.error: BaseException | None = None
        self.has_reader = False
        self.update_filter: Final = update_filter
        self.changed: Final = asyncio.Event()
        """Set by each change; a reader clears it before it looks."""
        self._on_change = on_change
        self._on_received = on_received
        # Message ids delivered and not acknowledged yet, by `seq`.
        self._unacknowledged: dict[int, str] = {}
        # The last `seq` that was published. The journal may hold more already, whose statuses are not here yet.
        self._last = session.seq
        # Of each kind the latest, with the `seq` of the transcript update that it comes after.
        self._statuses: dict[type[StatusUpdate], tuple[int, StatusUpdate]] = {}
        self._put(self.cursor, statuses)

    def _put(self, after: int, statuses: tuple[StatusUpdate, ...]) -> None:
        for status in statuses:
            self._statuses[type(status)] = (after, status)

    def publish(self, step: SavedStep) -> None:
        """Add the updates of a saved step. Statuses come before its transcript: a party joins before its texts."""
        after = step.transcript[0].seq - 1 if step.transcript else step.session.seq
        self._last = step.session.seq
        self._put(after, step.statuses)
        self.ended = step.session.outcome is not None
        self._notify()

    def finish(self) -> None:
        """The session is over, and no more updates come."""
        self.over = True
        self._notify()

    def _notify(self) -> None:
        self.changed.set()
        self._on_change()

    def reopen(self, session: Session, statuses: tuple[StatusUpdate, ...]) -> None:
        """Continue with a new chat after `session`, which is over and saved; `statuses` is what differs."""
        self.ended = self.over = False
        self._last = session.seq
        self._put(self._last, statuses)

    def close(self, error: BaseException | None) -> None:
        """Accept no more updates."""
        self.closed = True
        self.error = self.error or error
        self._notify()

    def acknowledge(self, seq: int, done: Done | None = None) -> None:
        """The application has handled the updates up to `seq`. `done`: called when that is saved. Raises ChatError."""
        if seq > self._last:
            raise ChatError(f"update {seq} was not delivered yet: acknowledge only updates that were delivered")
        if seq <= self.cursor or self.closed:
            if done:
                done(self.error)
            return
        self.cursor = seq
        self.store.ack(self.session_id, seq, partial(self._acknowledged, done))

    def _acknowledged(self, done: Done | None, error: BaseException | None) -> None:
        if error and not self.closed:
            self.close(error)
        elif self._on_received:
            for seq in [seq for seq in self._unacknowledged if seq <= self.cursor]:
                self._on_received(self._unacknowledged.pop(seq))
        if done:
            done(error)
        if self.over and not self.unread:
            self._notify()

    def delivered(self, update: TranscriptUpdate) -> None:
        """The application has this update now."""
        if self._on_received and isinstance(update, Received) and isinstance(update.entry, Message):
            live = not (update.own or update.historic or update.late)
            if live and update.entry.msg_id:
                self._unacknowledged[update.seq] = update.entry.msg_id

    @property
    def unread(self) -> int:
        """The number of published transcript updates not acknowledged yet; their `seq` has no gaps."""
        return self._last - self.cursor

    def page(self, after: int) -> list[TranscriptUpdate]:
        """The next published transcript updates with a `seq` above `after`."""
        if after >= self._last:
            return []
        return [one for one in self.store.journal(self.session_id, after, PAGE) if one.seq <= self._last]

    def take_status(self, before: int | None) -> StatusUpdate | None:
        """The earliest status update before the transcript update with this `seq`; None: the earliest of all."""
        due = [(after, kind) for kind, (after, _) in self._statuses.items() if before is None or after < before]
        if not due:
            return None
        return self._statuses.pop(min(due, key=lambda one: one[0])[1])[1]


class UpdateStream(AsyncIterator[Update]):
    """Iterates over the updates of a chat, until its end or until the client is closed; `ChatSession.updates` gives it.

    With `auto_ack`, asking for the next update acknowledges the transcript update before it. An update that is not
    acknowledged when the loop is left is delivered again, with the same `seq`, in the next loop, also after a restart.
    """

    def __init__(self, feed: UpdateFeed, *, auto_ack: bool = True) -> None:
        self._feed = feed
        self._auto_ack = auto_ack
        self._page: deque[TranscriptUpdate] = deque()
        self._unfiltered: Update | None = None
        self._position = feed.cursor
        self._finished = False

    def __repr__(self) -> str:
        return f"<UpdateStream, read up to seq {self._position}, auto_ack={self._auto_ack}>"

    async def __anext__(self) -> Update:
        """The next update. Raises ChatStopped where the session had to stop, ChatError for a second reader."""
        feed = self._feed
        check_loop(feed.loop)
        if feed.has_reader:
            raise ChatError("another reader waits for updates of this chat: use one reader at a time")
        feed.has_reader = True
        try:
            if self._auto_ack:
                self.acknowledge()
            return await self._next()
        finally:
            feed.has_reader = False

    async def _next(self) -> Update:
        feed = self._feed
        # After `Finished` come the last delivery updates and late messages, but not the updates of a new chat.
        while feed.ended or not self._finished:
            feed.changed.clear()
            if update := self.look():
                return update
            if feed.error:
                raise ending(feed.error, feed.session_id) from feed.error
            if feed.over or feed.closed:
                break
            await feed.changed.wait()
        raise StopAsyncIteration

    def acknowledge(self) -> None:
        """Acknowledge all updates that this stream has delivered."""
        self._feed.acknowledge(self._position)

    def look(self) -> Update | None:
        """The next update if there is one now.

        Raises a `StoreError` where the journal cannot be read, and the filter's exceptions; the update comes again.
        """
        while update := self._next_unfiltered():
            filtered = self._feed.update_filter(update)
            self._unfiltered = None
            if isinstance(update, TranscriptUpdate):
                self._position = update.seq
                self._feed.delivered(update)
                self._finished = self._finished or type(update) is Finished
            if filtered:
                return filtered
        return None

    def _next_unfiltered(self) -> Update | None:
        feed = self._feed
        if feed.closed:  # the store may be closed too
            return None
        if self._unfiltered is None:
            if not self._page:
                self._page.extend(feed.page(self._position))
            self._unfiltered = feed.take_status(self._page[0].seq if self._page else None)
            if self._unfiltered is None and self._page:
                self._unfiltered = self._page.popleft()
        return self._unfiltered


@frozen
class Stopped:
    """The session could not continue because of `error`; delivered once. `ChatClient.session` resumes it."""

    error: BaseException


@define(eq=False)
class DeliverySlot:
    """The place of one session in the delivery of all sessions' updates.

    `place`: idle: no update; queued: waits; out: the application has its update; parked: its handler failed too often;
    apart: it has a reader of its own. `update`: being delivered, or to be delivered again. `failures`: of its handler.
    """

    place: Literal["idle", "queued", "out", "parked", "apart"] = "idle"
    stream: UpdateStream | None = None
    update: Update | Stopped | None = None
    failures: int = 0
    stop_delivered: bool = False
