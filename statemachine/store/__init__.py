"""Stores for sessions, their updates (the journal), and the application's position in them (the cursor).

`MemoryStore` lasts as long as the process; `SqliteStore` is the durable default, and `ChatClient(store="chats.sqlite")`
makes one. A store of your own implements `statemachine.driver.Archive`. Each name loads its module at its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import StaleSave, StoreClosed, StoreError, StoreOwned, UnreadableSession
    from .memory import MemoryStore
    from .sealing import Cipher
    from .sqlite import SqliteStore

__all__ = [
    "Cipher", "MemoryStore", "SqliteStore", "StaleSave", "StoreClosed", "StoreError", "StoreOwned",
    "UnreadableSession",
]  # fmt: skip

_MODULES = {"Cipher": ".sealing", "MemoryStore": ".memory", "SqliteStore": ".sqlite"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES.get(name, ".errors"), __name__), name)
