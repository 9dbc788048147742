"""What the server can see a client do wrong, by the numbers of protocol.md section 8.

The judge only speaks when it is sure. Where a network could make an innocent client look guilty (a send
that was on its way, a reply that never arrived) there is a knob of grace, and ``Centre.cut`` for a reply
that is known to be lost; who drives the model through a faulty network has to use it.
"""

from __future__ import annotations

from typing import Final, cast

from statemachine.emulator import names
from statemachine.emulator.chat import Chat, HeldPoll
from statemachine.emulator.knobs import Call
from statemachine.emulator.shapes import Event
from statemachine.emulator.state import MAX_VIOLATIONS, CentreState, Refusals, Violation
from statemachine.emulator.wire import HttpRequest

RULES: Final[dict[str, str]] = {
    "F1": "polls after a terminal signal was handed over",
    "F3": "repeats a refused call at once",
    "F11": "uses one message id for two texts",
    "F12": "sends a message again that the server already has",
    "F15": "sends a receipt for its own, an unknown or an already receipted message, or on v1",
    "F21": "gives up its polls before the server's hold is over",
    "F22": "opens a second poll while the first is held",
    "F27": "keeps creating sessions after a refusal of its configuration",
    "F29": "has an empty clientId",
    "F30": "sends disconnect and end together",
    "F31": "answers a form twice, an unknown form, or also as a message",
    "F32": "starts typing and never stops",
    "F34": "polls in a hot loop, or lets caches answer",
    "F35": "sends requests to another client's chat",
    "F37": "sends to a session whose end it was told",
}
"""The rules this judge knows; the others of section 8 happen out of the server's sight."""

_CONFIGURATION: Final = frozenset({1000, 2000, 2001, 2002, 2003, 2004, 3000, 5006})
_MAX_CREATES: Final = 3
_MAX_CLIENTS: Final = 10_000


def note(state: CentreState, rule: str, message: str, ticket: int, chat_id: str, now: int) -> None:
    """Write down one fault."""
    if len(state.violations) < MAX_VIOLATIONS:
        state.violations.append(Violation(rule, message, ticket, chat_id, now))


def called(state: CentreState, call: Call, who: str, ticket: int, chat_id: str, now: int) -> None:
    """A call arrives: was it refused a moment ago?"""
    refused = state.refusals.get((call, who))
    if refused is None:
        return
    if now - refused.at < state.knobs.judge_repoll_ms:
        message = f"{call} again {now - refused.at} ms after error {refused.code}"
        note(state, "F3", message, ticket, chat_id, now)
    if call == "create" and refused.code in _CONFIGURATION and refused.in_a_row >= _MAX_CREATES:
        message = f"create number {refused.in_a_row + 1} with error {refused.code}"
        note(state, "F27", message, ticket, "", now)


def answered(state: CentreState, call: Call, who: str, code: int | None, now: int) -> None:
    """A call was answered with this error (0: an error without code), or well (None)."""
    if call not in ("poll", "create", "history"):
        return
    before = state.refusals.pop((call, who), None)
    if code is None or code == 5511:  # an empty answer by another name: the client may ask again at once
        return
    state.refusals[call, who] = Refusals(now, code, 1 if before is None else before.in_a_row + 1)
    if len(state.refusals) > _MAX_CLIENTS:
        del state.refusals[next(iter(state.refusals))]


def polled(state: CentreState, chat: Chat, now: int, ticket: int, request: HttpRequest) -> None:
    """A poll arrives."""
    seen = chat.observed
    if seen.told_end_at is not None and (seen.told_by_poll or _past_grace(state, chat, now)):
        note(state, "F1", "polls a chat whose end it was told", ticket, chat.chat_id, now)
    if chat.held is not None and not chat.held.cut:
        chat.held.overlaps.append((now, ticket))
    cached = "no-cache" not in (request.header("Cache-Control") or "").lower()
    busted = request.parameter("nonce") or request.parameter("timestamp")
    if cached and not busted and "cache" not in seen.once:
        seen.once.add("cache")
        note(state, "F34", "polls without no-cache and without a nonce", ticket, chat.chat_id, now)
    if seen.typing_since is not None and 0 < state.knobs.judge_typing_ms < now - seen.typing_since:
        seen.typing_since = None
        note(state, "F32", "has been typing for very long", ticket, chat.chat_id, now)


def answered_instantly(state: CentreState, chat: Chat, now: int, ticket: int) -> None:
    """A poll was answered at once and brought nothing new: how often within a second?"""
    polls = [at for at in chat.observed.instant_polls if now - at < 1_000]
    polls.append(now)
    if 0 < state.knobs.judge_hot_polls <= len(polls):
        polls = []
        note(state, "F34", "polls in a hot loop", ticket, chat.chat_id, now)
    chat.observed.instant_polls = polls


def hold_ended(state: CentreState, chat: Chat, held: HeldPoll) -> None:
    """A held poll is answered, and somebody still waits for it: only now is an overlap certain.

    A client that broke off its poll may open another; the news of the break may come after that one.
    """
    for at, ticket in held.overlaps:
        note(state, "F22", f"polled while poll {held.ticket} was held", ticket, chat.chat_id, at)


