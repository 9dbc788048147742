"""The endpoints of a chat: create, active, send, poll, history (E4-E8)."""

from __future__ import annotations

from attrs import frozen

from statemachine.emulator import agents, incoming, judge, names, runner
from statemachine.emulator.actions import SendInfo
from statemachine.emulator.chat import Chat, ClientKey, Handover, HeldPoll
from statemachine.emulator.errors import ApiError, error_response
from statemachine.emulator.redaction import without_secrets
from statemachine.emulator.routes import Route
from statemachine.emulator.shapes import Event, jitter, json_response, waiting_time
from statemachine.emulator.state import CentreState
from statemachine.emulator.wire import HttpRequest, HttpResponse


@frozen
class ApiCall:
    """One identified request at its time (ms)."""

    now: int
    ticket: int
    route: Route
    request: HttpRequest
    key: ClientKey


def own_chat(state: CentreState, call: ApiCall) -> Chat:
    """The chat a path names, if it is this client's and the server still knows it. Raises 5005."""
    chat = state.chat(call.route.chat_id)
    if chat is None:
        raise ApiError(5005)
    if chat.key != call.key:
        judge.foreign_chat(state, chat, call.key, call.now, call.ticket)
        raise ApiError(5005)
    return chat


def create(state: CentreState, call: ApiCall) -> HttpResponse:
    """E4: a new session, or the one this client already has."""
    knobs = state.knobs
    fields = incoming.json_object(call.request.body)
    first = fields.get("initial_message")
    if first is not None:
        first = incoming.checked(state, first)
    if not knobs.accepts_chats:
        raise ApiError(5001)
    chat = _existing(state, call)
    if chat is not None:
        return json_response(_session(state, chat, call.route.version) | _newness(state, call, False))
    chat = _open(state, call, fields)
    reply = _session(state, chat, call.route.version) | _newness(state, call, True)
    if isinstance(first, dict):
        incoming.take(state, chat, call.now, call.ticket, first)
    runner.start(state, chat, call.now)
    return json_response(reply)


def _existing(state: CentreState, call: ApiCall) -> Chat | None:
    """The session that E4 returns: an active one, one that healed, or once one that is over."""
    chat = state.current(call.key)
    if chat is None or not state.knobs.single_session:
        return None
    if not chat.known and chat.terminal is None:
        chat.known = True
        chat.alive_at = call.now
        judge.revived(chat)
    elif chat.live and chat.held is not None:
        judge.asked_while_polling(chat.held, call.now, call.ticket)
    elif not chat.live:
        if not state.knobs.stale_create or chat.stale_returned:
            return None
        chat.stale_returned = True
        judge.revived(chat)
    return chat


def _open(state: CentreState, call: ApiCall, fields: Event) -> Chat:
    chat_id = state.new_uuid("chat")
    beginning = state.knobs.initial_state
    chat = Chat(chat_id, call.key, call.route.version, call.now, beginning, state.scenario)
    chat.parameters = without_secrets(fields)
    chat.alive_at = call.now
    state.records.chats[chat_id] = chat
    state.records.active[call.key] = chat_id
    state.forget_old_chats()
    if state.knobs.service_name:
        agents.perform(state, chat, call.now, SendInfo(state.knobs.service_name))
    return chat


def _session(state: CentreState, chat: Chat, version: int) -> Event:
    reply: Event = {"chat_id": chat.chat_id, "state": chat.state}
    if chat.state == "queued":
        reply |= waiting_time(state.knobs, chat.ewt)
    number = chat.parameters.get("phone_number")
    return reply | ({"phone_number": number} if isinstance(number, str) else {})


def _newness(state: CentreState, call: ApiCall, new: bool) -> Event:
    kind = state.knobs.is_new_chat_type
    as_text = kind == "string" or (kind == "by_version" and call.route.version == 1)
    return {"is_new_chat": str(new).lower() if as_text else new}


def active(state: CentreState, call: ApiCall) -> HttpResponse:
    """E5: the live session of this client; 404 means only that there is none."""
    chat = state.current(call.key)
    if chat is None or not chat.live:
        raise ApiError(5005, message="No active chat")
    return json_response(_session(state, chat, call.route.version))


