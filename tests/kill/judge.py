"""The verdict over one chat that was killed again and again: the server's log against the application's file."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from attrs import Factory, define

from statemachine.emulator import Chat


@define
class Verdict:
    """What one chat came to. `faults`: in words; empty for a good one."""

    texts: int = 0
    failed: int = 0
    events: int = 0
    redelivered: int = 0
    faults: list[str] = Factory(list)


def judge(chat: Chat, sink: list[dict[str, Any]], texts: int) -> Verdict:
    """Each text arrived once and in order, or is reported failed; each event was told at least once, with one `seq`."""
    verdict = Verdict(texts=texts)
    _judge_texts(verdict, [text.removeprefix("this is ") for _, text in chat.texts_received], sink)
    _judge_events(verdict, chat, sink)
    _judge_seq(verdict, sink)
    return verdict


def _judge_texts(verdict: Verdict, arrived: list[str], sink: list[dict[str, Any]]) -> None:
    outcome: dict[str, dict[str, Any]] = {}
    for line in sink:
        if line["type"] == "delivery_update" and line["key"]:
            outcome.setdefault(line["key"], line)
    times = Counter(arrived)
    for n in range(verdict.texts):
        key = f"text-{n:02d}"
        if key not in outcome:
            verdict.faults.append(f"{key}: no outcome was ever told")
            continue
        state, reason = outcome[key]["state"], outcome[key]["reason"]
        verdict.failed += state == "failed"
        expected = {"not_sent": (0,), "unknown": (0, 1)}.get(reason, (1,)) if state == "failed" else (1,)
        if times[key] not in expected:
            verdict.faults.append(f"{key}: told {state} ({reason}), arrived {times[key]} times")
    if arrived != sorted(arrived):
        verdict.faults.append(f"out of order: {arrived}")


def _judge_events(verdict: Verdict, chat: Chat, sink: list[dict[str, Any]]) -> None:
    told: dict[str, set[int]] = defaultdict(set)
    for line in sink:
        if line["type"] == "message":
            told[line["msg_id"]].add(line["seq"])
    for entry in chat.log:
        event = entry.event
        if entry.direction == "to_client" and event["event"] == "chat_session_message":
            verdict.events += 1
            seqs = told[event["msg_id"]]
            if len(seqs) != 1:
                verdict.faults.append(f"message {event['msg_id']} was told under {len(seqs)} seqs")


def _judge_seq(verdict: Verdict, sink: list[dict[str, Any]]) -> None:
    first: dict[int, dict[str, Any]] = {}
    for line in sink:
        known = first.setdefault(line["seq"], line)
        if known is not line:
            verdict.redelivered += 1
            if known != line:
                verdict.faults.append(f"seq {line['seq']} was told with two contents")
    if sorted(first) != list(range(1, len(first) + 1)):
        verdict.faults.append("a seq is missing")
    if list(first) != sorted(first):
        verdict.faults.append("news was told out of order")
