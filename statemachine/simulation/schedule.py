"""The actions of a simulation in order of time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Final, TypeAlias

Action: TypeAlias = Callable[[], object]


class Schedule:
    """The simulated time in milliseconds, and the actions that are due.

    Actions of the client are dropped when its process dies. They are delayed while its machine sleeps.
    """

    def __init__(self, now: int) -> None:
        self.now = now
        self.step = 0
        """The number of steps that the simulation has made."""
        self.process = 0
        """The number of client processes that have died."""
        self.asleep_until = 0
        """When the client's machine wakes, or woke last."""
        self._heap: Final[list[tuple[int, int, Action, int | None]]] = []
        """Due, a number that breaks ties, the action, and the client process that it belongs to."""
        self._number = 0
        self._deferred: Final[list[tuple[Action, int]]] = []
        self._late: Final[list[tuple[int, Action]]] = []

    def at(self, due: int, action: Action, *, of_client: bool = False) -> None:
        """Run the action at this time."""
        self._add(due, action, self.process if of_client else None)

    def after(self, delay: int, action: Action, *, of_client: bool = False) -> None:
        """Run the action after so many milliseconds."""
        self.at(self.now + delay, action, of_client=of_client)

    def alarm(self, due: int, late: int, ring: Action) -> None:
        """Run the client's alarm, late by so many milliseconds. `heal` runs it in time."""
        if late:
            self._late.append((due, ring))
        self.at(due + late, ring, of_client=True)

    @property
    def due(self) -> int | None:
        """The time of the next action, if any."""
        return self._heap[0][0] if self._heap else None

    def next(self) -> Action | None:
        """Advance to the next action and remove it. None: its process is dead, or it waits until the machine wakes."""
        at, _, action, process = heapq.heappop(self._heap)
        self.now = max(self.now, at)
        if process is not None and process != self.process:
            return None
        if process is not None and (self.is_asleep or self._deferred):  # at the moment of waking: after these
            self._deferred.append((action, process))
            return None
        return action

    @property
    def is_asleep(self) -> bool:
        """Whether the client's machine sleeps."""
        return self.now < self.asleep_until

    def sleep(self, until: int) -> None:
        """The client's machine sleeps until then, or longer if it already does."""
        self.asleep_until = max(self.asleep_until, until)

    def wake(self) -> None:
        """Run the delayed actions of the client now, in the same order."""
        for action, process in self._deferred:
            self._add(self.now, action, process)
        self._deferred.clear()

    def process_died(self) -> None:
        """Drop the actions of the client's process."""
        self.process += 1
        self._late.clear()

    def heal(self) -> None:
        """Wake the machine, and run its late alarms in time."""
        self.asleep_until = self.now
        self.wake()
        for due, ring in self._late:
            self.at(max(due, self.now), ring, of_client=True)

    def _add(self, due: int, action: Action, process: int | None) -> None:
        self._number += 1
        heapq.heappush(self._heap, (due, self._number, action, process))
