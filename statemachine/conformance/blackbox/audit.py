"""The judge over recorded traffic: what a client in production did wrong, lost, polled in vain and doubled.

A recording has both sides of each call, so the records that the emulator's judge goes by are rebuilt from it: what the
server told stands in its answers, what it has stands in what it accepted. The judge itself is the emulator's, and so
are its rules. What nobody has recorded (what the user typed, what the screen showed) is not judged.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, cast

from attrs import define, evolve, field

from statemachine.codec.lenient import read_body
from statemachine.emulator import Knobs, curl, incoming, judge, names
from statemachine.emulator.chat import WEB_CHAT, Chat, ClientKey, Form, HeldPoll
from statemachine.emulator.errors import PlainError
from statemachine.emulator.identity import claimed
from statemachine.emulator.knobs import EndSignal
from statemachine.emulator.routes import Route, find_route
from statemachine.emulator.rules import RECEIPT_S, RULES, SILENCE_S
from statemachine.emulator.state import CentreState, Records, Violation
from statemachine.emulator.traffic import Exchange, Traffic
from statemachine.emulator.wire import HttpRequest, HttpResponse

from .catalogue import SILENT
from .gaps import Gap, Part, gaps_of, notes_of, unjudged_rules
from .recorded import Recorded, Recording
from .run import RuleFinding

JUDGED_KNOBS: Final = Knobs(receipts="off", inactivity_timeout_ms=None, judge_silence_ms=30_000, judge_typing_ms=20_000)
_ENDS: Final[dict[str, EndSignal]] = {
    names.ENDED: "ended",
    names.TIMEOUT: "timed_out",
    names.TIMEOUT_MISSPELT: "timed_out",
}
_AT_ONCE_MS: Final = 200
_HOLD_MS: Final = (2_000, 15_500)
"""A poll that broke in this time was given up by the client: a line that is down breaks at once, a server answers."""
_SINGLE_ERRORS: Final = 5
_LOSSES: Final = frozenset(("F18", "F38"))


@define
class Audit:
    """The result for one recording.

    Attributes:
        in_vain: Polls of a chat whose end was reported; None where no answer can be read.
        doubled: Texts that were sent twice; None where no text that was sent can be read.
        lost: Messages without a receipt; None where no message or no receipt can be read.
        unread: Calls of which a part could not be read.
        notes: What was not judged, and why.
    """

    calls: int = 0
    polls: int = 0
    in_vain: int | None = 0
    doubled: int | None = 0
    lost: int | None = 0
    findings: list[RuleFinding] = field(factory=list[RuleFinding])
    unread: int = 0
    notes: list[str] = field(factory=list[str])


@define
class JudgedCall:
    number: int
    route: Route
    client: ClientKey
    recorded: Recorded


def audit(recording: Recording, url: str = "https://your.contact.centre") -> Audit:
    """Everything that these calls show. `url` stands in the scripts that repeat them."""
    calls = _routed(recording.calls)
    gaps = [gap for call in calls for gap in gaps_of(call.number, call.route, call.recorded)]
    reader = TrafficJudge(gaps)
    for call, over in _moments([call for call in calls if call.recorded.timed]):
        (reader.end if over else reader.begin)(call)
    reader.close(recording.until)
    violations = [one for one in reader.state.records.violations if one.rule not in unjudged_rules(gaps, one.chat_id)]
    found = Audit(len(recording.calls), reader.polls, unread=len({gap.number for gap in gaps}), notes=notes_of(gaps))
    if not any(one.request.header("Authorization") for one in recording.calls):
        found.notes.append("no request has an Authorization header, so the rules about identity were not judged")
    rules = [violation.rule for violation in violations]
    answered, sent = _is_readable(calls, gaps, "poll", "answer"), _is_readable(calls, gaps, "send", "request")
    found.in_vain = rules.count("F1") if answered else None
    found.doubled = rules.count("F12") if sent else None
    found.lost = reader.lost if answered and sent else None
    for violation in violations:
        if violation.rule not in {one.rule.number for one in found.findings}:
            found.findings.append(_finding(reader, violation, url))
    return found


def _is_readable(calls: Sequence[JudgedCall], gaps: Sequence[Gap], call: str, part: Part) -> bool:
    """Whether this part of any such call can be read, or there is no such call."""
    of_kind = {one.number for one in calls if one.route.call == call}
    return not of_kind or bool(of_kind - {gap.number for gap in gaps if gap.part in (part, "time")})


def _finding(reader: TrafficJudge, violation: Violation, url: str) -> RuleFinding:
    shown = [one for ticket in violation.tickets if (one := reader.traffic.find(ticket)) is not None]
    count = sum(one.rule == violation.rule for one in reader.state.records.violations)
    times = f" ({count} times)" if count > 1 else ""
    script = curl.script(url, [redacted_exchange(one) for one in shown])
    return RuleFinding(RULES[violation.rule], violation.message + times, tuple(map(_request, shown)), script)


_SECRET_HEADERS: Final = {"authorization": "$AUTHORIZATION", "cookie": "$COOKIE"}
_PERSONAL: Final = frozenset(
    (
        "msg", "msg_text", "data", "latitude", "longitude", "url", "phone_number", "from", "parameters", "file_name",
        "first_name", "last_name", "display_name", "initial_message",
    )
)  # fmt: skip


def redacted_exchange(one: Exchange) -> Exchange:
    """The same without credentials, texts, names, answers of forms and positions, in both directions."""
    headers = tuple((name, _SECRET_HEADERS.get(name.lower(), value)) for name, value in one.request.headers)
    request = evolve(one.request, headers=headers, body=_redacted_body(one.request))
    return evolve(one, request=request, reply=one.reply and evolve(one.reply, body=_redacted_body(one.reply)))


def _redacted_body(message: HttpRequest | HttpResponse) -> bytes:
    """Of JSON all but the personal values; of anything else (a file, a page) nothing."""
    value = json_of(message) if message.body else {}
    return json.dumps(_redacted_value(value), ensure_ascii=False).encode(errors="replace") if value else b""


def _redacted_value(value: object, name: str = "") -> object:
    if name in _PERSONAL:
        return f"({len(str(value))} characters)" if isinstance(value, str) else "(not shown)"
    if isinstance(value, dict):
        return {key: _redacted_value(one, key) for key, one in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [_redacted_value(one) for one in cast("list[object]", value)]
    return value


def _request(one: Exchange) -> dict[str, Any]:
    status = one.reply.status if one.reply is not None else None
    return {
        "number": one.number,
        "at": one.at,
        "method": one.request.method,
        "path": one.request.path,
        "status": status,
    }


def _routed(recording: Sequence[Recorded]) -> list[JudgedCall]:
    """The calls of the interface."""
    calls: list[JudgedCall] = []
    for number, one in enumerate(recording, 1):
        try:
            route = find_route(JUDGED_KNOBS, one.request.method, one.request.path)
        except PlainError:
            continue
        calls.append(JudgedCall(number, route, _recorded_client(one.request), one))
    return calls


def _differ(one: ClientKey, other: ClientKey) -> bool:
    """Whether these are two clients; a call may lack the tenant, or the name."""
    return "" not in (one.client_id, other.client_id) and evolve(one, tenant="") != evolve(other, tenant="")


def _recorded_client(request: HttpRequest) -> ClientKey:
    """Without the tenant, which some name in their first call only; a browser's first call has no cookie yet."""
    key = claimed(request)
    client_id = f"{WEB_CHAT}:" if key.client_id.startswith(WEB_CHAT) else key.client_id
    return ClientKey("", key.app_id, client_id)


