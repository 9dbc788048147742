"""Scripts against the running emulator, with the real client."""

from __future__ import annotations

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from statemachine.client import ChatError, Options
from statemachine.core import Received
from statemachine.emulator import Fault, Knobs, actions
from statemachine.emulator.http import Emulator
from statemachine.scripted import (
    EntrySent,
    Play,
    PlayEvent,
    PlayFinished,
    PlayResult,
    StepExecuted,
    customer,
    play,
    read_script,
)
from statemachine.scripted.events import ProcessKilled, ProcessStarted

T = TypeVar("T")


@pytest.fixture(autouse=True)
def _short_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the centre is silent, the end of a chat is not waited for."""
    monkeypatch.setattr(customer, "CLOSING_S", 0.5)


# Without receipts of its own: one that comes after the end is refused, and tells "gone" before "ended" is polled.
BRISK = Options(close_within=timedelta(seconds=1), receipts="off")
QUICK_TO_SETTLE = Options(settle=timedelta(milliseconds=300), request_timeout=timedelta(seconds=3))


class Log(list[PlayEvent]):
    """The events of one customer."""

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self if isinstance(event, kind)]


async def played(emulator: Emulator, text: str, folder: Path = Path(), **how: Any) -> list[PlayResult]:
    return [result for result, _ in await played_and_logged(emulator, text, folder, **how)]


async def played_and_logged(
    emulator: Emulator, text: str, folder: Path = Path(), options: Options = BRISK, **how: Any
) -> list[tuple[PlayResult, Log]]:
    script = read_script(text, "script", folder)
    endpoint = options.endpoint(emulator.url, "x.example", script.app_id or "own", "nobody")
    logs: dict[int, Log] = {}
    results = await play(
        script, endpoint, options, Play(**how), lambda result: logs.setdefault(result.number, Log()).append
    )
    for result in results:
        assert [event.result for event in logs[result.number].of(StepExecuted)] == result.steps
        assert logs[result.number][-1] == PlayFinished()
    return [(result, logs[result.number]) for result in results]


PARCEL = """
script = [
    { start = "Hello, my parcel is late." },
    { wait_for = "queued" },
    { wait_for = { joined = "ada" } },
    { wait_for = "agent_joined" },
    { wait_for = { says = "HELP" } },
    { say = "It is number {n}." },
    { wait_for = { message = "read" } },
    { wait_for = { typing = "" } },
    { wait_for = { says = "You said: It is number" } },
    "mark_read",
    { expect = { phase = "agent_joined", agents = "Ada Larsen", forms = [] } },
    "typing",
    { send_location = [52.5, 13.4] },
    { send_file = "a.txt", content = "the bill" },
    "disconnect",
    { wait_for = { left = "Ada" } },
    { answer_form = { service = "5" }, form = "survey_form" },
    { wait_for = { says = "Thank you" } },
    { wait_for = "ended" },
    { expect = { outcome = "ended" } },
]
"""


async def test_a_whole_chat() -> None:
    async with Emulator("survey", Knobs(pace=0.05)) as emulator:
        (result,) = await played(emulator, PARCEL)
        assert result.problem is None
        assert result.ok
        assert result.outcome == "ended"
        assert not result.ended_by_us
        assert {"queued", "agent_joined", "wrapping_up", "ended"} <= set(result.phases)
        assert len(result.sent_ms) == 2
        (chat,) = emulator.centre.chats.values()
        assert [text for _, text in chat.texts_received] == ["Hello, my parcel is late.", "It is number 1."]
        events = [entry.event for entry in chat.log if entry.direction == "from_client"]
        names = [str(event["event"]) for event in events]
        for name in ("typing", "location", "file", "message_read", "disconnect", "form_data"):
            assert f"chat_session_{name}" in names
        assert emulator.centre.violations == []


UNHEARD = '{ wait_for = { says = "unheard" }, within = "200ms" },'


async def test_what_does_not_come_true_fails_with_its_line_and_the_chat_is_ended() -> None:
    async with Emulator("plain", Knobs(pace=0.01)) as emulator:
        (result,) = await played(
            emulator,
            "\n".join(("script = [", '"start",', '{ wait_for = "agent_joined" },', UNHEARD, '"end",', "]")),
        )
        assert result.problem is not None
        assert (result.problem.line, result.problem.words) == (4, "wait_for says unheard")
        assert result.problem.problem.startswith("not within 200ms; the phase is agent_joined, 1 agent is present,")
        assert "help" not in result.problem.problem  # what was said stands in no report
        assert result.ended_by_us
        assert result.outcome == "ended"
        assert [step.words for step in result.steps] == [
            "start",
            "wait_for phase agent_joined",
            "wait_for says unheard",
        ]


async def test_a_chat_that_is_over_is_not_waited_for() -> None:
    async with Emulator("failed", Knobs(pace=0.01)) as emulator:
        (result,) = await played(emulator, 'script = [{ wait_for = "agent_joined", within = "10m" }]')
        assert result.problem is not None
        assert result.problem.problem == "the chat was over before (failed)"
        assert result.outcome == "failed"


async def test_what_cannot_be_done_is_a_failure_in_words() -> None:
    async with Emulator("failed", Knobs(pace=0.01)) as emulator:
        (result,) = await played(emulator, 'script = ["start", { wait_for = "failed" }, { say = "too late" }]')
        assert result.problem is not None
        assert result.problem.words == 'say "too late"'
        assert "the chat is over" in result.problem.problem


async def test_otherwise_goes_on_and_repeat_repeats() -> None:
    async with Emulator("plain", Knobs(pace=0.01)) as emulator:
        (result,) = await played(
            emulator,
            """script = [
                { wait_for = "agent_joined" },
                { wait_for = { warning = "" }, within = "50ms", otherwise = [{ say = "no warning" }] },
                { repeat = [{ say = "again" }, { wait_for = { message = "sent" } }], times = 3 },
                { wait_for = { says = "again" } },
                { wait_for = { says = "again" } },
                { wait_for = { says = "again" } },
            ]""",
        )
        assert result.problem is None
        (chat,) = emulator.centre.chats.values()
        assert [text for _, text in chat.texts_received] == ["no warning", "again", "again", "again"]


async def test_each_wait_for_a_kind_looks_on_from_the_last_one_of_that_kind() -> None:
    """Who said something before the phase was waited for is still heard; nobody is heard twice."""
    async with Emulator("silent") as emulator:

        async def centre() -> None:
            await emulator.until(lambda one: bool(one.chats), 60)
            (chat_id,) = emulator.centre.chats
            await emulator.act(
                chat_id, actions.Say("first", party="bot"), actions.Connect("ada"), actions.Say("second")
            )

        playing = asyncio.create_task(centre())
        (result,) = await played(
            emulator,
            """script = [
                { wait_for = "agent_joined" },
                { wait_for = { says = "first" } },
                { wait_for = { says = "second" } },
                { wait_for = { says = "second" }, within = "100ms" },
            ]""",
        )
        await playing
        assert result.problem is not None
        assert result.problem.line == 5


async def test_secure_forms_files_places_and_warnings(tmp_path: Path) -> None:
    (tmp_path / "bill.txt").write_text("42")
    script = """
    script = [
        { answer_form = { card = "hunter2" }, form = "payment" },
        { wait_for = { form = "payment" } },
        { wait_for = { file = "photo" } },
        { wait_for = { location = "52" } },
        { wait_for = { warning = "still" } },
        { expect = { phase = "warned" } },
        { send_file = "bill.txt" },
        "background",
        "foreground",
        { cancel_form = "contact_form" },
        { expect = { forms = [] } },
    ]
    """
    async with Emulator("silent") as emulator:

        async def centre() -> None:
            await emulator.until(lambda one: bool(one.chats), 60)
            (chat_id,) = emulator.centre.chats
            await emulator.act(chat_id, actions.ShowSecureForm("payment"), actions.ShareFile("photo.png", b"x"))
            await emulator.act(chat_id, actions.ShareLocation(52.5, 13.4), actions.ShowForm("contact_form"))
            forms = emulator.centre.chats[chat_id].forms
            await emulator.until(lambda _: forms["1"].answers == 1, 60)
            await emulator.act(chat_id, actions.Warn("Are you still there?"))

        acting = asyncio.create_task(centre())
        (result,) = await played(emulator, script, tmp_path)
        await acting
        assert result.problem is None
        assert [file.content for file in emulator.centre.files.values()] == [b"x", b"42"]
        assert "hunter2" not in str(result)


RESTARTING = """
receipts = "auto"
script = [
    { start = "one" },
    { wait_for = "agent_joined" },
    { say = "two" },
    "restart",
    { wait_for = { says = "You said: two" } },
    { say = "three" },
    "restart",
    { wait_for = { says = "You said: three" } },
    { wait_for = { message = "read" } },
    "end",
    { wait_for = "ended" },
]
"""


async def test_a_killed_client_goes_on_with_its_chat() -> None:
    async with Emulator("plain", Knobs(pace=0.02, hold_ms=500)) as emulator:
        ((result, log),) = await played_and_logged(emulator, RESTARTING, options=QUICK_TO_SETTLE)
        assert result.problem is None
        assert result.outcome == "ended"
        processes = [type(event) for event in log if isinstance(event, ProcessStarted | ProcessKilled)]
        assert processes == [ProcessStarted, ProcessKilled, ProcessStarted, ProcessKilled, ProcessStarted]
        assert [step.words for step in result.steps].count("restart") == 2
        (chat,) = emulator.centre.chats.values()
        assert [text for _, text in chat.texts_received] == ["one", "two", "three"]
        assert [event.text for event in log.of(EntrySent)] == ["one", "two", "three"]
        delivered = [update.seq for update in log.of(Received)]
        assert delivered == sorted(set(delivered))
        assert emulator.centre.violations == []


async def test_a_client_process_without_a_server_reports_the_step_that_failed() -> None:
    async with Emulator("silent") as emulator:
        url = emulator.url
    script = read_script('script = ["start", { wait_for = "queued", within = "300ms" }, "restart"]', "x", Path())
    endpoint = BRISK.endpoint(url, "x.example", "a", "nobody")
    (result,) = await play(script, endpoint, BRISK, Play())
    assert result.problem is not None
    assert result.problem.words == "wait_for phase queued"


async def test_a_script_with_restart_refuses_certificates() -> None:
    script = read_script('script = ["restart"]', "x", Path())
    options = Options(tls=ssl.create_default_context())
    endpoint = options.endpoint("https://localhost:1", "x.example", "a", "nobody")
    with pytest.raises(ChatError, match="cannot use these certificates"):
        await play(script, endpoint, options, Play())


async def test_a_failed_request_can_be_waited_for() -> None:
    async with Emulator("plain", Knobs(pace=0.01, faults=(Fault("poll", 5001),))) as emulator:
        (result,) = await played(
            emulator,
            """script = [
                { wait_for = { failure = "5001" } },
                { wait_for = { failure = "" }, within = "50ms", otherwise = [{ say = "no more" }] },
                { wait_for = { message = "sent" } },
            ]""",
        )
        assert result.problem is None


async def test_the_pace_shortens_pauses() -> None:
    async with Emulator("plain", Knobs(pace=0.01)) as emulator:
        (result,) = await played(emulator, 'script = [{ pause = "5m" }]', pace=0.0001)
        assert result.problem is None


async def test_many_customers_are_kept_apart() -> None:
    async with Emulator("plain", Knobs(pace=0.01)) as emulator:
        waits = '{ wait_for = { says = "You said: I am" } }, "end", { wait_for = "ended" }'
        text = f'script = [{{ start = "I am {{n}}" }}, {waits}]'
        results = await played(emulator, text, sessions=20, rate=100.0, client_id="load")
        assert [result.problem for result in results] == [None] * 20
        assert len(emulator.centre.chats) == 20
        said = {chat.key.client_id: chat.texts_received[0][1] for chat in emulator.centre.chats.values()}
        assert said == {f"load-{number}": f"I am {number}" for number in range(1, 21)}


async def test_nobody_there_is_a_failure_of_the_session() -> None:
    async with Emulator("silent") as emulator:
        url = emulator.url
    script = read_script('script = [{ wait_for = "queued", within = "300ms" }]', "x", Path())
    options = Options(close_within=timedelta(milliseconds=100), connect_timeout=timedelta(seconds=1))
    endpoint = options.endpoint(url, "x.example", "a", "nobody")
    (result,) = await play(script, endpoint, options, Play())
    assert result.problem is not None
    assert "the phase is requesting" in result.problem.problem


def test_a_setting_that_cannot_work() -> None:
    with pytest.raises(ChatError):
        BRISK.endpoint("ftp://x", "x", "a", "b")
