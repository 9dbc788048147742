"""The customer of a scene: a `ChatSession`, its news, and the patience to wait for something before going on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TextIO

from statemachine.adapters.protocols import HandledEvent
from statemachine.client import ChatSession
from statemachine.codec.text import shown
from statemachine.codec.trace import Step, header_line, step_line

from ...core import (
    COMMANDS,
    Anomaly,
    Answered,
    DeliveryUpdate,
    Failure,
    PhaseChanged,
    Post,
    Received,
    RosterChanged,
    TranscriptUpdate,
    TypingChanged,
    outbox,
)
from ...core.wire import Message
from .story import Story, Update

__all__ = ["Broken", "Customer", "Watcher"]


class Broken(Exception):
    """The scene cannot go on: the chat was over before something that was to happen."""


class Watcher:
    """Looks over the client's shoulder: every phase in order, and each step of the engine for the trace.

    The conversation of a demo is invented, so that its trace may hold the words, which a trace does not by default.
    """

    def __init__(self, product: str, story: Story, trace: TextIO | None = None) -> None:
        self._product: Final = product
        self._story: Final = story
        self._trace: Final = trace
        self._begun = False
        self.phases: list[str] = []
        self.failures = 0
        """Calls that failed."""

    def stepped(self, step: HandledEvent) -> None:
        """See `Observer.stepped`."""
        event, phase = step.event, step.after.phase
        if not self.phases or self.phases[-1] != phase:
            self.phases.append(phase)
            self._story.enters(phase)
        if isinstance(event, Answered) and isinstance(event.reply, Failure):
            self.failures += 1
            failed = next((command for command in outbox(step.before) if command.id == event.command), None)
            if isinstance(failed, Post):
                self._story.doubts(failed.item)
        if self._trace is None:
            return
        if not self._begun:
            self._begun = True
            self._write(header_line(self._product, step.before, redacted=False))
        commands = tuple(one for one in step.outputs if isinstance(one, COMMANDS))
        updates = tuple(one for one in step.outputs if isinstance(one, TranscriptUpdate | Anomaly))
        self._write(step_line(Step(event, phase, commands, updates), redacted=False))

    def moment(self, session_id: str, moment: str, number: int) -> None:
        """See `Observer.moment`."""

    def _write(self, line: str) -> None:
        if self._trace is not None:
            self._trace.write(line + "\n")


class Customer:
    """Somebody with a question. `pace` stretches every pause; 0 leaves none."""

    def __init__(self, chat: ChatSession, story: Story, pace: float) -> None:
        self._chat: Final = chat
        self._story: Final = story
        self._pace: Final = pace
        self._changed: Final = asyncio.Event()
        self._heard = 0
        self.updates: list[Update] = []
        self.sent: list[str] = []
        self._items: set[str] = set()
        self.over = False

    @property
    def chat(self) -> ChatSession:
        """The chat itself."""
        return self._chat

    async def listen(self) -> None:
        """Take the news, until the chat is over."""
        async for update in self._chat.updates():
            self.updates.append(update)
            self._story.tell(update)
            self._changed.set()
        self.over = True
        self._changed.set()

    # --- waiting ----------------------------------------------------------------------------------------------------

    async def until(self, wanted: Callable[[], bool], what: str) -> None:
        """Wait for this. Raises Broken where the chat is over before."""
        while not wanted():
            if self.over:
                raise Broken(f"the chat was over before {what}")
            self._changed.clear()
            await self._changed.wait()

    async def hears(self, fragment: str) -> None:
        """Wait until somebody has said this, after what was heard before."""

        def said() -> bool:
            for index, text in enumerate(self.texts()[self._heard :], self._heard):
                if fragment in text:
                    self._heard = index + 1
                    return True
            return False

        await self.until(said, f'somebody said "{fragment}"')

    async def sees(self, phase: str) -> None:
        """Wait for a phase."""
        await self.until(lambda: self._chat.phase == phase, f"the phase was {phase}")

    async def has(self, state: str, count: int) -> None:
        """Wait until this many messages are in this state."""
        await self.until(lambda: len(self.items(state)) >= count, f"{count} messages were {state}")

    async def finishes(self) -> None:
        """Wait until the chat is over."""
        while not self.over:
            self._changed.clear()
            await self._changed.wait()

    async def pause(self, seconds: float) -> None:
        """Think for a moment."""
        await asyncio.sleep(seconds * self._pace)

    # --- doing ------------------------------------------------------------------------------------------------------

    async def asks(self, text: str) -> None:
        """Ask for a chat, with a first message."""
        sending = await self._chat.send(text, new_chat=True)
        self._story.does("ask for a chat", self._chat.phase, "the request is on its way")
        self._says(text, sending.id, "waits for the chat")

    async def says(self, text: str, typing: float = 0.5) -> None:
        """Type for a while (or not at all), and send."""
        if typing:
            await self._chat.typing()
            await self.pause(typing)
        self._says(text, (await self._chat.send(text)).id)

    def _says(self, text: str, item: str, meaning: str = "") -> None:
        self.sent.append(text)
        self._items.add(item)
        self._story.says(text, item, meaning)

    async def ends(self) -> None:
        """End the chat."""
        await self._chat.end()
        self._story.does("end the chat", self._chat.phase, "waits for the centre's word")

    # --- what was told ----------------------------------------------------------------------------------------------

    def received(self) -> list[Message]:
        """The messages of others, in order."""
        return [n.entry for n in self.updates if isinstance(n, Received) and isinstance(n.entry, Message) and not n.own]

    def texts(self) -> list[str]:
        """What the others said."""
        return [shown(message) for message in self.received()]

    def items(self, state: str) -> set[str]:
        """Ids of the messages that were told to be sent, delivered, read or failed."""
        told = {n.item for n in self.updates if isinstance(n, DeliveryUpdate) and n.state == state}
        return told & self._items

    def names(self) -> set[str]:
        """Everybody who took part."""
        return {name for n in self.updates if isinstance(n, RosterChanged) for _, _, name in n.parties}

    def saw_typing(self) -> bool:
        """Whether somebody was seen typing."""
        return any(isinstance(n, TypingChanged) and n.parties for n in self.updates)

    def waits(self) -> list[int]:
        """The estimated waits told, in milliseconds."""
        return [n.ewt for n in self.updates if isinstance(n, PhaseChanged) and n.ewt is not None]
