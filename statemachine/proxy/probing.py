"""Learns a contact centre's settings with one short chat of its own. It opens a chat and sends one text."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from statemachine.adapters.http_client import HttpClient
from statemachine.adapters.http_errors import CallFailed
from statemachine.client.options import Options
from statemachine.codec import side_calls
from statemachine.codec.http import Endpoint, HttpRequest, to_http
from statemachine.core import CreateChat, Poll, Post, ReadHistory
from statemachine.core.wire import Entry, Message, SessionEnd
from statemachine.emulator import wire
from statemachine.emulator.identity import claimed

from .exchange import DecodedExchange, terminal_signal
from .learning import Finding, Learner
from .watching import route_of

TEXT: Final = "This is a test of the connection. Please ignore it."
_TIMEOUT_MS: Final = 40_000
_LEAVING_S: Final = 1.0
_LAST_POLLS: Final = 5
_MOST_POLLS: Final = 30


class CannotProbe(Exception):
    """No chat could be opened: the reason, in words."""


async def probe(endpoint: Endpoint, options: Options, said: Callable[[str], None]) -> tuple[Finding, ...]:
    """Open a chat, poll, send one text, read the history, end the chat; returns the settings learned from it.

    Args:
        endpoint: The contact centre, and a client id that no customer uses.
        options: As of the client.
        said: Called with each step in words. All take four times as long as the server holds a poll.
    Raises:
        CannotProbe: No chat could be opened.
    """
    async with options.pool() as pool:
        chat = _Probe(endpoint, HttpClient(pool))
        said("version, availability, parameters")
        for call in (side_calls.version(), side_calls.availability(), side_calls.expected_parameters()):
            await chat.ask(side_calls.to_request(call, endpoint, _TIMEOUT_MS))
        said("open a chat")
        await chat.open()
        try:
            said("poll until nothing new comes, and once more while a poll is held")
            await chat.poll_until_quiet(2)
            said("send one text, read the history")
            await chat.post(Message(msg=TEXT, msg_id=f"{chat.chat_id}:1"))
            await chat.ask(chat.command(ReadHistory(0, _TIMEOUT_MS, chat.chat_id)))
            await chat.poll_until_quiet(1)
        except asyncio.CancelledError:  # no chat stays open, and nobody waits long
            async with asyncio.timeout(_LEAVING_S):
                await chat.post(SessionEnd())
            raise
        said("end the chat")
        await chat.post(SessionEnd())
        await chat.poll_until_over()
        await chat.ask(chat.command(ReadHistory(0, _TIMEOUT_MS, chat.chat_id)))
        return chat.learner.findings()


class _Probe:
    """One chat and its learner."""

    def __init__(self, endpoint: Endpoint, http: HttpClient) -> None:
        self.learner: Final = Learner()
        self.chat_id = ""
        self._endpoint = endpoint
        self._http = http
        self._number = 0

    async def ask(self, request: HttpRequest) -> DecodedExchange | None:
        """Send this and learn from the answer; None: none came."""
        self._number += 1
        number, began = self._number, _now()
        try:
            answer = await self._http.exchange(request)
            response = wire.HttpResponse(answer.status, tuple(answer.headers.items()), answer.body)
        except CallFailed:
            response = wire.HttpResponse(0)
        sent = wire.HttpRequest(
            request.method, urlsplit(request.url).path, request.query, request.headers, request.body or b""
        )
        route = route_of(sent)
        if route is None or not response.status:
            return None
        seen = DecodedExchange(number, began, _now(), route, claimed(sent), sent, response, complete=True)
        self.learner.add(seen)
        return seen

    def command(self, command: Poll | Post | ReadHistory | CreateChat) -> HttpRequest:
        """The request of one command."""
        return to_http(command, self._endpoint, nonce=secrets.token_hex(8))

    async def open(self) -> None:
        """Raises CannotProbe."""
        seen = await self.ask(self.command(CreateChat(0, _TIMEOUT_MS)))
        if seen is None or not seen.is_ok or "chat_id" not in seen.body:
            status = "no answer came" if seen is None else f"the answer was {seen.status}"
            raise CannotProbe(f"no chat could be opened: {status}. statemachine doctor names wrong settings")
        self.chat_id = str(seen.body["chat_id"])

    async def post(self, entry: Entry) -> None:
        """Send one entry."""
        await self.ask(self.command(Post(0, _TIMEOUT_MS, self.chat_id, "", entry)))

    async def poll_until_quiet(self, polls: int) -> None:
        """Poll until so many polls brought nothing; while the last of several is held, poll a second time."""
        quiet = 0
        for _ in range(_MOST_POLLS):
            held = asyncio.ensure_future(self._poll())
            if quiet == 1:
                await asyncio.wait([held], timeout=0.5)
                if not held.done():
                    await self._poll()
            seen = await held
            quiet += seen is not None and not seen.events
            if quiet >= polls or seen is None or seen.status == 404:
                return

    async def poll_until_over(self) -> None:
        """Poll until the end is reported, and once more."""
        for _ in range(_LAST_POLLS):
            seen = await self._poll()
            if seen is None or seen.status == 404:
                return
            if any(map(terminal_signal, seen.events)):
                break
        await self._poll()

    async def _poll(self) -> DecodedExchange | None:
        return await self.ask(self.command(Poll(0, _TIMEOUT_MS, self.chat_id)))


def _now() -> int:
    return round(time.time() * 1_000)
