"""What is to happen in a world, in order of time.

What is of the client dies with its process, and waits while its machine sleeps.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Final, TypeAlias

__all__ = ["Agenda"]

_Todo: TypeAlias = tuple[int, int, Callable[[], None], int | None]
"""Due, a number that breaks ties, what to do, and the life of the client that it belongs to."""


class Agenda:
    """The time of the world in milliseconds, and what is due when."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.life = 0
        """How many processes of the client have died."""
        self._heap: Final[list[_Todo]] = []
        self._number = 0
        self.asleep_until = 0
        """When the client's machine wakes, or woke last."""
        self._deferred: Final[list[tuple[Callable[[], None], int]]] = []
        self._late: Final[list[tuple[int, Callable[[], None]]]] = []

    def later(self, due: int, todo: Callable[[], None], *, of_client: bool = False) -> None:
        """Do this at `due`. What is of the client dies with its process, and sleeps with its machine."""
        self._add(due, todo, self.life if of_client else None)

    def alarm(self, due: int, late: int, ring: Callable[[], None]) -> None:
        """An alarm of the client's adapter, this much too late: healing brings it back to its time."""
        if late:
            self._late.append((due, ring))
        self.later(due + late, ring, of_client=True)

    @property
    def due(self) -> int | None:
        """When the next thing happens, if any."""
        return self._heap[0][0] if self._heap else None

    def next(self) -> Callable[[], None] | None:
        """Go to the next thing, and take it. None: its process is dead, or it waits until the machine wakes."""
        at, _, todo, life = heapq.heappop(self._heap)
        self.now = max(self.now, at)
        if life is not None and life != self.life:
            return None
        if life is not None and self.is_asleep:
            self._deferred.append((todo, life))
            return None
        return todo

    @property
    def is_asleep(self) -> bool:
        """Whether the client's machine sleeps."""
        return self.now < self.asleep_until

    def sleep(self, until: int) -> None:
        """The machine sleeps until then, or longer, if it already does."""
        self.asleep_until = max(self.asleep_until, until)

    def wake(self) -> None:
        """What was to happen to the client meanwhile happens now, in the same order."""
        for todo, life in self._deferred:
            self._add(self.now, todo, life)
        self._deferred.clear()

    def died(self) -> None:
        """The client's process is gone, and with it all that it was to do."""
        self.life += 1
        self._late.clear()

    def heal(self) -> None:
        """The machine is awake, and its alarms ring in time."""
        self.asleep_until = self.now
        self.wake()
        for due, ring in self._late:
            self.later(max(due, self.now), ring, of_client=True)

    def _add(self, due: int, todo: Callable[[], None], life: int | None) -> None:
        self._number += 1
        heapq.heappush(self._heap, (due, self._number, todo, life))
