"""The news of one session, read from the store's journal at the application's pace.

Transcript news is read from the store's journal, a page at a time, so that however slow the application is, nothing
piles up in memory and no poll waits for it. Level news says how things stand: of each kind only the latest is kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final, TypeAlias

from statemachine.adapters.protocols import Done, SavedStep, Store

from ..core import Finished, Received, Session, StatusUpdate, TranscriptUpdate
from ..core.wire import Message
from .errors import ChatError, ChatStopped

__all__ = ["Update", "UpdateFeed", "UpdateFilter", "UpdateStream", "as_it_is", "nobody"]

Update: TypeAlias = TranscriptUpdate | StatusUpdate
UpdateFilter: TypeAlias = Callable[[Update], Update | None]
"""What becomes of a news before it is told; None: it is not told."""

PAGE: Final = 100
"""Update read from the journal at once."""


def as_it_is(update: Update) -> Update:
    """Told as it is."""
    return update


def nobody() -> None:
    """Nobody is notified."""


class UpdateFeed:
    """Where the driver's listener puts things down and the application picks them up."""

    def __init__(
        self,
        store: Store,
        session_id: str,
        session: Session,
        levels: tuple[StatusUpdate, ...],
        *,
        telling: UpdateFilter = as_it_is,
        notify: Callable[[], None] = nobody,
        received: Callable[[str], None] | None = None,
    ) -> None:
        """`telling`: applied to each news as it is read. `notify`: called after each change.

        `received`: called with the id of each message of others that is dealt with.
        """
        self.store: Final = store
        self.session_id: Final = session_id
        self.cursor = store.cursor(session_id)
        self.over = session.outcome is not None
        """The session is in a terminal phase, as far as it was saved."""
        self.closed = False
        self.error: BaseException | None = None
        self.asking = False
        self.telling: Final = telling
        self._on_change = notify
        self._received = received
        # Messages told and not dealt with yet, by `seq`.
        self._told: dict[int, str] = {}
        self._wake = asyncio.Event()
        # The last `seq` that was told. The journal may hold more already, whose levels are not here yet.
        self._last = session.seq
        # Of each kind the latest, with the `seq` of the transcript news that it comes after.
        self._levels: dict[type[StatusUpdate], tuple[int, StatusUpdate]] = {}
        self._put(self.cursor, levels)

    def _put(self, after: int, levels: tuple[StatusUpdate, ...]) -> None:
        for level in levels:
            self._levels[type(level)] = (after, level)

    def told(self, update: SavedStep) -> None:
        """A step is saved. Its levels come before its transcript: who joined, before what they said."""
        after = update.transcript[0].seq - 1 if update.transcript else update.session.seq
        self._last = update.session.seq
        self._put(after, update.levels)
        self.over = update.session.outcome is not None
        self._notify()

    def _notify(self) -> None:
        self._wake.set()
        self._on_change()

    def reopen(self, session: Session, levels: tuple[StatusUpdate, ...]) -> None:
        """A new chat follows `session`, which is over and saved; `levels` is how things differ."""
        self.over = False
        self._last = session.seq
        self._put(self._last, levels)

    def close(self, error: BaseException | None) -> None:
        """No more news comes."""
        self.closed = True
        self.error = self.error or error
        self._notify()

    def acknowledge(self, seq: int, done: Done | None = None) -> None:
        """The application has dealt with the news up to `seq`. `done`: called when that is saved. Raises ChatError."""
        if seq > self._last:
            raise ChatError(f"news {seq} was not told yet: acknowledge what was dealt with")
        if seq <= self.cursor or self.closed:
            if done:
                done(self.error)
            return
        self.cursor = seq
        self.store.ack(self.session_id, seq, partial(self._acknowledged, done))

    def _acknowledged(self, done: Done | None, error: BaseException | None) -> None:
        if error and not self.closed:
            self.close(error)
        elif self._received:
            for told in [told for told in self._told if told <= self.cursor]:
                self._received(self._told.pop(told))
        if done:
            done(error)
        if self.over and not self.unread:
            self._notify()

    def was_told(self, update: TranscriptUpdate) -> None:
        """The application has this now."""
        if self._received and isinstance(update, Received) and isinstance(update.entry, Message):
            live = not (update.own or update.historic or update.late)
            if live and update.entry.msg_id:
                self._told[update.seq] = update.entry.msg_id

    @property
    def unread(self) -> int:
        """How many transcript news were told and are not acknowledged; their `seq` has no gaps."""
        return self._last - self.cursor

    def page(self, after: int) -> list[TranscriptUpdate]:
        """The next transcript news with a `seq` above `after`, as far as it was told."""
        if after >= self._last:
            return []
        return [one for one in self.store.journal(self.session_id, after, PAGE) if one.seq <= self._last]

    def take_level(self, before: int | None) -> StatusUpdate | None:
        """The earliest level news that comes before the transcript news with this `seq`; None: before none."""
        due = [(after, kind) for kind, (after, _) in self._levels.items() if before is None or after < before]
        if not due:
            return None
        return self._levels.pop(min(due, key=lambda one: one[0])[1])[1]

    def settled(self) -> None:
        """From here on `changed` waits for something newer than what is looked at next."""
        self._wake.clear()

    async def changed(self) -> None:
        """Something was put down since `settled`."""
        await self._wake.wait()


class UpdateStream(AsyncIterator[Update]):
    """One run over the news, from the cursor to the end of the chat, or until the client is closed.

    With `auto_ack` transcript news counts as dealt with when the next one is asked for. What does not count yet when a
    run is broken off comes again, with the same `seq`, in the next run, also after a restart.
    """

    def __init__(self, stream: UpdateFeed, *, auto_ack: bool = True) -> None:
        self._stream = stream
        self._auto_ack = auto_ack
        self._page: deque[TranscriptUpdate] = deque()
        self._raw: Update | None = None
        self._position = stream.cursor
        self._finished = False

    async def __anext__(self) -> Update:
        """The next one. Raises ChatStopped where the client had to stop."""
        stream = self._stream
        if stream.asking:
            raise ChatError("somebody waits for news of this chat already: one reader at a time")
        stream.asking = True
        try:
            if self._auto_ack:
                self.acknowledge()
            return await self._next()
        finally:
            stream.asking = False

    async def _next(self) -> Update:
        stream = self._stream
        # After `Finished` the rest is told, such as what became of the last texts; a new chat's news is another run's.
        while stream.over or not self._finished:
            stream.settled()
            if update := self.look():
                return update
            if stream.error:
                raise ChatStopped(f"the chat could not go on: {stream.error}") from stream.error
            if stream.over or stream.closed:
                break
            await stream.changed()
        raise StopAsyncIteration

    def acknowledge(self) -> None:
        """All that this run has told counts as dealt with."""
        self._stream.acknowledge(self._position)

    def look(self) -> Update | None:
        """The next one if there is one now.

        Raises a `StoreError` where the journal cannot be read, and what `telling` raises; then it comes again.
        """
        while update := self._next_raw():
            told = self._stream.telling(update)
            self._raw = None
            if isinstance(update, TranscriptUpdate):
                self._position = update.seq
                self._stream.was_told(update)
                self._finished = self._finished or type(update) is Finished
            if told:
                return told
        return None

    def _next_raw(self) -> Update | None:
        stream = self._stream
        if stream.closed:  # the store may be closed too
            return None
        if self._raw is None:
            if not self._page:
                self._page.extend(stream.page(self._position))
            self._raw = stream.take_level(self._page[0].seq if self._page else None)
            if self._raw is None and self._page:
                self._raw = self._page.popleft()
        return self._raw
