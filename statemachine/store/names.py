"""How a store is named: the path of a SQLite file, or the URL of a PostgreSQL database."""

from __future__ import annotations

import re
from typing import TypeGuard


def is_url(store: object) -> TypeGuard[str]:
    """Whether this names a PostgreSQL database, and not a file."""
    return isinstance(store, str) and store.startswith(("postgresql://", "postgres://"))


def shown(url: str) -> str:
    """The URL for messages, without user, password and options."""
    return re.sub(r"//[^/@]*@", "//", url.partition("?")[0])
