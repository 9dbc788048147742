"""The violations by clients that a server can see, by the rules of ``rules``.

A violation is recorded only when it is certain. Where a network could make a correct client look wrong (a send
that was on its way, a reply that never arrived) there is a knob of grace, and ``Centre.cut`` for a reply
that is known to be lost; who drives the model through a faulty network has to use it. Where it counts how soon
or how late a client was, it uses real time (``RealTime``), not the centre's clock.
"""

from __future__ import annotations

import json
from typing import Final, cast

from statemachine.emulator import names
from statemachine.emulator.chat import Chat, ClientKey, HeldPoll
from statemachine.emulator.knobs import Call
from statemachine.emulator.rules import WINDOWS
from statemachine.emulator.shapes import Event
from statemachine.emulator.state import MAX_VIOLATIONS, CentreState, Refusals, Violation
from statemachine.emulator.wire import HttpRequest, RealTime

_CONFIGURATION: Final = frozenset({1000, 2000, 2001, 2002, 2003, 2004, 3000, 5006})
_MAX_CREATES: Final = WINDOWS["refused_creations"]
_MAX_CLIENTS: Final = 10_000
_SILENT_SENDS: Final = WINDOWS["silent_texts"]
_DENIED: Final = WINDOWS["denied_calls"]
_ANSWERS_MS: Final = WINDOWS["answers_s"] * 1_000
_REFUSED: Final = WINDOWS["refused_calls"]
_REFUSED_MS: Final = WINDOWS["refused_s"] * 1_000
_STORM: Final = WINDOWS["overlapping_polls"]
_STORM_MS: Final = WINDOWS["overlapping_s"] * 1_000
# The words that programs write for a missing value.
_NO_NAMES: Final = frozenset({"null", "undefined", "none", "nan", "[object object]"})


def note(
    state: CentreState, rule: str, message: str, client: ClientKey, tickets: tuple[int, ...], chat_id: str, now: int
) -> None:
    """Record one violation, made by these requests together."""
    if len(state.records.violations) < MAX_VIOLATIONS:
        state.records.violations.append(Violation(rule, message, client, tuple(dict.fromkeys(tickets)), chat_id, now))


def _note(state: CentreState, chat: Chat, rule: str, message: str, now: int, *tickets: int | None) -> None:
    known = tuple(ticket for ticket in tickets if ticket is not None)
    note(state, rule, message, chat.key, known, chat.chat_id, now)


def called(state: CentreState, call: Call, client: ClientKey, ticket: int, chat_id: str, now: int) -> None:
    """A call arrives from a client with this claimed identity: was it refused just before?"""
    if chat_id.lower() in _NO_NAMES:
        note(state, "F24", f"names the chat {chat_id!r}", client, (ticket,), chat_id, now)
    chat = state.chat(chat_id) if call == "poll" else None
    if chat is not None:
        chat.observed.poll_calls += 1
    refused = state.records.refusals.get((call, chat_id.lower(), client))
    if refused is None:
        return
    tickets = (*refused.tickets[-_MAX_CREATES:], ticket)
    moment = state.real_time(now).at
    gap, since = moment - refused.times[-1], moment - refused.times[0]
    refused.hasty = refused.hasty + 1 if gap < state.knobs.judge_repoll_ms else 0
    # Two calls that were ordered back to back may both have been on their way; of polls there is only one. Many HTTP
    # libraries repeat a GET once by themselves when its connection broke without an answer (RFC 9110, 9.2.2), and a
    # page with status 200 may pass for an empty answer.
    if refused.hasty >= (1 if call == "poll" and not refused.unreadable else 2):
        message = f"{call} again {gap} ms after {_words(refused)}"
        note(state, "F3", message, client, tickets[-1 - refused.hasty :], chat_id, now)
    elif state.knobs.judge_repoll_ms and len(refused.times) == _REFUSED and since < _REFUSED_MS:
        message = f"{call} again after {_REFUSED} errors in a row within {since:,} ms"
        note(state, "F3", message, client, (*refused.tickets[-_REFUSED:], ticket), chat_id, now)
    if call == "create" and refused.code in _CONFIGURATION and len(refused.tickets) >= _MAX_CREATES:
        message = f"creation number {len(refused.tickets) + 1} in a row, after {_words(refused)} to all before"
        note(state, "F27", message, client, tickets, "", now)


def _words(refused: Refusals) -> str:
    if refused.unreadable:
        return "no readable answer"
    return f"error {refused.code}" if refused.code else f"status {refused.status} without an error code"


def unreadable(state: CentreState, client: ClientKey, ticket: int, chat_id: str, problem: str, now: int) -> None:
    """A call was refused with 5003 for its content."""
    note(state, "5003", f"sends a body that cannot be read: {problem}", client, (ticket,), chat_id, now)


