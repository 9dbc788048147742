"""A small dose of `python -m tests.kill`, and that its judge can say no."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from statemachine.emulator import Chat, ClientKey, LogEntry, Scenario
from tests.kill.judge import judge

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX only")


@posix_only
async def test_nothing_is_lost_or_doubled() -> None:
    from tests.kill.__main__ import campaign, report

    series = await campaign(kills=5, seed=11)
    assert report(series, 11) == 0
    assert series.kills.total() >= 5
    assert all(verdict.events >= 6 for verdict in series.verdicts.values())


def chat_with(texts: list[str], replies: list[str]) -> Chat:
    chat = Chat("c", ClientKey("t", "a", "c"), 2, 0, "connected", Scenario("", ""))
    chat.texts_received.extend((str(n), f"this is {text}") for n, text in enumerate(texts))
    chat.log.extend(LogEntry(0, "to_client", {"event": "chat_session_message", "msg_id": reply}) for reply in replies)
    return chat


def sent(seq: int, key: str, state: str = "sent", reason: str | None = None) -> dict[str, Any]:
    return {"type": "delivery_update", "seq": seq, "key": key, "state": state, "reason": reason}


def told(seq: int, msg_id: str) -> dict[str, Any]:
    return {"type": "message", "seq": seq, "msg_id": msg_id}


GOOD = [sent(1, "text-00"), told(2, "r1"), told(2, "r1"), sent(3, "text-01")]


def test_a_redelivery_under_the_same_seq_is_no_fault() -> None:
    verdict = judge(chat_with(["text-00", "text-01"], ["r1"]), GOOD, 2)
    assert (verdict.faults, verdict.redelivered, verdict.events) == ([], 1, 1)


@pytest.mark.parametrize(
    ("texts", "replies", "sink", "fault"),
    [
        (["text-00"], ["r1"], GOOD, "text-01: told sent"),
        (["text-00", "text-01", "text-01"], ["r1"], GOOD, "arrived 2 times"),
        (["text-01", "text-00"], ["r1"], GOOD, "out of order"),
        (["text-00", "text-01"], ["r1", "r2"], GOOD, "message r2 was told under 0 seqs"),
        (["text-00", "text-01"], ["r1"], [*GOOD, told(4, "r1")], "message r1 was told under 2 seqs"),
        (["text-00", "text-01"], ["r1"], GOOD[1:], "text-00: no outcome"),
        (["text-00", "text-01"], ["r1"], [*GOOD, told(5, "x")], "a seq is missing"),
        (["text-00", "text-01"], ["r1"], [*GOOD, told(3, "x")], "two contents"),
        (["text-00", "text-01"], ["r1"], [*GOOD[1:], GOOD[0]], "told out of order"),
        (["text-00", "text-01"], [], [sent(1, "text-00"), sent(2, "text-01", "failed", "not_sent")], "not_sent"),
    ],
)
def test_the_judge_can_say_no(texts: list[str], replies: list[str], sink: list[dict[str, Any]], fault: str) -> None:
    faults = judge(chat_with(texts, replies), sink, 2).faults
    assert any(fault in one for one in faults), faults