def broke_off(state: CentreState, chat: Chat, now: int, ticket: int) -> None:
    """A held poll lost its client."""
    chat.observed.aborts += 1
    if chat.observed.aborts == state.knobs.judge_aborts:
        note(state, "F21", "breaks off one poll after the other", ticket, chat.chat_id, now)


def told_end(chat: Chat, now: int, ticket: int, by_poll: bool) -> None:
    """The client is being told that this chat is over."""
    seen = chat.observed
    if seen.told_end_at is None:
        seen.told_end_at, seen.told_ticket, seen.told_by_poll = now, ticket, by_poll


def reply_lost(chat: Chat, ticket: int) -> None:
    """The reply to this ticket never arrived, so nobody was told."""
    if chat.observed.told_ticket == ticket:
        revived(chat)


def revived(chat: Chat) -> None:
    """The client was told, after all, that this chat lives."""
    seen = chat.observed
    seen.told_end_at, seen.told_ticket, seen.told_by_poll = None, None, False


def sent(state: CentreState, chat: Chat, now: int, ticket: int) -> None:
    """A POST to the chat arrives."""
    if chat.observed.told_end_at is not None and _past_grace(state, chat, now):
        note(state, "F37", "sends to a chat whose end it was told", ticket, chat.chat_id, now)


def foreign_chat(state: CentreState, chat: Chat, now: int, ticket: int) -> None:
    """A request names a chat of another client."""
    note(state, "F35", "names a chat of another client", ticket, chat.chat_id, now)


def empty_client_id(state: CentreState, now: int, ticket: int) -> None:
    """Without a clientId visitors read each other's chats."""
    note(state, "F29", "sends an empty clientId", ticket, "", now)


def event_arrived(state: CentreState, chat: Chat, now: int, ticket: int, event: Event) -> None:
    """One accepted client event, before it changes anything."""
    name = event["event"]
    seen = chat.observed
    if name in names.RECEIPTS:
        _receipt(state, chat, now, ticket, event)
    elif name in names.FORM_ANSWERS:
        _form_answer(state, chat, now, ticket, event)
    elif name == names.MESSAGE:
        _message(state, chat, now, ticket, event)
    elif name == names.END:
        _end(state, chat, now, ticket)
    elif name == names.DISCONNECT:
        seen.disconnect_at, seen.disconnect_ticket = now, ticket
    if name == names.TYPING:
        # Beside the queue, so it may arrive after the end that the client has sent since.
        seen.typing_since = None if seen.ended else now
    elif name in (names.NOT_TYPING, names.MESSAGE, names.DISCONNECT, names.END):
        seen.typing_since = None


def _past_grace(state: CentreState, chat: Chat, now: int) -> bool:
    told = chat.observed.told_end_at
    return told is not None and now - told > state.knobs.judge_grace_ms


def _receipt(state: CentreState, chat: Chat, now: int, ticket: int, event: Event) -> None:
    name, reference = str(event["event"]), str(event.get("ref_msg_id", event.get("msg_id", "")))
    if chat.version == 1:
        reason = "on v1"
    elif (name, reference) in chat.observed.receipts:
        reason = "once more"
    elif reference in chat.server_message_ids:
        chat.observed.receipts.add((name, reference))
        return
    elif reference in chat.client_texts:
        reason = "for its own message"
    else:
        reason = "for an unknown message"
    note(state, "F15", f"{name} of {reference!r} {reason}", ticket, chat.chat_id, now)


def _form_answer(state: CentreState, chat: Chat, now: int, ticket: int, event: Event) -> None:
    request_id = str(event.get("form_request_id", ""))
    form = chat.forms.get(request_id)
    if form is None:
        note(state, "F31", f"answers the unknown form {request_id!r}", ticket, chat.chat_id, now)
    elif form.answers:
        note(state, "F31", f"answers form {request_id!r} again", ticket, chat.chat_id, now)
    elif isinstance(data := event.get("data"), dict):
        chat.observed.form_answer = (now, str(cast(Event, data).get("text", "")))


def _message(state: CentreState, chat: Chat, now: int, ticket: int, event: Event) -> None:
    msg_id, text = message_id(event), message_text(event)
    if msg_id and (before := chat.client_texts.get(msg_id)) is not None:
        rule, reason = ("F12", "again") if before == text else ("F11", "with another text")
        note(state, rule, f"sends message {msg_id!r} {reason}", ticket, chat.chat_id, now)
    answer = chat.observed.form_answer
    if answer is not None and answer[1] == text and now - answer[0] <= state.knobs.judge_end_gap_ms:
        note(state, "F31", "sends the answer of a form as a message too", ticket, chat.chat_id, now)


def _end(state: CentreState, chat: Chat, now: int, ticket: int) -> None:
    seen = chat.observed
    seen.ended = True
    if seen.disconnect_at is None:
        return
    if seen.disconnect_ticket == ticket or now - seen.disconnect_at < state.knobs.judge_end_gap_ms:
        note(state, "F30", "sends disconnect and end together", ticket, chat.chat_id, now)


def message_id(event: Event) -> str:
    """The id of a client's message as text, empty without one; JSON numbers are seen in the wild (section 5)."""
    value = event.get("msg_id")
    return "" if value is None else str(value)


def message_text(event: Event) -> str:
    """The plain text of a client's message: ``msg_text`` if sent, else ``msg`` (section 10 row 17)."""
    text = event.get("msg_text", event.get("msg", ""))
    return text if isinstance(text, str) else str(text)
