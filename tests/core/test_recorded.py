"""The engine shows what an earlier version of it showed, step by step. Only names and texts may differ (`names.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.core.recorded.changed import CHANGED
from tests.core.recorded.names import FIELDS, TEXTS, TYPES, VALUES, current
from tests.core.recorded.traces import MORE, TRACES, Replay, Trace, read, replay

FILES = [
    pytest.param(TRACES, id="traces"),
    pytest.param(MORE, id="more", marks=pytest.mark.slow),
]
SHOWN = 5
"""Differences shown in one failure."""


@cache
def replays(path: Path) -> tuple[Replay, ...]:
    return tuple(replay(trace) for trace in read(path))


@pytest.mark.parametrize("path", FILES)
def test_every_step_shows_what_it_showed(path: Path) -> None:
    found = [one.difference for one in replays(path) if one.difference and f"{path.name}: {one.name}" not in CHANGED]
    assert not found, "\n\n".join([f"{len(found)} of {len(read(path))} traces differ.", *found[:SHOWN]])


@pytest.mark.parametrize("path", FILES)
def test_traces_listed_as_changed_differ(path: Path) -> None:
    differ = {f"{path.name}: {one.name}" for one in replays(path) if one.difference}
    listed = {name for name in CHANGED if name.startswith(path.name)}
    assert sorted(listed - differ) == [], "these need not be listed any more"


@pytest.mark.parametrize("path", FILES)
def test_every_text_for_people_is_the_same_or_listed(path: Path) -> None:
    """A refusal or an anomaly may be worded anew, but not get the words of another one."""
    pairs = {pair for one in replays(path) for pair in one.texts}
    missing = sorted((old, new) for old, new in pairs if TEXTS.get(old, old) != new)
    assert not missing, "\n".join(["lines for TEXTS in names.py:", *(f"    {old!r}: {new!r}," for old, new in missing)])


def test_the_table_of_names_lists_only_recorded_names() -> None:
    """A line with a mistyped old name would rename nothing, and hide nothing: it is only in the reader's way."""
    names = {name for trace in read(TRACES) for name in _names(trace)}
    listed = {
        *TYPES,
        *(f"{kind}.{name}" for kind, fields in FIELDS.items() for name in fields),
        *(f"{place}={value}" for place, values in VALUES.items() for value in values),
    }
    assert sorted(listed - names) == []


def _names(trace: Trace) -> Iterator[str]:
    yield from _of({"type": "config", **trace.config})
    for step in trace.steps:
        yield from _of({**step, "type": "step"})


def _of(value: Any) -> Iterator[str]:
    """Every `type`, `type.field` and `type.field=value` in recorded JSON."""
    if isinstance(value, list):
        for one in value:
            yield from _of(one)
    elif isinstance(value, dict):
        kind = value.get("type", "")
        yield kind
        for name, one in value.items():
            yield f"{kind}.{name}"
            if isinstance(one, str):
                yield f"{kind}.{name}={one}"
            yield from _of(one)


def test_names_of_today_replace_recorded_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TYPES, "shout", "send_loudly")
    monkeypatch.setitem(FIELDS, "shout", {"text": "body"})
    monkeypatch.setitem(FIELDS, "wire_changed", {"tries": "failures"})
    monkeypatch.setitem(VALUES, "wire_changed.state", {"off": "closed"})
    assert current({"type": "shout", "at": 1, "text": "off"}) == {"type": "send_loudly", "at": 1, "body": "off"}
    assert current([{"type": "wire_changed", "state": "off", "tries": 2}]) == [
        {"type": "wire_changed", "state": "closed", "failures": 2}
    ]
    assert current({"type": "phase_changed", "state": "off"}) == {"type": "phase_changed", "state": "off"}


def test_a_difference_names_the_trace_the_step_and_both_values() -> None:
    trace = next(one for one in read(TRACES) if any("commands" in step for step in one.steps))
    number = next(number for number, step in enumerate(trace.steps) if "commands" in step)
    command = trace.steps[number]["commands"][0]
    spoilt = {**trace.steps[number], "phase": "lost", "commands": [{**command, "id": 99}]}
    steps = (*trace.steps[:number], spoilt, *trace.steps[number + 1 :])
    found = replay(Trace(trace.name, trace.file, trace.line, trace.config, steps)).difference.splitlines()
    assert found[0] == f'trace "{trace.name}", step {number} (traces.jsonl:{trace.line + 1 + number})'
    assert f'  phase: expected "lost", got "{trace.steps[number]["phase"]}"' in found
    assert f"  commands[0].id: expected 99, got {command['id']}" in found
