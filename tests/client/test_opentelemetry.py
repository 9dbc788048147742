"""The adapter for OpenTelemetry, with its SDK."""

from __future__ import annotations

import asyncio
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from statemachine import ChatClient
from statemachine.client.opentelemetry import OpenTelemetryMetrics, OpenTelemetrySpans
from statemachine.testing import EmulatedCentre


def totals(reader: InMemoryMetricReader) -> dict[str, dict[str, Any]]:
    """By metric: values by label values."""
    data = reader.get_metrics_data()
    assert data is not None
    found = [one for each in data.resource_metrics for scope in each.scope_metrics for one in scope.metrics]
    return {
        one.name: {
            " ".join(map(str, point.attributes.values())): getattr(point, "value", getattr(point, "count", None))
            for point in one.data.data_points
        }
        for one in found
    }


async def test_calls_are_spans_and_a_text_belongs_to_the_span_that_sent_it() -> None:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    counting = OpenTelemetryMetrics(MeterProvider([reader]))
    with EmulatedCentre(knobs={"hold_ms": 200}, timeout_s=60) as centre:
        async with ChatClient(
            centre.url, app_id="silent", metrics=counting, observers=[OpenTelemetrySpans(tracing)]
        ) as client:
            chat = await client.session("ann")
            agent = centre.agent("Ada Larsen")
            await agent.accept("ann")
            with tracing.get_tracer("application").start_as_current_span("webhook") as outer:
                sending = await chat.send("Hello")
            await sending.sent()
            async with asyncio.timeout(60):
                while "empty" not in str(totals(reader)["chat_calls_total"]):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            found = {span.name: span for span in exporter.get_finished_spans()}
            assert {"chat create", "chat poll", "chat send"} <= set(found)
            sent = found["chat send"]
            assert sent.parent is not None
            assert sent.parent.span_id == outer.get_span_context().span_id
            assert found["chat create"].parent is None
            assert dict(sent.attributes or {}) == {"chat.session": chat.label, "chat.outcome": "ok"}
            spans = exporter.get_finished_spans()
            polls = sum(one.name == "chat poll" for one in spans)
            assert polls == totals(reader)["chat_calls_total"]["poll ok"]  # none of the empty ones
            assert totals(reader)["chat_calls_total"]["send empty"] == 1
            assert totals(reader)["chat_call_seconds"]["send"] == 1
            assert "ann" not in str([one.to_json() for one in spans])
