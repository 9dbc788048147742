"""The centre's HTTP face: aiohttp on loopback. It translates, keeps the clock, and decides nothing.

``async with Emulator("plain", Knobs(pace=0.05)) as emulator:`` serves the API at ``emulator.url``.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from aiohttp import web
from aiohttp.typedefs import Handler

from statemachine.emulator.actions import Action
from statemachine.emulator.chat import Chat
from statemachine.emulator.clock import Clock, LineClock
from statemachine.emulator.connection_timeouts import ConnectionTimeouts
from statemachine.emulator.control import Part, is_loopback, mount
from statemachine.emulator.control.feed import Feed
from statemachine.emulator.errors import ApiError, error_response
from statemachine.emulator.knobs import Knobs
from statemachine.emulator.model import Centre
from statemachine.emulator.steps import Scenario
from statemachine.emulator.traffic import Traffic
from statemachine.emulator.wire import DROPPED, Answer, HttpRequest, HttpResponse, Line

__all__ = ["Emulator"]

_ENVELOPE_BYTES: Final = 128 * 1024
"""What a multipart body may weigh beyond its file."""
PATIENCE_S: Final = 30.0
"""How long a request may take to arrive."""
_COMEBACK_S: Final = 1.0
"""How long a client may take between a poll's answer and its next poll while the clock is being moved."""
_RETURN_S: Final = 5.0
"""The same before the clock is moved: who does not poll by then is silent."""


_EVERY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_BACKLOG: Final = 4_096
"""Clients with thousands of chats connect at once after a restart."""


