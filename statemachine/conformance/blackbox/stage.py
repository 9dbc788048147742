"""The stage of one case: an emulator, the program in front of it, and what the case does and expects.

Verdicts come from order and count. Time is only ever waited for: long enough for any honest client, and no longer than
it takes the program to show what it does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from attrs import frozen

from statemachine.emulator import Centre, Chat
from statemachine.emulator.actions import Action, Connect, Say
from statemachine.emulator.chat import ClientKey
from statemachine.emulator.http import Emulator

from .program import Program, Visitor

__all__ = ["Manner", "NotReady", "Seen", "Stage"]


class NotReady(Exception):
    """The program did not do what the case begins with, so the case says nothing about it."""


@frozen
class Manner:
    """How the program is handled. `patience_s`: how long it may take to do something; `quiet_s`: how long it is watched
    where it should do nothing; `told`: whether it takes orders."""

    patience_s: float = 15.0
    quiet_s: float = 6.0
    told: bool = True


@frozen
class Seen:
    """Something a case saw that is not for the server's judge to see: it knows what was provoked.

    `tickets`: the requests that lead up to it.
    """

    rule: str
    message: str
    tickets: tuple[int, ...] = ()


class Stage:
    """What a case is played on. `client_id`: whose chats it is about; "" means anybody's."""

    def __init__(self, emulator: Emulator, program: Program | Visitor, client_id: str, manner: Manner) -> None:
        self.emulator: Final = emulator
        self.program: Final = program
        self.client_id: Final = client_id
        self.manner: Final = manner
        self.seen: Final[list[Seen]] = []

    # --- what the program is told -------------------------------------------------------------------------------------

    async def tell(self, do: str, **more: object) -> None:
        """An order: `{"do": …}`."""
        await self.program.tell({"do": do, **more})

    async def say(self, text: str, *, arrives: bool = True) -> None:
        """Tell it to say something, and wait until the centre has it. Raises NotReady."""
        await self.tell("say", text=text)
        if arrives:
            await self.until(lambda centre: text in self.texts(), f"did not send {text!r}")

    async def restart(self) -> None:
        """The process dies, and another life begins, with the same client id."""
        await self.program.again()
        await self.tell("start")

    # --- where the chat is --------------------------------------------------------------------------------------------

    @property
    def chat(self) -> Chat:
        """The program's latest chat. Raises NotReady."""
        found = self.chats()
        if not found:
            raise NotReady("opened no chat")
        return found[-1]

    def chats(self) -> list[Chat]:
        """All of the program's chats, oldest first."""
        return [chat for chat in self.emulator.centre.chats.values() if self.is_its(chat.key)]

    def is_its(self, key: ClientKey) -> bool:
        """Whether this is the client on the stage."""
        return self.client_id in ("", key.client_id)

    def opened_any(self) -> bool:
        """Whether it has a chat."""
        return bool(self.chats())

    def texts(self) -> list[str]:
        """Everything the program has said, in order of arrival, in any of its chats."""
        return [text for chat in self.chats() for _, text in chat.texts_received]

    async def opened(self) -> None:
        """Tell it to start, and wait until it polls. Raises NotReady."""
        await self.tell("start")
        await self.until(lambda centre: any(chat.polls for chat in self.chats()), "opened no chat and polled it")

    async def asked(self) -> None:
        """Tell it to start, and wait until it asks for anything. Raises NotReady."""
        await self.tell("start")
        seen = self.emulator.traffic.requests
        await self.until(lambda centre: any(map(self.is_its, seen)), "asked for nothing")

    async def connected(self) -> None:
        """The same, and an agent has greeted it."""
        await self.opened()
        await self.act(Connect("ada"), Say("Hello, this is Ada."))
        await self.handed_over()

    # --- what the centre does -----------------------------------------------------------------------------------------

    async def act(self, *acts: Action) -> None:
        """The centre's side does these things, and a waiting poll gets them in one batch."""
        await self.emulator.act(self.chat.chat_id, *acts)

    async def handed_over(self) -> None:
        """Wait until a poll has taken what there was. Raises NotReady."""
        await self.until(lambda centre: not self.chat.pending, "polled no more")

    async def took(self) -> None:
        """Wait until it has dealt with what it was handed: it polls again. Raises NotReady."""
        await self.until(lambda centre: not self.chat.pending and self.chat.held is not None, "polled no more")

    async def batch(self, *acts: Action) -> None:
        """All of this in one batch, and the program has it. Raises NotReady."""
        await self.until(lambda centre: self.chat.held is not None, "held no poll open")
        await self.act(*acts)

    # --- waiting ------------------------------------------------------------------------------------------------------

    async def until(self, wanted: Callable[[Centre], bool], otherwise: str) -> None:
        """Wait for something that any client does. Raises NotReady."""
        if not await self.comes(wanted):
            raise NotReady(otherwise)

    async def comes(self, wanted: Callable[[Centre], bool]) -> bool:
        """Whether this comes to pass while patience lasts."""
        try:
            await self.emulator.until(wanted, self.manner.patience_s)
        except TimeoutError:
            return False
        return True

    async def watch(self, seconds: float | None = None) -> None:
        """Look on for a while: whatever it does wrong is the judge's to note."""
        await asyncio.sleep(self.manner.quiet_s if seconds is None else seconds)

    # --- what is seen -------------------------------------------------------------------------------------------------

    async def goes_on_polling(self, rule: str, after: str, polls: int = 2) -> None:
        """It must poll so many times more; if it does not, that is a fault of this rule."""
        if not await self.polls_more(polls):
            self.note(rule, f"polls no more after {after}")

    async def polls_more(self, times: int) -> bool:
        """Whether it polls so many times more, while its chat lives."""
        wanted = self.chat.polls + times
        return await self.comes(lambda centre: self.chat.polls >= wanted or not self.chat.live)

    def note(self, rule: str, message: str) -> None:
        """The case has seen a fault. Its latest requests show it."""
        latest = [one.number for one in self.emulator.traffic.latest.values() if self.is_its(one.client)]
        self.seen.append(Seen(rule, message, tuple(latest[-3:])))

    def receipted(self) -> set[str]:
        """The messages of others that it says were delivered to it."""
        return {msg_id for (name, msg_id) in self.chat.observed.receipts if name.endswith("_delivered")}
