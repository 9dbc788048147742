"""OpenTelemetry in the gateway: the caller's span, the request, and the post of its text are one trace."""

from __future__ import annotations

from pathlib import Path

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from statemachine.gateway.telemetry import Telemetry
from statemachine.testing import EmulatedCentre
from tests.gateway.harness import Api, gateway, is_state, updates_until
from tests.gateway.test_peers import CLIENTS, two

CALLER = "00-{:032x}-00f067aa0ba902b7-01"


def telemetry(exporter: InMemorySpanExporter, reader: InMemoryMetricReader) -> Telemetry:
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    return Telemetry(tracing, MeterProvider([reader]))


async def send(api: Api, client_id: str, trace: int) -> None:
    """A text under a span of the caller."""
    headers = {"Idempotency-Key": client_id, "traceparent": CALLER.format(trace)}
    await api("POST", f"/chats/{client_id}/texts", {"text": "hunter2-secret"}, headers=headers)
    await updates_until(api, is_state("sent", client_id))


def of_trace(exporter: InMemorySpanExporter, trace: int) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans() if span.context.trace_id == trace}


def check(spans: dict[str, ReadableSpan]) -> None:
    """The post is under the request, the request under the caller."""
    request, post = spans["gateway sendText"], spans["chat send"]
    assert request.parent is not None
    assert post.parent is not None
    assert request.parent.span_id == 0x00F067AA0BA902B7
    assert post.parent.span_id == request.context.span_id
    assert (request.attributes or {})["http.response.status_code"] == 202


async def test_a_text_is_one_trace(tmp_path: Path, centre: EmulatedCentre) -> None:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    async with gateway(tmp_path, centre, telemetry=telemetry(exporter, reader)) as api:
        await api("PUT", "/chats/ann")
        await send(api, "ann", 1)
        await api.ask("GET", "/chats/bob")
    check(of_trace(exporter, 1))
    spans = exporter.get_finished_spans()
    assert "gateway readUpdates" not in {span.name for span in spans}
    everything = "".join(span.to_json() for span in spans) + str(reader.get_metrics_data())
    assert "hunter2" not in everything
    assert "chat_calls_total" in everything


async def test_the_inbox_keeps_the_trace(tmp_path: Path, centre: EmulatedCentre, postgres: str) -> None:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    more = {"telemetry": telemetry(exporter, reader)}
    async with two(tmp_path, centre, postgres, **more) as (one, _):
        for client in CLIENTS:
            await one("PUT", f"/chats/{client}")  # forwarded, where another one has the chat
        for number, client in enumerate(CLIENTS, 1):
            await send(one, client, number)
    for number in range(1, len(CLIENTS) + 1):
        check(of_trace(exporter, number))
