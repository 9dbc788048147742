"""The metrics of a gateway, beside those of its client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from statemachine.client.metrics import Metric, Metrics
from statemachine.client.prometheus import BUCKETS_S

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


class _Webhook(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def waiting(self) -> int: ...
    @property
    def parked(self) -> tuple[str, ...]: ...
    @property
    def outcomes(self) -> dict[str, int]: ...


class MeasuredGateway(Protocol):
    """The numbers that are read when metrics are collected."""

    @property
    def open_streams(self) -> int: ...
    @property
    def latest(self) -> int: ...
    @property
    def reader_cursors(self) -> Mapping[str, int]: ...
    @property
    def webhooks(self) -> tuple[_Webhook, ...]: ...
    @property
    def peer_numbers(self) -> Mapping[str, float]: ...


class GatewayMetrics(Collector):
    """Counts requests, and reads the other numbers from the gateway."""

    def __init__(self, registry: CollectorRegistry, gateway: MeasuredGateway) -> None:
        self._gateway: Final = gateway
        name = "gateway_requests_total"
        self._requests: Final = Counter(name, METRICS[name].about, METRICS[name].labels, registry=registry)
        name = "gateway_request_seconds"
        self._seconds: Final = Histogram(
            name, METRICS[name].about, METRICS[name].labels, registry=registry, buckets=BUCKETS_S
        )
        registry.register(self)

    def answered(self, operation: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(operation, str(status)).inc()
        if operation != "readUpdates":
            self._seconds.labels(operation).observe(seconds)

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """The present numbers."""
        at = self._gateway
        yield _gauge("gateway_streams", {(): at.open_streams})
        yield _gauge("gateway_cursor", {(): at.latest})
        yield _gauge("gateway_reader_lag", {(name,): at.latest - cursor for name, cursor in at.reader_cursors.items()})
        yield _gauge("gateway_webhook_waiting", {(one.name,): one.waiting for one in at.webhooks})
        yield _gauge("gateway_webhook_parked", {(one.name,): len(one.parked) for one in at.webhooks})
        name = "gateway_webhook_deliveries_total"
        deliveries = CounterMetricFamily(name, METRICS[name].about, labels=METRICS[name].labels)
        for one in at.webhooks:
            for outcome, number in one.outcomes.items():
                deliveries.add_metric((one.name, outcome), number)
        yield deliveries
        for name, value in at.peer_numbers.items():
            kind = CounterMetricFamily if METRICS[name].kind == "counter" else GaugeMetricFamily
            yield kind(name, METRICS[name].about, value)


def _gauge(name: str, values: Mapping[tuple[str, ...], float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, METRICS[name].about, labels=METRICS[name].labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family
