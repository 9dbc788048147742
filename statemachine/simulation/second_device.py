"""The customer's second device: the same client id and the same chat, without an engine.

Its requests do not pass the simulated network. It says things that the client has not said, reads the history, and may
poll besides the client's poll or end the chat. Entries that its poll took away need not be delivered to the client:
nobody can restore them (protocol.md 10, row 13).
"""

from __future__ import annotations

import json
from typing import Any, Final, cast

from attrs import define, field

from statemachine.codec.http import Endpoint, to_http
from statemachine.codec.wire import decode_entry
from statemachine.core import CreateChat, Poll, Post, ReadHistory, Upload, wire
from statemachine.core.wire import Entry
from statemachine.emulator.wire import HttpResponse

from .environment import Environment
from .requests import to_emulator
from .server import Server

_POLL_TIMEOUTS: Final = (2_000, 400, 9_000)


@define(eq=False)
class SecondDevice:
    """The second device of one run. Its tickets are negative, those of the client are positive."""

    _env: Environment
    _server: Server
    _endpoint: Endpoint
    _tickets: int = 0
    _number: int = 0
    _open: set[int] = field(init=False, factory=set[int])
    acted_at: int = 0
    has_ended: bool = False
    taken: set[Entry] = field(init=False, factory=set[Entry])
    """The entries that its polls took away from the client."""

    def open(self) -> None:
        """Open a chat before the client does."""
        self._request(CreateChat(1, 10_000))

    def act(self, chat_id: str) -> None:
        """Do something in this chat, if this run has a second device."""
        faults, choices = self._env.faults, self._env.choices
        if faults.occurs("second device"):
            self._post(chat_id, choices.pick("device says", self._sayable()))
        if faults.occurs("second device polls"):
            ticket = self._request(Poll(1, 30_000, chat_id))
            timeout = choices.pick("device waits", _POLL_TIMEOUTS, (1, 1, 1))
            self._env.schedule.after(timeout, lambda: self._give_up(ticket))
        if faults.occurs("second device ends", 0.2):
            self.has_ended = True
            self._post(
                chat_id, choices.pick("device leaves", ((wire.SessionDisconnect(),), (wire.SessionEnd(),)), (1, 1))
            )

    def everything(self, chat_id: str) -> None:
        """Send one entry of each kind."""
        for entries in self._sayable():
            self._post(chat_id, entries)

    def _sayable(self) -> tuple[tuple[Entry, ...], ...]:
        self._number += 1
        name = f"device:{self._number}"
        return (
            (wire.Message(name, msg_text=f"device {self._number}"),),
            (wire.Typing(), wire.NotTyping()),
            (wire.Location(f"{self._number}.75", "9.1", msg_id=f"{name}.location"),),
            (wire.Navigation(f"device page {self._number}"),),
            (wire.File(self._upload(), msg_id=f"{name}.file"),),
            (wire.Message(msg_text=f"device {self._number}"),),
        )

    def _upload(self) -> str:
        """Upload a file. Returns its id."""
        self._request(Upload(1, 10_000, "", f"device-file-{self._number}"))
        return next(reversed(self._server.centre.files))

    def _post(self, chat_id: str, entries: tuple[Entry, ...]) -> None:
        for entry in entries:
            self._request(Post(1, 10_000, chat_id, "", entry))
        if self._env.choices.index("device reads", (3, 1)):
            self._request(ReadHistory(1, 10_000, chat_id))

    def _request(self, command: CreateChat | Post | Poll | ReadHistory | Upload) -> int:
        self._tickets -= 1
        ticket = self._tickets
        request = to_emulator(to_http(command, self._endpoint, nonce=str(ticket)))
        self.acted_at = self._env.schedule.now
        if isinstance(command, Poll | Post):
            self._open.add(ticket)
        self._server.request(ticket, request, lambda response: self._receive(ticket, response))
        return ticket

    def _receive(self, ticket: int, response: HttpResponse) -> None:
        if ticket in self._open and response.status == 200 and response.body:
            events = cast("dict[str, Any]", json.loads(response.body)).get("events", [])
            self.taken.update(decode_entry(event) for event in events)
        self._open.discard(ticket)

    def _give_up(self, ticket: int) -> None:
        if ticket in self._open:
            self._open.discard(ticket)
            self._server.cut(ticket)
