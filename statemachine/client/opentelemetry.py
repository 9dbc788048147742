"""Metrics and spans of a `ChatClient` for OpenTelemetry. Needs the extra `opentelemetry`, and an SDK to export them.

    ChatClient(…, metrics=OpenTelemetryMetrics(), observers=[OpenTelemetrySpans()])

A span is one call to the contact centre, without empty polls. The span of a text is a child of the span in which
`send` was called, however much later it is sent by this process.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from statemachine.adapters.driver import label
from statemachine.adapters.protocols import HandledEvent

from .. import core
from ..extras import needed_by
from .metrics import CALLS, METRICS, outcome_of

with needed_by("this adapter"):
    from opentelemetry import metrics, trace
    from opentelemetry.context import Context, get_current

_SCOPE: Final = "statemachine"
_DONE: Final = ("sent", "failed")


class OpenTelemetryMetrics:
    """A `Metrics` whose counters and histograms are instruments of a meter; None: of the global provider."""

    def __init__(self, provider: metrics.MeterProvider | None = None) -> None:
        meter = metrics.get_meter(_SCOPE, meter_provider=provider)
        known = METRICS.items()
        self._counters: Final = {
            name: meter.create_counter(name, description=one.about) for name, one in known if one.kind == "counter"
        }
        self._histograms: Final = {
            name: meter.create_histogram(name, "s", one.about) for name, one in known if one.kind == "histogram"
        }

    def count(self, name: str, labels: Mapping[str, str]) -> None:
        """See `Metrics.count`."""
        self._counters[name].add(1, dict(labels))

    def observe(self, name: str, seconds: float, labels: Mapping[str, str]) -> None:
        """See `Metrics.observe`."""
        self._histograms[name].record(seconds, dict(labels))


@frozen
class _Call:
    """A call in flight. `began`: in ns since the epoch."""

    command: int
    began: int
    parent: Context | None


class OpenTelemetrySpans:
    """An `Observer` that makes a span of each call; provider None: the global one."""

    def __init__(self, provider: trace.TracerProvider | None = None) -> None:
        self._tracer: Final = trace.get_tracer(_SCOPE, tracer_provider=provider)
        # By session: calls in flight by kind, of which a session has one each; contexts of unsent items by id.
        self._calls: dict[str, dict[str, _Call]] = {}
        self._contexts: dict[str, dict[str, Context]] = {}

    def event_handled(self, step: HandledEvent) -> None:
        """See `Observer.event_handled`."""
        contexts = self._contexts.setdefault(step.session_id, {})
        if len(step.after.items) > len(step.before.items):  # within the call that sends it
            known = {item.id for item in step.before.items}
            contexts.update({item.id: get_current() for item in step.after.items if item.id not in known})
        if isinstance(step.event, core.Answered):
            self._answered(step.session_id, step.event)
        for one in step.outputs:
            if isinstance(one, core.COMMANDS):
                call = _Call(one.id, time.time_ns(), contexts.get(getattr(one, "item", "")))
                self._calls.setdefault(step.session_id, {})[CALLS[type(one)]] = call
            elif isinstance(one, core.DeliveryUpdate) and one.state in _DONE:
                contexts.pop(one.item, None)
        if step.after.outcome is not None:
            self._calls.pop(step.session_id, None)
            self._contexts.pop(step.session_id, None)

    def checkpoint(self, session_id: str, checkpoint: str, number: int) -> None:
        """See `Observer.checkpoint`."""

    def _answered(self, session_id: str, event: core.Answered) -> None:
        calls = self._calls.get(session_id, {})
        for kind, call in calls.items():
            if call.command == event.command:
                del calls[kind]
                outcome = outcome_of(event)
                if (kind, outcome) != ("poll", "empty"):
                    self._span(session_id, kind, "ok" if outcome == "empty" else outcome, call)
                return

    def _span(self, session_id: str, kind: str, outcome: str, call: _Call) -> None:
        values = {"chat.session": label(session_id), "chat.outcome": outcome}
        span = self._tracer.start_span(
            f"chat {kind}", call.parent, trace.SpanKind.CLIENT, values, start_time=call.began
        )
        if outcome != "ok":
            span.set_status(trace.StatusCode.ERROR, outcome)
        span.end()
