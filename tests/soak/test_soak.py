"""A small dose of `python -m tests.soak`, and that its judge can say no."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from statemachine.emulator import ClientKey, Knobs, LogEntry, Scenario
from statemachine.emulator.chat import Chat
from statemachine.emulator.http import Emulator
from tests.soak.sink import Sink, read_lines

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX only")


@posix_only
@pytest.mark.slow
@pytest.mark.parametrize("tls", [False, True])
async def test_nothing_is_lost_or_doubled(tls: bool) -> None:
    from tests.soak.__main__ import Dose, report, soak

    result = await soak(Dose(chats=40, kills=4, texts=8, every=1.5, hold=2.0, tls=tls, within=500))
    assert report(result) == 0
    assert result.kills == 4
    assert result.counts["texts"] == 320


def lines(*told: list[object]) -> list[list[object]]:
    return [["customer-0", *one] for one in told]


TOLD = lines(
    [1, "delivery_update", "text-00", "sent", None],
    [2, "message", "r1", "You said: this is text-00"],
    [3, "finished", "ended"],
)


@posix_only
@pytest.mark.parametrize(
    ("texts", "told", "fault"),
    [
        (["text-00"], TOLD, None),
        (["text-00"], TOLD[:1] + TOLD, None),
        ([], TOLD, "arrived 0 times"),
        (["text-00", "text-00"], TOLD, "arrived 2 times"),
        (["text-00"], TOLD[1:], "no outcome"),
        (["text-00"], TOLD[:1] + TOLD[2:], "told under 0 seqs"),
    ],
)
async def test_the_judge_can_say_no(
    tmp_path: Path, texts: list[str], told: list[list[object]], fault: str | None
) -> None:
    from tests.soak.__main__ import Dose, Soak

    sink = Sink(tmp_path / "sink.jsonl")
    for line in told:
        sink.write(*line)
    emulator = Emulator("silent", Knobs())
    chat = Chat("c", ClientKey("t", "a", "customer-0"), 2, 0, "connected", Scenario("", ""))
    chat.texts_received.extend((str(n), f"this is {text}") for n, text in enumerate(texts))
    chat.log.append(LogEntry(0, "to_client", {"event": "chat_session_message", "msg_id": "r1"}))
    emulator.centre.chats["c"] = chat
    run = Soak(Dose(chats=1, texts=1), tmp_path)
    run.judge(emulator)
    found = run.result.faults
    assert found == [] if fault is None else any(fault in one for one in found), found


@posix_only
async def test_a_chat_that_was_never_opened_is_a_fault(tmp_path: Path) -> None:
    from tests.soak.__main__ import Dose, Soak

    run = Soak(Dose(chats=1, texts=1), tmp_path)
    run.judge(Emulator("silent", Knobs()))
    assert run.result.faults == ["customer-0: 0 chats were opened"]


def test_the_file_is_read_back_without_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "sink.jsonl"
    sink = Sink(path)
    for line in TOLD:
        sink.write(*line)
    with path.open("a") as file:
        file.write('["customer-0", 4, "mess')
    again = Sink(path)
    assert again.outcomes["customer-0"] == {"text-00"}
    assert again.replies["customer-0"] == {"text-00"}
    assert again.over == {"customer-0"}
    assert read_lines(path) == TOLD
