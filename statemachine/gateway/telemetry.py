"""OpenTelemetry in the gateway: a span for each request, under the caller's, and the client's spans under it.

A text that waits keeps the context of its request, in the inbox of several gateways too. Needs the extra
`opentelemetry`, and an SDK to export.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Final

from opentelemetry import metrics, trace
from opentelemetry.context import attach, detach
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from statemachine.client.opentelemetry import OpenTelemetryMetrics, OpenTelemetrySpans

_PROPAGATOR: Final = TraceContextTextMapPropagator()
_QUIET: Final = frozenset({"readUpdates", "getHealth", "getReadiness", "getMetrics", "getContract", "console", "none"})
"""Requests that wait, or are asked for all the time."""


class Telemetry:
    """`tracing`, `meters`: providers; None: the global ones."""

    def __init__(
        self, tracing: trace.TracerProvider | None = None, meters: metrics.MeterProvider | None = None
    ) -> None:
        self.spans: Final = OpenTelemetrySpans(tracing)
        self.metrics: Final = OpenTelemetryMetrics(meters)
        self._tracer: Final = trace.get_tracer("statemachine", tracer_provider=tracing)

    @contextmanager
    def request(self, operation: str, headers: Mapping[str, str]) -> Generator[Callable[[int], None]]:
        """A span around a request. Call the result with the status of the answer."""
        if operation in _QUIET:
            yield lambda _: None
            return
        caller = _PROPAGATOR.extract(_lower(headers))
        name, kind = f"gateway {operation}", trace.SpanKind.SERVER
        with self._tracer.start_as_current_span(name, caller, kind) as span:

            def answered(status: int) -> None:
                span.set_attribute("http.response.status_code", status)
                if status >= 500:
                    span.set_status(trace.StatusCode.ERROR)

            yield answered

    @contextmanager
    def within(self, context: str) -> Generator[None]:
        """Under the span that this context (`traceparent`) names."""
        token = attach(_PROPAGATOR.extract({"traceparent": context}))
        try:
            yield
        finally:
            detach(token)

    def context(self) -> str:
        """The present span as `traceparent`, empty where there is none."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get("traceparent", "")


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
