"""Sessions and traces that an earlier version wrote, of sessions that its events led to."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from statemachine import Anomaly, Command, IllegalIntent, new_session, reduce
from statemachine.codec.snapshot import SCHEMA, restore
from statemachine.codec.trace import FORMAT, Trace, is_header, read_trace
from tests.codec.sessions import GOLDEN
from tests.core.recorded.changed import CHANGED
from tests.core.recorded.traces import TRACES, as_recorded, read, recorded_changes, replay

RECORDED = {trace.name: trace for trace in read(TRACES)}


def _stored(schema: int) -> dict[str, dict[int, Any]]:
    """Name of a recorded trace -> number of a step -> the snapshot after it."""
    found: dict[str, dict[int, Any]] = {}
    for line in (GOLDEN / f"sessions_{schema}.jsonl").read_text("ascii").splitlines():
        one = json.loads(line)
        found.setdefault(one["trace"], {})[one["step"]] = one["snapshot"]
    return found


SNAPSHOTS = [
    pytest.param(name, snapshots, id=f"{schema} {name}")
    for schema in range(1, SCHEMA + 1)
    if (GOLDEN / f"sessions_{schema}.jsonl").exists()
    for name, snapshots in _stored(schema).items()
]


@pytest.mark.parametrize(("name", "snapshots"), SNAPSHOTS)
def test_a_stored_session_is_that_to_which_its_events_lead(name: str, snapshots: dict[int, Any]) -> None:
    sessions = replay(RECORDED[name]).sessions  # of a trace that is listed as changed: up to where it differs
    for number, data in snapshots.items():
        if number < len(sessions) or f"traces.jsonl: {name}" not in CHANGED:
            assert restore(data) == as_recorded(sessions[number]), RECORDED[name].place(number)


@pytest.mark.parametrize(("name", "snapshots"), SNAPSHOTS)
def test_a_stored_session_goes_on_as_it_did(name: str, snapshots: dict[int, Any]) -> None:
    restored = {number: restore(data) for number, data in snapshots.items()}
    changed = f"traces.jsonl: {name}" in CHANGED
    assert (replay(RECORDED[name], instead=restored).difference != "") is changed


# --- traces ---------------------------------------------------------------------------------------------------------


@cache
def _traces(file: Path) -> tuple[Trace, ...]:
    """The traces of a file, each with its header."""
    lines = file.read_text("ascii").splitlines()
    begins = [number for number, line in enumerate(lines) if is_header(line)]
    return tuple(
        read_trace(lines[begin:end], begin + 1) for begin, end in zip(begins, [*begins[1:], len(lines)], strict=True)
    )


TRACED = [
    pytest.param(number, id=str(number))
    for number in range(1, FORMAT + 1)
    if (GOLDEN / f"recorded_{number}.jsonl").exists()
]


@pytest.mark.parametrize("number", TRACED)
def test_a_trace_replays_as_it_was_written(number: int) -> None:
    for trace in _traces(GOLDEN / f"recorded_{number}.jsonl"):
        session = trace.session or new_session(trace.steps[0].event.at)
        for step in trace.steps:
            after, out = reduce(session, step.event)
            updates = (*(one for one in out if not isinstance(one, Command)), *recorded_changes(session, after))
            assert after.phase == step.phase
            assert [one for one in out if isinstance(one, Command)] == list(step.commands)
            assert _without_texts(updates) == _without_texts(step.updates)
            session = after


def _without_texts(updates: tuple[Any, ...]) -> list[Any]:
    """The details of anomalies are for people: they may be worded anew."""
    return [evolve(one, detail="") if isinstance(one, Anomaly) else one for one in updates]


@pytest.mark.parametrize("number", TRACED)
def test_a_redacted_trace_is_read_and_can_be_replayed(number: int) -> None:
    plain, redacted = (_traces(GOLDEN / f"recorded_{kind}{number}.jsonl") for kind in ("", "redacted_"))
    for whole, trace in zip(plain, redacted, strict=True):
        assert [type(step.event) for step in trace.steps] == [type(step.event) for step in whole.steps]
        assert [step.phase for step in trace.steps] == [step.phase for step in whole.steps]
        assert trace.session is not None
        session = trace.session
        for step in trace.steps:
            try:
                session, _ = reduce(session, step.event)
            except IllegalIntent as refusal:
                pytest.fail(f"{type(step.event).__name__}: {refusal}")
        assert session.phase == trace.steps[-1].phase