def answered(
    state: CentreState,
    call: Call,
    client: ClientKey,
    ticket: int,
    chat_id: str,
    code: int | None,
    now: int,
    status: int = 0,
    unreadable: bool = False,
) -> None:
    """A call was answered with this error (0: an error without code) and this HTTP status, or well (None).

    `unreadable`: the client could read no error, because the connection broke or a page came with status 200.
    """
    if call not in ("poll", "create", "history") or client.is_anonymous:
        return
    key = (call, chat_id.lower(), client)
    before = state.records.refusals.pop(key, None)
    if code is None or code == 5511:  # an empty answer by another name: the client may ask again at once
        return
    refused = before or Refusals(code)
    refused.code, refused.status, refused.unreadable = code, status, unreadable
    refused.tickets = (*refused.tickets, ticket)
    refused.times = (*refused.times, state.real_time(now).at)[-_REFUSED:]
    state.records.refusals[key] = refused
    if len(state.records.refusals) > _MAX_CLIENTS:
        del state.records.refusals[next(iter(state.records.refusals))]


def polled(state: CentreState, chat: Chat, now: int, ticket: int, request: HttpRequest) -> None:
    """A poll arrives."""
    seen = chat.observed
    seen.silent_sends.clear()
    if seen.end_reported_at is not None and seen.end_reported_by_poll:
        late = state.real_time(now).free - seen.end_reported_at
        _note(state, chat, "F1", f"polls {late:,} ms after the end was reported", now, seen.end_ticket, ticket)
    if chat.held is not None and not chat.held.cut:
        chat.held.overlaps.append((now, ticket))
    # A recording may lack the headers.
    cached = bool(request.headers) and "no-cache" not in (request.header("Cache-Control") or "").lower()
    busted = request.parameter("nonce") or request.parameter("timestamp")
    if cached and not busted and "cache" not in seen.once:
        seen.once.add("cache")
        _note(state, chat, "cache", "polls without no-cache and without a nonce or timestamp", now, ticket)
    if seen.typing is not None and 0 < state.knobs.judge_typing_ms < now - seen.typing[0]:
        message = f"typing for {(now - seen.typing[0]) / 1_000:.0f} s, and it was never stopped"
        _note(state, chat, "F32", message, now, seen.typing[1], ticket)
        seen.typing = None


def answered_instantly(state: CentreState, chat: Chat, now: int, ticket: int) -> None:
    """A poll was answered at once and brought nothing new: how often within a second?"""
    moment = state.real_time(now).at
    polls = [(at, one) for at, one in chat.observed.instant_polls if moment - at < 1_000]
    polls.append((moment, ticket))
    if 0 < state.knobs.judge_hot_polls <= len(polls):
        message = f"{len(polls)} polls within {moment - polls[0][0]} ms, each answered at once with nothing new"
        _note(state, chat, "F34", message, now, *(one for _, one in polls))
        polls = []
    chat.observed.instant_polls = polls


def asked_while_polling(held: HeldPoll, now: int, ticket: int) -> None:
    """A client asks for a chat that it already polls, or that it broke off polling a moment ago."""
    if not held.cut:
        held.creates.append((now, ticket))


def hold_ended(state: CentreState, chat: Chat, held: HeldPoll) -> None:
    """A held poll is answered, and its connection is still open: only now is an overlap certain.

    A client that broke off its poll may open another; the break may become known after that one.
    """
    for at, ticket in held.overlaps:
        message = f"polls while poll {held.ticket} has been held for {at - held.since:,} ms"
        asked = [one for _, one in held.creates if one < ticket]
        if asked:
            _note(state, chat, "F26", f"{message}, after it asked for its chat", at, held.ticket, asked[-1], ticket)
        else:
            _note(state, chat, "F22", message, at, held.ticket, ticket)
        storm = [one for one in chat.observed.overlaps if at - one[0] < _STORM_MS] + [(at, held.ticket, ticket)]
        if len(storm) >= _STORM:
            tickets = sorted({one for _, *pair in storm for one in pair})
            message = f"{len(storm)} polls within {(at - storm[0][0]) / 1_000:.1f} s while another one was held"
            _note(state, chat, "F23", message, at, *tickets)
            storm = []
        chat.observed.overlaps = storm


def broke_off(state: CentreState, chat: Chat, now: int, ticket: int) -> None:
    """A held poll lost its client."""
    aborts = chat.observed.aborts
    aborts.append((now - chat.held.since if chat.held is not None else 0, ticket))
    if len(aborts) == state.knobs.judge_aborts:
        waits = ", ".join(f"{waited / 1_000:.1f}" for waited, _ in aborts)
        _note(state, chat, "F21", f"breaks off polls after {waits} s", now, *(one for _, one in aborts))
        aborts.clear()


