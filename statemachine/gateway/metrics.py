"""The metrics of a gateway, beside those of its client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry

from statemachine.client.metrics import Gauges, Metric, Metrics
from statemachine.client.prometheus import PrometheusMetrics, StatsCollector

METRICS: Final[Mapping[str, Metric]] = {
    "gateway_requests_total": Metric("counter", ("operation", "status"), "requests answered"),
    "gateway_request_seconds": Metric("histogram", ("operation",), "time to the answer, without readUpdates"),
    "gateway_streams": Metric("gauge", (), "open event streams, and requests that wait for updates"),
    "gateway_cursor": Metric("gauge", (), "the cursor of the latest update"),
    "gateway_reader_lag": Metric("gauge", ("reader",), "updates that a named reader has not acknowledged"),
    "gateway_webhook_deliveries_total": Metric("counter", ("webhook", "outcome"), "delivered, failed, or chats parked"),
    "gateway_webhook_waiting": Metric("gauge", ("webhook",), "chats with updates that wait for delivery"),
    "gateway_webhook_parked": Metric("gauge", ("webhook",), "chats without deliveries until a replay"),
    "gateway_forwarded_total": Metric("counter", (), "requests that another gateway has answered"),
    "gateway_shards": Metric("gauge", (), "parts of the chats that this gateway has, of 256"),
    "gateway_lease_seconds": Metric("gauge", (), "time left to act without the database"),
    "gateway_inbox_waiting": Metric("gauge", (), "writes that wait for their execution here"),
    "gateway_inbox_oldest_seconds": Metric("gauge", (), "the age of the oldest of them"),
    "gateway_takeovers_total": Metric("counter", (), "takeovers of chats of a dead gateway"),
    "gateway_fenced_total": Metric("counter", (), "saves refused because another gateway has the chat"),
}
"""All metrics by name."""


class BothMetrics:
    """Passes the client's metrics on to two receivers."""

    def __init__(self, first: Metrics, second: Metrics) -> None:
        self._both: Final = (first, second)

    def count(self, name: str, labels: Mapping[str, str]) -> None:
        """See `Metrics.count`."""
        for one in self._both:
            one.count(name, labels)

    def observe(self, name: str, seconds: float, labels: Mapping[str, str]) -> None:
        """See `Metrics.observe`."""
        for one in self._both:
            one.observe(name, seconds, labels)


class GatewayMetrics:
    """Counts requests; the other numbers are read from the gateway."""

    def __init__(self, registry: CollectorRegistry, gateway: Gauges) -> None:
        counted = ("gateway_requests_total", "gateway_request_seconds")
        self._metrics: Final = PrometheusMetrics(registry, {name: METRICS[name] for name in counted})
        registry.register(StatsCollector(lambda: gateway, METRICS))

    def answered(self, operation: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._metrics.count("gateway_requests_total", {"operation": operation, "status": str(status)})
        if operation != "readUpdates":
            self._metrics.observe("gateway_request_seconds", seconds, {"operation": operation})