class Emulator:
    """A contact centre that serves HTTP while its ``async with`` block runs.

    ``port`` 0 takes a free one. Below ``/_control`` stands the control API; ``parts`` are mounted beside it, by path
    prefix. Bound beyond loopback, the wire is open to all, and the rest needs ``token`` (made where it is not given).
    """

    def __init__(
        self,
        scenario: str | Scenario = "plain",
        knobs: Knobs | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        parts: Mapping[str, Part] | None = None,
        tls: ssl.SSLContext | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.clock: Final = clock if clock is not None else Clock()
        self.centre: Final = Centre(knobs, scenario)
        self.feed: Final = Feed(self.centre)
        self.traffic: Final = Traffic()
        self.token: Final = token if token or is_loopback(host) else secrets.token_urlsafe(16)
        self._parts = parts or {}
        self._host = host
        self._port = port
        self._tls = tls
        self._patience = ConnectionTimeouts(PATIENCE_S)
        self._line: LineClock
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None
        self._waiting: dict[int, asyncio.Future[HttpResponse]] = {}
        self._watchers: set[asyncio.Event] = set()
        self._requests = 0
        self._judged = 0
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def url(self) -> str:
        """``http://host:port`` without a slash at the end; the API is below ``/clientweb/api/``.

        Of a centre that listens on every address, that of loopback: no client can connect to "every".
        """
        host = _EVERY.get(self._host, self._host)
        host = f"[{host}]" if ":" in host else host
        return f"{'https' if self._tls else 'http'}://{host}:{self._port}"

    def now(self) -> int:
        """The centre's time: milliseconds since the epoch, never running backwards."""
        return self.clock.now()

    async def act(self, chat_id: str, *actions: Action) -> None:
        """Do these actions at once. Raises KeyError for a chat that never was."""
        self._deliver(self.centre.act(self.now(), chat_id, *actions))

    async def start(self, chat_id: str, scenario: Scenario) -> None:
        """From here on the chat goes through this scenario, from its beginning. Raises KeyError."""
        self._deliver(self.centre.start(self.now(), chat_id, scenario))

    async def set_knobs(self, settings: Mapping[str, object], app_id: str = "") -> None:
        """Turn knobs, for all chats or for those of one appId. Raises ValueError."""
        self._deliver(self.centre.set_knobs(self.now(), settings, app_id))

    async def advance(self, ms: int) -> None:
        """Move the clock forward, from one thing that is due to the next.

        A poll that is answered on the way gets a moment of real time to come back, because clients live in real time.
        Where one takes longer (it may well brake, when answers come at once), it is not held silent for that.
        """
        pollers = [chat for chat in self.centre.chats.values() if chat.live and chat.polls]
        await self._back(pollers, _RETURN_S)
        present = [chat.chat_id for chat in self._polling()]
        end = self.now() + ms
        while self.now() < end:
            due = self.centre.next_deadline()
            polling = self._polling()
            self.clock.advance_to(end if due is None else min(due, end))
            self._deliver(self.centre.tick(self.now(), present))
            await self._back(polling, _COMEBACK_S)

    async def _back(self, chats: Iterable[Chat], within_s: float) -> None:
        """Wait until all of these are polled again, or over; not for ever."""
        with suppress(TimeoutError):
            await self.until(lambda _: all(chat.held is not None or not chat.live for chat in chats), within_s)

    def _polling(self) -> list[Chat]:
        return [chat for chat in self.centre.chats.values() if chat.held is not None and not chat.held.cut]

    def set_speed(self, scale: float) -> None:
        """So many milliseconds pass in a real one; 0 stops the clock. Raises ValueError."""
        self.clock.scale = scale
        self._set_alarm()

    async def until(self, wanted: Callable[[Centre], bool], timeout_s: float = 5.0) -> None:
        """Wait until the centre looks as wanted; asked again after everything that happens to it.

        Raises TimeoutError.
        """
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            async with asyncio.timeout(timeout_s):
                while not wanted(self.centre):
                    changed.clear()
                    await changed.wait()
        finally:
            self._watchers.discard(changed)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=self._largest, middlewares=[self._watch])
        mount(app, self, self._parts)
        app.router.add_get("/", self._front)
        app.router.add_route("*", "/{path:.*}", self._handle)
        app.on_shutdown.append(self._close_feed)
        # Cancellation is how a broken connection of a held poll becomes known.
        self._line = LineClock()
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._runner = runner
        assert runner.server is not None, "set up above"
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                self._patience.watched(runner.server), self._host, self._port, ssl=self._tls, backlog=_BACKLOG
            )
        except OSError:
            self._patience.close()
            self._line.close()
            await runner.cleanup()
            raise
        self._port = int(self._listener.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        for future in self._waiting.values():
            if not future.done():
                future.set_result(DROPPED)
        self._patience.close()
        self._line.close()
        if self._listener is not None:
            self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _close_feed(self, _: web.Application) -> None:
        self.feed.readers.close()

    @property
    def _largest(self) -> int:
        return self.centre.knobs.upload_limit_bytes + _ENVELOPE_BYTES

    @web.middleware
    async def _watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        with self._patience.served(request):
            return await handler(request)

    async def _front(self, _: web.Request) -> web.Response:
        """No page of the centre's, but people come by."""
        doors = [*_DOORS, *(f"<a href='{prefix}/'>{prefix}/</a>, for people" for prefix in self._parts)]
        page = f"{_FRONT}<ul>{''.join(f'<li>{door}</li>' for door in doors)}</ul>"
        return web.Response(status=404, text=page, content_type="text/html", charset="utf-8", headers=dict(_INERT))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self._requests += 1
        number, line = self._requests, self._line.now()
        try:
            body = await self._body(request)
        except web.HTTPRequestEntityTooLarge:
            self._asked(number, _wire_request(request, b""))
            reply = self._too_large(request)
        except TimeoutError:
            self._asked(number, _wire_request(request, b""))
            reply = error_response(self.centre.knobs, ApiError(5003, 408, "The body did not come"))
        else:
            wire = _wire_request(request, body)
            self._asked(number, wire)
            try:
                reply = await self._through_the_network(number, wire, line)
            except asyncio.CancelledError:
                self._replied(number, DROPPED)
                raise
        self._replied(number, reply)
        self.centre.left(number, self._line.now())
        return _break_off(request) if reply.status == 0 else _translate(reply)

    async def _body(self, request: web.Request) -> bytes:
        """Raises HTTPRequestEntityTooLarge, before anything is read where the length is known; TimeoutError."""
        if (request.content_length or 0) > self._largest:
            raise web.HTTPRequestEntityTooLarge(self._largest, request.content_length or 0)
        async with asyncio.timeout(PATIENCE_S):
            return await request.read()

    def _asked(self, number: int, request: HttpRequest) -> None:
        for onlooker in (self.feed, self.traffic):
            onlooker.asked(number, self.now(), request)

    def _replied(self, number: int, reply: HttpResponse) -> None:
        for onlooker in (self.feed, self.traffic):
            onlooker.answered(number, self.now(), reply)

    async def _through_the_network(self, number: int, request: HttpRequest, line: Line) -> HttpResponse:
        """The bad line between the client and the centre, as the knobs make it."""
        knobs = self.centre.knobs_of(request)
        count = self.traffic.count(request)
        if knobs.network_delay_ms:
            await self._sleep(knobs.network_delay_ms)
        if _strikes(knobs.network_cut_every, count):
            return DROPPED
        reply = await self._ask(number, request, line)
        if _strikes(knobs.network_drop_reply_every, count):
            self._deliver(self.centre.cut(self.now(), number))
            return DROPPED
        if knobs.network_bytes_per_s:
            await self._sleep(len(reply.body) * 1000 // knobs.network_bytes_per_s)
        return reply

    async def _sleep(self, ms: int) -> None:
        """So long by the centre's clock; a clock that stands still makes no line slow."""
        await asyncio.sleep(self.clock.real_s(self.now() + ms) or 0)

    async def _ask(self, ticket: int, request: HttpRequest, line: Line) -> HttpResponse:
        future: asyncio.Future[HttpResponse] = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = future
        try:
            self._deliver(self.centre.request(self.now(), ticket, request, line))
            return await future
        except asyncio.CancelledError:
            self._deliver(self.centre.cut(self.now(), ticket))
            raise
        finally:
            del self._waiting[ticket]

    def _too_large(self, request: web.Request) -> HttpResponse:
        error = ApiError(5501) if request.path.endswith("/files") else ApiError(5003, 413)
        return error_response(self.centre.knobs, error)

    def _deliver(self, answers: Iterable[Answer]) -> None:
        for ticket, reply in answers:
            future = self._waiting.get(ticket)
            if future is not None and not future.done():
                future.set_result(reply)
        for violation in self.centre.violations[self._judged :]:
            self.traffic.keep(violation.tickets)
        self._judged = len(self.centre.violations)
        self.feed.look()
        self._set_alarm()
        for changed in self._watchers:
            changed.set()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        due = self.centre.next_deadline()
        if due is not None:
            delay_s = self.clock.real_s(due)
            if delay_s is not None:
                self._alarm = asyncio.get_running_loop().call_later(delay_s, self._wake)

    def _wake(self) -> None:
        self._deliver(self.centre.tick(self.now()))


def _strikes(every: int, count: int) -> bool:
    return every > 0 and count % every == 0


def _wire_request(request: web.Request, body: bytes) -> HttpRequest:
    return HttpRequest(
        method=request.method,
        path=request.rel_url.raw_path,
        query=tuple(request.query.items()),
        headers=tuple(request.headers.items()),
        body=body,
    )


_INERT: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "sandbox; default-src 'none'"),
)
"""What strangers upload is served under the origin of the control API: no browser may run it there."""


_FRONT: Final = (
    "<!doctype html><title>A contact centre</title><h1>A contact centre for trials</h1><p>Nothing is here, but:"
)
_DOORS: Final = ("/clientweb/api/v2/ and v1/, for clients", "/_control/, for tests and tools")


def _translate(reply: HttpResponse) -> web.Response:
    return web.Response(status=reply.status, headers=[*reply.headers, *_INERT], body=reply.body)


def _break_off(request: web.Request) -> web.Response:
    """Close the connection under the client; the response returned here reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
