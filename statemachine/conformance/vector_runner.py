"""Whoever does what vectors say: one step after the other, or, where an implementation can, several asked ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from attrs import define, frozen

from .implementation import Implementation, Object, PendingAnswer, PipelinedMethods, T, WithPipelining

__all__ = ["VectorRunner"]


_AHEAD: Final = 8
"""How many steps are asked before the answer to the first is looked at."""


@define
class VectorRunner:
    """Does what vectors say, on any implementation."""

    subject: Implementation
    config: Object
    _former: PendingAnswer[object] | None = None

    def do(self, do: Object) -> Object:
        """What one step shows."""
        return next(self.do_each((do,)))

    def do_each(self, dos: Iterable[Object], ahead: bool = True) -> Iterator[Object]:
        """What each step shows, in order. With `ahead`, `dos` may be read ahead of the answers."""
        subject: PipelinedMethods = _Now(self.subject)
        most = 0
        if ahead and isinstance(self.subject, WithPipelining):
            subject, most = self.subject.ahead, _AHEAD
        asked: deque[PendingAnswer[Object]] = deque()
        for do in dos:
            needed = self._needed(do, subject)
            while asked and needed is not None:
                yield asked.popleft()()
            asked.append(self._ask(do, subject, needed))
            while len(asked) > most:
                yield asked.popleft()()
        for answer in asked:
            yield answer()

    def _needed(self, do: Object, subject: PipelinedMethods) -> PendingAnswer[object] | None:
        """The snapshot without which it cannot be asked."""
        if "reload" in do:
            return subject.snapshot()
        if "event" not in do or do["event"]["type"] not in ("request_chat", "reattach"):
            return None
        former, self._former = self._former, None
        return former

    def _ask(
        self, do: Object, subject: PipelinedMethods, needed: PendingAnswer[object] | None
    ) -> PendingAnswer[Object]:
        if "follow" in do:
            self._former = subject.snapshot()
            return subject.begin(do["follow"], self.config)
        if "event" in do:
            event = self.event(do["event"])
            return subject.step(event if needed is None else {**event, "after": needed()})
        assert needed is not None
        return subject.restore(needed())

    def event(self, event: Object) -> Object:
        """The event as it is fed."""
        return event


@frozen
class _Now:
    """An implementation that answers at once, asked as if it answered later."""

    subject: Implementation

    def begin(self, at: int, config: Object | None = None) -> PendingAnswer[Object]:
        return _always(self.subject.begin(at, config))

    def step(self, event: Object) -> PendingAnswer[Object]:
        return _always(self.subject.step(event))

    def snapshot(self) -> PendingAnswer[object]:
        return _always(self.subject.snapshot())

    def restore(self, data: object) -> PendingAnswer[Object]:
        return _always(self.subject.restore(data))


def _always(said: T) -> PendingAnswer[T]:
    return lambda: said
