"""Points that nothing can reach, each with the reason: for brevity a row may name a whole group of states."""

from __future__ import annotations

from typing import Final

UNREACHABLE: Final[dict[str, str]] = {
    "lifecycle: establishing on SessionDisconnect [echoes_item] -> stays": (
        "a disconnect is queued during a conversation, and no stage leads back from there to establishing"
    ),
    "opening: finding on ChatFound [is_new_chat] -> idle": "E5 finds chats that exist; none of them is new",
    "lifecycle: ending on OwnTypingExpired -> stays": "`end` drops the announced typing",
}
"""Name of a point -> the reason."""
