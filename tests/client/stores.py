"""Stores with a mind of their own."""

from __future__ import annotations

from collections.abc import Callable

from statemachine.adapters.protocols import Done, Save
from statemachine.store.errors import StoreFull
from statemachine.store.memory import MemoryStore


class FullStore(MemoryStore):
    """A disk that fills up."""

    full = False

    def save(self, save: Save, done: Done) -> None:
        if self.full:
            done(StoreFull("no space left for chats.sqlite: free some"))
        else:
            super().save(save, done)


class HeldStore(MemoryStore):
    """A disk that takes its time."""

    held = False

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Callable[[], None]] = []

    def save(self, save: Save, done: Done) -> None:
        if self.held:
            self.waiting.append(lambda: MemoryStore.save(self, save, done))
        else:
            super().save(save, done)

    def release(self) -> None:
        self.held = False
        waiting, self.waiting = self.waiting, []
        for go_on in waiting:
            go_on()
