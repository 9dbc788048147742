"""What became of one thing sent, as something to wait for."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final, Literal, TypeAlias

from ..core import DeliveryUpdate, Reason
from .errors import ChatClosed, ChatError, SendFailed

SendingState: TypeAlias = Literal["pending", "sent", "delivered", "read", "failed"]

_RANK: Final[dict[SendingState, int]] = {"pending": 0, "sent": 1, "delivered": 2, "read": 3}


class Sending:
    """One thing sent: a text, a place, a file, a form's answer. It is saved; the client sees to the rest.

    `id`: its message id, which its news carry; "" where it arrived so long ago that only its key is remembered. `key`:
    the application's name for it. The same in all news: forget this object and nothing is lost.

    A timeout is a `timedelta`; None waits as long as it takes. Cancelling a wait cancels nothing else.
    """

    __slots__ = ("__weakref__", "_changed", "_code", "_end", "_reason", "_receipts", "_state", "id", "key")

    def __init__(self, item: str, key: str | None, state: SendingState = "pending", *, receipts: bool = True) -> None:
        self.id: Final = item
        self.key: Final = key
        self._state: SendingState = state
        self._receipts = receipts
        self._reason: Reason | None = None
        self._code: int | None = None
        self._end: ChatError | None = None
        self._changed: asyncio.Event | None = None

    @property
    def state(self) -> SendingState:
        """How it stands: pending, sent, delivered, read, failed."""
        return self._state

    async def sent(self, timeout: timedelta | None = None) -> None:  # noqa: ASYNC109 - what may be asked is public
        """Wait until the server has it.

        Raises SendFailed, TimeoutError, or where the client was closed or stopped before ChatClosed or ChatStopped (the
        stored message is sent when the chat is taken up again).
        """
        async with asyncio.timeout(_seconds(timeout)):
            await self._until("sent")
        if self._state == "pending":
            raise self._end or ChatClosed("the client was closed before this was sent")

    async def delivered(self, timeout: timedelta | None = None) -> Literal["delivered", "unknown"]:  # noqa: ASYNC109
        """Wait until somebody has received it.

        Unknown: nothing was heard within `timeout`, or never will be (v1 has no receipts, the chat is over, the client
        closed): many tenants switch receipts off. Raises SendFailed.
        """
        return "delivered" if await self._receipt("delivered", timeout) else "unknown"

    async def read(self, timeout: timedelta | None = None) -> Literal["read", "unknown"]:  # noqa: ASYNC109
        """Wait until somebody has read it. Unknown, and raises, as `delivered`."""
        return "read" if await self._receipt("read", timeout) else "unknown"

    async def _receipt(self, wanted: SendingState, timeout: timedelta | None) -> bool:  # noqa: ASYNC109
        try:
            async with asyncio.timeout(_seconds(timeout)):
                await self._until(wanted)
        except TimeoutError:
            pass
        return _RANK[self._state] >= _RANK[wanted]

    async def _until(self, wanted: SendingState) -> None:
        """Wait for this state, or until there is nothing more to wait for."""
        while self._state == "failed" or _RANK[self._state] < _RANK[wanted]:
            if self._state == "failed":
                raise SendFailed(self.id, self._reason, self._code)
            if self._end or (self._state != "pending" and not self._receipts):
                return
            if self._changed is None:
                self._changed = asyncio.Event()
            self._changed.clear()
            await self._changed.wait()

    # --- told by its session ------------------------------------------------------------------------------------------

    def apply(self, update: DeliveryUpdate) -> None:
        """This is how it stands now."""
        if update.state == "failed":
            self._state, self._reason, self._code = update.state, update.reason, update.code
        elif self._state != "failed" and _RANK[update.state] > _RANK[self._state]:
            self._state = update.state
        self._wake()

    def over(self) -> None:
        """The chat is over: no receipt comes any more."""
        self._receipts = False
        self._wake()

    def close(self, error: ChatError) -> None:
        """Nothing more will be heard."""
        self._end = error
        self._wake()

    def _wake(self) -> None:
        if self._changed:
            self._changed.set()


def _seconds(timeout: timedelta | None) -> float | None:
    return None if timeout is None else timeout.total_seconds()