def send(state: CentreState, call: ApiCall) -> HttpResponse:
    """E6: client events. v1 answers with new server events, v2 with an empty body (1.3)."""
    chat = own_chat(state, call)
    judge.sent(state, chat, call.now, call.ticket)
    if not chat.live:
        raise ApiError(5005)
    events = incoming.client_events(state, call.request.body)
    for event in events:
        incoming.take(state, chat, call.now, call.ticket, event)
    if call.route.version != 1:
        return HttpResponse(200)
    mode = state.knobs.v1_reply_events
    if mode == "none":
        return json_response({"events": []})
    if mode == "take":
        return json_response({"events": hand_over(state, chat, call.now, call.ticket, by_poll=False)})
    return json_response({"events": list(chat.pending)})


def poll(state: CentreState, call: ApiCall) -> HttpResponse | None:
    """E7: events that wait, or None when the poll is held and answered later (section 4)."""
    chat = own_chat(state, call)
    judge.polled(state, chat, call.now, call.ticket, call.request)
    if not chat.known:
        raise ApiError(5005)
    if chat.held is not None:
        raise too_many_polls(state, call.route.version)
    chat.alive_at = call.now
    chat.polls += 1
    if chat.replay is not None:
        return _replayed(state, chat, call)
    if chat.pending:
        return batch_response(state, chat, call.now, call.ticket)
    if chat.terminal is not None:
        raise ApiError(5005)
    knobs = state.knobs
    hold = knobs.hold_ms - jitter(knobs.seed, state.next_number("poll"), knobs.hold_jitter_ms)
    if hold <= 0:
        judge.answered_instantly(state, chat, call.now, call.ticket)
        return empty_response(state)
    chat.held = HeldPoll(call.ticket, call.now, call.now + hold)
    return None


def too_many_polls(state: CentreState, version: int) -> ApiError:
    """5509 with 400 on v1 and 429 on v2, or as the knob says."""
    status = state.knobs.too_many_polls_status
    return ApiError(5509, (400 if version == 1 else 429) if status == "by_version" else status)


def empty_response(state: CentreState) -> HttpResponse:
    """The three faces of "no events" (section 4)."""
    style = state.knobs.empty_style
    if style == "no_body":
        return HttpResponse(200)
    if style == "code_5511":
        return error_response(state.knobs, ApiError(5511, state.knobs.no_events_status))
    return json_response({"events": []})


def batch_response(state: CentreState, chat: Chat, now: int, ticket: int) -> HttpResponse:
    """Everything that waits, once."""
    batch: list[object] = list(hand_over(state, chat, now, ticket))
    if state.knobs.malformed_events:
        batch = [None, "text", {"event": 5}, {}, *batch, {"event": "chat_session_status"}]
    reply = json_response({"events": batch})
    if state.knobs.replay_batches:
        chat.replay = (reply.body, state.knobs.replay_batches)
    return reply


def hand_over(state: CentreState, chat: Chat, now: int, ticket: int, by_poll: bool = True) -> list[Event]:
    """Take the pending events and record the ticket that they were given to."""
    events, chat.pending = chat.pending, []
    if events:
        chat.handovers.append(Handover(now, ticket, tuple(events)))
    if chat.terminal is not None and any(map(_is_end, events)):
        chat.end_handed_over = True
        judge.end_reported(state, chat, now, ticket, by_poll, not all(map(_is_end, events)))
    return events


def _is_end(event: Event) -> bool:
    """Whether this event reports the end (section 6)."""
    if event.get("event") == names.STATUS:
        return event.get("state") in ("completed", "failed")
    return event.get("event") in (names.ENDED, names.TIMEOUT, names.TIMEOUT_MISSPELT)


def _replayed(state: CentreState, chat: Chat, call: ApiCall) -> HttpResponse:
    body, left = chat.replay or (b"", 0)
    chat.replay = (body, left - 1) if left > 1 else None
    judge.answered_instantly(state, chat, call.now, call.ticket)
    return HttpResponse(200, (("Content-Type", "application/json; charset=utf-8"),), body)


def history(state: CentreState, call: ApiCall) -> HttpResponse:
    """E8: the events of both sides so far, less those the knob leaves out."""
    chat = own_chat(state, call)
    kept = state.knobs.history_after_end == "kept"
    if not chat.known or (chat.terminal is not None and not kept):
        raise ApiError(5005)
    omitted = state.knobs.history_omits
    events = [event for event in chat.history() if event.get("event") not in omitted]
    if chat.terminal is not None and any(map(_is_end, events)):
        judge.end_reported(state, chat, call.now, call.ticket, by_poll=False)
    return json_response({"events": events})
