"""The context of one running case: an emulator, the client in front of it, and what the case does and expects.

Verdicts rest on order and count. Time is only a limit for waiting, long enough for any correct client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from attrs import frozen

from statemachine.emulator import Centre, Chat
from statemachine.emulator.actions import Action, Connect, EndChat, Say
from statemachine.emulator.chat import ClientKey
from statemachine.emulator.http import Emulator

from .program import ManualClient, Program


class NotReady(Exception):
    """The client did not do what the case begins with, so the case can judge nothing."""


@frozen
class RunOptions:
    """How cases are run.

    Attributes:
        timeout_s: How long the client may take for one reaction, in seconds.
        observe_s: How long it is observed where it should do nothing, in seconds.
        orders: Whether the client reads orders from standard input.
    """

    timeout_s: float = 15.0
    observe_s: float = 6.0
    orders: bool = True


@frozen
class CaseFinding:
    """A fault that only the case can recognize: it knows what it provoked. `tickets`: the requests before it."""

    rule: str
    message: str
    tickets: tuple[int, ...] = ()


class CaseContext:
    """What the script of a case works with. `client_id`: whose chats count; "" stands for any client's."""

    def __init__(self, emulator: Emulator, client: Program | ManualClient, client_id: str, options: RunOptions) -> None:
        self.emulator: Final = emulator
        self.client: Final = client
        self.client_id: Final = client_id
        self.options: Final = options
        self.findings: Final[list[CaseFinding]] = []

    # --- orders to the client -----------------------------------------------------------------------------------------

    async def order(self, do: str, **more: object) -> None:
        """Send the order `{"do": …}`."""
        await self.client.order({"do": do, **more})

    async def say(self, text: str) -> None:
        """Order the client to send a text, and wait until the centre has it. Raises NotReady."""
        await self.order("say", text=text)
        await self.require(lambda centre: text in self.texts(), f"did not send {text!r}")

    async def restart(self) -> None:
        """Kill the client's process and start it again, with the same client id."""
        await self.client.restart()
        await self.order("start")

    async def opened(self) -> None:
        """Order the client to start, and wait until it polls. Raises NotReady."""
        await self.order("start")
        await self.require(lambda centre: any(chat.polls for chat in self.chats()), "opened no chat and polled it")

    async def requested(self) -> None:
        """Order the client to start, and wait for its first request of any kind. Raises NotReady."""
        await self.order("start")
        keys = self.emulator.traffic.requests
        await self.require(lambda centre: any(map(self.is_client, keys)), "sent no request")

    async def connected(self) -> None:
        """Wait until the client polls, and let an agent join and greet it. Raises NotReady."""
        await self.opened()
        await self.act(Connect("ada"), Say("Hello, this is Ada."))
        await self.delivered()

    # --- the client's chats -------------------------------------------------------------------------------------------

    @property
    def chat(self) -> Chat:
        """The client's latest chat. Raises NotReady."""
        found = self.chats()
        if not found:
            raise NotReady("opened no chat")
        return found[-1]

    def chats(self) -> list[Chat]:
        """All of the client's chats, oldest first."""
        return [chat for chat in self.emulator.centre.chats.values() if self.is_client(chat.key)]

    def is_client(self, key: ClientKey) -> bool:
        """Whether this key is the client under test."""
        return self.client_id in ("", key.client_id)

    def texts(self) -> list[str]:
        """All texts that the client has sent, in order of arrival, in all of its chats."""
        return [text for chat in self.chats() for _, text in chat.texts_received]

    def receipts(self) -> set[str]:
        """Ids of the messages that the client has acknowledged as delivered."""
        return {msg_id for (name, msg_id) in self.chat.observed.receipts if name.endswith("_delivered")}

    # --- actions of the centre ----------------------------------------------------------------------------------------

    async def act(self, *acts: Action) -> None:
        """Perform these actions in the centre; an open poll returns them in one batch."""
        await self.emulator.act(self.chat.chat_id, *acts)

    async def batch(self, *acts: Action) -> None:
        """Wait for an open poll, and answer it with all of these actions in one batch. Raises NotReady."""
        await self.require(lambda centre: self.chat.held is not None, "held no poll open")
        await self.act(*acts)

    async def end(self) -> None:
        """End the chat, and observe the client."""
        await self.act(EndChat())
        await self.observe()

    # --- waiting ------------------------------------------------------------------------------------------------------

    async def delivered(self) -> None:
        """Wait until a poll has fetched all pending entries. Raises NotReady."""
        await self.require(lambda centre: not self.chat.pending, "polled no more")

    async def handled(self) -> None:
        """Wait until the client has handled all entries: it polls again. Raises NotReady."""
        await self.require(lambda centre: not self.chat.pending and self.chat.held is not None, "polled no more")

    async def require(self, condition: Callable[[Centre], bool], otherwise: str) -> None:
        """Wait for something that every client does. Raises NotReady, with the text `otherwise`."""
        if not await self.happens(condition):
            raise NotReady(otherwise)

    async def happens(self, condition: Callable[[Centre], bool]) -> bool:
        """Whether the condition comes true within the time limit."""
        try:
            await self.emulator.until(condition, self.options.timeout_s)
        except TimeoutError:
            return False
        return True

    async def observe(self, share: float = 1.0) -> None:
        """Wait for a share of `observe_s`, while the emulator's judge records what the client does."""
        await asyncio.sleep(share * self.options.observe_s)

    # --- findings -----------------------------------------------------------------------------------------------------

    async def must_poll_again(self, rule: str, after: str, polls: int = 2) -> None:
        """Report a fault of this rule unless the client polls so many times more."""
        if not await self.polls_again(polls):
            self.report(rule, f"polls no more after {after}")

    async def polls_again(self, times: int) -> bool:
        """Whether the client polls so many times more, unless its chat ends before."""
        wanted = self.chat.polls + times
        return await self.happens(lambda centre: self.chat.polls >= wanted or not self.chat.live)

    def report(self, rule: str, message: str) -> None:
        """Report a fault, with the client's latest requests as evidence."""
        latest = [one.number for one in self.emulator.traffic.latest.values() if self.is_client(one.client)]
        self.findings.append(CaseFinding(rule, message, tuple(latest[-3:])))
