"""The line between the client and the centre: each command becomes real HTTP, and meets its fate.

A call's way: it is executed, arrives at the centre, is answered, and the answer arrives; each step takes time, and at
each the call may be lost, delayed or broken off. The centre is told of every connection that breaks, at once or, where
a connection stays half open, when it answers into the void.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from attrs import define

from statemachine.adapters.protocols import Answer
from statemachine.codec import http
from statemachine.codec.http import Endpoint, read_reply, to_http
from statemachine.core.commands import Command, CreateChat, FindChat, Poll, Post, PostEphemeral, ReadHistory, Upload
from statemachine.core.events import Failure, FailureKind
from statemachine.core.wire import SecureFormData, SessionDisconnect, SessionEnd
from statemachine.emulator.actions import InjectFault
from statemachine.emulator.errors import ApiError, error_response, html_response, status_of
from statemachine.emulator.knobs import Fault
from statemachine.emulator.wire import DROPPED, HttpRequest, HttpResponse

from .faults import CALLS, ErrorFault, Fate

if TYPE_CHECKING:
    from .world import World

__all__ = ["Call", "Network", "to_centre"]

_LATENCIES: Final = (20, 1, 400, 3_000)
_REFUSED_AFTER: Final = (0, 9_000, 14_000)
"""How long a poll may hang before it meets its error."""
_SLOW_READING: Final = (20, 4_000, 12_000)
_LANDED: Final = 2_000
"""A request on its way when its connection breaks lands this long before `Config.settle` at the latest."""
_CACHED: Final = 4
"""How many batches the bad proxy remembers."""


@define(eq=False)
class Call:
    """One call under way. `life`: of the client's process that made it.

    `lands`: when a request that is late reaches the centre. `responded`: the centre has answered. `over`: the client
    waits for it no more. `answered_at`: when the client got the answer, if it still waited for it: one that nobody
    awaits says nothing.
    """

    ticket: int
    life: int
    command: Command
    answer: Answer
    fate: Fate
    since: int
    request: HttpRequest
    lands: int = 0
    arrived: bool = False
    responded: bool = False
    over: bool = False
    answered_at: int | None = None
    aborted: bool = False


class Network:
    """Every call of a world, and the transport of each life of the client."""

    def __init__(self, world: World, endpoint: Endpoint) -> None:
        self._world = world
        self._endpoint = endpoint
        self._calls: Final[dict[int, Call]] = {}
        self._batches: Final[dict[str, list[HttpResponse]]] = {}
        self._refuses_until = 0
        self.courtesies_lost = 0
        self.belated_at = 0
        self.polls_given_up = 0
        self.next_leave: Fate = "deliver"
        """What becomes of the next post that says the customer leaves, where it has been planned."""

    # --- the client's side --------------------------------------------------------------------------------------------

    def execute(self, command: Command, answer: Answer) -> None:
        """See `Transport.execute`."""
        world = self._world
        ticket = len(self._calls) + 1
        world.oracle.executed(command, self.open_polls())
        request = self._wire_request(ticket, command)
        call = Call(ticket, world.agenda.life, command, answer, self._fate(command), world.now, request)
        self._calls[ticket] = call
        self.courtesies_lost += isinstance(command, PostEphemeral) and call.fate != "deliver"
        self._send(call)

    def _fate(self, command: Command) -> Fate:
        faults = self._world.faults
        if self.next_leave != "deliver" and _is_leave(command):
            fate, self.next_leave = self.next_leave, "deliver"
            return fate
        is_reading = any(isinstance(call.command, ReadHistory) and not call.over for call in self._calls.values())
        if isinstance(command, Post) and is_reading and faults.strikes("answer lost while reading", 8.0):
            return "response_lost"
        return faults.fate(command, self._world.now)

    def abort(self, command_id: int) -> None:
        """See `Transport.abort`."""
        for call in self._calls.values():
            if call.command.id == command_id and call.life == self._world.agenda.life and not call.over:
                call.aborted = True
                if call.responded and self._world.faults.strikes("abort too late", 5.0):
                    return
                self._break(call)
                # A poll that is given up for another one is still held, and collides with it.
                if isinstance(call.command, Poll) and self._world.is_polling():
                    self.polls_given_up += 1

    def open_polls(self) -> int:
        """How many polls the client is waiting for."""
        life = self._world.agenda.life
        polls = [call for call in self._calls.values() if isinstance(call.command, Poll) and call.life == life]
        return sum(not call.over and not call.aborted for call in polls) + self.polls_given_up

    def lose_batch(self) -> None:
        """What the poll that is held now will bring is lost on its way."""
        for call in self._calls.values():
            if isinstance(call.command, Poll) and not call.responded and not call.over and call.fate == "deliver":
                call.fate = "response_lost"

    def died(self) -> None:
        """The client's process is gone: so are its connections."""
        world = self._world
        latest = world.now + world.config.settle - _LANDED
        for call in self._calls.values():
            if not call.over:
                self._break(call)
                if isinstance(call.command, Poll):
                    call.arrived = True  # on its way or not: it lands no more (see `_late_landing`)
                elif not call.arrived and call.lands > latest:
                    world.agenda.later(latest, partial(self._arrive, call))

    def server_restarts(self, until: int) -> None:
        """Every connection to the centre breaks, and it takes no other until then."""
        self._refuses_until = until
        for call in list(self._calls.values()):
            if call.arrived and not call.responded:
                call.responded = True
                self._tell_cut(call)
                if not call.over:
                    self._fail_later(call, "cut", self._latency())

    def made_knowing(self, ticket: int, told: int | None) -> bool:
        """Whether a call was made after the same process had the answer to another one."""
        call, before = self._calls[ticket], self._calls.get(told or 0)
        if before is None or before.answered_at is None or before.life != call.life or before.fate == "empty_log":
            return False
        return call.since > before.answered_at

    def poll_is_held(self) -> bool:
        """Whether a poll that the client waits for is with the centre."""
        return any(
            isinstance(c.command, Poll) and c.arrived and not c.responded and not c.over for c in self._calls.values()
        )

    # --- there --------------------------------------------------------------------------------------------------------

    def _send(self, call: Call) -> None:
        world, fate, timeout = self._world, call.fate, call.command.timeout
        if fate == "unsent":
            self._fail_later(call, "unsent", world.choices.amount("unsent after", 1) * 5_000)
            return
        if fate == "request_lost":
            self._fail_unanswered(call)
            return
        batches = self._batches.get(call.request.path, [])
        if fate == "replayed" and batches:
            page = batches[-1 - world.choices.amount("which batch", len(batches) - 1)]
            world.agenda.later(world.now + 20, lambda: self._receive(call, page), of_client=True)
            return
        if fate == "request_late":
            call.lands = self._late_landing(call, self._fail_unanswered(call))
            world.agenda.later(call.lands, lambda: self._arrive(call))
            return
        if fate == "poll_cut":
            self._fail_later(call, "cut", world.choices.amount("poll cut after", 15_000))
        elif fate != "response_late":
            self._fail_later(call, "timeout", timeout)
        held = isinstance(fate, ErrorFault) and isinstance(call.command, Poll)
        refused = _REFUSED_AFTER[world.choices.choose("refused after", (1, 2, 2))] if held else 0
        if refused and world.faults.has("background") and world.choices.choose("hides before it", (1, 4)):
            world.agenda.later(world.now + refused // 2, world.customer.hide)
        world.agenda.later(world.now + refused + self._latency(), lambda: self._arrive(call))

    def _late_landing(self, call: Call, failed: int) -> int:
        """When a request lands whose connection breaks at `failed`.

        A post may land later, but before what was in doubt has settled: the promise that `Config.settle` rests on. A
        poll lands before: one that lands after the history was read eats what nobody looks for any more, and no client
        can tell (a second reading after `Config.settle` would).
        """
        world = self._world
        if isinstance(call.command, Poll):
            return world.now + world.choices.amount("lands late", failed - world.now)
        return failed + 1 + world.choices.amount("lands late", world.config.settle - _LANDED)

    def _fail_unanswered(self, call: Call) -> int:
        """Let the client see that there is no answer: soon, or at its timeout. Returns when."""
        timeout = call.command.timeout
        quick = self._world.choices.chance("break is seen", 600)
        after = self._world.choices.amount("break seen after", min(timeout, 3_000)) if quick else timeout
        self._fail_later(call, "cut" if quick else "timeout", after)
        return self._world.now + after

    def _arrive(self, call: Call) -> None:
        world, fault = self._world, call.fate
        if call.arrived:
            return
        call.arrived = True
        if world.now < self._refuses_until:
            call.responded = True  # by nobody: it is not held
            self._fail_later(call, "unsent", 1)
            return
        if call.over:
            self.belated_at = world.now
        if isinstance(fault, ErrorFault) and isinstance(call.command, CreateChat | FindChat | Upload):
            if not fault.accepted:
                self._answered(call, _error_page(world, fault))
                return
        elif isinstance(fault, ErrorFault):
            world.act(_chat_of(call.command), InjectFault(_planned(call.command, fault)))
        world.deliver(world.centre.request(world.now, call.ticket, call.request))
        if isinstance(call.command, Post) and world.faults.strikes("pushed entries", 6.0):
            world.agenda.later(world.now + 1, world.push, of_client=True)
        if call.over and not world.faults.strikes("half-open connection", 2.0):
            self._tell_cut(call)

    # --- and back -----------------------------------------------------------------------------------------------------

    def respond(self, ticket: int, response: HttpResponse) -> None:
        """The centre answers a ticket."""
        world, call = self._world, self._calls[ticket]
        call.responded = True
        fault = call.fate
        if call.over or fault == "response_lost":
            self._lose_answer(call)
        elif isinstance(fault, ErrorFault) and isinstance(call.command, CreateChat | FindChat | Upload):
            self._tell_cut(call)
            self._answered(call, _error_page(world, fault))
        elif fault == "empty_body" and response.status == 200 and world.config.api == "v2":
            self._answered(call, HttpResponse(200))
        elif isinstance(fault, str) and fault in _SPOIL and response.status == 200:
            body = json.dumps(_SPOIL[fault](self, call, _object_of(response))).encode()
            self._answered(call, HttpResponse(response.status, response.headers, body))
        else:
            self._answered(call, response)

    def overlapping(self, call: Call, body: dict[str, Any]) -> dict[str, Any]:
        """A batch that begins with the end of the one before."""
        batches, events = self._batches.get(call.request.path, []), _events_of(body)
        before = _events_of(_object_of(batches[-1])) if batches else []
        # Not what is in it already, by a cache's work: twice said and twice handed out look the same.
        end = [one for one in before[-1 - self._world.choices.amount("overlap", 3) :] if one not in events]
        return {**body, "events": [*end, *events]}

    def reordered(self, call: Call, body: dict[str, Any]) -> dict[str, Any]:
        """A batch in which two parts have changed places."""
        events = _events_of(body)
        at = 1 + self._world.choices.amount("turned at", len(events) - 2) if len(events) > 1 else 0
        return {**body, "events": [*events[at:], *events[:at]]}

    def empty_log(self, call: Call, body: dict[str, Any]) -> dict[str, Any]:
        """A history that has not heard of anything yet. Who knows nothing of this chat either would believe it."""
        assert isinstance(call.command, ReadHistory)
        chat_id = call.command.chat_id.lower()
        known = any(chat == chat_id for chat, *_ in self._world.oracle.book.ledger.told)
        return {**body, "events": []} if known else body

    def over_already(self, call: Call, body: dict[str, Any]) -> dict[str, Any]:
        """A session that is over and not yet purged (protocol.md 10, row 25)."""
        return {**body, "state": ("completed", "failed")[self._world.choices.amount("over how", 1)]}

    def _lose_answer(self, call: Call) -> None:
        self._tell_cut(call)
        if not call.over and self._world.choices.chance("break is seen", 600):
            self._fail_later(call, "cut", self._latency())

    def _answered(self, call: Call, response: HttpResponse) -> None:
        world = self._world
        due = world.now + self._latency(call.command)
        if call.fate == "response_late":
            margin = world.config.answer_margin
            due = max(due, call.since + call.command.timeout + margin + world.choices.amount("how late", 20_000))
        world.agenda.later(due, lambda: self._receive(call, response), of_client=True)
        if call.fate == "response_twice":
            again = due + (0, 300, 8_000)[world.choices.choose("again after", (1, 1, 1))]
            world.agenda.later(again, lambda: self._receive(call, response, again=True), of_client=True)

    def _receive(self, call: Call, response: HttpResponse, again: bool = False) -> None:
        if call.life != self._world.agenda.life or (call.over and not again):
            self._tell_cut(call)
            return
        call.over = True
        if response.status and self._world.is_awaited(call.command):
            call.answered_at = self._world.now
        if response.status == 0:
            call.answer(Failure("cut"))
            return
        if isinstance(call.command, Poll) and response.status == 200 and response.body:
            path = call.request.path
            self._batches[path] = [*self._batches.get(path, [])[1 - _CACHED :], response]
        call.answer(read_reply(call.command, response.status, dict(response.headers), response.body))

    def _fail_later(self, call: Call, kind: FailureKind, after: int) -> None:
        world = self._world
        world.agenda.later(world.now + after, lambda: self._fail(call, kind), of_client=True)

    def _fail(self, call: Call, kind: FailureKind) -> None:
        if call.life != self._world.agenda.life or call.over:
            return
        self._break(call)
        call.answer(Failure(kind))

    def _break(self, call: Call) -> None:
        call.over = True
        if call.arrived and not self._world.faults.strikes("half-open connection", 2.0):
            self._tell_cut(call)

    def _tell_cut(self, call: Call) -> None:
        self._world.deliver(self._world.centre.cut(self._world.now, call.ticket))

    def _latency(self, command: Command | None = None) -> int:
        world = self._world
        if isinstance(command, ReadHistory) and world.faults.lives("slow history"):
            return _SLOW_READING[world.choices.choose("reading takes", (1, 2, 2))]
        if not world.faults.lives("slow network"):
            return _LATENCIES[0]
        return _LATENCIES[world.choices.choose("latency", (6, 4, 4, 1))]

    def _wire_request(self, ticket: int, command: Command) -> HttpRequest:
        secret = {"card": "4711"} if isinstance(command, Post) and isinstance(command.entry, SecureFormData) else None
        return to_centre(to_http(command, self._endpoint, nonce=str(ticket), secret=secret))


def to_centre(made: http.HttpRequest) -> HttpRequest:
    """A request as the codec makes it, as the centre gets it. The bytes of a file are its name."""
    headers, body = made.headers, made.body or b""
    if made.upload_ref is not None:
        headers = (*headers, ("Content-Type", "multipart/form-data; boundary=simulated"))
        body = _multipart(made.upload_name or made.upload_ref, made.upload_ref)
    return HttpRequest(made.method, made.path, made.query, headers, body)


def _multipart(name: str, content: str) -> bytes:
    head = f'--simulated\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return f"{head}{content}\r\n--simulated--\r\n".encode()


_SPOIL: Final = {
    "overlapping": Network.overlapping,
    "reordered": Network.reordered,
    "empty_log": Network.empty_log,
    "over_already": Network.over_already,
}


def _object_of(page: HttpResponse) -> dict[str, Any]:
    """The JSON of an answer; nothing, where it has none."""
    return cast("dict[str, Any]", json.loads(page.body)) if page.body else {}


def _events_of(body: dict[str, Any]) -> list[object]:
    return cast("list[object]", body.get("events", []))


def _chat_of(command: Command) -> str:
    return "" if isinstance(command, CreateChat | FindChat | Upload) else command.chat_id


def _is_leave(command: Command) -> bool:
    return isinstance(command, Post) and isinstance(command.entry, SessionDisconnect | SessionEnd)


def _planned(command: Command, fault: ErrorFault) -> Fault:
    return Fault(
        CALLS[type(command)],
        fault.code,
        fault.status,
        html=fault.html,
        drop=fault.drop,
        accepted=fault.accepted,
        retry_after_s=fault.retry_after_s,
    )


def _error_page(world: World, fault: ErrorFault) -> HttpResponse:
    if fault.drop:
        return DROPPED
    if fault.html:
        return html_response(fault.status or status_of(fault.code))
    return error_response(world.centre.knobs, ApiError(fault.code, fault.status), fault.retry_after_s)
