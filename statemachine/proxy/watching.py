"""Watches forwarded calls: judges the client, learns the server's settings, and shows both on the console's page."""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve

from statemachine.conformance.blackbox.audit import JUDGED_KNOBS, JudgedCall, TrafficJudge
from statemachine.conformance.blackbox.catalogue import SILENT
from statemachine.conformance.blackbox.recorded import Recorded
from statemachine.emulator import Centre, names
from statemachine.emulator.chat import Chat, LogEntry, Party
from statemachine.emulator.clock import Clock
from statemachine.emulator.driver import CentreDriver
from statemachine.emulator.errors import PlainError
from statemachine.emulator.feed import ReplySent, RequestReceived
from statemachine.emulator.identity import claimed
from statemachine.emulator.routes import Route, find_route
from statemachine.emulator.traffic import Exchange
from statemachine.emulator.wire import HttpRequest, HttpResponse

from .exchange import DecodedExchange, Event
from .learning import Learner
from .recording import HarRecorder

_LOG_KEPT: Final = 1_000
"""Events of one chat that the page shows."""


class Watcher(CentreDriver):
    """The observer of a `Forwarder`, and the source of the control API and the console.

    Its centre is a picture of the real one: chats, as far as calls mention them, and violations. Nothing can be
    steered through it.

    Args:
        url: Where clients reach the proxy.
        token: As of an emulator.
        recorder: Keeps all calls of the chat's interface; None: only the latest are kept, for the page.
    """

    def __init__(self, token: str | None = None, recorder: HarRecorder | None = None) -> None:
        super().__init__(Centre(JUDGED_KNOBS, SILENT), Clock())
        self.url = ""
        self.token = token
        self.observed = True
        self.learner: Final = Learner()
        self.requests = 0
        self._recorder = recorder
        self._open: dict[int, JudgedCall] = {}
        self._judge: Final = TrafficJudge(state=self.centre.selection.of_app(""), traffic=self.traffic)

    def request_arrived(self, number: int, request: HttpRequest) -> None:
        """A request has arrived."""
        self.requests = number
        route = route_of(request)
        if route is None:
            return
        at = self.now()
        call = JudgedCall(number, route, claimed(request), Recorded(at, at, request, HttpResponse(0)))
        self._open[number] = call
        self._judge.begin(call)
        exchange = self.traffic.find(number)
        if exchange is not None:
            self.feed.add(RequestReceived(exchange))
        self._changed(call)

    def response_ended(self, number: int, response: HttpResponse, complete: bool) -> None:
        """Its answer has ended."""
        call = self._open.pop(number, None)
        if call is None:
            return
        end = self.now()
        problem = "" if complete else "it is too long"
        call.recorded = evolve(call.recorded, end=end, response=response, response_problem=problem)
        recorded = call.recorded
        seen = DecodedExchange(number, recorded.at, end, call.route, call.client, recorded.request, response, complete)
        self._judge.end(call)
        self.learner.add(seen)
        self._show(seen)
        exchange = self.traffic.find(number)
        if exchange is not None:
            self.feed.add(ReplySent(exchange))
        if self._recorder is not None:
            whole = Exchange(number, recorded.at, call.client, recorded.request, response, end)
            self._recorder.add(whole)
        self._changed(call)

    def finish(self) -> None:
        """No more calls come: apply the rules that need the whole recording."""
        self._judge.close(self.now(), one_user=False)
        self._deliver(())

    def _changed(self, call: JudgedCall) -> None:
        self.centre.mark_changed(call.route.chat_id)
        self.centre.selection.of_app("").forget_old_chats()
        self._deliver(())

    def _show(self, seen: DecodedExchange) -> None:
        """Let the page show a poll's events as the chat's transcript."""
        chat = self.centre.chats.get(seen.route.chat_id.lower())
        if chat is None or seen.route.call != "poll":
            return
        for event in seen.events:
            chat.log.append(LogEntry(seen.end, "to_client", event))
            _follow(chat, event)
        if chat.terminal is not None and chat.ended_at is None:
            chat.ended_at = seen.end
        del chat.log[:-_LOG_KEPT]


def route_of(request: HttpRequest) -> Route | None:
    """The call of the chat's interface, wherever a server has it in its paths."""
    try:
        return find_route(JUDGED_KNOBS, request.method, request.path)
    except PlainError:
        return None


def _follow(chat: Chat, event: Event) -> None:
    """Update stage and participants from an event."""
    match event.get("event"):
        case names.STATUS:
            chat.state = str(event.get("state", chat.state))
        case names.PARTY_JOINED:
            party_id = str(event.get("party_id", ""))
            chat.parties[party_id] = Party(
                party_id, party_id, str(event.get("type", "")), _text(event, "first_name"), _text(event, "last_name")
            )
        case names.PARTY_LEFT if party := chat.parties.get(str(event.get("party_id", ""))):
            party.present = False
        case names.WARNING:
            chat.warned = True
        case _:
            pass


def _text(event: dict[str, Any], name: str) -> str:
    return str(event.get(name) or "")
