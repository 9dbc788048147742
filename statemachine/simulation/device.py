"""The customer's other device: the same client id, the same chat, and no engine.

It talks to the centre behind the network's back, says things the client has not said, reads the history, and may poll
into the client's poll or end the chat. What such a poll takes away, nobody can give back (protocol.md 10, row 13):
those entries need not be told.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

from statemachine.codec.http import Endpoint, to_http
from statemachine.codec.wire import decode_entry
from statemachine.core.commands import CreateChat, Poll, Post, ReadHistory, Upload
from statemachine.core.wire import (
    Entry,
    File,
    Location,
    Message,
    Navigation,
    NotTyping,
    SessionDisconnect,
    SessionEnd,
    Typing,
)
from statemachine.emulator.wire import HttpResponse

from .network import to_centre

if TYPE_CHECKING:
    from .world import World

__all__ = ["Device"]

_PATIENCE: Final = (2_000, 400, 9_000)
"""How long it waits for its poll, in milliseconds."""


class Device:
    """Its tickets are negative: nobody else's are."""

    def __init__(self, world: World, endpoint: Endpoint) -> None:
        self._world = world
        self._endpoint = endpoint
        self._tickets = 0
        self._number = 0
        self.acted_at = 0
        self._open: Final[set[int]] = set()
        self.taken: Final[set[Entry]] = set()
        """What its polls took away from the client."""

    def open(self) -> None:
        """Open a chat before the client does."""
        self._ask(CreateChat(1, 10_000))

    def act(self, chat_id: str) -> None:
        """Do something in this chat, if this run has such a device."""
        world = self._world
        if world.faults.strikes("second device"):
            entries = self._sayable()
            self._post(chat_id, entries[world.choices.amount("device says", len(entries) - 1)])
        if world.faults.strikes("second device polls"):
            ticket = self._ask(Poll(1, 30_000, chat_id))
            patience = _PATIENCE[world.choices.choose("device waits", (1, 1, 1))]
            world.agenda.later(world.now + patience, lambda: self._give_up(ticket))
        if world.faults.strikes("second device ends", 0.2):
            world.customer.has_ended = True
            last = world.choices.choose("device leaves", (1, 1))
            self._post(chat_id, (SessionEnd() if last else SessionDisconnect(),))

    def everything(self, chat_id: str) -> None:
        """Say one thing of each kind."""
        for entries in self._sayable():
            self._post(chat_id, entries)

    def answered(self, ticket: int, response: HttpResponse) -> None:
        """The centre answers it. What came with a history was taken from nobody."""
        if ticket in self._open and response.status == 200 and response.body:
            events = cast("dict[str, Any]", json.loads(response.body)).get("events", [])
            self.taken.update(decode_entry(event) for event in events)
        self._open.discard(ticket)

    def _sayable(self) -> tuple[tuple[Entry, ...], ...]:
        self._number += 1
        name = f"device:{self._number}"
        return (
            (Message(name, msg_text=f"device {self._number}"),),
            (Typing(), NotTyping()),
            (Location(f"{self._number}.75", "9.1", msg_id=f"{name}.location"),),
            (Navigation(f"device page {self._number}"),),
            (File(self._uploaded(), msg_id=f"{name}.file"),),
            (Message(msg_text=f"device {self._number}"),),
        )

    def _uploaded(self) -> str:
        """The id of a file that was uploaded now."""
        name = f"device-file-{self._number}"
        self._ask(Upload(1, 10_000, "", name))
        return next(reversed(self._world.centre.files))

    def _post(self, chat_id: str, entries: tuple[Entry, ...]) -> None:
        for entry in entries:
            self._ask(Post(1, 10_000, chat_id, "", entry))
        if self._world.choices.choose("device reads", (3, 1)):
            self._ask(ReadHistory(1, 10_000, chat_id))

    def _ask(self, command: CreateChat | Post | Poll | ReadHistory | Upload) -> int:
        self._tickets -= 1
        request = to_centre(to_http(command, self._endpoint, nonce=str(self._tickets)))
        world, ticket = self._world, self._tickets
        self.acted_at = world.now
        if isinstance(command, Poll | Post):
            self._open.add(ticket)
        world.deliver(world.centre.request(world.now, ticket, request))
        return ticket

    def _give_up(self, ticket: int) -> None:
        world = self._world
        if ticket in self._open:
            self._open.discard(ticket)
            world.deliver(world.centre.cut(world.now, ticket))
