"""What is counted and timed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from attrs import Factory, define
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from statemachine import (
    COMMANDS,
    Answered,
    ChatOpened,
    EventBatch,
    Failure,
    RequestChat,
    SendText,
    new_session,
    reduce,
)
from statemachine.adapters.protocols import HandledEvent
from statemachine.client import METRICS, Options, Stats
from statemachine.client.metrics import CALLS, MetricsObserver
from statemachine.client.prometheus import PrometheusMetrics
from statemachine.cluster import ClusterStats
from statemachine.emulator import Knobs
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from tests.client.two_parties import LIMIT_S, QUICK, client, text, until


@define
class Recorded:
    """A `Metrics` that keeps everything."""

    counts: Counter[tuple[str, tuple[str, ...]]] = Factory(Counter)
    observed: list[tuple[str, float, str]] = Factory(list)

    def count(self, name: str, labels: Mapping[str, str]) -> None:
        assert tuple(labels) == METRICS[name].labels
        self.counts[name, tuple(labels.values())] += 1

    def observe(self, name: str, seconds: float, labels: Mapping[str, str]) -> None:
        assert tuple(labels) == METRICS[name].labels
        self.observed.append((name, seconds, *labels.values()))

    def of(self, name: str) -> dict[str, int]:
        """Counts by the first label."""
        return {labels[0] if labels else "": count for (key, labels), count in self.counts.items() if key == name}

    def outcomes(self) -> set[tuple[str, ...]]:
        return {labels for name, labels in self.counts if name == "chat_calls_total"}


def test_every_call_has_a_name() -> None:
    assert set(CALLS) == set(COMMANDS)


async def test_a_chat_in_numbers() -> None:
    metrics = Recorded()
    async with Emulator("plain", QUICK) as emulator, client(emulator, metrics=metrics) as chats:
        ann = await chats.session("ann")
        sending = await ann.send("hello")
        assert await sending.read(timedelta(seconds=LIMIT_S)) == "read"
        await until(lambda: ann.session.connection.name == "polling", "it polls")
        assert chats.stats().phases == {ann.phase: 1}
        assert chats.stats().journal == ann.unread > 0
        await ann.end()
        async with asyncio.timeout(LIMIT_S):
            [one async for one in ann.updates()]
        assert chats.stats() == Stats({}, 0, 0, host_down=False)
    assert metrics.of("chat_sends_total")["sent"] == 2  # the text, and the end
    assert metrics.of("chat_sends_total")["read"] == 1
    assert {("create", "ok"), ("poll", "ok"), ("send", "empty")} <= metrics.outcomes()
    timed = {call for _, _, call in metrics.observed}
    assert {"create", "send"} <= timed
    assert "poll" not in timed
    assert "ann" not in str(metrics)


async def test_failures_and_retries() -> None:
    metrics = Recorded()
    options = Options(settle=timedelta(milliseconds=50), request_timeout=timedelta(seconds=1))
    async with (
        Emulator("silent", Knobs(pace=0.02, hold_ms=300, network_drop_reply_every=3)) as emulator,
        client(emulator, metrics=metrics, options=options) as chats,
    ):
        await chats.session("ann")
        await until(lambda: metrics.of("chat_retries_total"), "something was tried again")
    assert "cut" in {outcome for _, outcome in metrics.outcomes()}


async def test_anomalies_and_handlers_that_fail() -> None:
    metrics = Recorded()

    async def handler(session: object, update: object) -> None:
        if text(update):
            raise RuntimeError

    async with (
        Emulator("silent", Knobs(hold_ms=300, malformed_events=True)) as emulator,
        client(emulator, metrics=metrics) as chats,
    ):
        ann = await chats.session("ann")
        await until(lambda: ann.phase == "ivr", "the chat is there")
        await emulator.act(ann.session.chat.chat_id, do.Say("hello"))
        handling = asyncio.create_task(chats.handle(handler, tries=2, pause=timedelta(milliseconds=1)))
        await until(lambda: chats.stats().parked == 1, "parked")
        handling.cancel()
    assert metrics.of("chat_handler_failures_total") == {"": 2}
    assert metrics.of("chat_anomalies_total")


def test_the_same_call_is_timed_once_and_nothing_is_kept_of_a_chat_that_is_over() -> None:
    metrics = Recorded()
    observer = MetricsObserver(metrics)
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
        observer.event_handled(HandledEvent("s", event, session, after, outputs))
        session = after
    assert session.outcome == "gone"
    assert observer._in_flight == {}
    assert ("chat_call_seconds", 1.5, "create") in metrics.observed
    assert metrics.of("chat_calls_total") == {"create": 1, "send": 1, "poll": 1}


def test_prometheus_gets_every_metric() -> None:
    registry = CollectorRegistry()
    metrics = PrometheusMetrics(registry)
    metrics.count("chat_anomalies_total", {"kind": 'a "quoted"\nline'})
    metrics.count("chat_handler_failures_total", {})
    metrics.observe("chat_call_seconds", 0.02, {"call": "send"})
    metrics.collect_stats(lambda: Stats({"queued": 2}, 7, 1, host_down=True))
    metrics.collect_stats(lambda: ClusterStats("w", 85, 3, 4.5, 12, 0.5, {"crm": 30}, 1, 2, 3))
    families = {family.name: family for family in text_string_to_metric_families(generate_latest(registry).decode())}
    assert {name.removesuffix("_total"): metric.kind for name, metric in METRICS.items()} == {
        name: family.type for name, family in families.items() if not name.endswith("_created")
    }
    value = registry.get_sample_value
    assert value("chat_anomalies_total", {"kind": 'a "quoted"\nline'}) == 1
    assert value("chat_handler_failures_total") == 1
    assert value("chat_call_seconds_bucket", {"call": "send", "le": "0.01"}) == 0
    assert value("chat_call_seconds_bucket", {"call": "send", "le": "0.03"}) == 1
    assert value("chat_call_seconds_sum", {"call": "send"}) == 0.02
    assert value("chat_sessions", {"phase": "queued"}) == 2
    assert [value(name) for name in ("chat_journal_depth", "chat_parked", "chat_host_down")] == [7, 1, 1]
    assert [value(f"chat_cluster_{name}") for name in ("shards", "workers", "lease_seconds")] == [85, 3, 4.5]
    assert [value(f"chat_inbox_{name}") for name in ("depth", "oldest_seconds")] == [12, 0.5]
    assert value("chat_reader_lag", {"reader": "crm"}) == 30


def test_without_prometheus_client_the_error_names_the_extra() -> None:
    code = "import sys; sys.modules['prometheus_client'] = None; import statemachine.client.prometheus"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 'pip install "chat-session-statemachine[prometheus]"' in done.stderr
