"""The context of one running case: an emulator, the client in front of it, and what the case does and expects.

Verdicts rest on order and count. Time is only a limit for waiting, as long as the slowest client needs that is right.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from attrs import frozen

from statemachine.emulator import Centre, Chat
from statemachine.emulator.actions import Action, Connect, EndChat, Say
from statemachine.emulator.chat import WEB_CHAT, ClientKey
from statemachine.emulator.http import Emulator
from statemachine.emulator.rules import OBSERVE_S, SILENCE_S

from .program import ManualClient, Program

GREETING: Final = "Hello, this is Ada."
_QUIET_S: Final = 0.5
_QUIET_INTERVALS: Final = 20


class NotReady(Exception):
    """The client did not do what the case begins with, so the case can judge nothing."""


@frozen
class RunOptions:
    """How cases are run.

    Attributes:
        timeout_s: How long the client may take for one reaction, in seconds: longer than any back-off.
        observe_s: How long it is observed where it should do nothing, in seconds.
        orders: Whether the client reads orders from standard input.
    """

    timeout_s: float = SILENCE_S
    observe_s: float = OBSERVE_S
    orders: bool = True


@frozen
class CaseFinding:
    """A fault that only the case can recognize: it knows what it provoked. `tickets`: the requests before it."""

    rule: str
    message: str
    tickets: tuple[int, ...] = ()


class CaseContext:
    """What the script of a case works with. `client_id`: the id that the client was offered; it may have its own."""

    def __init__(
        self, emulator: Emulator, client: Program | ManualClient, client_id: str, options: RunOptions, folder: str
    ) -> None:
        self.emulator: Final = emulator
        self.client: Final = client
        self.options: Final = options
        self.folder: Final = folder
        self.findings: Final[list[CaseFinding]] = []
        self._offered: Final = client_id

    # --- orders to the client -----------------------------------------------------------------------------------------

    async def order(self, do: str, **more: object) -> None:
        """Send the order `{"do": …}`."""
        await self.client.order({"do": do, **more})

    async def say(self, text: str) -> None:
        """Order the client to send a text, and wait until the centre has it. Raises NotReady."""
        await self.order("say", text=text)
        await self.require(lambda centre: text in self.texts(), f"did not send {text!r}")

    async def restart(self) -> None:
        """Kill the client's process and start it again, with the same client id: it must poll again."""
        await self.client.restart()
        await self.order("start")
        await self.must_poll_again("F5", "a restart", polls=1)

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
        await self.act(Connect("ada"), Say(GREETING))
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
        return key.client_id == self.subject

    @property
    def subject(self) -> str:
        """The id of the client under test: the one that it was offered, or the first of its own."""
        ids = self._ids()
        return self._offered if self._offered in ids or not ids else ids[0]

    def _ids(self) -> list[str]:
        """All ids that were used, oldest first. `WebChat` is the name of all clients that have no cookie yet."""
        ids = list(dict.fromkeys(one.client.client_id for one in self.emulator.traffic.latest.values()))
        return [one for one in ids if one != WEB_CHAT or len(ids) == 1]

    def judge_ids(self) -> None:
        """Report a client that is not one and the same in the whole case."""
        ids = self._ids()
        if len(ids) > 1:
            first = {one.client.client_id: one.number for one in reversed(self.emulator.traffic.latest.values())}
            message = f"uses {len(ids)} client ids in one case: {', '.join(ids[:3])[:80]}"
            self.report("F29", message, *(first[one] for one in ids[:3]))

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

    async def quiet(self) -> None:
        """Wait until the client only polls: nothing that it sends later is an answer to what it was sent before.

        An interval that took longer than it should says nothing: the machine is busy, and so may the client be.
        """
        await self.handled()
        loop, requests = asyncio.get_running_loop(), self.emulator.traffic.requests
        for _ in range(_QUIET_INTERVALS):
            counted, begun = sum(requests.values()), loop.time()
            await asyncio.sleep(_QUIET_S)
            if sum(requests.values()) == counted and loop.time() - begun < 1.1 * _QUIET_S:
                return

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
        """Report a fault of this rule unless the client polls so many times more. Raises NotReady if it does not."""
        made = await self.polls_again(polls)
        if made < polls:
            what = f"{made or 'no'} {'poll' if made < 2 else 'polls'} after {after}"
            self.report(rule, f"{what}, and then none for {self.options.timeout_s:.0f} s")
            raise NotReady(f"polled no more after {after}")

    async def polls_again(self, times: int) -> int:
        """How many times more the client polls before it is silent, up to this number; all, if its chat ends before.

        A poll that a planned fault answers counts: it shows that the client goes on.
        """
        before = self._polls()
        for made in range(times):
            if not await self._polls_more_than(before + made):
                return made
        return times

    async def _polls_more_than(self, number: int) -> bool:
        chat = self.chat
        return await self.happens(lambda centre: self._polls() > number or not chat.live)

    def _polls(self) -> int:
        return sum(chat.observed.poll_calls for chat in self.emulator.centre.chats.values())

    def report(self, rule: str, message: str, *tickets: int) -> None:
        """Report a fault, with these requests as evidence, or with the client's latest ones."""
        latest = [one.number for one in self.emulator.traffic.latest.values() if self.is_client(one.client)]
        self.findings.append(CaseFinding(rule, message, tickets or tuple(latest[-3:])))

    # --- reports of the client ----------------------------------------------------------------------------------------

    def declares(self, kind: str) -> bool:
        """Whether the client has declared that it makes reports of this kind."""
        return any(kind in one["reports"] for one in self.client.reports if isinstance(one.get("reports"), list))

    def need_reports(self, kind: str) -> None:
        """Raises NotReady where this can only be seen by reports that the client does not make."""
        if not self.declares(kind):
            raise NotReady(f"makes no reports {kind!r} on standard output, and nothing else shows this")

    def reported(self, kind: str) -> list[str]:
        """What it has reported under this name, oldest first."""
        return [str(one[kind]) for one in self.client.reports if kind in one]

    async def reports(self, condition: Callable[[], bool]) -> bool:
        """Whether this comes true of its reports, or of what arrived, within the time limit."""
        until = time.monotonic() + self.options.timeout_s
        while not condition():
            if time.monotonic() > until:
                return False
            await asyncio.sleep(0.1)
        return True