def _moments(calls: Sequence[JudgedCall]) -> list[tuple[JudgedCall, bool]]:
    """Beginnings and ends in order of time; what ended at the same millisecond ended before what began.

    What was answered within its millisecond ended before the next one began: that may already know the answer.
    """
    moments = [(call.recorded.at, 1, call.number, False, call) for call in calls]
    moments += [
        (call.recorded.end, int(call.recorded.end == call.recorded.at), call.number, True, call) for call in calls
    ]
    return [(call, ends) for *_, ends, call in sorted(moments, key=lambda moment: moment[:4])]


class TrafficJudge:
    """Rebuilds what the server knew, call by call, and lets the judge look on.

    Args:
        gaps: Parts of the calls that cannot be read.
        state: The records to build; left out: new ones.
        traffic: Where the exchanges are kept; left out: a new one.
    """

    def __init__(
        self, gaps: Sequence[Gap] = (), state: CentreState | None = None, traffic: Traffic | None = None
    ) -> None:
        self._gaps: Final = gaps
        self.state: Final = state if state is not None else CentreState(JUDGED_KNOBS, SILENT, Records())
        self.traffic: Final = traffic if traffic is not None else Traffic()
        self.polls = 0
        self.lost = 0
        self._doubtful: Final[dict[str, set[str]]] = {}
        """Chat -> ids of what was sent, and whose answer left open whether it arrived."""
        self._told: Final[dict[str, list[tuple[str, int, str]]]] = {}
        """Chat -> (id, ticket, time as it is written) of the messages that its polls brought, in order."""
        self._last_poll: Final[dict[str, tuple[str, int, int]]] = {}
        """Chat -> of its latest poll: the rule of whoever stops after such an answer, when it came, ticket."""
        self._errors: Final[dict[str, int]] = {}
        self._latest = 0

    # --- a call begins ------------------------------------------------------------------------------------------------

    def begin(self, call: JudgedCall) -> None:
        """A request goes out."""
        at, route = call.recorded.at, call.route
        self._latest = max(self._latest, at)
        self.traffic.received(call.number, at, call.recorded.request)
        if call.recorded.request.header("Authorization") and route.call not in ("download", "photo"):
            judge.identified(self.state, call.client, at, call.number)
        judge.called(self.state, route.call, call.client, call.number, route.chat_id, at)
        if route.call == "create":
            current = self.state.current(call.client)
            if current is not None and current.held is not None and current.live:
                judge.asked_while_polling(current.held, at, call.number)
        elif route.call == "poll":
            self._polled(call, self._chat(call))
        elif route.call == "send":
            judge.sent(self.state, self._chat(call), at, call.number)

    def _chat(self, call: JudgedCall) -> Chat:
        """The chat that the path names; one whose beginning was not recorded is known from now on."""
        return self._known(call, call.route.chat_id, "")

    def _known(self, call: JudgedCall, chat_id: str, state: str) -> Chat:
        chat = self.state.chat(chat_id)
        if chat is None:
            chat = Chat(
                chat_id, call.client, call.route.version, call.recorded.at, state, SILENT, alive_at=call.recorded.at
            )
            self.state.records.chats[chat_id.lower()] = chat
            self.state.records.active[call.client] = chat_id.lower()
        return chat

    def _polled(self, call: JudgedCall, chat: Chat) -> None:
        at = call.recorded.at
        self.polls += 1
        if _differ(chat.key, call.client):
            judge.foreign_chat(self.state, chat, call.client, at, call.number)
            return
        judge.polled(self.state, chat, at, call.number, call.recorded.request)
        chat.alive_at = at
        if chat.held is None or chat.held.cut:
            chat.held = HeldPoll(call.number, at, call.recorded.end)

    def _posted(self, call: JudgedCall, chat: Chat) -> None:
        """What the server accepted, or may have accepted, has arrived."""
        status = call.recorded.response.status
        if (400 <= status < 500 and status != 408) or (not status and call.recorded.response_problem):
            return
        for event in events_of(json_of(call.recorded.request)):
            if not isinstance(event.get("event"), str):
                continue
            msg_id = judge.message_id(event)
            if status != 200 and msg_id:
                self._doubtful.setdefault(chat.chat_id.lower(), set()).add(msg_id)
            with suppress(KeyError):  # a field is missing: the server accepted what this one would not
                incoming.take(self.state, chat, call.recorded.at, call.number, event)

    # --- and ends -----------------------------------------------------------------------------------------------------

    def end(self, call: JudgedCall) -> None:
        """An answer has come, or none will."""
        end, response, route = call.recorded.end, call.recorded.response, call.route
        self._latest = max(self._latest, end)
        self.traffic.replied(call.number, end, response)
        body = json_of(response)
        code = _code(body, response.status)
        if response.status:
            judge.answered(self.state, route.call, call.client, call.number, route.chat_id, code, end, response.status)
        if route.call == "create" and response.status == 200 and body.get("chat_id"):
            self._opened(call, str(body["chat_id"]), str(body.get("state", "")))
        elif route.call == "poll":
            self._poll_over(call, self._chat(call), code, body)
        elif route.call == "history" and response.status == 200:
            self._history(call, self._chat(call), events_of(body))
        elif route.call == "send":
            self._posted(call, self._chat(call))
            if response.status == 200:
                self._heard(call, self._chat(call), events_of(body), by_poll=False)
        is_unknown = code == 0 and response.status == 404 and not call.recorded.response_problem
        if route.chat_id and (code == 5005 or is_unknown):
            judge.chat_refused(self.state, self._chat(call), end, call.number, by_poll=route.call == "poll")

    def _opened(self, call: JudgedCall, chat_id: str, state: str) -> None:
        chat = self._known(call, chat_id, state)
        self.state.records.active[call.client] = chat_id.lower()
        if state not in ("failed", "completed"):
            judge.revived(chat)

    def _poll_over(self, call: JudgedCall, chat: Chat, code: int | None, body: dict[str, Any]) -> None:
        recorded = call.recorded
        held = chat.held if chat.held is not None and chat.held.ticket == call.number else None
        took = recorded.end - recorded.at
        chat_id = chat.chat_id.lower()
        rule = "F5"
        if recorded.response.status == 0:
            if held is not None and not recorded.response_problem and _HOLD_MS[0] <= took <= _HOLD_MS[1]:
                judge.broke_off(self.state, chat, recorded.end, call.number)
        elif code is None or code == 5511:
            events = events_of(body)
            chat.observed.aborts.clear()
            if held is not None:
                judge.hold_ended(self.state, chat, held)
            if not events and took < _AT_ONCE_MS and not recorded.response_problem:
                judge.answered_instantly(self.state, chat, recorded.end, call.number)
            rule = "F10" if not recorded.response.body or code == 5511 else "F5"
            self._heard(call, chat, events, by_poll=True)
        else:
            self._errors[chat_id] = errors = self._errors.get(chat_id, 0) + 1
            rule = "F20" if errors >= _SINGLE_ERRORS else "F5"
        self._last_poll[chat_id] = rule, recorded.end, call.number
        if held is not None:
            chat.held = None
            chat.alive_at = recorded.end

    def _heard(self, call: JudgedCall, chat: Chat, events: list[dict[str, Any]], by_poll: bool) -> None:
        for event in events:
            name = event.get("event")
            if event.get("msg_id") and not self._is_own(chat, event):
                chat.server_message_ids.add(str(event["msg_id"]))
            if name == names.MESSAGE and by_poll and self._is_others(chat, event):
                one = (str(event["msg_id"]), call.number, str(event.get("timestamp")))
                self._told.setdefault(chat.chat_id.lower(), []).append(one)
            elif name in (names.FORM_SHOW, names.SECURE_FORM_SHOW):
                request_id = str(event.get("form_request_id", ""))
                form = Form(request_id, str(event.get("form_name", "")), name == names.SECURE_FORM_SHOW)
                chat.forms.setdefault(request_id, form)
            ends = _ENDS.get(str(name))
            if ends is not None or (name == names.STATUS and event.get("state") in ("failed", "completed")):
                chat.terminal = chat.terminal or ends or "failed"
                judge.end_reported(self.state, chat, call.recorded.end, call.number, by_poll, len(events) > 1)

    def _is_own(self, chat: Chat, event: dict[str, Any]) -> bool:
        return str(event.get("party_id", "")).lower() == chat.chat_id.lower()

    def _is_others(self, chat: Chat, event: dict[str, Any]) -> bool:
        return bool(event.get("msg_id")) and isinstance(event.get("msg"), str) and not self._is_own(chat, event)

    def _history(self, call: JudgedCall, chat: Chat, events: list[dict[str, Any]]) -> None:
        """What the log lacks has not arrived: to send it again is right."""
        there = {judge.message_id(event) for event in events}
        for msg_id in self._doubtful.pop(chat.chat_id.lower(), set()) - there:
            chat.observed.items.pop(msg_id, None)
            chat.client_texts.pop(msg_id, None)
        self._heard(call, chat, events, by_poll=False)

    # --- what only the whole shows ------------------------------------------------------------------------------------

    def close(self, until: int, *, one_user: bool = True) -> None:
        """The recording is over. `one_user`: it is one of a single user's program."""
        self._latest = max(self._latest, until)
        for chat in self.state.records.chats.values():
            if not _LOSSES & unjudged_rules(self._gaps, chat.chat_id):
                self._look_for_losses(chat)
            self._look_for_silence(chat)
        given = {key.client_id: key for key in self.traffic.requests if key.client_id}
        chatted = {chat.key.client_id for chat in self.state.records.chats.values()} & set(given)
        if one_user and len(chatted) > 1 and len({key.app_id for key in given.values()}) == 1:
            chat = next(reversed(self.state.records.chats.values()))
            of_chat = (one for one in self.traffic.latest.values() if one.client.client_id == chat.key.client_id)
            last = max((one.number for one in of_chat), default=0)
            message = f"has {len(chatted)} names in one recording; one user has one"
            judge.note(self.state, "F29", message, chat.key, (last,), chat.chat_id, self._latest)

    def _look_for_losses(self, chat: Chat) -> None:
        """A client that receipts what it gets shows by a receipt that is missing what it has lost."""
        told = self._told.get(chat.chat_id.lower(), [])
        receipted = {msg_id for name, msg_id in chat.observed.receipts if name == names.DELIVERED}
        whole = {ticket: second for msg_id, ticket, second in told if msg_id in receipted}
        # What came with the end, or as the recording ended, gets no receipt from anybody.
        missing = [
            one
            for one in told
            if one[0] not in receipted and one[1] != chat.observed.end_ticket and not self._is_late(one[1])
        ]
        if not whole or not missing:
            return
        self.lost += len(missing)
        for rule, lost in (
            ("F38", [one for one in missing if one[1] in whole]),
            ("F18", [one for one in missing if one[1] not in whole and one[2] in whole.values()]),
        ):
            if lost:
                message = f"receipts other messages, and not {', '.join(msg_id for msg_id, *_ in lost[:5])}"
                tickets = (*(ticket for _, ticket, _ in lost[:3]), max(whole))
                judge.note(self.state, rule, message, chat.key, tickets, chat.chat_id, self._latest)

    def _is_late(self, ticket: int) -> bool:
        poll = self.traffic.find(ticket)
        return poll is None or poll.replied_at is None or self._latest - poll.replied_at < RECEIPT_S * 1_000

    def _look_for_silence(self, chat: Chat) -> None:
        """No poll has followed the last answer for longer than anybody backs off, and the recording went on."""
        last = self._last_poll.get(chat.chat_id.lower())
        if last is None or chat.held is not None or chat.observed.end_reported_at is not None:
            return
        rule, ended, ticket = last
        if self._latest - ended > SILENCE_S * 1_000:
            message = f"polls no more for the last {(self._latest - ended) // 1_000} s of the recording"
            judge.note(self.state, rule, message, chat.key, (ticket,), chat.chat_id, self._latest)


def json_of(message: HttpRequest | HttpResponse) -> dict[str, Any]:
    """The JSON object of a body, {} for any other, read as leniently as the client reads; a list is one of events."""
    value = read_body(message.body, dict(message.headers)).value
    if isinstance(value, list):
        return {"events": cast("list[object]", value)}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def events_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of a body, without entries that are none."""
    events = body.get("events")
    found = cast("list[object]", events) if isinstance(events, list) else []
    return [cast("dict[str, Any]", event) for event in found if isinstance(event, dict)]


def _code(body: dict[str, Any], status: int) -> int | None:
    """The error code, 0 for an error without one, None for none."""
    code = str(body.get("error_code", ""))
    if code.isdecimal():
        return int(code)
    return 0 if status >= 400 else None
