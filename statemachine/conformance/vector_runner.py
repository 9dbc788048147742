"""Run the steps of vectors on an implementation: one after the other, or several sent ahead where it allows that."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from attrs import define, frozen

from statemachine.engine.session import JsonObject

from .implementation import Implementation, PendingAnswer, PipelinedMethods, T, WithPipelining


@define
class VectorRunner:
    """Runs the steps of vectors on any implementation."""

    subject: Implementation
    config: JsonObject
    _former: PendingAnswer[object] | None = None

    def run(self, do: JsonObject) -> JsonObject:
        """The observation of one step."""
        return next(self.run_all((do,)))

    def run_all(self, dos: Iterable[JsonObject], ahead: bool = True) -> Iterator[JsonObject]:
        """The observation of each step, in order. With `ahead`, `dos` may be read ahead of the answers."""
        subject: PipelinedMethods = _Immediate(self.subject)
        if ahead and isinstance(self.subject, WithPipelining):
            subject = self.subject.pipelined
        pending: deque[PendingAnswer[JsonObject]] = deque()
        for do in dos:
            snapshot = self._needed_snapshot(do, subject)
            while pending and snapshot is not None:
                yield pending.popleft()()
            pending.append(self._send(do, subject, snapshot))
            while len(pending) > subject.ahead:
                yield pending.popleft()()
        for answer in pending:
            yield answer()

    def _needed_snapshot(self, do: JsonObject, subject: PipelinedMethods) -> PendingAnswer[object] | None:
        """The snapshot that must be read before this step can be sent."""
        if "reload" in do:
            return subject.snapshot()
        if "event" not in do or do["event"]["type"] not in ("request_chat", "reattach"):
            return None
        former, self._former = self._former, None
        return former

    def _send(
        self, do: JsonObject, subject: PipelinedMethods, snapshot: PendingAnswer[object] | None
    ) -> PendingAnswer[JsonObject]:
        if "begin" in do:
            return subject.begin(do["begin"], self.config)
        if "follow" in do:
            self._former = subject.snapshot()
            return subject.begin(do["follow"], self.config)
        if "event" in do:
            event = self.event(do["event"])
            return subject.step(event if snapshot is None else {**event, "after": snapshot()})
        assert snapshot is not None
        return subject.restore(snapshot())

    def event(self, event: JsonObject) -> JsonObject:
        """The event as it is sent."""
        return event


@frozen
class _Immediate:
    """The pipelined methods of an implementation that answers at once."""

    subject: Implementation
    ahead: int = 0

    def begin(self, at: int, config: JsonObject | None = None) -> PendingAnswer[JsonObject]:
        return _known(self.subject.begin(at, config))

    def step(self, event: JsonObject) -> PendingAnswer[JsonObject]:
        return _known(self.subject.step(event))

    def snapshot(self) -> PendingAnswer[object]:
        return _known(self.subject.snapshot())

    def restore(self, data: object) -> PendingAnswer[JsonObject]:
        return _known(self.subject.restore(data))


def _known(answer: T) -> PendingAnswer[T]:
    return lambda: answer
