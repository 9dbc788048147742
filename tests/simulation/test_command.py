"""`statemachine simulate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from statemachine.cli import main
from statemachine.logs import silenced
from statemachine.simulation.faults import DOMAINS
from statemachine.simulation.minimise import minimise, write_case
from statemachine.simulation.simulator import Simulator

from .plants import PLANTS


def test_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--seeds", "6", "--seed", "3", "--steps", "60", "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("6 seeds, ")
    assert "violations: 0" in out
    assert "reached: cell " in out


def test_json_from_many_processes(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["simulate", "--seeds", "4", "--steps", "40", "--explore", "2", "--json"]
    found = []
    for jobs in ("1", "2"):
        assert main([*arguments, "--jobs", jobs]) == 0
        report = json.loads(capsys.readouterr().out)
        report.pop("seconds"), report.pop("seeds_per_second"), report["exploration"].pop("seconds")
        found.append(report)
    assert found[0] == found[1]
    assert found[0]["violations"] == []
    assert found[0]["exploration"]["depth"] == 2


def test_a_violation_is_written_and_replayed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    PLANTS["polls_on_after_the_end"][0](monkeypatch)
    arguments = ["simulate", "--seeds", "10", "--jobs", "1", "--out", str(tmp_path)]
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert "statemachine: minimising the violation of L8 in seed " in err  # also where stderr is no terminal
    path = min(tmp_path.glob("violation-*.jsonl"))
    assert f"statemachine simulate --replay {path}" in out
    assert main(["simulate", "--replay", str(path)]) == 1
    assert "VIOLATION L8" in capsys.readouterr().out
    monkeypatch.undo()
    assert main(["simulate", "--replay", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"violation": None}


def test_an_exploration_that_breaks_a_law(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTS["polls_on_after_the_end"][0](monkeypatch)
    assert main(["simulate", "--seeds", "0", "--jobs", "1", "--explore", "3"]) == 1
    assert "VIOLATION L8" in capsys.readouterr().out


def test_an_unreached_point_fails_a_complete_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["simulate", "--seeds", "2", "--steps", "40", "--jobs", "1"]
    assert main([*arguments, "--complete"]) == 1
    out = capsys.readouterr().out
    assert "  never: cell lifecycle: " in out
    assert "violations: 0" in out
    assert main(arguments) == 0


def test_only_the_chosen_faults_occur(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    only = ["--only", "clock", "--only", "crash saved"]
    assert main(["simulate", "--seeds", "8", "--jobs", "1", *only, "--json", "--out", str(tmp_path)]) == 0
    faults = set(json.loads(capsys.readouterr().out)["faults"])
    assert faults
    assert faults <= {"crash saved", *DOMAINS["clock"]}


def test_an_unknown_fault_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--only", "weather"]) == 2
    assert "'weather' is no fault" in capsys.readouterr().err


def test_a_file_that_cannot_be_replayed_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "no.jsonl"
    path.write_text("nothing")
    assert main(["simulate", "--replay", str(path)]) == 2
    assert "no.jsonl" in capsys.readouterr().err


def test_a_case_with_a_tape_is_replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTS["polls_twice"][0](monkeypatch)
    with silenced():
        broken = next(simulator for simulator in map(Simulator, range(1, 60)) if simulator.run())
        case = minimise(broken)
        assert case.tape is not None
        write_case(case, tmp_path / "case.jsonl")
    assert main(["simulate", "--replay", str(tmp_path / "case.jsonl")]) == 1
    monkeypatch.undo()
    assert main(["simulate", "--replay", str(tmp_path / "case.jsonl")]) == 0
