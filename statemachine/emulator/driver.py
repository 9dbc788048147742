"""Runs the model of a contact centre in real time: a clock, an alarm, and the requests that wait for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Final

from statemachine.emulator.actions import Action
from statemachine.emulator.chat import Chat
from statemachine.emulator.clock import Clock, RealClock
from statemachine.emulator.feed import Feed, ReplySent, RequestReceived
from statemachine.emulator.model import Centre
from statemachine.emulator.steps import Scenario
from statemachine.emulator.traffic import Traffic
from statemachine.emulator.wire import DROPPED, Answer, HttpRequest, HttpResponse, RealTime

# How long a client may take between a poll's answer and its next poll while the clock is being moved.
_REPOLL_S: Final = 1.0
# The same before the clock is moved; a client that does not poll by then counts as silent.
_FIRST_POLL_S: Final = 5.0


class CentreDriver:
    """A centre in a running event loop. ``chat_id``: a chat; ``ticket``: the number of a request."""

    def __init__(self, centre: Centre, clock: Clock) -> None:
        self.centre = centre
        self.clock = clock
        self.observed = False
        """Whether it only shows another contact centre, and cannot be controlled."""
        self.feed = Feed(centre)
        self.traffic = Traffic()
        self.names: Collection[str] = ()
        """Names of this machine, beside loopback's own, that a `Host` header may have."""
        self.real_clock: Final = RealClock()
        self._waiting: dict[int, asyncio.Future[HttpResponse]] = {}
        self._watchers: set[asyncio.Event] = set()
        self._kept_violations = 0
        self._alarm: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Drop the requests that wait, and stop the clocks."""
        if self._alarm is not None:
            self._alarm.cancel()
        for future in self._waiting.values():
            if not future.done():
                future.set_result(DROPPED)
        self.real_clock.close()

    def now(self) -> int:
        """The centre's time: milliseconds since the epoch, never running backwards."""
        return self.clock.now()

    async def act(self, chat_id: str, *actions: Action) -> None:
        """Perform actions in a chat at once.

        Args:
            chat_id: Of the chat.
            actions: In this order.

        Raises:
            KeyError: There is no such chat.
        """
        self._deliver(self.centre.act(self.now(), chat_id, *actions))

    async def start(self, chat_id: str, scenario: Scenario) -> None:
        """Let a chat go through a scenario from its beginning.

        Args:
            chat_id: Of the chat.
            scenario: In the place of the present one.

        Raises:
            KeyError: There is no such chat.
        """
        self._deliver(self.centre.start(self.now(), chat_id, scenario))

    async def set_knobs(self, settings: Mapping[str, object], app_id: str = "") -> None:
        """Set knobs while chats run.

        Args:
            settings: Values by the knob's name.
            app_id: For the chats of this app id only; "": for all.

        Raises:
            ValueError: There is no such knob, or not with such a value.
        """
        self._deliver(self.centre.set_knobs(self.now(), settings, app_id))

    async def advance(self, ms: int) -> None:
        """Move the clock forward, from one deadline to the next.

        A client whose poll is answered on the way gets a moment of real time to poll again. If it takes longer (it
        may back off when answers come at once), it does not count as silent for that time.

        Args:
            ms: By so many milliseconds.
        """
        pollers = [chat for chat in self.centre.chats.values() if chat.live and chat.polls]
        await self._polled_again(pollers, _FIRST_POLL_S)
        present = [chat.chat_id for chat in self._polling()]
        end = self.now() + ms
        while self.now() < end:
            due = self.centre.next_deadline()
            polling = self._polling()
            self.clock.advance_to(end if due is None else min(due, end))
            self._deliver(self.centre.tick(self.now(), present))
            await self._polled_again(polling, _REPOLL_S)

    async def _polled_again(self, chats: Iterable[Chat], within_s: float) -> None:
        with suppress(TimeoutError):
            await self.until(lambda _: all(chat.held is not None or not chat.live for chat in chats), within_s)

    def _polling(self) -> list[Chat]:
        return [chat for chat in self.centre.chats.values() if chat.held is not None and not chat.held.cut]

    def set_speed(self, scale: float) -> None:
        """Set the speed of the clock.

        Args:
            scale: Milliseconds that pass in a real one; 0 stops the clock.

        Raises:
            ValueError: It is negative or too large.
        """
        self.clock.scale = scale
        self._set_alarm()

    async def until(self, condition: Callable[[Centre], bool], timeout_s: float = 5.0) -> None:
        """Wait until a condition holds.

        Args:
            condition: Evaluated at each change of the centre.
            timeout_s: Seconds to wait.

        Raises:
            TimeoutError: It did not hold in time.
        """
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            async with asyncio.timeout(timeout_s):
                while not condition(self.centre):
                    changed.clear()
                    await changed.wait()
        finally:
            self._watchers.discard(changed)

    def received(self, ticket: int, request: HttpRequest) -> None:
        """Record a request.

        Args:
            ticket: Its number.
            request: As it came.
        """
        self.feed.add(RequestReceived(self.traffic.received(ticket, self.now(), request)))

    def replied(self, ticket: int, reply: HttpResponse) -> None:
        """Record the reply to a request.

        Args:
            ticket: The number of the request.
            reply: With status 0 where the connection broke.
        """
        exchange = self.traffic.replied(ticket, self.now(), reply)
        if exchange is not None:
            self.feed.add(ReplySent(exchange))

    async def request(self, ticket: int, request: HttpRequest, real_time: RealTime) -> HttpResponse:
        """Wait for the reply to a request. Where this is cancelled, the connection broke.

        Args:
            ticket: Its number.
            request: As it came.
            real_time: The times that have to be real.

        Returns:
            The reply to send.
        """
        future: asyncio.Future[HttpResponse] = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = future
        try:
            self._deliver(self.centre.request(self.now(), ticket, request, real_time))
            return await future
        except asyncio.CancelledError:
            self.cut(ticket)
            raise
        finally:
            del self._waiting[ticket]

    def cut(self, ticket: int) -> None:
        """The reply to a request is lost.

        Args:
            ticket: The number of the request.
        """
        self._deliver(self.centre.cut(self.now(), ticket))

    def _deliver(self, answers: Iterable[Answer]) -> None:
        for ticket, reply in answers:
            future = self._waiting.get(ticket)
            if future is not None and not future.done():
                future.set_result(reply)
        for violation in self.centre.violations[self._kept_violations :]:
            self.traffic.keep(violation.tickets)
        self._kept_violations = len(self.centre.violations)
        self.feed.update()
        self._set_alarm()
        for changed in self._watchers:
            changed.set()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        due = self.centre.next_deadline()
        delay_s = None if due is None else self.clock.real_s(due)
        if delay_s is not None:
            self._alarm = asyncio.get_running_loop().call_later(delay_s, self._tick)

    def _tick(self) -> None:
        self._deliver(self.centre.tick(self.now()))
