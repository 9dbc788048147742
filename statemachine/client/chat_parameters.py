"""The parameters of new chats."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from attrs import frozen

from ..core import Carryover, RequestChat


@frozen
class ChatParameters:
    """The parameters of a customer's next chats, see `ChatSession.start`."""

    parameters: Mapping[str, object] | None = None
    phone_number: str | None = None
    from_: str | None = None

    def request(self, now: int, after: Carryover | None, text: str | None, key: str | None, note: str) -> RequestChat:
        """The intent that requests a chat, with this first text."""
        about = self.parameters or {}
        return RequestChat(now, new_origin(), about, self.phone_number, self.from_, text, key, after, note)


def new_origin() -> str:
    """A unique prefix for the message ids of a session."""
    return secrets.token_hex(8)
