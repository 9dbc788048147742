"""What the driver needs, made of nothing but the world's heap: a clock, a store, and somebody who looks on.

A `Crash` is how a process dies: raised at one of the driver's own moments, it unwinds to the world's loop, which drops
everything but the store.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from attrs import define

from statemachine.adapters.protocols import Alarm, Done, Checkpoint, Save, HandledEvent, Stored, SavedStep
from statemachine.codec.snapshot import restore, snapshot
from statemachine.core.updates import TranscriptUpdate
from statemachine.store.errors import StoreError
from statemachine.store.memory import MemoryStore

if TYPE_CHECKING:
    from .world import World

__all__ = ["Crash", "Onlooker", "VirtualClock", "VirtualStore"]


class Crash(BaseException):
    """The client's process dies here. No `Exception`, so that nothing on the way survives it."""


@define
class _Alarm:
    callback: Callable[[], None] | None

    def cancel(self) -> None:
        """See `Alarm`."""
        self.callback = None

    def ring(self) -> None:
        """Call back, once."""
        callback, self.callback = self.callback, None
        if callback is not None:
            callback()


class VirtualClock:
    """The client's clock: the world's time, and how far this machine's clock is off."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> int:
        """See `Clock.now`."""
        return self._world.client_now()

    def call_at(self, at: int, callback: Callable[[], None]) -> Alarm:
        """See `Clock.call_at`. Sometimes the adapter is late beyond every window."""
        world = self._world
        late = 0
        if world.faults.strikes("adapter late", 0.5):
            late = (200, 5_000, 60_000, 3_600_000)[world.choices.choose("how late", (4, 3, 2, 1))]
        alarm = _Alarm(callback)
        world.agenda.alarm(max(at - world.offset, world.now), late, alarm.ring)
        return alarm

    def jitter(self, earliest: int, latest: int) -> int:
        """See `Clock.jitter`."""
        return earliest + self._world.choices.amount("jitter", latest - earliest)


_COPIES: Final = 8


class VirtualStore:
    """A memory store whose saves may take a while, may fail, and are lost with the process until they are done.

    `rows` is the disk: it outlives the process, and so do the `copies` of what stood there before. What is loaded has
    been JSON in between.
    """

    def __init__(self, world: World, rows: MemoryStore, copies: dict[str, list[Stored]]) -> None:
        self._world = world
        self._rows = rows
        self._copies = copies
        self._busy_until = 0
        self._pending = 0

    def save(self, save: Save, done: Done) -> None:
        """See `Store.save`."""
        world = self._world
        if world.faults.strikes("crash unsaved", 0.2):
            raise Crash
        if world.faults.strikes("store fails", 0.1):
            done(StoreError("the disk is full"))
            return
        due = world.now
        if world.faults.lives("slow store"):
            due += (0, 1, 30, 2_000)[world.choices.choose("save takes", (8, 4, 4, 1))]
        if due <= world.now and not self._pending:
            self._put(save, done)
            return
        self._pending += 1
        self._busy_until = max(due, self._busy_until)
        world.agenda.later(self._busy_until, lambda: self._write(save, done), of_client=True)

    def _write(self, save: Save, done: Done) -> None:
        self._pending -= 1
        self._put(save, done)

    def _put(self, save: Save, done: Done) -> None:
        before = self._rows.load(save.session_id)
        if before is not None:
            copies = self._copies.setdefault(save.session_id, [])
            copies.append(before)
            del copies[:-_COPIES]
        self._rows.save(save, done)

    def load(self, session_id: str) -> Stored | None:
        """See `Store.load`. Sometimes it is a copy of what stood there a while ago: a disk image that was put back."""
        stored, copies = self._rows.load(session_id), self._copies.get(session_id)
        if stored is not None and copies and self._world.faults.strikes("store stale", 3.0):
            stored = copies[self._world.choices.amount("how stale", len(copies) - 1)]
        if stored is None:
            return None
        text = json.dumps(snapshot(stored.session))
        return Stored(restore(json.loads(text)), stored.version)

    def journal(self, session_id: str, after_seq: int, limit: int) -> tuple[TranscriptUpdate, ...]:
        """See `Store.journal`."""
        return self._rows.journal(session_id, after_seq, limit)

    def ack(self, session_id: str, seq: int, done: Done) -> None:
        """See `Store.ack`."""
        self._rows.ack(session_id, seq, done)

    def cursor(self, session_id: str) -> int:
        """See `Store.cursor`."""
        return self._rows.cursor(session_id)

    def sessions(self) -> tuple[str, ...]:
        """See `Store.sessions`."""
        return self._rows.sessions()

    def close(self) -> None:
        """See `Store.close`."""


_CRASHES: Final[dict[Checkpoint, str]] = {
    "saved": "crash saved",
    "executed": "crash executed",
    "answered": "crash answered",
    "told": "crash told",
}


class Onlooker:
    """Listener and observer of one life's driver: hands on to the oracle, and is where the process dies."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.stopped_by: BaseException | None = None
        self.is_stopped = False

    def told(self, update: SavedStep) -> None:
        """See `Listener.told`."""
        self._world.oracle.told(update.transcript)

    def stopped(self, error: BaseException | None) -> None:
        """See `Listener.stopped`."""
        self.is_stopped, self.stopped_by = True, error

    def stepped(self, step: HandledEvent) -> None:
        """See `Observer.stepped`."""
        self._world.oracle.stepped(step.event, step.before, step.after, step.outputs)

    def moment(self, session_id: str, moment: Checkpoint, number: int) -> None:
        """See `Observer.moment`."""
        if self._world.faults.strikes(_CRASHES[moment], 0.1):
            raise Crash
