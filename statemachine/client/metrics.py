"""Metrics: counters and durations, under names that stay.

Counters and histograms go to a `Metrics` object of the application as they happen. `ChatClient.stats()` is the present
state: sessions by phase, updates in the journal. `client.prometheus` is the adapter to prometheus-client; one to
another library needs two short methods.

No label contains a customer's id or text, and a server cannot make labels of its own: codes and statuses that are not
known are `other`.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, Literal, Protocol

from attrs import frozen

from statemachine.adapters.protocols import HandledEvent

from .. import core
from ..logs import Logger

_log: Final = Logger()


@frozen
class Metric:
    """One metric: its kind, its labels, and its help text."""

    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    about: str


METRICS: Final[Mapping[str, Metric]] = {
    "chat_calls_total": Metric("counter", ("call", "outcome"), "calls answered; outcome: ok, empty, or the failure"),
    "chat_call_seconds": Metric("histogram", ("call",), "time from a call to its answer, without polls"),
    "chat_retries_total": Metric("counter", ("call",), "calls made again after a failure"),
    "chat_sends_total": Metric("counter", ("outcome",), "messages sent, delivered, read, or failed and why"),
    "chat_anomalies_total": Metric("counter", ("kind",), "invalid or unexpected server data that was tolerated"),
    "chat_handler_failures_total": Metric("counter", (), "handlers that raised or took too long"),
    "chat_sessions": Metric("gauge", ("phase",), "sessions in this process, by phase"),
    "chat_journal_depth": Metric("gauge", (), "transcript updates not acknowledged yet, of all sessions"),
    "chat_parked": Metric("gauge", (), "sessions whose handler failed too often; their updates wait"),
    "chat_host_down": Metric("gauge", (), "1 while the circuit breaker is open: the server does not answer"),
    "chat_cluster_shards": Metric("gauge", (), "shards that this worker owns"),
    "chat_cluster_workers": Metric("gauge", (), "workers in the cluster"),
    "chat_cluster_lease_seconds": Metric("gauge", (), "time left of this worker's lease"),
    "chat_inbox_depth": Metric("gauge", (), "intents that wait in this worker's shards"),
    "chat_inbox_oldest_seconds": Metric("gauge", (), "age of the oldest of them"),
    "chat_reader_lag": Metric("gauge", ("reader",), "updates of this worker's shards that a reader has not read"),
    "chat_cluster_takeovers_total": Metric("counter", (), "takeovers of shards whose worker was declared dead"),
    "chat_cluster_fenced_total": Metric("counter", (), "writes refused: another worker has claimed the shard"),
    "chat_cluster_refused_late_total": Metric("counter", (), "requests not sent: the lease had ended"),
}
"""All metrics by name."""

CALLS: Final[Mapping[type[core.Command], str]] = {
    core.CreateChat: "create",
    core.FindChat: "find",
    core.Poll: "poll",
    core.ReadHistory: "history",
    core.Post: "send",
    core.PostEphemeral: "ephemeral",
    core.Upload: "upload",
}


class Metrics(Protocol):
    """Receives metrics. Called in the event loop's thread, both methods must return at once; errors are logged."""

    def count(self, name: str, labels: Mapping[str, str]) -> None:
        """Increment a counter.

        Args:
            name: Of the counter.
            labels: Their values, by name.
        """

    def observe(self, name: str, seconds: float, labels: Mapping[str, str]) -> None:
        """Add an observation to a histogram.

        Args:
            name: Of the histogram.
            seconds: The observation.
            labels: Their values, by name.
        """


class Gauges(Protocol):
    """A state with gauges: `Stats`, and `ClusterStats` of a worker."""

    @property
    def gauges(self) -> Mapping[str, Mapping[tuple[str, ...], float]]:
        """The values of the gauges in `METRICS`, by name and labels."""
        ...


