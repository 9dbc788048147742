"""The loop that drives a session, without I/O: give it a clock, a transport, a store and a listener of your own.

`Driver` keeps the rules of `statemachine/DRIVER.md`. Clocks: `LoopClock` for asyncio, `ThreadClock`; `LoopWorker`
computes long steps beside an event loop. Stores: `SqliteStore` and `MemoryStore`. `statemachine.http` is what a
transport needs.
"""

from .adapters.aio import LoopClock, LoopWorker
from .adapters.driver import Driver, DriverStopped
from .adapters.protocols import (
    Alarm,
    Answer,
    Archive,
    Checkpoint,
    Clock,
    Done,
    HandledEvent,
    Listener,
    Observer,
    Save,
    SavedStep,
    Store,
    Stored,
    Transport,
    Worker,
)
from .adapters.threads import ThreadClock
from .store.errors import StaleSave, StoreError
from .store.memory import MemoryStore
from .store.sqlite import SqliteStore

__all__ = [
    "Alarm", "Answer", "Archive", "Checkpoint", "Clock", "Done", "Driver", "DriverStopped", "HandledEvent",
    "Listener", "LoopClock", "LoopWorker", "MemoryStore", "Observer", "Save", "SavedStep", "SqliteStore",
    "StaleSave", "Store", "StoreError", "Stored", "ThreadClock", "Transport", "Worker",
]  # fmt: skip
