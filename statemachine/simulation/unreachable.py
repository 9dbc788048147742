"""Places that nothing can reach, each with the reason: a row may name a whole group of states for its reader's sake."""

from __future__ import annotations

from typing import Final

__all__ = ["UNREACHABLE"]

UNREACHABLE: Final[dict[str, str]] = {}
"""Name of a place -> why."""