def end_reported(
    state: CentreState, chat: Chat, now: int, ticket: int, by_poll: bool, with_others: bool = False
) -> None:
    """This reply reports the end of the chat; `with_others`: beside other events, which a client may answer."""
    seen = chat.observed
    if seen.end_reported_at is None or (by_poll and not seen.end_reported_by_poll):
        seen.end_reported_at, seen.end_ticket, seen.end_reported_by_poll = state.real_time(now).free, ticket, by_poll
        seen.end_with_others = with_others


def chat_refused(state: CentreState, chat: Chat, now: int, ticket: int, by_poll: bool) -> None:
    """This reply is 404 or 5005 about the client's own chat.

    To a poll it reports the end. To another call it does so only at its third time, and not beside a held poll: the
    next poll decides, because it may still bring the last messages and the end.
    """
    if not by_poll and (chat.held is None or chat.held.cut):
        chat.observed.denied += 1
    if by_poll or chat.observed.denied == _DENIED:
        end_reported(state, chat, now, ticket, by_poll)


def reply_left(chat: Chat, ticket: int, real_time: RealTime) -> None:
    """The reply to this ticket is sent only now: the grace begins now."""
    if chat.observed.end_ticket == ticket:
        chat.observed.end_reported_at = real_time.free


def reply_lost(chat: Chat, ticket: int) -> None:
    """The reply to this ticket never arrived: the end was not reported."""
    if chat.observed.end_ticket == ticket:
        revived(chat)


def revived(chat: Chat) -> None:
    """A later reply reported that the chat is active."""
    seen = chat.observed
    seen.end_reported_at, seen.end_ticket, seen.end_reported_by_poll, seen.denied = None, None, False, 0


def sent(state: CentreState, chat: Chat, now: int, ticket: int) -> None:
    """A POST to the chat arrives."""
    if chat.observed.end_reported_at is not None and _past_grace(state, chat, now):
        late = state.real_time(now).free - chat.observed.end_reported_at
        _note(
            state, chat, "F37", f"sends {late:,} ms after the end was reported", now, chat.observed.end_ticket, ticket
        )


def foreign_chat(state: CentreState, chat: Chat, client: ClientKey, now: int, ticket: int) -> None:
    """A request names a chat of another client."""
    note(state, "F35", "names a chat of another client", client, (ticket,), chat.chat_id, now)


def identified(state: CentreState, client: ClientKey, now: int, ticket: int) -> None:
    """Without a clientId of their own visitors read each other's chats."""
    if not client.client_id:
        note(state, "F29", "sends an empty clientId", client, (ticket,), "", now)
    elif client.client_id.lower() in _NO_NAMES and client not in state.records.nameless:
        if len(state.records.nameless) >= _MAX_CLIENTS:  # those before may be noted a second time
            state.records.nameless.clear()
        state.records.nameless.add(client)
        note(state, "F29", f"calls itself {client.client_id!r}", client, (ticket,), "", now)


def event_arrived(state: CentreState, chat: Chat, now: int, ticket: int, event: Event) -> None:
    """One accepted client event, before it changes anything."""
    name = event["event"]
    seen = chat.observed
    if name in names.RECEIPTS:
        _receipt(state, chat, now, ticket, event)
    elif name in names.FORM_ANSWERS:
        _form_answer(state, chat, now, ticket, event)
    elif name in _WITH_ID:
        _item(state, chat, now, ticket, event)
    elif name == names.END:
        _end(state, chat, now, ticket)
    elif name == names.DISCONNECT:
        seen.disconnect = (state.real_time(now).at, ticket)
    if name == names.MESSAGE:
        _message(state, chat, now, ticket, event)
    if name == names.TYPING:
        # Beside the queue, so it may arrive after the end that the client has sent since.
        seen.typing = None if seen.ended else (now, ticket)
    elif name in (names.NOT_TYPING, names.MESSAGE, names.DISCONNECT, names.END):
        seen.typing = None


def _past_grace(state: CentreState, chat: Chat, now: int) -> bool:
    reported, grace = chat.observed.end_reported_at, state.knobs.judge_grace_ms
    if chat.observed.end_with_others:
        grace = max(grace, _ANSWERS_MS)
    return reported is not None and state.real_time(now).free - reported >= grace