class GuardedMetrics:
    """The `Metrics` of the application; its exceptions are logged, and stop nothing."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics: Final = metrics

    def count(self, name: str, labels: Mapping[str, str]) -> None:
        """See `Metrics.count`."""
        with _log.errors("metrics_failed", metric=name):
            self._metrics.count(name, labels)

    def observe(self, name: str, seconds: float, labels: Mapping[str, str]) -> None:
        """See `Metrics.observe`."""
        with _log.errors("metrics_failed", metric=name):
            self._metrics.observe(name, seconds, labels)


class MetricsObserver:
    """An `Observer` that counts and times the calls and results of all sessions."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics: Final = metrics
        # By session and call: the id of the command in flight, and its start (ms). One of each is enough to time it.
        self._in_flight: dict[str, dict[str, tuple[int, int]]] = {}

    def event_handled(self, step: HandledEvent) -> None:
        """See `Observer.event_handled`."""
        if isinstance(step.event, core.Answered):
            self._answered(step.session_id, step.event)
        for one in step.outputs:
            if isinstance(one, core.COMMANDS):
                self._called(step.session_id, one, step.after)
            elif isinstance(one, core.DeliveryUpdate):
                self._metrics.count("chat_sends_total", {"outcome": one.reason or one.state})
            elif isinstance(one, core.Anomaly):
                self._metrics.count("chat_anomalies_total", {"kind": one.kind})
        if step.after.outcome is not None:
            self._in_flight.pop(step.session_id, None)

    def checkpoint(self, session_id: str, checkpoint: str, number: int) -> None:
        """See `Observer.checkpoint`."""

    def _called(self, session_id: str, command: core.Command, session: core.Session) -> None:
        call = CALLS[type(command)]
        self._in_flight.setdefault(session_id, {})[call] = command.id, session.now
        if _tries(command, session):
            self._metrics.count("chat_retries_total", {"call": call})

    def _answered(self, session_id: str, event: core.Answered) -> None:
        calls = self._in_flight.get(session_id, {})
        for call, (command, since) in calls.items():
            if command == event.command:
                del calls[call]
                self._metrics.count("chat_calls_total", {"call": call, "outcome": outcome_of(event)})
                if call != "poll":
                    self._metrics.observe("chat_call_seconds", max(0, event.at - since) / 1_000, {"call": call})
                return


def _tries(command: core.Command, session: core.Session) -> int:
    """How often this call has failed before."""
    record: object = None
    match command:
        case core.Poll():
            record = session.connection
        case core.ReadHistory():
            record = session.history
        case core.CreateChat() | core.FindChat():
            record = session.opening
        case core.Post(item=item) | core.Upload(item=item):
            record = next((one.state for one in session.items if one.id == item), None)
        case core.PostEphemeral():
            pass
    return getattr(record, "tries", 0)


_STATUSES: Final = frozenset(map(int, HTTPStatus))


def outcome_of(event: core.Answered) -> str:
    """The value of the label `outcome` for this answer."""
    match event.reply:
        case core.Failure(kind="http", code=int(code)):
            return f"error_{code}" if code in core.CODES else "error_other"
        case core.Failure(kind="http", status=status):
            return f"status_{status}" if status in _STATUSES else "status_other"
        case core.Failure(kind=kind):
            return kind
        case core.EventBatch(entries=()):
            return "empty"
        case _:
            return "ok"


@frozen
class Stats:
    """The present state of a client's sessions.

    `phases`: the number of sessions by phase. `journal`: updates not acknowledged yet, of all sessions. `parked`: the
    number of parked sessions. `host_down`: the server does not answer, and the circuit breaker is open.
    """

    phases: Mapping[str, int]
    journal: int
    parked: int
    host_down: bool

    @property
    def gauges(self) -> Mapping[str, Mapping[tuple[str, ...], float]]:
        """The values of the gauges in `METRICS`, by name and labels."""
        return {
            "chat_sessions": {(phase,): number for phase, number in self.phases.items()},
            "chat_journal_depth": {(): self.journal},
            "chat_parked": {(): self.parked},
            "chat_host_down": {(): self.host_down},
        }
