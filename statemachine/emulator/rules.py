"""The rules a server can hold its clients to: the faults of protocol.md section 8 that it sees.

The other faults of that section happen out of the server's sight, on the client's screen or in its store.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from statemachine.emulator.immutable import Immutable

__all__ = ["RULES", "Rule"]


@frozen
class Rule(Immutable):
    """One rule. ``fault``: what the client does; ``suffers``: what its user has of it; ``instead``: what is right."""

    number: str
    fault: str
    suffers: str
    instead: str
    source: str


_RULES: Final = (
    Rule(
        "F1",
        "polls after a terminal signal was handed over",
        "a dead chat is polled for ever; the screen looks alive",
        "end at the first of ended, failed, completed, inactivity timeout and 404/5005",
        "API reference: chat_session_ended, chat_session_status, error 5005; sections 2.2 and 2.4",
    ),
    Rule(
        "F3",
        "repeats a refused call at once",
        "a retry storm: the battery drains, the server bans the client",
        "tell errors apart by code, then status; back off with jitter, and honour Retry-After",
        "API reference, error codes; sections 4.2 and 7",
    ),
    Rule(
        "F5",
        "goes on sending after its polls have stopped",
        "a one-way chat: texts go out, replies never come",
        "watch over the poll loop; when it dies, start it again or tell the user",
        "API reference, Get New Chat Events: the only way by which events come; section 4",
    ),
    Rule(
        "F11",
        "uses one message id for two messages, or no real id",
        "receipts point at the wrong message; messages are taken for repeats",
        "make the id when the user acts, keep it with the session, never use it for another message",
        "API reference, chat_session_message: msg_id; section 5",
    ),
    Rule(
        "F12",
        "sends again what the server already has",
        "a message or a file is delivered twice",
        "after a doubtful failure look into the history first; resend, with the same id, only what it lacks",
        "section 1.4: Send Events has no idempotency; section 10 row 11",
    ),
    Rule(
        "F15",
        "sends a receipt for its own, an unknown or an already receipted message, or on v1",
        "the agent sees a false “read”",
        "receipt the live messages of others, once each; “read” when the user has seen it; on v2 only",
        "API reference v2, chat_session_message_delivered and _read; section 5.1",
    ),
    Rule(
        "F21",
        "gives up its polls before the server's hold is over",
        "replies are lost, and every next poll collides with the one still held",
        "wait longer than the longest hold: 15 s and a margin, 25 to 30 s",
        "API reference, Get New Chat Events: held for 5 to 15 s; section 4.2",
    ),
    Rule(
        "F22",
        "opens a second poll while the first is held",
        "events are lost; a storm of 5509",
        "one poll in flight for each chat, also after a restart or on return to the foreground",
        "API reference, Get New Chat Events: one outstanding poll, else 5509; section 4",
    ),
    Rule(
        "F23",
        "polls by a timer, whatever is held",
        "a storm of 5509",
        "start the next poll when the last one was answered, never by the clock",
        "API reference, Get New Chat Events: one outstanding poll, else 5509; section 4",
    ),
    Rule(
        "F24",
        "takes an error for data",
        "an exception, or a loop without end about a chat that never was",
        "look at error_code, then at the status, then at the type of the body, before reading an answer",
        "API reference, error body; section 1.1",
    ),
    Rule(
        "F26",
        "asks for a chat while it polls a live one",
        "two pollers on one chat; every reply twice",
        "ivr, queued, connecting, connected and establishing are all live",
        "API reference, Request Chat: is_new_chat; sections 2.1 and 1.4",
    ),
    Rule(
        "F27",
        "keeps creating sessions after a refusal of its configuration",
        "a storm of requests, and a user who is never told",
        "give up with a reason at 1000, 2000-2004, 3000 and 5006",
        "API reference, error codes; section 7",
    ),
    Rule(
        "F29",
        "has no clientId of its own",
        "visitors read each other's chat; nothing can be resumed",
        "make one for each user, keep it, and refuse to start without",
        "API reference, Authorization: clientId; section 1.1",
    ),
    Rule(
        "F30",
        "sends disconnect and end together",
        "the survey is never shown",
        "disconnect ends the conversation and keeps the chat; end gives it up: two wishes of the user",
        "API reference, chat_session_disconnect and chat_session_end; section 6.2",
    ),
    Rule(
        "F31",
        "answers a form twice, an unknown form, or also as a message",
        "doubled input, or an answer in the wrong chat",
        "one answer for each form_request_id of this chat",
        "API reference, chat_session_form_show and chat_session_form_data; section 3.2",
    ),
    Rule(
        "F32",
        "starts typing and never stops",
        "the agent sees “typing…” for hours",
        "let the indicator expire, and send chat_session_not_typing",
        "API reference, chat_session_typing and chat_session_not_typing; section 3.1",
    ),
    Rule(
        "F34",
        "polls in a hot loop, or lets caches answer",
        "old messages seventy times a second",
        "send no-cache and a fresh query value, and slow down when answers come instantly",
        "change logs of the vendor's iOS and Android clients; sections 1.1 and 4",
    ),
    Rule(
        "F35",
        "sends requests to another client's chat",
        "requests hit another user's chat",
        "keep the session's fields in the session, not in globals",
        "API reference, Authorization: a chat belongs to its clientId; section 1.1",
    ),
    Rule(
        "F37",
        "sends to a session whose end it was told",
        "an error is shown at a normal end",
        "send nothing after a terminal signal",
        "section 2.2",
    ),
    Rule(
        "5003",
        "sends what no server can read",
        "the call is refused, and what the user wrote is lost",
        "a JSON object, or a multipart body with one file; events of known names, with all that they need",
        "API reference, error 5003, and the bodies of Request Chat, Send Events and Upload File; sections 1.2, 3 and 7",
    ),
)

RULES: Final[dict[str, Rule]] = {rule.number: rule for rule in _RULES}
"""Rules by number; a violation's ``rule`` is a key of it.

That is the F-number, and for bodies that cannot be read, of which section 8 knows none, the error code.
"""
