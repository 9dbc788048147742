"""Every command and code block of README and guides, and the map of the code in CONTRIBUTING, against reality."""

from __future__ import annotations

import io
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from statemachine.cli import main
from tests.cli.test_emulate import emulator
from tests.docs.documents import GUIDES, PACKAGE, PAGES, ROOT, blocks, named, python_blocks, saved_files

README = (ROOT / "README.md").read_text(encoding="utf-8")
INSTALLS = "-m venv .venv && .venv/bin/pip install"
"""Commands that set up an environment of their own: `.ci/run` runs them as they stand, in a fresh copy."""
CENTRE = {
    "STATEMACHINE_URL": "http://127.0.0.1:9",
    "STATEMACHINE_TENANT": "example",
    "STATEMACHINE_APP_ID": "app",
    "STATEMACHINE_CLIENT_ID": "customer-1",
}
"""What the kit gives to a client that it judges."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the test then is, with no input, and the settings that the kit gives to a client."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    for name, value in {**CENTRE, "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def commands(text: str) -> list[str]:
    lines = [line for block in blocks(text, "sh") for line in block.splitlines() if line.strip()]
    return [line for line in lines if INSTALLS not in line]


@pytest.mark.parametrize(("name", "code"), [pytest.param(*one, id=one[0]) for one in python_blocks()])
def test_code_runs_as_pasted(name: str, code: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """In this process, for each start of Python takes a second; tests, and what catches signals, in one of its own."""
    path = folder / f"test_{name}.py"
    path.write_text(code, "utf-8")
    options = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:schemathesis"]
    if "ConformanceSuite" in code:  # a part of the kit; tests/conformance runs all of it
        options += ["-k", "presence"]
    if "def test_" in code or "ConformanceSuite" in code:
        subprocess.run([sys.executable, "-W", "error", *options, str(path)], check=True, timeout=300)
    elif "import signal" in code:
        subprocess.run([sys.executable, "-W", "error", str(path)], check=True, timeout=300)
    else:
        runpy.run_path(str(path), run_name="__main__")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("guide", [path for path in GUIDES if commands(path.read_text("utf-8"))], ids=named)
def test_commands_run_as_pasted(guide: Path, folder: Path) -> None:
    """In a folder with the files that the guide tells to save, and with `diagrams/`, which one of them compares."""
    text = guide.read_text("utf-8")
    (folder / "diagrams").symlink_to(ROOT / "diagrams")
    for name, content in saved_files(text).items():
        (folder / name).write_text(content, "utf-8")
    for command in commands(text):
        program, *arguments = shlex.split(command)
        assert program == "statemachine"
        assert main(arguments) == 0


@pytest.mark.source_tree  # guides are not in the wheel
def test_scripts_pass_against_the_default_emulator(tmp_path: Path) -> None:
    guide = (PACKAGE / "scripted" / "README.md").read_text("utf-8")
    (name, content), *others = saved_files(guide).items()
    assert (name, others) == ("parcel.toml", [])
    (tmp_path / name).write_text(content, "utf-8")
    with emulator("--port", "0", "--pace", "0.1") as (_, url):
        assert main(["run", str(tmp_path / name), "--url", url]) == 0


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 160


def test_both_installing_commands_are_there() -> None:
    lines = [line for block in blocks(README, "sh") for line in block.splitlines() if INSTALLS in line]
    assert [re.findall(r'-e "\.\[(\w+)\]"', line) for line in lines] == [["cli"], ["test"]]


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.source_tree
@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_of_the_documents_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)]+))?\)", page.read_text("utf-8")):
        found = page.parent / target if target else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), f"{target}#{anchor}"


@pytest.mark.source_tree
def test_the_map_of_the_code_names_what_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (house, *_) = blocks(text, "")
    package = ROOT / "statemachine"

    words = set(re.findall(r"[\w.]+", house))
    for path in sorted(package.iterdir()):
        if path.name.startswith(("__", "py.typed")):
            continue
        assert path.stem in words or path.name in words, f"{path.name} is not on the map"


@pytest.mark.source_tree
def test_every_event_of_the_logs_stands_in_the_guide() -> None:
    """Names that people build alerts on."""
    guide = (ROOT / "statemachine" / "client" / "logging.md").read_text("utf-8")
    named = {name for row in re.findall(r"^\| (`.*?) \|", guide, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    logged = {
        name
        for path in (ROOT / "statemachine").rglob("*.py")
        for name in re.findall(r"""(?:_log\.\w+|Tasks)\(\s*"(\w+)\"""", path.read_text(encoding="utf-8"))
    }
    assert named == logged
