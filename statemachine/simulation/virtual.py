"""The driver's clock and store, on simulated time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from attrs import define

from statemachine.adapters.protocols import Alarm, Done, Save, Stored
from statemachine.codec.snapshot import restore, snapshot
from statemachine.store.errors import StoreError
from statemachine.store.memory import MemoryStore

from .client import Client
from .environment import Environment

_COPIES: Final = 8


class Crash(BaseException):
    """The client's process dies: raised in the driver, caught by the simulator, which drops everything but the store.

    Not an `Exception`, so that no handler on the way catches it.
    """


@define
class _Alarm:
    callback: Callable[[], None] | None

    def cancel(self) -> None:
        """See `Alarm.cancel`."""
        self.callback = None

    def ring(self) -> None:
        """Call back, once."""
        callback, self.callback = self.callback, None
        if callback is not None:
            callback()


@define(eq=False)
class VirtualClock:
    """The clock of the client's machine."""

    _env: Environment
    _client: Client

    def now(self) -> int:
        """See `Clock.now`."""
        return self._client.now()

    def call_at(self, at: int, callback: Callable[[], None]) -> Alarm:
        """See `Clock.call_at`. Sometimes the alarm is late beyond every slack."""
        env, late = self._env, 0
        if env.faults.occurs("adapter late", 0.5):
            late = env.choices.pick("how late", (200, 5_000, 60_000, 3_600_000), (4, 3, 2, 1))
        alarm = _Alarm(callback)
        env.schedule.alarm(max(at - self._client.offset, env.schedule.now), late, alarm.ring)
        return alarm

    def jitter(self, earliest: int, latest: int) -> int:
        """See `Clock.jitter`."""
        return earliest + self._env.choices.amount("jitter", latest - earliest)


class VirtualStore(MemoryStore):
    """A store whose saves may be slow or fail. Saves that are not done are lost when the process dies."""

    def __init__(self, environment: Environment) -> None:
        super().__init__()
        self._env = environment
        self._earlier: Final[dict[str, list[Stored]]] = {}
        self.process_died()

    def process_died(self) -> None:
        """Drop the saves that are not done."""
        self._busy_until = self._pending = 0

    def save(self, save: Save, done: Done) -> None:
        """See `Store.save`."""
        env = self._env
        if env.faults.occurs("crash unsaved", 0.2):
            raise Crash
        if env.faults.occurs("store fails", 0.1):
            done(StoreError("the disk is full"))
            return
        due = env.schedule.now
        if env.faults.is_enabled("slow store"):
            due += env.choices.pick("save takes", (0, 1, 30, 2_000), (8, 4, 4, 1))
        if due <= env.schedule.now and not self._pending:
            self._write(save, done)
            return
        self._pending += 1
        self._busy_until = max(due, self._busy_until)
        env.schedule.at(self._busy_until, lambda: self._write_pending(save, done), of_client=True)

    def _write_pending(self, save: Save, done: Done) -> None:
        self._pending -= 1
        self._write(save, done)

    def _write(self, save: Save, done: Done) -> None:
        before = self.newest(save.session_id)
        if before is not None:
            copies = self._earlier.setdefault(save.session_id, [])
            copies.append(before)
            del copies[:-_COPIES]
        super().save(save, done)

    def load(self, session_id: str) -> Stored | None:
        """See `Store.load`. The session passes through JSON. Sometimes an earlier version comes back: an old backup."""
        stored, copies = self.newest(session_id), self._earlier.get(session_id)
        if stored is not None and copies and self._env.faults.occurs("store stale", 3.0):
            stored = self._env.choices.pick("how stale", copies)
        if stored is None:
            return None
        return Stored(restore(json.loads(json.dumps(snapshot(stored.session)))), stored.version)

    def newest(self, session_id: str) -> Stored | None:
        """The session as it was last saved."""
        return super().load(session_id)
