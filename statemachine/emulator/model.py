"""The contact centre: a pure model of the server, driven by requests, actions and the time.

Nothing here reads a clock or does I/O. Every call carries ``now`` in milliseconds since the epoch and
returns the responses that became ready, as (ticket, response); a held poll is answered by a later call.
The same calls give the same answers in every process.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import Final, get_args

from statemachine.emulator import agents, endpoints, errors, judge, other_endpoints, runner, timers
from statemachine.emulator.actions import Action
from statemachine.emulator.chat import Chat, ClientKey, HeldPoll
from statemachine.emulator.endpoints import ApiCall
from statemachine.emulator.errors import ApiError, PlainError
from statemachine.emulator.identity import COOKIE, Caller, claimed, identify
from statemachine.emulator.knobs import Call, Fault, Knobs
from statemachine.emulator.routes import Route, find_route
from statemachine.emulator.script.catalogue import catalogue, scenario_named
from statemachine.emulator.selection import Selection
from statemachine.emulator.state import CentreState, StoredFile, Violation, take_fault
from statemachine.emulator.steps import Scenario
from statemachine.emulator.wire import DROPPED, Answer, HttpRequest, HttpResponse, RealTime

# Each call is answered by the function of its name.
_CALLS: Final[dict[Call, Callable[[CentreState, ApiCall], HttpResponse | None]]] = {
    call: getattr(endpoints, call, None) or getattr(other_endpoints, call) for call in get_args(Call) if call != "any"
}

# How many answered polls are remembered, in case their reply is reported as lost.
_ANSWERED_KEPT: Final = 4_096


class Centre:
    """A contact centre with its chats.

    ``scenario`` is a name of the catalogue or a scenario of one's own: what chats go through whose appId is not itself
    the name of one of ``scenarios`` (left out: the catalogue).
    """

    def __init__(
        self,
        knobs: Knobs | None = None,
        scenario: str | Scenario = "plain",
        scenarios: Mapping[str, Scenario] | None = None,
    ) -> None:
        known = scenarios if scenarios is not None else catalogue()
        chosen = scenario_named(scenario, known) if isinstance(scenario, str) else scenario
        self.selection: Final = Selection(knobs if knobs is not None else Knobs(), chosen, known)
        self._records = self.selection.records
        self._now = 0
        self._due: list[tuple[int, str]] = []
        self._holding: dict[int, str] = {}
        self._answered: dict[int, str] = {}
        self._changed: dict[str, None] = {}

    # For reading.

    @property
    def knobs(self) -> Knobs:
        """The knobs that hold where no appId or chat has others."""
        return self.selection.of_app("").knobs

    @property
    def chats(self) -> dict[str, Chat]:
        """Every chat by its id (lower case), oldest first; for reading only."""
        return self._records.chats

    @property
    def violations(self) -> list[Violation]:
        """The violations of clients, oldest first."""
        return self._records.violations

    @property
    def files(self) -> dict[str, StoredFile]:
        """The files kept, by id, oldest first."""
        return self._records.files

    @property
    def held_polls(self) -> int:
        """How many polls wait for an answer."""
        return len(self._holding)

    def take_changed(self) -> list[str]:
        """Ids of the chats to which something may have happened since this was asked last, in order."""
        changed, self._changed = self._changed, {}
        return list(changed)

    def mark_changed(self, chat_id: str) -> None:
        """This chat has changed without an event."""
        self._changed[chat_id.lower()] = None

    # Events.

    def request(self, now: int, ticket: int, request: HttpRequest, real_time: RealTime | None = None) -> list[Answer]:
        """A request arrived. ``ticket`` is the caller's number for it, never used before.

        ``real_time``: when, for the client; left out: the centre's own time is real.
        """
        out = self._advance(now)
        self._records.real_time = real_time
        try:
            who = claimed(request)
            route = find_route(self.selection.of_app(who.app_id).knobs, request.method, request.path)
            reply, chat = self._serve(route, ticket, request, who)
        except PlainError as error:
            return [*out, (ticket, errors.html_response(error.status))]
        own = [] if reply is None else [(ticket, reply)]
        others = [] if chat is None else self._settle(chat, self._now)
        # Receipts may overtake the reply to the POST they belong to (section 5).
        early = chat is not None and self.selection.of_chat(chat).knobs.receipts == "early"
        out += others + own if early else own + others
        return out + self._advance(now)

    def tick(self, now: int, present: Iterable[str] = ()) -> list[Answer]:
        """Set the time to ``now`` and do all that is due, in the order of its time.

        The clients of the chats ``present`` are not held silent for the time that has passed since they polled last.
        """
        for chat_id in present:
            chat = self._records.chats.get(chat_id.lower())
            if chat is not None:
                chat.alive_at = max(chat.alive_at, now)
        return self._advance(now)

    def next_deadline(self) -> int | None:
        """When ``tick`` is needed next, or None while only requests or actions can change anything.

        After every call it lies in the future of that call's ``now``.
        """
        while self._due:
            due, chat_id = self._due[0]
            chat = self._records.chats.get(chat_id)
            if chat is not None and chat.armed == due:
                return due
            heapq.heappop(self._due)
        return None

    def left(self, ticket: int, real_time: RealTime) -> None:
        """The reply to this request went out only now."""
        chat = self._records.chats.get(self._answered.get(ticket, ""))
        if chat is not None:
            judge.reply_left(chat, ticket, real_time)

    def cut(self, now: int, ticket: int) -> list[Answer]:
        """The connection of this request broke: its reply, sent or not, does not arrive."""
        out = self._advance(now)
        holding = self._records.chats.get(self._holding.pop(ticket, ""))
        if holding is not None and holding.held is not None:
            return out + self._cut_held(holding, holding.held)
        chat = self._records.chats.get(self._answered.pop(ticket, ""))
        return out if chat is None else out + self._take_back(chat, ticket)

    def act(self, now: int, chat_id: str, *actions: Action) -> list[Answer]:
        """The centre's side does these actions at once; a waiting poll gets them in one batch.

        Raises KeyError for a chat that never was.
        """
        out = self._advance(now)
        chat = self._records.chats[chat_id.lower()]
        for action in actions:
            agents.perform(self.selection.of_chat(chat), chat, self._now, action)
        return out + self._settle(chat, self._now) + self._advance(now)

    def start(self, now: int, chat_id: str, scenario: Scenario) -> list[Answer]:
        """From here on the chat goes through this scenario, from its beginning. Raises KeyError."""
        out = self._advance(now)
        chat = self._records.chats[chat_id.lower()]
        chat.scenario = scenario
        if chat.live:
            runner.start(self.selection.of_chat(chat), chat, self._now)
        return out + self._settle(chat, self._now) + self._advance(now)

    def set_knobs(self, now: int, settings: Mapping[str, object], app_id: str = "") -> list[Answer]:
        """Set knobs, for all or for one appId, also for running chats. Raises ValueError."""
        out = self._advance(now)
        self.selection.set(settings, app_id)
        for chat in self._records.chats.values():
            out += self._settle(chat, self._now)
        return out + self._advance(now)

    # Time.

    def _advance(self, now: int) -> list[Answer]:
        out: list[Answer] = []
        while (due := self.next_deadline()) is not None and due <= now:
            _, chat_id = heapq.heappop(self._due)
            chat = self._records.chats[chat_id]
            chat.armed = None
            self._now = max(self._now, due)
            timers.fire(self.selection.of_chat(chat), chat, self._now)
            out += self._settle(chat, self._now)
        self._now = max(self._now, now)
        return out

    def _settle(self, chat: Chat, now: int) -> list[Answer]:
        """Answer the held poll if there is something to say, and set the chat's next deadline."""
        self._changed[chat.chat_id.lower()] = None
        out = self._settle_poll(chat, now)
        due = timers.next_due(chat, self.selection.of_chat(chat).knobs)
        if due != chat.armed:
            chat.armed = due
            if due is not None:
                heapq.heappush(self._due, (due, chat.chat_id.lower()))
        return out

    def _settle_poll(self, chat: Chat, now: int) -> list[Answer]:
        held = chat.held
        if held is None:
            return []
        state = self.selection.of_chat(chat)
        if held.cut:
            self._settle_cut_poll(chat, held, now)
            return []
        if not chat.known:
            judge.end_reported(state, chat, now, held.ticket, by_poll=True)
            reply = errors.gone_response(state.knobs)
        elif chat.pending:
            reply = endpoints.batch_response(state, chat, now, held.ticket)
        elif held.until <= now:
            reply = endpoints.empty_response(state)
        else:
            return []
        judge.hold_ended(state, chat, held)
        chat.held = None
        chat.alive_at = now
        chat.observed.aborts.clear()
        del self._holding[held.ticket]
        self._remember(held.ticket, chat)
        return [(held.ticket, reply)]

    def _settle_cut_poll(self, chat: Chat, held: HeldPoll, now: int) -> None:
        state = self.selection.of_chat(chat)
        if chat.pending and state.knobs.after_cut == "swallow":
            endpoints.hand_over(state, chat, now, held.ticket)
            self._lose(chat, held.ticket)
            chat.held = None
        elif held.until <= now or not chat.known:
            chat.held = None

    # Broken connections.

    def _cut_held(self, chat: Chat, held: HeldPoll) -> list[Answer]:
        chat.alive_at = self._now
        state = self.selection.of_chat(chat)
        judge.broke_off(state, chat, self._now, held.ticket)
        held.cut = True
        if state.knobs.after_cut == "free":
            chat.held = None
        return self._settle(chat, self._now)

    def _take_back(self, chat: Chat, ticket: int) -> list[Answer]:
        self._lose(chat, ticket)
        return self._settle(chat, self._now)

    def _lose(self, chat: Chat, ticket: int) -> None:
        judge.reply_lost(chat, ticket)
        for handover in chat.handovers:
            if handover.ticket == ticket and not handover.lost:
                handover.lost = True
                if self.selection.of_chat(chat).knobs.redeliver and chat.known:
                    chat.pending[:0] = handover.events

    def _remember(self, ticket: int, chat: Chat) -> None:
        self._answered[ticket] = chat.chat_id.lower()
        if len(self._answered) > _ANSWERED_KEPT:
            del self._answered[next(iter(self._answered))]

    # One request.

    def _serve(
        self, route: Route, ticket: int, request: HttpRequest, who: ClientKey
    ) -> tuple[HttpResponse | None, Chat | None]:
        """The reply, None if the poll is held, and the chat that may have changed."""
        chat = self._records.chats.get(route.chat_id.lower())
        state = self.selection.of_app(who.app_id) if chat is None else self.selection.of_chat(chat)
        judge.called(state, route.call, who, ticket, route.chat_id, self._now)
        fault = take_fault(state.faults, route.call)
        if fault is None and chat is not None:
            fault = take_fault(chat.faults, route.call)
        code: int | None = None
        unreadable = False
        caller: Caller | None = None
        try:
            caller = self._caller(state, route, ticket, request)
            if fault is None or fault.accepted:
                reply = _CALLS[route.call](state, ApiCall(self._now, ticket, route, request, caller.key))
            else:
                reply = HttpResponse(200)
        except ApiError as error:
            if error.code == 5003:
                judge.unreadable(state, who, ticket, route.chat_id, error.text, self._now)
            code, reply = error.code, self._refusal(state, route, chat, caller, ticket, error)
        if chat is None and caller is not None and route.call == "create":
            chat = state.current(caller.key)
        if fault is not None and not (fault.accepted and code is not None):  # a refused request took no effect
            code, reply = 0 if fault.html else fault.code, self._failure(state, fault, chat, ticket)
            unreadable = reply.status == DROPPED.status or (fault.html and reply.status == 200)
        status = 0 if reply is None else reply.status
        judge.answered(state, route.call, who, ticket, route.chat_id, code, self._now, status, unreadable)
        if reply is None and chat is not None:
            self._holding[ticket] = chat.chat_id.lower()
        elif chat is not None:
            self._remember(ticket, chat)
        return self._with_cookie(reply, caller), chat

    def _caller(self, state: CentreState, route: Route, ticket: int, request: HttpRequest) -> Caller:
        """Files and photos are fetched without tenant, and by browsers without a header (1.1)."""
        if route.call in ("download", "photo"):
            return Caller(ClientKey("", "", ""))
        return identify(state, request, self._now, ticket)

    def _refusal(
        self, state: CentreState, route: Route, chat: Chat | None, caller: Caller | None, ticket: int, error: ApiError
    ) -> HttpResponse:
        """An error reply."""
        if error.code != 5005 or not route.chat_id:
            return errors.error_response(state.knobs, error)
        if chat is not None and caller is not None and chat.key == caller.key:
            judge.chat_refused(state, chat, self._now, ticket, by_poll=route.call == "poll")
        return errors.gone_response(state.knobs)

    def _failure(self, state: CentreState, fault: Fault, chat: Chat | None, ticket: int) -> HttpResponse:
        """The planned failure. A poll that was held or answered in the meantime is given up."""
        if chat is not None and chat.held is not None and chat.held.ticket == ticket:
            chat.held = None
        if chat is not None and fault.accepted:
            self._lose(chat, ticket)
        if fault.drop:
            return DROPPED
        if fault.html:
            return errors.html_response(fault.status if fault.status is not None else errors.status_of(fault.code))
        return errors.error_response(state.knobs, ApiError(fault.code, fault.status), fault.retry_after_s)

    def _with_cookie(self, reply: HttpResponse | None, caller: Caller | None) -> HttpResponse | None:
        if reply is None or caller is None or caller.new_cookie is None or reply.status == 0:
            return reply
        cookie = ("Set-Cookie", f"{COOKIE}={caller.new_cookie}; Path=/")
        return HttpResponse(reply.status, (*reply.headers, cookie), reply.body)
