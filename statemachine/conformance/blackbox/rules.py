"""The rules that cases check: those of the emulator's judge, and those that only a case can check."""

from __future__ import annotations

from typing import Final

from statemachine.emulator.rules import RULES, Rule

_RULES_OF_CASES: Final = (
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
        "messages are lost, or dated in the year 50 000",
        "accept seconds and milliseconds (by magnitude), text, number and none; never drop an event for its date",
        "API reference, timestamps in milliseconds and in seconds; section 3.0",
    ),
    Rule(
        "F8",
        "fails on a value it does not know",
        "the chat cannot be opened; the agent is not shown",
        "accept unknown values: an unknown state or party type changes nothing",
        "API reference v1: establishing; section 2.1",
    ),
    Rule(
        "F9",
        "drops a whole batch because of one entry",
        "messages are lost",
        "handle each entry by itself; keep an unknown one unchanged",
        "API reference, events: unknown ones are to be skipped; section 3.0",
    ),
    Rule(
        "F10",
        "treats an empty answer as a failure",
        "it crashes on a quiet chat",
        "an empty body, an empty list and code 5511 all mean: no events",
        "API reference, error 5511; section 4",
    ),
    Rule(
        "F16",
        "treats the history as new messages",
        "every message and form is shown twice",
        "merge the history by id and party; send receipts only for live messages",
        "section 5.1",
    ),
    Rule(
        "F18",
        "treats a second message of the same second as an old one",
        "the second message of a second is lost",
        "recognize known messages by id; equal times keep their order",
        "section 5: the resolution is one second",
    ),
    Rule(
        "F19",
        "sends texts in another order than the user wrote them",
        "the transcript is in the wrong order",
        "one ordered queue for each session and direction",
        "section 5: the order of sending",
    ),
    Rule(
        "F20",
        "gives up a chat after a total number of errors",
        "a working chat is ended",
        "count consecutive failures, and elapsed time; any success resets the count",
        "section 4.2",
    ),
    Rule(
        "F28",
        "loses the first text when the chat cannot be opened at once",
        "the user's first message is silently lost",
        "keep the first text in the queue; report it as failed if it cannot be sent",
        "API reference, Request Chat: 503; section 7",
    ),
    Rule(
        "F33",
        "fails on a party it does not know",
        "wrong names, lost batches",
        "tolerate unknown and repeated parties; compare ids without case",
        "API reference, chat_session_party_left; section 3.1",
    ),
    Rule(
        "F38",
        "reorders a batch, or handles only a part of it",
        "order and messages are lost",
        "handle all entries, in order",
        "API reference, Get New Chat Events: an ordered list; section 5",
    ),
)
_BY_NUMBER: Final = {rule.number: rule for rule in _RULES_OF_CASES}

INVISIBLE: Final[dict[str, str]] = {
    "F2": "whether the application is notified",
    "F4": "two chats in one process: the client under test has one",
    "F13": "how the screen shows a message",
    "F14": "how texts that were never sent are reported",
    "F17": "how the screen shows an old status",
    "F25": "which reason is displayed",
    "F36": "how text is displayed",
}
"""Fault that no server can observe -> where it shows."""


def rule_of(number: str) -> Rule:
    """The rule of this number: one of the judge's, or one that only a case can check."""
    return RULES.get(number) or _BY_NUMBER[number]
