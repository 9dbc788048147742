"""The errors of a store. Each text says what to do."""

from __future__ import annotations

from typing import Final

from ..adapters.protocols import TakenOver
from ..core import TranscriptUpdate


class StoreError(Exception):
    """The store could not carry out a request; nothing of it was done."""


class StaleSave(StoreError):
    """Another driver has saved the session meanwhile. `stored`: the version found; `wanted`: the one to be saved."""

    def __init__(self, stored: int, wanted: int) -> None:
        super().__init__(stored, wanted)
        self.stored: Final = stored
        self.wanted: Final = wanted

    def __str__(self) -> str:
        return (
            f"version {self.wanted} cannot follow the stored version {self.stored}: "
            "another process drives this session; let only one of them go on"
        )


class StoreBusy(StoreError):
    """Another process kept the database locked."""


class StoreOwned(StoreBusy):
    """Another process has this database open; the text names it."""


class Fenced(StoreOwned, TakenOver):
    """Another process has claimed this chat since; nothing of it is written here any more."""


class StoreFull(StoreError):
    """The disk is full."""


class StoreReadOnly(StoreError):
    """The database or its directory cannot be written."""


class StoreClosed(StoreError):
    """The store was closed before this request."""


class NewerStore(StoreError):
    """The database was written by a newer version of this package."""


class ForeignStore(StoreError):
    """The file is not a database of this package."""


class CorruptStore(StoreError):
    """Stored data cannot be read."""


class UnreadableSession(CorruptStore):
    """The snapshot of one session cannot be read. The text names the remedies.

    `version`: of its last save; `seq`: of its last update. A new session that continues both can replace it.
    """

    def __init__(self, text: str, version: int, seq: int) -> None:
        super().__init__(text)
        self.version: Final = version
        self.seq: Final = seq


def check_order(last: int, updates: tuple[TranscriptUpdate, ...]) -> None:
    """Refuse updates that do not follow the last `seq` of their journal."""
    for one in updates:
        if one.seq <= last:
            raise StoreError(f"update {one.seq} cannot follow update {last}")
        last = one.seq


def check_ack(last: int, seq: int) -> None:
    """Refuse to acknowledge updates that are not in the journal yet: they would be lost when they come."""
    if seq > last:
        raise StoreError(f"update {seq} cannot be acknowledged: the last is {last}")
