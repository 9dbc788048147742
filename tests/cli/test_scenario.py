"""`statemachine scenario`: reading, copying and checking scenario files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from statemachine.cli import main
from statemachine.emulator.script import catalogue, schema

WRONG = 'about = "a"\nteaches = "t"\nscript = [\n  { sya = "x" },\n]\n'


def test_all_are_listed_with_what_they_teach(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenario", "list"]) == 0
    out = capsys.readouterr().out
    for scenario in catalogue().values():
        assert scenario.name in out
        assert scenario.teaches.split()[0] in out


def test_a_copy_is_right(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["scenario", "show", "menu"]) == 0
    copy = tmp_path / "mine.toml"
    copy.write_text(capsys.readouterr().out, "utf-8")
    assert main(["scenario", "check", str(copy)]) == 0
    assert capsys.readouterr().out == "1 file is right\n"


def test_problems_are_told_with_their_lines(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(WRONG, "utf-8")
    assert main(["scenario", "check", str(bad)]) == 1
    assert capsys.readouterr().err == f"{bad}:4: there is no step 'sya'; did you mean 'say'?\n"
    assert main(["scenario", "check", "--json", str(bad)]) == 1
    assert json.loads(capsys.readouterr().out)["problems"][0]["line"] == 4


TWO_PROBLEMS = 'about = "a"\nteaches = 5\nscript = [\n  { sya = "x" },\n]\n'


def test_every_problem_is_a_line_of_its_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.toml").write_text(TWO_PROBLEMS, "utf-8")
    Path("customer.toml").write_text('about = 5\nscript = [{ sya = "x\\u001b[31m" }]\n', "utf-8")
    for command in (["emulate", "--port", "0", "--scenario", "bad.toml"], ["run", "customer.toml"]):
        assert main(command) == 2
        first, second = capsys.readouterr().err.splitlines()
        assert first.startswith(f"statemachine: {command[-1]}:")
        assert second.startswith(f"  {command[-1]}:")
        assert "\\n" not in first + second
        assert "\x1b" not in first + second


@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_a_byte_order_mark_is_no_part_of_a_file(bom: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    scenario, script = tmp_path / "mine.toml", tmp_path / "customer.toml"
    scenario.write_text(f"{bom}about = 'a'\nteaches = 't'\nscript = []\n", "utf-8")
    script.write_text(f"{bom}about = 'a'\nscript = ['end']\n", "utf-8")
    assert main(["scenario", "check", str(scenario)]) == 0
    assert main(["run", "--check", str(script)]) == 0
    scenario.write_text(f"{bom}about = 'a'\nteaches = 5\n", "utf-8")
    assert main(["scenario", "check", str(scenario)]) == 1
    assert f"{scenario}:2: " in capsys.readouterr().err


def test_what_cannot_be_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["scenario", "check", str(tmp_path / "none.toml")]) == 2
    assert "No such file" in capsys.readouterr().err
    odd = tmp_path / "odd.toml"
    odd.write_bytes(b"caf\xe9")
    assert main(["scenario", "check", str(odd)]) == 2
    assert "no UTF-8" in capsys.readouterr().err
    assert main(["scenario", "show", "none"]) == 2


def test_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenario", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == schema()


def test_a_similar_name_is_offered(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["emulate", "--port", "0", "--scenario", "plian"], ["scenario", "show", "plian"]):
        assert main(command) == 2
        assert "no scenario 'plian'; did you mean 'plain'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["none", "none.toml"])
def test_the_emulator_refuses_a_scenario_that_is_none(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emulate", "--port", "0", "--scenario", name]) == 2
    assert capsys.readouterr().err.count("\n") == 1
