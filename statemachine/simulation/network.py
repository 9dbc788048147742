"""The network between client and server: each command becomes an HTTP request, and may have a fault.

A request is sent, arrives at the server, is answered, and the response arrives. Each step takes time, and at each the
call may be lost, delayed or cut. The server notices a broken connection at once or, where the connection stays half
open, when it responds.
"""

from __future__ import annotations

import json
from typing import Any, Final, cast

from attrs import define, evolve, field

from statemachine import core
from statemachine.adapters.protocols import Answer
from statemachine.codec.body import is_object, parse_body
from statemachine.codec.http import Endpoint, read_reply, to_http
from statemachine.codec.wire import decode_entry
from statemachine.core.wire import Malformed, SecureFormData, SessionDisconnect, SessionEnd
from statemachine.emulator.actions import InjectFault
from statemachine.emulator.errors import ApiError, error_response, html_response, status_of
from statemachine.emulator.knobs import Fault
from statemachine.emulator.wire import DROPPED, HttpRequest, HttpResponse

from .client import Client
from .environment import Environment
from .faults import BODY_FAULTS, CALLS, CallFault
from .oracle import Oracle
from .requests import to_emulator
from .server import Server

_LATENCIES: Final = (20, 1, 400, 3_000)
_HISTORY_LATENCIES: Final = (20, 4_000, 12_000)
_REFUSED_AFTER: Final = (0, 9_000, 14_000)
"""How long a poll may be held before its error."""
_LANDED: Final = 2_000
"""A request in flight when its connection breaks lands this long before `Config.settle` at the latest."""
_CACHED: Final = 4
"""The number of batches that the caching proxy keeps."""
_UNREADABLE: Final = (b"<html>Sorry</html>", b"null", b"17", b'"busy"', b"\xff\xfe\x00", b"\0" * 9, b"[" * 5_000)
_WRONG_BYTES: Final = (b"\xf0\x9f\x98", b"\xe9", b"\xed\xa0\xbd", b"\x01", b"\n", b"\\x41", b"\\u12", b"\\")


@define(eq=False)
class Call:
    """One call in flight.

    Attributes:
        process: The client process that made it.
        lands: When a delayed request reaches the server.
        arrived, responded: What the server has done.
        over: The client does not wait for it any more.
        answered_at: When the client received the response that it still waited for.
        raises_doubt: It was "no such chat", to another call than the poll in flight: the poll decides (design 13).
    """

    ticket: int
    process: int
    command: core.Command
    answer: Answer
    fault: CallFault
    since: int
    request: HttpRequest
    lands: int = 0
    arrived: bool = False
    responded: bool = False
    over: bool = False
    answered_at: int | None = None
    raises_doubt: bool = False
    aborted: bool = False

    @property
    def error(self) -> Fault | None:
        """The error response that it is to have."""
        return self.fault if isinstance(self.fault, Fault) else None


