"""The parameters of new chats."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Self

from attrs import frozen

from ..core import Carryover, RequestChat
from .arguments import made


@frozen
class ChatParameters:
    """The parameters of a customer's next chats, see `ChatSession.start`. `parameters`: JSON text."""

    parameters: str = "{}"
    phone_number: str | None = None
    from_: str | None = None

    @classmethod
    def checked(
        cls, method: str, parameters: Mapping[str, object] | None, phone_number: str | None, from_: str | None
    ) -> Self:
        """These values, as the application passed them to `method`. Raises WrongType, BadSetting."""
        request = made(method, RequestChat, 0, "", "{}" if parameters is None else parameters, phone_number, from_)
        return cls(request.parameters, request.phone_number, request.from_)

    def request(self, now: int, after: Carryover | None, text: str | None, key: str | None, note: str) -> RequestChat:
        """The intent that requests a chat, with this first text."""
        return RequestChat(now, new_origin(), self.parameters, self.phone_number, self.from_, text, key, after, note)


def new_origin() -> str:
    """A unique prefix for the message ids of a session."""
    return secrets.token_hex(8)
