"""`statemachine conform` and `engine`, from outside."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest
from attrs import frozen

from statemachine.cli import main
from statemachine.engine import PROTOCOL

PYTHON = sys.executable
ENGINE = (PYTHON, "-m", "statemachine", "engine")
SILENT = """
import json, sys
from statemachine.engine.serve import Server
desk = Server()
for line in sys.stdin:
    said = desk.answer(line)
    if said.get("updates"):
        said["updates"] = []
    print(json.dumps(said), flush=True)
"""


@frozen
class Ran:
    returncode: int
    stdout: str
    stderr: str


Conform = Callable[..., Ran]


@pytest.fixture
def conform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Conform:
    """The command, in this process; the harness is one of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*args: str, harness: tuple[str, ...] = ()) -> Ran:
        status = main(["conform", *args, *(("--", *harness) if harness else ())])
        shown = capsys.readouterr()
        return Ran(status, shown.out, shown.err)

    return run


@pytest.fixture
def silent(tmp_path: Path) -> tuple[str, ...]:
    path = tmp_path / "silent.py"
    path.write_text(SILENT, encoding="utf-8")
    return PYTHON, str(path)


@pytest.mark.parametrize("only", [("item",), pytest.param((), marks=pytest.mark.slow)])  # test_kit.py runs all of it
def test_our_engine_conforms_through_the_pipe(conform: Conform, tmp_path: Path, only: tuple[str, ...]) -> None:
    chosen = [word for name in only for word in ("--only", name)]
    done = conform("--cases", "7", "--junit", "out/junit.xml", "--html", "page.html", *chosen, harness=ENGINE)
    assert (done.returncode, done.stderr) == (0, "")
    first, *_, last = done.stdout.splitlines()
    assert first.startswith("chat-session-statemachine ")
    assert " checks of core + " in first
    assert "conforms to: core + anomalies + " in last
    root = ElementTree.parse(tmp_path / "out" / "junit.xml").getroot()
    assert root.get("failures") == "0"
    assert "conforms" in (tmp_path / "page.html").read_text("utf-8")


def test_one_that_does_not_is_told_where_and_can_replay_it(
    conform: Conform, tmp_path: Path, silent: tuple[str, ...]
) -> None:
    done = conform("--only", "F13", "--only", "law/agreement", "--cases", "30", harness=silent)
    assert done.returncode == 1
    assert "FAILED  fault/F13/" in done.stdout
    assert "source:  protocol.md 8 F13" in done.stdout
    assert "does not conform to: core + " in done.stdout.splitlines()[-1]
    assert "in the selected checks" in done.stdout.splitlines()[-1]
    assert re.search(r"^fault +\d+ of \d+ failed; begin with fault/F13/", done.stdout, re.MULTILINE)
    case = next(tmp_path.glob("case-law-agreement.jsonl"))
    again = conform("--replay", case.name, harness=silent)
    assert again.returncode == 1
    assert conform("--replay", case.name, harness=ENGINE).returncode == 0


