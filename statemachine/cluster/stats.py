"""The state of one worker, for monitoring."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen


@frozen
class ClusterStats:
    """This worker's part.

    `worker`: its id. `shards`: how many it owns. `workers`: how many there are. `lease_left`: seconds. `inbox_depth`,
    `inbox_oldest_s`: intents that wait in its shards, and the age of the oldest. `reader_lag`: by reader, the updates
    of its shards that it has not read, counted every 10 seconds. Since the start: `takeovers` of shards; `fenced`:
    saves refused because the shard has a new owner; `refused_late`: requests refused because the lease had ended.
    """

    worker: str
    shards: int
    workers: int
    lease_left: float
    inbox_depth: int
    inbox_oldest_s: float
    reader_lag: Mapping[str, int]
    takeovers: int
    fenced: int
    refused_late: int

    @property
    def gauges(self) -> Mapping[str, Mapping[tuple[str, ...], float]]:
        """The values of the gauges in `METRICS`, by name and labels."""
        return {
            "chat_cluster_shards": {(): self.shards},
            "chat_cluster_workers": {(): self.workers},
            "chat_cluster_lease_seconds": {(): self.lease_left},
            "chat_inbox_depth": {(): self.inbox_depth},
            "chat_inbox_oldest_seconds": {(): self.inbox_oldest_s},
            "chat_reader_lag": {(reader,): lag for reader, lag in self.reader_lag.items()},
        }

    @property
    def counters(self) -> Mapping[str, int]:
        """The values of the counters in `METRICS`, by name."""
        return {
            "chat_cluster_takeovers_total": self.takeovers,
            "chat_cluster_fenced_total": self.fenced,
            "chat_cluster_refused_late_total": self.refused_late,
        }
