"""The delivery of one item, as an object to wait for."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final, Literal, TypeAlias

from ..core import DeliveryUpdate, Reason
from .arguments import seconds
from .errors import ChatClosed, ChatError, SendFailed
from .home_loop import check_loop

SendingState: TypeAlias = Literal["pending", "sent", "delivered", "read", "failed"]

_RANK: Final[dict[SendingState, int]] = {"pending": 0, "sent": 1, "delivered": 2, "read": 3}


class Sending:
    """One item sent: a text, a location, a file, an answer to a form; `send` gives it. It is saved already.

    `id`: its message id, as in its delivery updates; "" where it arrived so long ago that only its key is remembered.
    `key`: the idempotency key. The delivery updates carry the same information: this object need not be kept.

    A `timeout` of None waits without limit. Cancelling a wait does not cancel the item.
    """

    __slots__ = ("__weakref__", "_changed", "_code", "_end", "_loop", "_reason", "_receipts", "_state", "id", "key")

    def __init__(self, item: str, key: str | None, state: SendingState = "pending", *, receipts: bool = True) -> None:
        self._loop: Final = asyncio.get_running_loop()
        self.id: Final = item
        self.key: Final = key
        self._state: SendingState = state
        self._receipts = receipts
        self._reason: Reason | None = None
        self._code: int | None = None
        self._end: ChatError | None = None
        self._changed: asyncio.Event | None = None

    def __repr__(self) -> str:
        return f"<Sending {self.id!r}, state={self.state!r}>"

    @property
    def state(self) -> SendingState:
        """The state: pending, sent, delivered, read, failed."""
        return self._state

    async def sent(self, timeout: timedelta | None = None) -> None:  # noqa: ASYNC109 - a public argument
        """Wait until the server has it.

        Args:
            timeout: Of this wait; None: no limit.

        Raises:
            SendFailed: It was not sent.
            TimeoutError: It was not sent within `timeout`.
            ChatClosed, ChatStopped: The client was closed, or has stopped, before; the stored item is sent when the
                chat is resumed.
        """
        async with asyncio.timeout(seconds("sent: timeout", timeout)):
            await self._until("sent")
        if self._state == "pending":
            raise self._end or ChatClosed("the client was closed before this was sent")

    async def delivered(self, timeout: timedelta | None = None) -> Literal["delivered", "unknown"]:  # noqa: ASYNC109
        """Wait until an agent has received it.

        Args:
            timeout: Of this wait; None: no limit.

        Returns:
            `unknown` where no receipt came in time, or none will come (v1 has no receipts, many tenants disable them,
                the chat is over, the client is closed).

        Raises:
            SendFailed: It was not sent.
        """
        return "delivered" if await self._receipt("delivered", timeout) else "unknown"

    async def read(self, timeout: timedelta | None = None) -> Literal["read", "unknown"]:  # noqa: ASYNC109
        """Wait until an agent has read it.

        Args:
            timeout: Of this wait; None: no limit.

        Returns:
            As for `delivered`.

        Raises:
            SendFailed: It was not sent.
        """
        return "read" if await self._receipt("read", timeout) else "unknown"

    async def _receipt(self, wanted: SendingState, timeout: timedelta | None) -> bool:  # noqa: ASYNC109
        try:
            async with asyncio.timeout(seconds("delivered and read: timeout", timeout)):
                await self._until(wanted)
        except TimeoutError:
            pass
        return _RANK[self._state] >= _RANK[wanted]

    async def _until(self, wanted: SendingState) -> None:
        """Wait for this state, or until no more updates can come. Raises WrongLoop."""
        check_loop(self._loop)
        while self._state == "failed" or _RANK[self._state] < _RANK[wanted]:
            if self._state == "failed":
                raise SendFailed(self.id, self._reason, self._code)
            if self._end or (self._state != "pending" and not self._receipts):
                return
            if self._changed is None:
                self._changed = asyncio.Event()
            self._changed.clear()
            await self._changed.wait()

    # --- called by the session ----------------------------------------------------------------------------------------

    def _apply(self, update: DeliveryUpdate) -> None:
        """Apply a delivery update."""
        if update.state == "failed":
            self._state, self._reason, self._code = update.state, update.reason, update.code
        elif self._state != "failed" and _RANK[update.state] > _RANK[self._state]:
            self._state = update.state
        self._wake()

    def _over(self) -> None:
        """The chat is over: no more receipts come."""
        self._receipts = False
        self._wake()

    def _close(self, error: ChatError) -> None:
        """No more updates follow, because of this error."""
        self._end = error
        self._wake()

    def _wake(self) -> None:
        if self._changed:
            self._changed.set()