def _receipt(state: CentreState, chat: Chat, now: int, ticket: int, event: Event) -> None:
    name, reference = str(event["event"]), str(event.get("ref_msg_id", event.get("msg_id", "")))
    earlier = chat.observed.receipts.get((name, reference))
    if chat.version == 1:
        reason = "on v1"
    elif earlier is not None:
        reason = "once more"
    elif reference in chat.server_message_ids:
        chat.observed.receipts[name, reference] = ticket
        return
    elif reference in chat.client_texts:
        reason = "for its own message"
    else:
        reason = "for an unknown message"
    _note(state, chat, "F15", f"{name} of {reference!r} {reason}", now, earlier, ticket)


def _form_answer(state: CentreState, chat: Chat, now: int, ticket: int, event: Event) -> None:
    seen = chat.observed
    request_id = str(event.get("form_request_id", ""))
    form, data = chat.forms.get(request_id), event.get("data")
    text = str(cast(Event, data).get("text", "")) if isinstance(data, dict) else ""
    # A prompt takes a text that crossed it for its answer, without the client's knowledge.
    crossed = request_id not in seen.form_tickets and text not in chat.client_texts.values()
    if form is None:
        _note(state, chat, "F31", f"answers the unknown form {request_id!r}", now, ticket)
    elif form.answers and not crossed:
        _note(state, chat, "F31", f"answers form {request_id!r} again", now, seen.form_tickets.get(request_id), ticket)
    elif isinstance(data, dict):
        seen.form_answer = (state.real_time(now).at, text, ticket)
    seen.form_tickets.setdefault(request_id, ticket)


# Events with an id of the client's, and the fields by which two of them are the same.
_WITH_ID: Final[dict[str, tuple[str, ...]]] = {
    names.MESSAGE: ("msg_text", "msg"),
    names.FILE: ("file_id",),
    names.LOCATION: ("latitude", "longitude"),
}


def _item(state: CentreState, chat: Chat, now: int, ticket: int, event: Event) -> None:
    name, msg_id = str(event["event"]), message_id(event)
    if msg_id.lower() in _NO_NAMES or (name == names.MESSAGE and not msg_id):
        if "no id" not in chat.observed.once:
            chat.observed.once.add("no id")
            reason = f"gives a message the id {msg_id!r}" if msg_id else "gives a message no id"
            _note(state, chat, "F11", reason, now, ticket)
        return
    content = message_text(event) if name == names.MESSAGE else json.dumps([event.get(f) for f in _WITH_ID[name]])
    key = msg_id or (f"{name} {content}" if name == names.FILE else "")
    if not key:
        return
    before = chat.observed.items.get(key)
    if before is None:
        chat.observed.items[key] = (name, content, ticket)
        return
    same = before[:2] == (name, content)
    what = {names.MESSAGE: "message", names.FILE: "file", names.LOCATION: "location"}[name]
    rule, reason = (
        ("F12", "again") if same else ("F11", f"with the id of another {'text' if before[0] == name else 'thing'}")
    )
    _note(state, chat, rule, f"sends {what} {msg_id!r} {reason}", now, before[2], ticket)


def _message(state: CentreState, chat: Chat, now: int, ticket: int, event: Event) -> None:
    seen = chat.observed
    answer = seen.form_answer
    soon = answer is not None and state.real_time(now).at - answer[0] <= state.knobs.judge_end_gap_ms
    if answer is not None and soon and answer[1] == message_text(event):
        _note(state, chat, "F31", "sends the answer of a form as a message too", now, answer[2], ticket)
    if 0 < state.knobs.judge_silence_ms < now - chat.alive_at and not chat.push:
        seen.silent_sends.append(ticket)
        if len(seen.silent_sends) == _SILENT_SENDS:
            message = f"{_SILENT_SENDS} texts, the last one {(now - chat.alive_at) / 1_000:.0f} s after its latest poll"
            _note(state, chat, "F5", message, now, *seen.silent_sends)
            seen.silent_sends.clear()


def _end(state: CentreState, chat: Chat, now: int, ticket: int) -> None:
    chat.observed.ended = True
    if chat.observed.disconnect is None:
        return
    at, earlier = chat.observed.disconnect
    gap = state.real_time(now).at - at
    if earlier == ticket or gap < state.knobs.judge_end_gap_ms:
        _note(state, chat, "F30", f"sends end {gap} ms after disconnect", now, earlier, ticket)


def message_id(event: Event) -> str:
    """The id of a client's message as text, empty without one; JSON numbers are seen in the wild (section 5)."""
    value = event.get("msg_id")
    return "" if value is None else str(value)


def message_text(event: Event) -> str:
    """The plain text of a client's message: ``msg_text`` if sent, else ``msg`` (section 10 row 17)."""
    text = event.get("msg_text", event.get("msg", ""))
    return text if isinstance(text, str) else str(text)
