"""What a new chat begins with."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from attrs import frozen

from ..core import Carryover, RequestChat


@frozen
class ChatParameters:
    """Who writes, and what the scenario is told: of this customer's next chats."""

    parameters: Mapping[str, object] | None = None
    phone_number: str | None = None
    from_: str | None = None

    def request(self, now: int, after: Carryover | None, text: str | None, key: str | None, note: str) -> RequestChat:
        """The intent that asks for a chat, with this first text."""
        about = self.parameters or {}
        return RequestChat(now, new_origin(), about, self.phone_number, self.from_, text, key, after, note)


def new_origin() -> str:
    """The prefix of a session's message ids, which no other ever has."""
    return secrets.token_hex(8)
