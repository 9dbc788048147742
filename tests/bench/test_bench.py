"""The benchmark itself, in its smallest dose: what is here takes part, what is missing is named."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.bench.contenders import BASELINE, CONTENDERS, OURS, Absent, Running, prepare
from tests.bench.goals import goals
from tests.bench.plot import draw
from tests.bench.race import run_race, spread
from tests.bench.report import Results, as_json, goal_lines, page, race_lines
from tests.bench.work import Work, exact_calls, live_session, weight


def work() -> Work:
    one = spread([1.0, 2.0, 3.0])
    return Work({"bytes to bytes": one, "phase changes": one}, one, one, exact_calls(), 0, weight(live_session()))


def test_the_race_runs_with_whoever_is_here(tmp_path: Path) -> None:
    said: list[str] = []
    race = run_race(tmp_path, 1, install=False, progress=said.append, most_held=2_000)
    assert [one.name for one in race.engines] == [OURS.name, BASELINE.name]
    assert set(race.absent) == {one.name for one in CONTENDERS} - {OURS.name, BASELINE.name}
    ours, baseline = race.engines
    assert ours.behind.least == ours.behind.most == 1
    assert baseline.behind.middle < 1 < baseline.events_per_second.middle
    assert 100 < ours.bytes_each < 10_000
    lines = "\n".join(race_lines(race))
    assert "missing: XState v5 transition(): " in lines
    judged = goals(race, work(), [])
    assert any("falls short" in line or "pass" in line for line in goal_lines(judged))
    results = Results(race, work())
    assert json.loads(json.dumps(as_json(results, judged)))["benchmark"] == 2
    pictures = draw(results, tmp_path)
    assert sorted(one.name for one in pictures) == ["memory.png", "memory.svg", "overview.png", "overview.svg"]
    assert all(one.stat().st_size > 2_000 for one in pictures)
    text = page(results, judged)
    assert "$" not in text.replace("$HOME", "")
    assert "Not measured this time." in text


def test_every_engine_passes_the_same_states(tmp_path: Path) -> None:
    """Each shows it before it is measured; ours and the baseline here, the peers wherever they are installed."""
    for one in (OURS, BASELINE):
        with Running.begin(one, prepare(one, tmp_path, install=False), tmp_path) as running:
            answer = running.ask(do="laps", seconds=0.0)
            assert answer["events"] == 16


def test_an_engine_that_does_something_else_is_not_measured(tmp_path: Path) -> None:
    script = "import sys; sys.exit('it passes [], not the rest')"
    with pytest.raises(Absent, match=r"it passes \[\]"):
        Running.begin(OURS, [sys.executable, "-c", script], tmp_path)
