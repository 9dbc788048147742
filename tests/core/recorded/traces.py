"""Recorded traces: events, and all that an earlier version of the engine showed after each of them.

A file is JSON lines: a header with the whole default configuration of that version; for each trace a line with its name
and its configuration where it differs; then a line for each step. A trace is a tree, in which a step goes on from the
session of the step before it, or of step number `from`:

* `{"new": at}`: a new session;
* `{"event": …}`: an event. `after`: the number of the step whose session this one follows. `refused`: the reason why
  the intent is illegal, with the phase that the refusal names. With nothing beside the event, nothing changes: `reduce`
  returns the very same session.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from attrs import define, evolve, field, frozen

from statemachine import (
    Anomaly,
    Command,
    ConnectionChanged,
    Event,
    IllegalIntent,
    Notification,
    Reattach,
    RequestChat,
    Session,
    StatusUpdate,
    carry_over,
    changes,
    new_session,
    outbox,
    reduce,
    wake_window,
)
from statemachine.codec.errors import BadRecord
from statemachine.codec.records import decode_event, encode_command, encode_update, from_json
from statemachine.codec.snapshot import restore, snapshot
from statemachine.core.session import ConnectionBackingOff, ConnectionPolling, OpeningBackingOff
from statemachine.records import Config
from tests.core.recorded.names import current, current_config, current_value

__all__ = ["MORE", "TRACES", "Replay", "Trace", "as_recorded", "read", "recorded_changes", "replay"]

TRACES = Path(__file__).parent / "traces.jsonl"
"""The fewest steps found that reach all rows, reactions and outputs that were ever reached."""
MORE = Path(__file__).parent / "more.jsonl.gz"
"""Each row with every combination of outputs, and whole simulated sessions."""

_RELOAD_EVERY = 5
"""Every so many steps the session is written down and read again first, as after a restart."""


@frozen
class Trace:
    """A recorded trace. `line`: where it begins in its file; `config`: complete, as JSON with the old names."""

    name: str
    file: str
    line: int
    config: dict[str, Any] = field(repr=False)
    steps: tuple[dict[str, Any], ...] = field(repr=False)

    def place(self, number: int) -> str:
        """Where this step is recorded, for people."""
        return f'trace "{self.name}", step {number} ({self.file}:{self.line + 1 + number})'

    def way(self, number: int) -> Iterator[dict[str, Any]]:
        """The steps that lead from a new session to this one, the last first."""
        while "new" not in self.steps[number]:
            yield self.steps[number]
            number = self.steps[number].get("from", number - 1)


@define
class Replay:
    """What the engine of today makes of a trace.

    `name`: of the trace. `difference`: the first step that shows something else, for people; "" where none does.
    `sessions`: one for each step. `texts`: the recorded texts for people, each with that of today.
    """

    name: str
    sessions: list[Session] = field(factory=list[Session])
    texts: set[tuple[str, str]] = field(factory=set[tuple[str, str]])
    difference: str = ""


@cache
def read(path: Path) -> tuple[Trace, ...]:
    """The traces of a file."""
    return tuple(_read(path))


def _read(path: Path) -> Iterator[Trace]:
    data = path.read_bytes()
    first, *lines = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("ascii").splitlines()
    defaults = json.loads(first)["config"]
    begins = [number for number, line in enumerate(lines) if line.startswith('{"trace":')]
    for begin, end in zip(begins, [*begins[1:], len(lines)], strict=True):
        head, *steps = map(json.loads, lines[begin:end])
        yield Trace(head["trace"], path.name, begin + 2, defaults | head["config"], tuple(steps))


# --- replaying ------------------------------------------------------------------------------------------------------


def replay(trace: Trace, instead: Mapping[int, Session] | None = None) -> Replay:
    """Feed the events of the trace to `reduce`, up to the first step that shows something else.

    `instead`: number of a step -> a session to go on from instead of the one that the step has led to.
    """
    made = Replay(trace.name)
    config: Config = from_json(current_config(trace.config), Config)
    for number, step in enumerate(trace.steps):
        try:
            found = _step(made, config, step, reload=number % _RELOAD_EVERY == 0)
        except BadRecord as error:
            found = [f"cannot be read: {error}"]
        if found:
            lines = [trace.place(number), f"  {json.dumps(current(step.get('event')))}", *(f"  {one}" for one in found)]
            made.difference = "\n".join(lines)
            break
        if instead is not None and number in instead:
            made.sessions[number] = instead[number]
    return made


def _step(made: Replay, config: Config, step: dict[str, Any], reload: bool) -> list[str]:
    """Take one step. Returns what differs, in words."""
    if "new" in step:
        made.sessions.append(new_session(step["new"], config))
        return []
    before = made.sessions[step.get("from", -1)]
    if reload:
        before = restore(snapshot(before))
    event = decode_event(current(step["event"]))
    if "after" in step:
        assert isinstance(event, RequestChat | Reattach)
        event = evolve(event, after=carry_over(made.sessions[step["after"]]))
    after, shown = _taken(before, event)
    made.sessions.append(after)
    expected = _expected(step)
    made.texts |= set(zip(_texts(expected), _texts(shown), strict=False))
    return list(_differences("", expected, shown))


def _taken(before: Session, event: Event) -> tuple[Session, dict[str, Any]]:
    try:
        after, out = reduce(before, event)
    except IllegalIntent as refusal:
        if refusal.intent != type(event).__name__:
            raise AssertionError(f"{type(event).__name__} was refused as {refusal.intent}") from None
        return before, {"refused": refusal.reason, "phase": refusal.phase}
    return after, {} if after is before and not out else _shown(before, event, after, out)


def _shown(before: Session, event: Event, after: Session, out: tuple[Command | Notification, ...]) -> dict[str, Any]:
    """All that a step shows, in the form of the recordings."""
    window = wake_window(after)
    shown: dict[str, Any] = {
        "now": after.now,
        "phase": after.phase,
        "outcome": after.outcome,
        "wake": None if window is None else list(window),
        "owed": [command.id for command in outbox(after)],
        "commands": [encode_command(one) for one in out if isinstance(one, Command)],
        "updates": [encode_update(one) for one in out if not isinstance(one, Command | Anomaly)],
        "anomalies": [encode_update(one) for one in out if isinstance(one, Anomaly)],
        "changes": [encode_update(one) for one in recorded_changes(before, after)],
    }
    if after.now == event.at:
        del shown["now"]
    return {name: value for name, value in shown.items() if value not in (None, [])}


def recorded_changes(before: Session, after: Session) -> list[StatusUpdate]:
    """The status updates that the recorded versions had: they reported no failures to request a chat."""
    same = before.connection == after.connection and before.history == after.history
    return [one for one in changes(before, after) if not (same and isinstance(one, ConnectionChanged))]


def as_recorded(session: Session) -> Session:
    """The session without what the recorded versions did not keep.

    These are how the last request of a chat has failed, and instant answers of the poll that brought something.
    """
    if isinstance(session.opening, OpeningBackingOff):
        session = evolve(session, opening=evolve(session.opening, reason=None, code=None, detail=""))
    if isinstance(session.connection, ConnectionPolling | ConnectionBackingOff):
        session = evolve(session, connection=evolve(session.connection, fast_polls=0))
    return session


_RECORDED = ("refused", "now", "phase", "outcome", "wake", "owed", "commands", "updates", "anomalies", "changes")


def _expected(step: dict[str, Any]) -> dict[str, Any]:
    """What the recorded step has shown, with the names of today."""
    shown = {name: current(step[name]) for name in _RECORDED if name in step}
    return shown | {name: current_value(f"step.{name}", step[name]) for name in ("phase", "outcome") if name in step}


# --- comparing ------------------------------------------------------------------------------------------------------


def _texts(shown: dict[str, Any]) -> list[str]:
    """The texts for people in what a step shows, in order."""
    refused = [shown["refused"]] if "refused" in shown else []
    anomalies = [one for one in shown.get("anomalies", ()) if one["kind"] != "more_anomalies"]
    return refused + [one.get("detail", "") for one in anomalies]


def _differences(path: str, expected: Any, got: Any) -> Iterator[str]:
    """Each place where two JSON values differ, in words. Texts for people may differ: they are compared elsewhere."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for name in expected | got:
            here = f"{path}.{name}" if path else name
            yield from _differences(here, expected.get(name, _NOTHING), got.get(name, _NOTHING))
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for number, (one, other) in enumerate(zip(expected, got, strict=True)):
            yield from _differences(f"{path}[{number}]", one, other)
    elif expected != got and not (_is_text(path) and isinstance(expected, str) and isinstance(got, str)):
        yield f"{path}: expected {_json(expected)}, got {_json(got)}"


def _is_text(path: str) -> bool:
    return path == "refused" or (path.startswith("anomalies") and path.endswith(".detail"))


class _Nothing:
    """Stands for what is not there."""


_NOTHING = _Nothing()


def _json(value: Any) -> str:
    return "nothing" if value is _NOTHING else json.dumps(value)
