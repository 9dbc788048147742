"""A contact centre and a clock in this process, for drivers under test: no socket, no waiting, no chance."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any, Protocol

from attrs import evolve

from statemachine import Command, Failure, Post, Reply
from statemachine.emulator import Centre, Knobs
from statemachine.emulator.actions import Action
from statemachine.emulator.wire import Answer
from statemachine.http import Cookies, Endpoint, read_reply, to_http
from statemachine.simulation.requests import to_emulator
from tests.docs.documents import ROOT, block_with

PAGE = ROOT / "statemachine" / "DRIVER.md"
CODE: dict[str, Any] = {"__name__": "page"}
exec(block_with(PAGE, "class ChatDriver"), CODE)
ChatDriver: Any = CODE["ChatDriver"]
"""The driver of the page, as it stands there."""


class Crash(BaseException):
    """The process is killed here."""


class Driven(Protocol):
    """What the world needs of a driver."""

    alarm: int | None

    def answered(self, command_id: int, reply: Reply) -> None: ...
    def ring(self) -> None: ...


class World:
    """`lost`: the answers of posts that are lost on the way. `redirects`: a proxy sends posts to a login page.

    `repeats`: each post's connection is closed without an answer, and the HTTP library sends it again by itself.
    """

    def __init__(self, centre: Centre | None = None, client_id: str = "ann", cookies: Cookies | None = None) -> None:
        self.time = 1_800_000_000_000
        self.centre = centre or Centre(Knobs(), "silent")
        self.cookies = cookies or Cookies()
        self.lost = 0
        self.repeats = False
        self.redirects = False
        self.redirected = False
        self.down = False
        self._endpoint = Endpoint("http://centre.test", "centre.test", "app", client_id)
        self._tickets = _TICKETS
        self._calls: dict[int, Command] = {}
        self._replies: list[tuple[int, Reply]] = []

    def now(self) -> int:
        return self.time

    @property
    def chat(self) -> Any:
        """The latest chat."""
        return list(self.centre.chats.values())[-1]

    @property
    def texts(self) -> list[str]:
        """The texts that have arrived in the latest chat, in order."""
        return [text for _, text in self.chat.texts_received]

    def start(self, command: Command) -> None:
        """Begin this call: the request arrives at once, its reply waits for `run`."""
        if self.down:
            self._replies.append((command.id, Failure("unsent")))
            return
        if self.redirects and isinstance(command, Post):
            # With redirects followed, the library reports the page they lead to.
            status, headers = (200, {}) if self.redirected else (302, {"Location": "/login"})
            self._reply(command, status, headers, b"", redirected=False)
            return
        request = to_http(command, self._endpoint, nonce=str(next(self._tickets)))
        cookies = tuple(self.cookies.headers(request.url).items())
        wire = to_emulator(evolve(request, headers=(*request.headers, *cookies)))
        ticket = next(self._tickets)
        self._calls[ticket] = command
        if self.repeats and isinstance(command, Post):
            self._take(self.centre.request(self.time, next(self._tickets), wire))
        self._take(self.centre.request(self.time, ticket, wire))

    def abort(self, command_id: int) -> None:
        """Break the connection of this call."""
        for ticket, command in list(self._calls.items()):
            if command.id == command_id:
                del self._calls[ticket]
                self._take(self.centre.cut(self.time, ticket))

    def act(self, *actions: Action) -> None:
        """The centre's side does this in the latest chat."""
        self._take(self.centre.act(self.time, self.chat.chat_id, *actions))

    def run(self, driver: Driven, seconds: float) -> None:
        """Let time pass: replies arrive, alarms ring."""
        end = self.time + int(seconds * 1_000)
        while True:
            while self._replies:
                driver.answered(*self._replies.pop(0))
            due = min((at for at in (driver.alarm, self.centre.next_deadline()) if at is not None), default=end)
            if due > end:
                break
            self.time = max(self.time, due)
            self._take(self.centre.tick(self.time))
            if driver.alarm is not None and driver.alarm <= self.time and not self._replies:
                driver.ring()
            elif due >= end and not self._replies:
                break
        self.time = end

    def kill(self) -> None:
        """The process dies with all its connections."""
        for ticket in list(self._calls):
            self._take(self.centre.cut(self.time, ticket))
        self._calls.clear()
        self._replies.clear()

    def _take(self, answers: Iterable[Answer]) -> None:
        for ticket, response in answers:
            command = self._calls.pop(ticket, None)
            if command is None:
                continue
            if isinstance(command, Post) and self.lost:
                self.lost -= 1
                self._replies.append((command.id, Failure("timeout")))
                continue
            url = f"http://centre.test{response.header('Location') or '/'}"
            self.cookies.update(url, [value for name, value in response.headers if name == "Set-Cookie"])
            self._reply(command, response.status, dict(response.headers), response.body, redirected=False)

    def _reply(self, command: Command, status: int, headers: dict[str, str], body: bytes, *, redirected: bool) -> None:
        self._replies.append((command.id, read_reply(command, status, headers, body, redirected=redirected)))


_TICKETS = count(1)