@define(eq=False)
class Network:
    """All calls of one run; the transport of each process of the client."""

    _env: Environment
    _server: Server
    _client: Client
    _oracle: Oracle
    _endpoint: Endpoint
    _calls: dict[int, Call] = field(init=False, factory=dict[int, Call])
    _batches: dict[str, list[HttpResponse]] = field(init=False, factory=dict[str, list[HttpResponse]])
    _refuses_until: int = 0
    landed_late_at: int = 0
    """When the server last received a request that the client had given up."""
    polls_given_up: int = 0
    leave_fault: CallFault = "none"
    """The fault planned for the next post that says the customer leaves."""

    # --- the client's side --------------------------------------------------------------------------------------------

    def execute(self, command: core.Command, answer: Answer) -> None:
        """See `Transport.execute`."""
        ticket = len(self._calls) + 1
        self._oracle.executed(command, self._open_polls())
        is_secure = isinstance(command, core.Post) and isinstance(command.entry, SecureFormData)
        request = to_emulator(
            to_http(command, self._endpoint, nonce=str(ticket), secret={"card": "4711"} if is_secure else None)
        )
        fault, now = self._fault_of(command), self._env.schedule.now
        self._calls[ticket] = call = Call(ticket, self._env.schedule.process, command, answer, fault, now, request)
        self._send(call)

    def _fault_of(self, command: core.Command) -> CallFault:
        if self.leave_fault != "none" and _is_leave(command):
            fault, self.leave_fault = self.leave_fault, "none"
            return fault
        is_reading = any(isinstance(call.command, core.ReadHistory) and not call.over for call in self._calls.values())
        if isinstance(command, core.Post) and is_reading and self._env.faults.occurs("answer lost while reading", 8.0):
            return "response lost"
        return self._env.faults.of_call(command, self._env.schedule.now, self.is_poll_held())

    def abort(self, command_id: int) -> None:
        """See `Transport.abort`."""
        for call in self._calls.values():
            if call.command.id == command_id and self._is_of_this_process(call) and not call.over:
                call.aborted = True
                self._oracle.aborted(call.command, call.responded)
                if call.responded and self._env.faults.occurs("abort too late", 5.0):
                    return
                self._break(call)
                # The server still holds a poll that is given up for another one; the two collide.
                if isinstance(call.command, core.Poll) and self._client.is_polling():
                    self.polls_given_up += 1

    def _open_polls(self) -> int:
        polls = [call for call in self._polls() if self._is_of_this_process(call)]
        return sum(not call.over and not call.aborted for call in polls) + self.polls_given_up

    def _polls(self) -> list[Call]:
        return [call for call in self._calls.values() if isinstance(call.command, core.Poll)]

    def _is_of_this_process(self, call: Call) -> bool:
        return call.process == self._env.schedule.process

    def lose_batch(self) -> None:
        """Lose the response to the poll that is held now."""
        for call in self._polls():
            if not call.responded and not call.over and call.fault == "none":
                call.fault = "response lost"

    def process_died(self) -> None:
        """Break the connections of the client's process."""
        latest = self._env.schedule.now + self._env.config.settle - _LANDED
        for call in self._calls.values():
            if not call.over:
                self._break(call)
                if isinstance(call.command, core.Poll):
                    call.arrived = True  # it lands no more (see `_late_landing`)
                elif not call.arrived and call.lands > latest:
                    self._land(call, latest)

    def server_restarts(self, until: int) -> None:
        """Break every connection to the server, and refuse others until then."""
        self._refuses_until = until
        for call in list(self._calls.values()):
            if call.arrived and not call.responded:
                call.responded = True
                self._server.cut(call.ticket)
                if not call.over:
                    self._fail_later(call, "cut", self._latency())

    def was_made_after_answer(self, ticket: int, other: int | None) -> bool:
        """Whether a call was made after the same process had received and could read the answer to the other one."""
        call, before = self._calls[ticket], self._calls.get(other or 0)
        if before is None or before.answered_at is None or before.process != call.process:
            return False
        if isinstance(before.command, core.Post | core.PostEphemeral) or before.raises_doubt:
            return False  # a post raises no more than a doubt; a poll or the history decides (design 13)
        return before.fault not in ("empty log", "unreadable body", "cut off body") and call.since > before.answered_at

    def is_poll_held(self) -> bool:
        """Whether the server holds a poll that the client waits for."""
        return any(call.arrived and not call.responded and not call.over for call in self._polls())

    # --- the request --------------------------------------------------------------------------------------------------

    def _send(self, call: Call) -> None:
        choices, fault = self._env.choices, call.fault
        if fault == "never sent":
            self._fail_later(call, "unsent", choices.amount("unsent after", 1) * 5_000)
            return
        if fault == "request lost":
            self._fail_unanswered(call)
            return
        batches = self._batches.get(call.request.path, [])
        if fault == "batch replayed" and batches:
            page = batches[-1 - choices.amount("which batch", len(batches) - 1)]
            self._env.schedule.after(20, lambda: self._receive(call, page), of_client=True)
            return
        if fault == "request late":
            call.lands = self._late_landing(call, self._fail_unanswered(call))
            self._land(call, call.lands)
            return
        if fault == "poll cut":
            self._fail_later(call, "cut", choices.amount("poll cut after", 15_000))
        elif fault != "response late":
            self._fail_later(call, "timeout", call.command.timeout)
        held = call.error is not None and isinstance(call.command, core.Poll)
        refused = choices.pick("refused after", _REFUSED_AFTER, (1, 2, 2)) if held else 0
        if refused and self._env.faults.is_enabled("background") and choices.index("hides before it", (1, 4)):
            self._env.schedule.after(refused // 2, lambda: self._client.try_feed(core.Background(self._client.now())))
        self._land(call, self._env.schedule.now + refused + self._latency())

    def _land(self, call: Call, due: int) -> None:
        self._env.schedule.at(due, lambda: self._arrive(call))

    def _late_landing(self, call: Call, failed: int) -> int:
        """When a request lands whose connection breaks at `failed`.

        A post may land later, but before the settle delay ends: `Config.settle` rests on that. A poll lands before: one
        that lands after the history was read takes entries that nobody looks for any more, and no client can notice (a
        second reading after `Config.settle` would).
        """
        now, choices = self._env.schedule.now, self._env.choices
        if isinstance(call.command, core.Poll):
            return now + choices.amount("lands late", failed - now)
        return failed + 1 + choices.amount("lands late", self._env.config.settle - _LANDED)

    def _fail_unanswered(self, call: Call) -> int:
        """Let the client notice that there is no answer, early or at its timeout. Returns when."""
        timeout = call.command.timeout
        quick = self._env.choices.chance("break is seen", 600)
        after = self._env.choices.amount("break seen after", min(timeout, 3_000)) if quick else timeout
        self._fail_later(call, "cut" if quick else "timeout", after)
        return self._env.schedule.now + after

    def _arrive(self, call: Call) -> None:
        if call.arrived:
            return
        call.arrived = True
        if self._env.schedule.now < self._refuses_until:
            call.responded = True  # by nobody: it is not held
            self._fail_later(call, "unsent", 1)
            return
        if call.over:
            self.landed_late_at = self._env.schedule.now
        if call.error and not _has_chat(call.command) and not call.error.accepted:
            self._return(call, self._error_page(call.error))
            return
        if call.error and _has_chat(call.command):
            self._server.act(_chat_id(call.command), InjectFault(evolve(call.error, on=CALLS[type(call.command)])))
        self._server.request(call.ticket, call.request, lambda response: self._respond(call, response))
        if isinstance(call.command, core.Post) and self._env.faults.occurs("pushed entries", 6.0):
            self._env.schedule.after(1, self._client.push, of_client=True)
        if call.over and not self._env.faults.occurs("half-open connection", 2.0):
            self._server.cut(call.ticket)

    # --- the response -------------------------------------------------------------------------------------------------

    def _respond(self, call: Call, response: HttpResponse) -> None:
        call.responded = True
        if call.over or call.fault == "response lost":
            self._server.cut(call.ticket)
            if not call.over and self._env.choices.chance("break is seen", 600):
                self._fail_later(call, "cut", self._latency())
            return
        if call.error and not _has_chat(call.command):
            self._server.cut(call.ticket)
            response = self._error_page(call.error)
        elif response.status == 200 and call.fault in BODY_FAULTS:
            response = self._with_body_fault(call, response)
        self._return(call, response)

    def _with_body_fault(self, call: Call, response: HttpResponse) -> HttpResponse:
        body = _object_of(response)
        events = _events_of(body)
        match call.fault:
            case "empty body" if self._env.config.api == "v2":
                return HttpResponse(200)
            case "unreadable body":  # what the server handed out is lost
                return HttpResponse(200, body=self._env.choices.pick("which body", _UNREADABLE))
            case "wrong bytes":  # in a field that nobody reads: they cost no entry
                return evolve(response, body=_with_bytes(body, self._env.choices.pick("which bytes", _WRONG_BYTES)))
            case "cut off body":  # by a proxy; the response itself is whole
                length = self._env.choices.amount("cut off after", max(len(response.body) - 2, 0))
                return evolve(response, body=response.body[: 1 + length])  # without a byte it would be an empty answer
            case "batch overlapping":
                batches = self._batches.get(call.request.path, [])
                before = _events_of(_object_of(batches[-1])) if batches else []
                # Not what a caching proxy has repeated already: an entry said twice and one delivered twice look alike.
                end = [one for one in before[-1 - self._env.choices.amount("overlap", 3) :] if one not in events]
                change: dict[str, Any] = {"events": [*end, *events]}
            case "batch reordered":
                at = 1 + self._env.choices.amount("reordered at", len(events) - 2) if len(events) > 1 else 0
                change = {"events": [*events[at:], *events[:at]]}
            case "empty log":  # a client that does not know of the chat either would believe it
                change = {"events": []} if self._oracle.has_delivered_of(_chat_id(call.command)) else {}
            case "already ended":  # a session that has ended and is not purged yet (protocol.md 10, row 25)
                change = {"state": self._env.choices.pick("ended how", ("completed", "failed"))}
            case _:
                return response
        return evolve(response, body=json.dumps({**body, **change}).encode())

    def _error_page(self, error: Fault) -> HttpResponse:
        if error.drop:
            return DROPPED
        if error.html:
            return html_response(error.status or status_of(error.code))
        return error_response(self._env.knobs, ApiError(error.code, error.status), error.retry_after_s)

    def _return(self, call: Call, response: HttpResponse) -> None:
        due = self._env.schedule.now + self._latency(call.command)
        if call.fault == "response late":
            latest = call.since + call.command.timeout + self._env.config.answer_margin
            due = max(due, latest + self._env.choices.amount("how late", 20_000))
        self._env.schedule.at(due, lambda: self._receive(call, response), of_client=True)
        if call.fault == "response twice":
            again = due + self._env.choices.pick("again after", (0, 300, 8_000), (1, 1, 1))
            self._env.schedule.at(again, lambda: self._receive(call, response, again=True), of_client=True)

    def _receive(self, call: Call, response: HttpResponse, again: bool = False) -> None:
        if not self._is_of_this_process(call) or (call.over and not again):
            self._server.cut(call.ticket)
            return
        call.over = True
        if response.status and self._client.is_awaited(call.command):
            call.answered_at = self._env.schedule.now
            is_denial = response.status != 200 and not isinstance(call.command, core.Poll)
            call.raises_doubt = is_denial and any(
                isinstance(one, core.Poll) for one in core.outbox(self._client.session)
            )
        if response.status == 0:
            call.answer(core.Failure("cut"))
            return
        if isinstance(call.command, core.Poll) and response.status == 200 and response.body:
            path = call.request.path
            self._batches[path] = [*self._batches.get(path, [])[1 - _CACHED :], response]
        headers = dict(response.headers)
        call.answer(read_reply(call.command, response.status, headers, response.body, redirected=False))

    def _fail_later(self, call: Call, kind: core.FailureKind, after: int) -> None:
        self._env.schedule.after(after, lambda: self._fail(call, kind), of_client=True)

    def _fail(self, call: Call, kind: core.FailureKind) -> None:
        if self._is_of_this_process(call) and not call.over:
            self._break(call)
            call.answer(core.Failure(kind))

    def _break(self, call: Call) -> None:
        call.over = True
        if call.arrived and not self._env.faults.occurs("half-open connection", 2.0):
            self._server.cut(call.ticket)

    def _latency(self, command: core.Command | None = None) -> int:
        if isinstance(command, core.ReadHistory) and self._env.faults.is_enabled("slow history"):
            return self._env.choices.pick("reading takes", _HISTORY_LATENCIES, (1, 2, 2))
        if not self._env.faults.is_enabled("slow network"):
            return _LATENCIES[0]
        return self._env.choices.pick("latency", _LATENCIES, (6, 4, 4, 1))


def _with_bytes(body: dict[str, Any], wrong: bytes) -> bytes:
    """The body as JSON, with a member of these bytes, also in each message that can be read."""
    odd = {"odd": "WRONG"}
    listed: list[Any] = _events_of(body)
    events: list[Any] = [{**one, **odd} if _is_readable_message(one) else one for one in listed]
    text = json.dumps({**body, **odd, **({"events": events} if events else {})})
    return text.encode().replace(b"WRONG", wrong)


def _is_readable_message(event: Any) -> bool:
    """Of a malformed entry the client reports all members."""
    return is_object(event) and "msg_id" in event and not isinstance(decode_entry(event), Malformed)


def _object_of(page: HttpResponse) -> dict[str, Any]:
    """The JSON object in a response; an empty one where there is none."""
    value = parse_body(page.body)
    return value if is_object(value) else {}


def _events_of(body: dict[str, Any]) -> list[Any]:
    return cast("list[Any]", body.get("events", []))


def _has_chat(command: core.Command) -> bool:
    return not isinstance(command, core.CreateChat | core.FindChat | core.Upload)


def _chat_id(command: core.Command) -> str:
    return "" if isinstance(command, core.CreateChat | core.FindChat | core.Upload) else command.chat_id


def _is_leave(command: core.Command) -> bool:
    return isinstance(command, core.Post) and isinstance(command.entry, SessionDisconnect | SessionEnd)
