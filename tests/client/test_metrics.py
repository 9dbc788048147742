"""What is counted and timed."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

from statemachine import (
    COMMANDS,
    Answered,
    ChatOpened,
    CreateChat,
    EventBatch,
    Failure,
    RequestChat,
    SendText,
    new_session,
    reduce,
)
from statemachine.adapters.protocols import HandledEvent
from statemachine.client import METRICS, Numbers, Options, Stats
from statemachine.client.metrics import CALLS, MetricsObserver
from statemachine.emulator import Knobs
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from tests.client.two_parties import LIMIT_S, QUICK, client, text, until


def of(numbers: Numbers, name: str) -> dict[str, float]:
    """Values by the first label."""
    return {labels[0][1] if labels else "": value for (key, labels), value in numbers.values.items() if key == name}


def test_every_call_has_a_name() -> None:
    assert set(CALLS) == set(COMMANDS)


async def test_a_chat_in_numbers() -> None:
    numbers = Numbers()
    async with Emulator("plain", QUICK) as emulator, client(emulator, metrics=numbers) as chats:
        ann = await chats.session("ann")
        sending = await ann.send("hello")
        assert await sending.read(timedelta(seconds=LIMIT_S)) == "read"
        await until(lambda: ann.session.connection.name == "polling", "it polls")
        assert chats.stats().phases == {ann.phase: 1}
        assert chats.stats().journal == ann.unread > 0
        await ann.end()
        async with asyncio.timeout(LIMIT_S):
            [one async for one in ann.updates()]
        assert chats.stats() == Stats({}, 0, 0, False)
    assert of(numbers, "chat_sends_total")["sent"] == 2  # the text, and the end
    assert of(numbers, "chat_sends_total")["read"] == 1
    outcomes = {(labels[0][1], labels[1][1]) for (key, labels) in numbers.values if key == "chat_calls_total"}
    assert {("create", "ok"), ("poll", "ok"), ("send", "empty")} <= outcomes
    assert {"create", "send"} <= set(of(numbers, "chat_call_seconds_count"))
    assert "poll" not in of(numbers, "chat_call_seconds_count")
    assert "ann" not in numbers.text()


async def test_failures_and_retries() -> None:
    numbers = Numbers()
    options = Options(settle=timedelta(milliseconds=50), request_timeout=timedelta(seconds=1))
    async with (
        Emulator("silent", Knobs(pace=0.02, hold_ms=300, network_drop_reply_every=3)) as emulator,
        client(emulator, metrics=numbers, options=options) as chats,
    ):
        await chats.session("ann")
        await until(lambda: of(numbers, "chat_retries_total"), "something was tried again")
    outcomes = {labels[1][1] for (key, labels) in numbers.values if key == "chat_calls_total"}
    assert "cut" in outcomes


async def test_anomalies_and_handlers_that_fail() -> None:
    numbers = Numbers()

    async def handler(session: object, update: object) -> None:
        if text(update):
            raise RuntimeError

    async with (
        Emulator("silent", Knobs(hold_ms=300, malformed_events=True)) as emulator,
        client(emulator, metrics=numbers) as chats,
    ):
        ann = await chats.session("ann")
        await until(lambda: ann.phase == "ivr", "the chat is there")
        await emulator.act(ann.session.chat.chat_id, do.Say("hello"))
        handling = asyncio.create_task(chats.handle(handler, tries=2, pause=timedelta(milliseconds=1)))
        await until(lambda: chats.stats().parked == 1, "parked")
        handling.cancel()
    assert of(numbers, "chat_handler_failures_total") == {"": 2}
    assert of(numbers, "chat_anomalies_total")


def test_the_same_call_is_timed_once_and_nothing_is_kept_of_a_chat_that_is_over() -> None:
    numbers = Numbers()
    meter = MetricsObserver(numbers)
    session = new_session(0)
    for event in (
        RequestChat(0, "o"),
        Answered(1_500, 1, ChatOpened("c", "queued", None, is_new_chat=True)),
        Answered(1_500, 1, ChatOpened("c", "queued", None, is_new_chat=True)),
        SendText(2_000, "hello"),
        Answered(2_100, 4, EventBatch()),
        Answered(2_200, 2, Failure("http", 404, 5005)),
    ):
        after, outputs = reduce(session, event)
        meter.stepped(HandledEvent("s", event, session, after, outputs))
        session = after
    assert session.outcome == "gone"
    assert meter._under_way == {}
    assert numbers.values["chat_call_seconds_sum", (("call", "create"),)] == 1.5
    assert numbers.values["chat_call_seconds_bucket", (("call", "create"), ("le", "1"))] == 0
    assert numbers.values["chat_call_seconds_bucket", (("call", "create"), ("le", "3"))] == 1
    assert of(numbers, "chat_calls_total") == {"create": 1, "send": 1, "poll": 1}


LINE = re.compile(r'^[a-z_]+(\{[a-z_]+="[^"\n]*"(,[a-z_]+="[^"\n]*")*\})? [0-9.e+-]+$')


def test_the_text_is_prometheuss() -> None:
    numbers = Numbers()
    numbers.count("chat_anomalies_total", {"kind": 'a "quoted"\nline'})
    numbers.observe("chat_call_seconds", 0.02, {"call": "send"})
    text = numbers.text(Stats({"queued": 2}, 7, 1, True))
    assert 'chat_anomalies_total{kind="a \\"quoted\\"\\nline"} 1' in text
    assert 'chat_sessions{phase="queued"} 2' in text
    assert "chat_journal_depth 7\n" in text
    assert "chat_host_down 1\n" in text
    assert "# TYPE chat_call_seconds histogram" in text
    assert 'chat_call_seconds_bucket{call="send",le="+Inf"} 1' in text
    for line in text.replace('\\"', "").splitlines():
        assert line.startswith("# ") or LINE.match(line), line


def test_labels_are_those_declared() -> None:
    for name, metric in METRICS.items():
        assert name.startswith("chat_")
        assert metric.about
    assert METRICS["chat_calls_total"].labels == ("call", "outcome")
    assert CALLS[CreateChat] == "create"
