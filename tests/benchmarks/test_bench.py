"""The benchmark itself, in its smallest dose: what is here takes part, what is missing is named."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from statemachine.bench.contenders import CONTENDERS, FLOOR, OURS, Absent, Running, prepare
from statemachine.bench.goals import goals
from statemachine.bench.plot import draw
from statemachine.bench.race import run_race, spread
from statemachine.bench.report import Results, as_json, goal_lines, page, race_lines
from statemachine.bench.work import Work, exact_calls, live_session, weight


def work() -> Work:
    one = spread([1.0, 2.0, 3.0])
    return Work({"bytes to bytes": one, "phase changes": one}, one, one, exact_calls(), 0, weight(live_session()))


def test_the_race_runs_with_whoever_is_here(tmp_path: Path) -> None:
    said: list[str] = []
    race = run_race(tmp_path, 1, install=False, tell=said.append, most_held=2_000)
    assert [one.name for one in race.standings] == [OURS.name, FLOOR.name]
    assert set(race.absent) == {one.name for one in CONTENDERS} - {OURS.name, FLOOR.name}
    ours, floor = race.standings
    assert ours.behind.least == ours.behind.most == 1
    assert floor.behind.middle < 1 < floor.events_per_second.middle
    assert 100 < ours.bytes_each < 10_000
    lines = "\n".join(race_lines(race))
    assert "missing: XState v5 transition(): " in lines
    judged = goals(race, work(), [])
    assert any("falls short" in line or "pass" in line for line in goal_lines(judged))
    results = Results(race, work())
    assert json.loads(json.dumps(as_json(results, judged)))["benchmark"] == 2
    pictures = draw(results, tmp_path)
    assert sorted(one.name for one in pictures) == ["events.png", "events.svg", "memory.png", "memory.svg"]
    assert all(one.stat().st_size > 2_000 for one in pictures)
    text = page(results, judged)
    assert "$" not in text.replace("$HOME", "")
    assert "Not measured this time." in text


def test_every_engine_passes_the_same_states(tmp_path: Path) -> None:
    """Each shows it before it is measured; ours and the floor here, the peers wherever they are installed."""
    for one in (OURS, FLOOR):
        with Running.begin(one, prepare(one, tmp_path, install=False), tmp_path) as running:
            answer = running.ask(do="laps", seconds=0.0)
            assert answer["events"] == 16


def test_an_engine_that_does_something_else_is_not_measured(tmp_path: Path) -> None:
    script = "import sys; sys.exit('it passes [], not the rest')"
    with pytest.raises(Absent, match=r"it passes \[\]"):
        Running.begin(OURS, [sys.executable, "-c", script], tmp_path)
