"""psycopg; without the extra `postgres`, the error says how to install it."""

from __future__ import annotations

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
except ModuleNotFoundError as missing:  # pragma: no cover - tested in a process of its own
    raise ModuleNotFoundError(
        "PostgreSQL needs psycopg: pip install 'chat-session-statemachine[postgres]'", name=missing.name
    ) from None
except ImportError as missing:  # pragma: no cover - psycopg is there, and libpq is not
    raise ImportError(
        "psycopg finds no libpq: pip install 'chat-session-statemachine[postgres]', or install libpq"
    ) from missing

__all__ = ["conninfo_to_dict", "psycopg"]
