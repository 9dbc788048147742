"""Places that nothing can reach, each with the reason: a row may name a whole group of states for its reader's sake."""

from __future__ import annotations

from typing import Final

__all__ = ["UNREACHABLE"]

UNREACHABLE: Final[dict[str, str]] = {
    "lifecycle: connected on StatusConnected [has_agent] -> agent_joined": (
        "connected means that nobody is on the roster yet: who joins makes it agent_joined in the same step"
    ),
    "lifecycle: establishing on SessionDisconnect [echoes_item] -> stays": (
        "a disconnect is queued while talking, and no stage leads back from there to establishing"
    ),
    "lifecycle: ending on OwnTypingExpired -> stays": "saying `end` drops what was announced",
}
"""Name of a place -> why."""
