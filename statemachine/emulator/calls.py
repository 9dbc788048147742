"""The calls about a live chat: create, active, send, poll, history (E4-E8)."""

from __future__ import annotations

from attrs import frozen

from statemachine.emulator import desk, intake, judge, names, runner
from statemachine.emulator.acts import Info
from statemachine.emulator.chat import Chat, ClientKey, Handover, HeldPoll
from statemachine.emulator.errors import ApiError, error_response
from statemachine.emulator.routes import Route
from statemachine.emulator.shapes import Event, jitter, json_response, waiting_time
from statemachine.emulator.state import CentreState
from statemachine.emulator.wire import HttpRequest, HttpResponse


@frozen
class Ask:
    """One identified request at its time (ms)."""

    now: int
    ticket: int
    route: Route
    request: HttpRequest
    key: ClientKey


def own_chat(state: CentreState, ask: Ask) -> Chat:
    """The chat a path names, if it is this client's and the server still knows it. Raises 5005."""
    chat = state.chat(ask.route.chat_id)
    if chat is None:
        raise ApiError(5005)
    if chat.key != ask.key:
        judge.foreign_chat(state, chat, ask.key, ask.now, ask.ticket)
        raise ApiError(5005)
    return chat


def create(state: CentreState, ask: Ask) -> HttpResponse:
    """E4: a new session, or the one this client already has."""
    knobs = state.knobs
    wish = intake.json_object(ask.request.body)
    first = wish.get("initial_message")
    if first is not None:
        first = intake.checked(state, first)
    if not knobs.accepts_chats:
        raise ApiError(5001)
    chat = _existing(state, ask)
    if chat is not None:
        return json_response(_session(state, chat, ask.route.version) | _newness(state, ask, False))
    chat = _open(state, ask, wish)
    reply = _session(state, chat, ask.route.version) | _newness(state, ask, True)
    if isinstance(first, dict):
        intake.take(state, chat, ask.now, ask.ticket, first)
    runner.start(state, chat, ask.now)
    return json_response(reply)


def _existing(state: CentreState, ask: Ask) -> Chat | None:
    """The session E4 gives back: a live one, one that healed, or once one that is already over."""
    chat = state.current(ask.key)
    if chat is None or not state.knobs.single_session:
        return None
    if not chat.known and chat.terminal is None:
        chat.known = True
        chat.alive_at = ask.now
        judge.revived(chat)
    elif chat.live and chat.held is not None:
        judge.asked_while_polling(chat.held, ask.now, ask.ticket)
    elif not chat.live:
        if not state.knobs.stale_create or chat.stale_returned:
            return None
        chat.stale_returned = True
        judge.revived(chat)
    return chat


def _open(state: CentreState, ask: Ask, wish: Event) -> Chat:
    chat_id = state.new_uuid("chat")
    beginning = state.knobs.initial_state
    chat = Chat(chat_id, ask.key, ask.route.version, ask.now, beginning, state.scenario, parameters=wish)
    chat.alive_at = ask.now
    state.chats[chat_id] = chat
    state.active[ask.key] = chat_id
    state.forget_old_chats()
    if state.knobs.service_name:
        desk.perform(state, chat, ask.now, Info(state.knobs.service_name))
    return chat


def _session(state: CentreState, chat: Chat, version: int) -> Event:
    reply: Event = {"chat_id": chat.chat_id, "state": chat.state}
    if chat.state == "queued":
        reply |= waiting_time(state.knobs, chat.ewt)
    number = chat.parameters.get("phone_number")
    return reply | ({"phone_number": number} if isinstance(number, str) else {})


def _newness(state: CentreState, ask: Ask, new: bool) -> Event:
    kind = state.knobs.is_new_chat_type
    as_text = kind == "string" or (kind == "by_version" and ask.route.version == 1)
    return {"is_new_chat": str(new).lower() if as_text else new}


def active(state: CentreState, ask: Ask) -> HttpResponse:
    """E5: the live session of this client; 404 means only that there is none."""
    chat = state.current(ask.key)
    if chat is None or not chat.live:
        raise ApiError(5005, message="No active chat")
    return json_response(_session(state, chat, ask.route.version))


def send(state: CentreState, ask: Ask) -> HttpResponse:
    """E6: client events. v1 answers with new server events, v2 with an empty body (1.3)."""
    chat = own_chat(state, ask)
    judge.sent(state, chat, ask.now, ask.ticket)
    if not chat.live:
        raise ApiError(5005)
    events = intake.client_events(state, ask.request.body)
    for event in events:
        intake.take(state, chat, ask.now, ask.ticket, event)
    if ask.route.version != 1:
        return HttpResponse(200)
    mode = state.knobs.v1_reply_events
    if mode == "none":
        return json_response({"events": []})
    if mode == "take":
        return json_response({"events": hand_over(state, chat, ask.now, ask.ticket, by_poll=False)})
    return json_response({"events": list(chat.pending)})


def poll(state: CentreState, ask: Ask) -> HttpResponse | None:
    """E7: events that wait, or None when the poll is held and answered later (section 4)."""
    chat = own_chat(state, ask)
    judge.polled(state, chat, ask.now, ask.ticket, ask.request)
    if not chat.known:
        raise ApiError(5005)
    if chat.held is not None:
        raise too_many_polls(state, ask.route.version)
    chat.alive_at = ask.now
    chat.polls += 1
    if chat.replay is not None:
        return _replayed(state, chat, ask)
    if chat.pending:
        return batch_response(state, chat, ask.now, ask.ticket)
    if chat.terminal is not None:
        raise ApiError(5005)
    knobs = state.knobs
    hold = knobs.hold_ms - jitter(knobs.seed, state.next_number("poll"), knobs.hold_jitter_ms)
    if hold <= 0:
        judge.answered_instantly(state, chat, ask.now, ask.ticket)
        return empty_response(state)
    chat.held = HeldPoll(ask.ticket, ask.now, ask.now + hold)
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
    """Take what waits and remember to whom it went."""
    events, chat.pending = chat.pending, []
    if events:
        chat.handovers.append(Handover(now, ticket, tuple(events)))
    if chat.terminal is not None and any(map(_is_end, events)):
        chat.end_handed_over = True
        judge.told_end(state, chat, now, ticket, by_poll)
    return events


def _is_end(event: Event) -> bool:
    """Whether what brings this tells of the end (section 6); its last word may have gone to an earlier answer."""
    if event.get("event") == names.STATUS:
        return event.get("state") in ("completed", "failed")
    return event.get("event") in (names.ENDED, names.TIMEOUT, names.TIMEOUT_MISSPELT)


def _replayed(state: CentreState, chat: Chat, ask: Ask) -> HttpResponse:
    body, left = chat.replay or (b"", 0)
    chat.replay = (body, left - 1) if left > 1 else None
    judge.answered_instantly(state, chat, ask.now, ask.ticket)
    return HttpResponse(200, (("Content-Type", "application/json; charset=utf-8"),), body)


def history(state: CentreState, ask: Ask) -> HttpResponse:
    """E8: the events of both sides so far, less those the knob leaves out."""
    chat = own_chat(state, ask)
    kept = state.knobs.history_after_end == "kept"
    if not chat.known or (chat.terminal is not None and not kept):
        raise ApiError(5005)
    if chat.terminal is not None:
        judge.told_end(state, chat, ask.now, ask.ticket, by_poll=False)
    omitted = state.knobs.history_omits
    return json_response({"events": [event for event in chat.history() if event.get("event") not in omitted]})
