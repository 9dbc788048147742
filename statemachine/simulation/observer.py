"""The listener and observer of the driver."""

from __future__ import annotations

from typing import Final

from attrs import define

from statemachine.adapters.protocols import Checkpoint, HandledEvent, SavedStep

from .faults import Faults
from .oracle import Oracle
from .virtual import Crash

_CRASHES: Final[dict[Checkpoint, str]] = {
    "saved": "crash saved",
    "executed": "crash executed",
    "answered": "crash answered",
    "published": "crash published",
}


@define(eq=False)
class DriverObserver:
    """Listener and observer of one process: reports to the oracle, and raises crashes."""

    _faults: Faults
    _oracle: Oracle
    stopped_by: BaseException | None = None
    is_stopped: bool = False

    def saved(self, step: SavedStep) -> None:
        """See `Listener.saved`."""
        self._oracle.delivered(step.transcript)

    def finished(self) -> None:
        """See `Listener.finished`."""

    def stopped(self, error: BaseException | None) -> None:
        """See `Listener.stopped`."""
        self.is_stopped, self.stopped_by = True, error

    def event_handled(self, step: HandledEvent) -> None:
        """See `Observer.event_handled`."""
        self._oracle.stepped(step.event, step.before, step.after, step.outputs)

    def checkpoint(self, session_id: str, checkpoint: Checkpoint, number: int) -> None:
        """See `Observer.checkpoint`."""
        if self._faults.occurs(_CRASHES[checkpoint], 0.1):
            raise Crash
