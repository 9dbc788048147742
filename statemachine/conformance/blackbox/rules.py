"""The rules that cases hold a client to: the judge's own, and those that only a case can see broken."""

from __future__ import annotations

from typing import Final

from statemachine.emulator.rules import RULES, Rule

__all__ = ["INVISIBLE", "rule_of"]

_SEEN_HERE: Final = (
    Rule(
        "F6",
        "drops a status whose waiting time is empty, missing or a number",
        "connected or failed is missed; an empty waiting time is shown as 0 s",
        "ewt is optional, text or number; unknown is not 0",
        "API reference, chat_session_status: ewt; section 3.0",
    ),
    Rule(
        "F7",
        "drops an event for its timestamp",
        "messages are lost, or stand in the year 50 000",
        "seconds or milliseconds by magnitude, text or number, or none; never drop an event for its date",
        "API reference, timestamps in milliseconds and in seconds; section 3.0",
    ),
    Rule(
        "F8",
        "fails on a value it does not know",
        "the chat cannot be opened; the agent is never shown",
        "keep enums open: an unknown state or party type changes nothing",
        "API reference v1: establishing; section 2.1",
    ),
    Rule(
        "F9",
        "throws a batch away for one entry",
        "messages are lost",
        "isolate each entry; keep the unknown one as it is",
        "API reference, events: unknown ones are to be skipped; section 3.0",
    ),
    Rule(
        "F10",
        "takes an empty answer for a failure",
        "it crashes on a quiet chat",
        "an empty body, an empty list and code 5511 all say: no events",
        "API reference, error 5511; section 4",
    ),
    Rule(
        "F16",
        "takes the history for news",
        "every message and form appears twice",
        "merge the history by id and party; receipt only what is live",
        "section 5.1",
    ),
    Rule(
        "F18",
        "takes a second message of the same second for an old one",
        "the second message of a second is lost",
        "tell new from old by id; equal times keep their order",
        "section 5: the resolution is one second",
    ),
    Rule(
        "F19",
        "sends in another order than it was told",
        "a reordered transcript",
        "one ordered queue for each session and direction",
        "section 5: the order of sending",
    ),
    Rule(
        "F20",
        "gives a chat up after a number of errors in all",
        "a healthy session is declared dead",
        "count consecutive failures, and elapsed time; any success begins anew",
        "section 4.2",
    ),
    Rule(
        "F28",
        "loses the first text when the chat could not be opened at once",
        "the user's first message is silently lost",
        "the first text waits in the queue, and fails visibly",
        "API reference, Request Chat: 503; section 7",
    ),
    Rule(
        "F33",
        "stumbles over a party it does not know",
        "wrong names, lost batches",
        "tolerate unknown and repeated parties; compare ids without case",
        "API reference, chat_session_party_left; section 3.1",
    ),
    Rule(
        "F38",
        "regroups a batch, or keeps a part of it",
        "order and messages are lost",
        "handle all entries, in order",
        "API reference, Get New Chat Events: an ordered list; section 5",
    ),
)
_BEYOND: Final = {rule.number: rule for rule in _SEEN_HERE}

INVISIBLE: Final[dict[str, str]] = {
    "F2": "what the application is told, and is not",
    "F4": "two chats in one process: a program here has one",
    "F13": "what the screen shows of a message",
    "F14": "what is told of texts that were never sent",
    "F17": "what the screen shows of an old status",
    "F25": "which reason is shown",
    "F36": "how text is shown",
}
"""Faults that no server can see, and where they happen."""


def rule_of(number: str) -> Rule:
    """The rule of this number: the judge's own, or one that only a case can see broken."""
    return RULES.get(number) or _BEYOND[number]
