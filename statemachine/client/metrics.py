"""Numbers for whoever runs this: what is counted and timed, under names that stay.

Counters and histograms are told to a `Metrics` of yours as they happen; how things stand (sessions by phase, the depth
of the journal) is asked for when it is wanted, of `ChatClient.stats()`. Nothing is installed by default. `Numbers`
keeps them all and writes Prometheus's text; an adapter to any other library is two short methods.

No label ever holds who a customer is or what was said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final, Literal, Protocol, TypeAlias

from attrs import frozen

from statemachine.adapters.protocols import HandledEvent

from ..core import (
    COMMANDS,
    Anomaly,
    Answered,
    Command,
    CreateChat,
    DeliveryUpdate,
    EventBatch,
    Failure,
    FindChat,
    Poll,
    Post,
    PostEphemeral,
    ReadHistory,
    Session,
    Upload,
)

__all__ = ["METRICS", "Metric", "Metrics", "MetricsObserver", "Numbers", "Stats"]


@frozen
class Metric:
    """One family of numbers: of what kind, with which labels, and what it says."""

    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    about: str


METRICS: Final[Mapping[str, Metric]] = {
    "chat_calls_total": Metric("counter", ("call", "outcome"), "calls answered; outcome: ok, empty, or how it failed"),
    "chat_call_seconds": Metric("histogram", ("call",), "from a call to its answer; polls are held, so not theirs"),
    "chat_retries_total": Metric("counter", ("call",), "calls made again after a failure"),
    "chat_sends_total": Metric("counter", ("outcome",), "messages sent, delivered, read, or failed and why"),
    "chat_anomalies_total": Metric("counter", ("kind",), "oddities of the server that were survived"),
    "chat_handler_failures_total": Metric("counter", (), "handlers that raised or took too long"),
    "chat_sessions": Metric("gauge", ("phase",), "sessions held, by phase"),
    "chat_journal_depth": Metric("gauge", (), "transcript news not acknowledged yet, of all sessions"),
    "chat_parked": Metric("gauge", (), "sessions whose news wait because their handler failed too often"),
    "chat_host_down": Metric("gauge", (), "1 while the contact centre does not answer and is left alone"),
}
"""Every number there is."""

CALLS: Final[Mapping[type[Command], str]] = {
    CreateChat: "create",
    FindChat: "find",
    Poll: "poll",
    ReadHistory: "history",
    Post: "send",
    PostEphemeral: "ephemeral",
    Upload: "upload",
}


class Metrics(Protocol):
    """Where numbers go. Called in the event loop's thread; both answer at once, and what they raise is logged."""

    def count(self, name: str, labels: Mapping[str, str]) -> None:
        """One more of this."""

    def observe(self, name: str, seconds: float, labels: Mapping[str, str]) -> None:
        """It took this long."""


class MetricsObserver:
    """An `Observer` that counts and times what a driver does."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics: Final = metrics
        # By session and call: the command under way, and since when. One of each is enough to time it by.
        self._under_way: dict[str, dict[str, tuple[int, int]]] = {}

    def stepped(self, step: HandledEvent) -> None:
        """See `Observer.stepped`."""
        if isinstance(step.event, Answered):
            self._answered(step.session_id, step.event)
        for one in step.outputs:
            if isinstance(one, COMMANDS):
                self._called(step.session_id, one, step.after)
            elif isinstance(one, DeliveryUpdate):
                self._metrics.count("chat_sends_total", {"outcome": one.reason or one.state})
            elif isinstance(one, Anomaly):
                self._metrics.count("chat_anomalies_total", {"kind": one.kind})
        if step.after.outcome is not None:
            self._under_way.pop(step.session_id, None)

    def moment(self, session_id: str, moment: str, number: int) -> None:
        """See `Observer.moment`."""

    def _called(self, session_id: str, command: Command, session: Session) -> None:
        call = CALLS[type(command)]
        self._under_way.setdefault(session_id, {})[call] = command.id, session.now
        if _tries(command, session):
            self._metrics.count("chat_retries_total", {"call": call})

    def _answered(self, session_id: str, event: Answered) -> None:
        calls = self._under_way.get(session_id, {})
        for call, (command, since) in calls.items():
            if command == event.command:
                del calls[call]
                self._metrics.count("chat_calls_total", {"call": call, "outcome": _outcome(event)})
                if call != "poll":
                    self._metrics.observe("chat_call_seconds", max(0, event.at - since) / 1_000, {"call": call})
                return


def _tries(command: Command, session: Session) -> int:
    """How often this call was made in vain before."""
    record: object = None
    match command:
        case Poll():
            record = session.connection
        case ReadHistory():
            record = session.history
        case CreateChat() | FindChat():
            record = session.lifecycle.opening
        case Post(item=item) | Upload(item=item):
            record = next((one.state for one in session.items if one.id == item), None)
        case PostEphemeral():
            pass
    return getattr(record, "tries", 0)


def _outcome(event: Answered) -> str:
    match event.reply:
        case Failure(kind="http", code=int(code)):
            return f"error {code}"
        case Failure(kind="http", status=status):
            return f"status {status}"
        case Failure(kind=kind):
            return kind
        case EventBatch(entries=()):
            return "empty"
        case _:
            return "ok"


@frozen
class Stats:
    """How a client's sessions stand now. `journal`: news not acknowledged yet, of all of them."""

    phases: Mapping[str, int]
    journal: int
    parked: int
    host_down: bool


_Labels: TypeAlias = tuple[tuple[str, str], ...]
BUCKETS_S: Final = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


class Numbers:
    """A `Metrics` that keeps everything in memory and writes it as Prometheus reads it."""

    def __init__(self) -> None:
        self.values: defaultdict[tuple[str, _Labels], float] = defaultdict(float)

    def count(self, name: str, labels: Mapping[str, str]) -> None:
        """See `Metrics.count`."""
        self.values[name, tuple(labels.items())] += 1

    def observe(self, name: str, seconds: float, labels: Mapping[str, str]) -> None:
        """See `Metrics.observe`."""
        key = tuple(labels.items())
        for bucket in BUCKETS_S:
            self.values[f"{name}_bucket", (*key, ("le", f"{bucket:g}"))] += seconds <= bucket
        self.values[f"{name}_bucket", (*key, ("le", "+Inf"))] += 1
        self.values[f"{name}_count", key] += 1
        self.values[f"{name}_sum", key] += seconds

    def text(self, standing: Stats | None = None) -> str:
        """All of it, as `GET /metrics` answers; with `standing`, how things stand too."""
        values = dict(self.values)
        if standing:
            values |= {("chat_sessions", (("phase", phase),)): n for phase, n in standing.phases.items()}
            values["chat_journal_depth", ()] = standing.journal
            values["chat_parked", ()] = standing.parked
            values["chat_host_down", ()] = standing.host_down
        lines: list[str] = []
        for name, metric in METRICS.items():
            samples = [(key, value) for key, value in values.items() if _family(key[0]) == name]
            if samples:
                lines += [f"# HELP {name} {metric.about}", f"# TYPE {name} {metric.kind}"]
                lines += [f"{key[0]}{_braces(key[1])} {value:g}" for key, value in samples]
        return "\n".join(lines) + "\n"


def _family(name: str) -> str:
    for suffix in ("_bucket", "_count", "_sum"):
        if (base := name.removesuffix(suffix)) in METRICS:
            return base
    return name


def _braces(labels: _Labels) -> str:
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{inner}}}" if inner else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
