"""The latest requests, replies, changes and violations of a running centre, numbered, for any number of readers."""

from __future__ import annotations

from collections import deque
from typing import Final, TypeAlias

from attrs import frozen

from statemachine.emulator.model import Centre
from statemachine.emulator.state import Violation
from statemachine.emulator.traffic import Exchange
from statemachine.serving.event_stream import Readers

KEPT: Final = 2_000
"""Items in the ring."""
BATCH: Final = 100
"""Items that are read in one go."""


@frozen
class RequestReceived:
    """A request arrived."""

    exchange: Exchange


@frozen
class ReplySent:
    """A request was answered."""

    exchange: Exchange


@frozen
class ChatChanged:
    """Something changed in a chat; its log grew from ``start`` to ``stop``."""

    chat_id: str
    start: int
    stop: int


FeedItem: TypeAlias = RequestReceived | ReplySent | ChatChanged | Violation


class Feed:
    """A ring of the latest items. A reader is only a place in it. No item becomes text before it is read."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._ring: deque[FeedItem] = deque(maxlen=KEPT)
        self._last = 0
        self._reported: dict[str, int] = {}
        self._violations = 0
        self.readers: Final = Readers()

    def add(self, item: FeedItem) -> None:
        """Append an item and wake the readers."""
        self._ring.append(item)
        self._last += 1
        self.readers.wake()

    def update(self) -> None:
        """Append the changes of the centre since the last call."""
        chats = self._centre.chats
        for chat_id in self._centre.take_changed():
            if (chat := chats.get(chat_id)) is not None:
                self.add(ChatChanged(chat_id, self._reported.get(chat_id, 0), len(chat.log)))
                self._reported[chat_id] = len(chat.log)
        if len(self._reported) > 2 * len(chats) + KEPT:  # the centre forgets old chats
            self._reported = {chat_id: length for chat_id, length in self._reported.items() if chat_id in chats}
        for violation in self._centre.violations[self._violations :]:
            self.add(violation)
        self._violations = len(self._centre.violations)

    def since(self, place: int | None) -> tuple[int, list[FeedItem]]:
        """(number of the first, some items) after ``place``; None, or a place that is lost: from the beginning."""
        first = self._last - len(self._ring) + 1
        # A place ahead of all is of another run of this emulator.
        start = place + 1 if place is not None and first <= place + 1 <= self._last + 1 else first
        skip = start - first
        return start, [self._ring[index] for index in range(skip, min(skip + BATCH, len(self._ring)))]