@pytest.mark.parametrize(
    ("entry", "phase"), [("inactivity_timeout", "wrapping_up"), ("form_data_cancel", "ending"), ("message", "failed")]
)
def test_an_engine_that_is_deaf_to_an_entry_in_a_phase_fails_by_the_names_of_both(
    conform: Conform, entry: str, phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them: `python -m tests.conformance.deaf`."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))  # where a process finds `tests`
    name = f"lifecycle/{phase}/{entry.replace('_', '-')}"
    done = conform("--only", name, harness=(PYTHON, "-m", "tests.conformance.deaf", entry, phase))
    assert done.returncode == 1
    assert f"FAILED  {name}" in done.stdout


def test_known_failures(conform: Conform, tmp_path: Path, silent: tuple[str, ...]) -> None:
    listed = conform("--list", "--only", "F13").stdout.splitlines()
    names = [line.split("  ")[0] for line in listed[:-1]]
    (tmp_path / "known.txt").write_text("\n".join(f"{name}  # later" for name in names), encoding="utf-8")
    done = conform("--only", "F13", "--known", "known.txt", harness=silent)
    assert (done.returncode, "failed as known" in done.stdout) == (0, True)
    passing = conform("--only", "F13", "--known", "known.txt", harness=ENGINE)
    assert (passing.returncode, "PASSED UNEXPECTEDLY" in passing.stdout) == (1, True)


@pytest.mark.parametrize(
    ("args", "harness", "words"),
    [
        ((), (), "give the command of a harness after --"),
        ((), ("/nowhere/harness",), "cannot be started"),
        ((), (PYTHON, "-c", "pass"), "the harness does not answer hello: the process ended"),
        (("--only", "F99"), ENGINE, "no check is called 'F99'; did you mean 'F9'?"),
        (
            ("--only", "law", "--only", "conection"),
            ENGINE,
            "no check is called 'conection'; did you mean 'connection'?",
        ),
        (("--client", "--only", "F1x"), ("true",), "no check is called 'F1x'; did you mean 'F1'?"),
        (("--replay", "nowhere.jsonl"), ENGINE, "not a stored case"),
        (("--known", "nowhere.txt"), ENGINE, "nowhere.txt: No such file"),
    ],
)
def test_what_cannot_run_is_status_2_and_one_line(
    conform: Conform, args: tuple[str, ...], harness: tuple[str, ...], words: str
) -> None:
    done = conform(*args, harness=harness)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_kit_as_an_archive(conform: Conform, tmp_path: Path) -> None:
    done = conform("--pack", "kit.zip")
    assert (done.returncode, done.stdout) == (0, "kit.zip: written\n")
    with ZipFile(tmp_path / "kit.zip") as archive:
        assert any(name.endswith("/MESSAGES.md") for name in archive.namelist())


def test_the_engine_answers_lines_until_its_input_ends() -> None:
    asked = '{"op": "hello", "seq": 1}\n{"op": "begin", "at": 5, "seq": 2}\nnonsense \xff\n'
    done = subprocess.run(ENGINE, input=asked.encode("latin-1"), capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")
    hello, begun, wrong = map(json.loads, done.stdout.splitlines())
    assert (hello["seq"], begun["phase"]) == (1, "idle")
    assert "not JSON" in wrong["error"]


HANGING = """
import json, sys, time
for line in sys.stdin:
    said = json.loads(line)
    if said["op"] == "step" and said["event"]["type"] != "request_chat":
        time.sleep(60)
    answer = {"seq": said["seq"], "phase": "requesting" if said["op"] == "step" else "idle", "commands": [],
              "updates": [], "owed": [], "deadline": None, "outcome": None, "protocol": PROTOCOL, "features": FEATURES,
              "name": "x", "known": KNOWN}
    print(json.dumps(answer), flush=True)
"""


def hanging(folder: Path, features: list[str], known: list[str]) -> tuple[str, str]:
    path = folder / "harness.py"
    values = {"PROTOCOL": PROTOCOL, "FEATURES": features, "KNOWN": known}
    path.write_text("".join(f"{name} = {value!r}\n" for name, value in values.items()) + HANGING, encoding="utf-8")
    return PYTHON, str(path)


@pytest.mark.parametrize(
    ("features", "known", "words"),
    [
        (["typing"], ["fault/F13/no-such-check"], "no check is called 'fault/F13/no-such-check'"),
        (["typng"], [], "no feature is called 'typng'; did you mean 'typing'?"),
    ],
)
def test_declarations_that_mean_nothing_are_refused(
    features: list[str], known: list[str], words: str, conform: Conform, tmp_path: Path
) -> None:
    done = conform(harness=hanging(tmp_path, features, known))
    assert done.returncode == 2
    assert words in done.stderr


def test_a_harness_that_hangs_ends_the_run_and_the_place_is_named(conform: Conform, tmp_path: Path) -> None:
    done = conform("--timeout", "0.5", harness=hanging(tmp_path, [], []))
    assert done.returncode == 2
    assert "no answer within 0.5 s, 3 times; the last to" in done.stderr
    assert re.search("lifecycle/[^ ]+: no answer within", done.stderr)
    assert '"op":"step"' in done.stderr
