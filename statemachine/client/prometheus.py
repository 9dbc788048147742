"""The metrics of a `ChatClient` as metrics of prometheus-client. Needs the extra `prometheus`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from ..extras import needed_by
from .metrics import METRICS, Gauges, Metric

with needed_by("this adapter", "prometheus"):
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.registry import Collector

BUCKETS_S: Final = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


class PrometheusMetrics:
    """A `Metrics` whose counters and histograms belong to `registry`; one for each registry.

    Pass it to `ChatClient(metrics=…)`. `collect_stats` adds the gauges. `known`: the metrics.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY, known: Mapping[str, Metric] = METRICS) -> None:
        self._registry: Final = registry
        self._counters: Final = {
            name: Counter(name, metric.about, metric.labels, registry=registry)
            for name, metric in known.items()
            if metric.kind == "counter"
        }
        self._histograms: Final = {
            name: Histogram(name, metric.about, metric.labels, buckets=BUCKETS_S, registry=registry)
            for name, metric in known.items()
            if metric.kind == "histogram"
        }

    def count(self, name: str, labels: Mapping[str, str]) -> None:
        """See `Metrics.count`."""
        counter = self._counters[name]
        (counter.labels(**labels) if labels else counter).inc()

    def observe(self, name: str, seconds: float, labels: Mapping[str, str]) -> None:
        """See `Metrics.observe`."""
        self._histograms[name].labels(**labels).observe(seconds)

    def collect_stats(self, stats: Callable[[], Gauges]) -> None:
        """Add gauges that are read when the registry is collected.

        Args:
            stats: `ChatClient.stats` of the client, or `Worker.cluster_stats` of an open worker; called in the thread
                that collects the registry.
        """
        self._registry.register(StatsCollector(stats))


class StatsCollector(Collector):
    """Numbers that are read when the registry is collected. `known`: their descriptions."""

    def __init__(self, stats: Callable[[], Gauges], known: Mapping[str, Metric] = METRICS) -> None:
        self._stats = stats
        self._known = known

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """The present numbers."""
        for name, values in self._stats().gauges.items():
            about = self._known[name]
            kind = CounterMetricFamily if about.kind == "counter" else GaugeMetricFamily
            family = kind(name, about.about, labels=about.labels)
            for labels, value in values.items():
                family.add_metric(labels, value)
            yield family
