"""psycopg; without the extra `postgres`, the error says how to install it."""

from __future__ import annotations

from ..extras import needed_by

try:
    with needed_by("PostgreSQL"):
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
except ModuleNotFoundError:
    raise
except ImportError as missing:  # pragma: no cover - psycopg is there, and libpq is not
    raise ImportError(
        "psycopg finds no libpq: pip install 'chat-session-statemachine[postgres]', or install libpq"
    ) from missing

__all__ = ["conninfo_to_dict", "psycopg"]
