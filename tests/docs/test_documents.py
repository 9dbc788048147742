"""Every command and code block of the README, and the map of the house in CONTRIBUTING, against reality."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from statemachine.cli import main
from tests.cli.test_emulate import emulator

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
INSTALLS = "-m venv .venv && .venv/bin/pip install"
"""Commands that set up an environment of their own: `.ci/run` runs them as they stand, in a fresh copy."""


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands() -> list[str]:
    lines = [line for block in blocks(README, "sh") for line in block.splitlines() if line.strip()]
    return [line for line in lines if INSTALLS not in line]


@pytest.mark.parametrize("code", blocks(README, "python"), ids=["client", "bridge", "engine", "testing"])
def test_code_runs_as_pasted(code: str, tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.strip()


@pytest.mark.parametrize("command", commands())
def test_commands_run_as_pasted(command: str, tmp_path: Path) -> None:
    """Beside a copy of `diagrams/`, which one of them compares."""
    (tmp_path / "diagrams").symlink_to(ROOT / "diagrams")
    program, *arguments = shlex.split(command)
    assert program == "statemachine"
    line = [sys.executable, "-m", "statemachine", *arguments]
    run = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"})
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("text", blocks(README, "toml"), ids=["customer"])
def test_scripts_pass_against_the_default_emulator(text: str, tmp_path: Path) -> None:
    (tmp_path / "parcel.toml").write_text(text, "utf-8")
    with emulator("--port", "0", "--pace", "0.1") as (_, url):
        assert main(["run", str(tmp_path / "parcel.toml"), "--url", url]) == 0


def test_both_installing_commands_are_there() -> None:
    lines = [line for block in blocks(README, "sh") for line in block.splitlines() if INSTALLS in line]
    assert [re.findall(r'-e "\.\[(\w+)\]"', line) for line in lines] == [["cli"], ["test"]]


@pytest.mark.source_tree
def test_links_of_the_documents_lead_somewhere() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), f"{name}: {target}"


@pytest.mark.source_tree
def test_the_map_of_the_house_names_what_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (house, *_) = blocks(text, "")
    package = ROOT / "statemachine"

    words = set(re.findall(r"[\w.]+", house))
    for path in sorted(package.iterdir()):
        if path.name.startswith(("__", "py.typed")):
            continue
        assert path.stem in words or path.name in words, f"{path.name} is not on the map"


@pytest.mark.source_tree
def test_every_event_of_the_logs_stands_in_the_readme() -> None:
    """Names that people build alerts on."""
    section = README[README.index("## Logs and metrics") : README.index("## The engine in ten lines")]
    named = {
        name for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    logged = {
        name
        for path in (ROOT / "statemachine").rglob("*.py")
        for name in re.findall(r"""_log\.\w+\(\s*"(\w+)\"""", path.read_text(encoding="utf-8"))
    }
    assert named == logged
