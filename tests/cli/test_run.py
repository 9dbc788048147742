"""`statemachine run`, against the emulator as the process that it is."""

from __future__ import annotations

import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from statemachine.cli import main
from tests.cli.test_emulate import emulator

GOOD = """
about = "a short chat"
script = [
    { start = "Hello" },
    { wait_for = "agent_joined" },
    "end",
    { wait_for = ["ended", "gone"] },
]
"""
"""Gone, where a receipt is refused before the end is polled."""
BAD = GOOD.replace('"agent_joined"', '"warned", within = "100ms"')


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("good.toml").write_text(GOOD)
    Path("bad.toml").write_text(BAD)
    return tmp_path


def test_scripts_are_played_and_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with emulator("--port", "0", "--pace", "0.01") as (_, url):
        options = ["--url", url, "--app-id", "own"]
        assert main(["run", "good.toml", *options, "--junit", "good.xml"]) == 0
        out = capsys.readouterr().out
        assert "✓ line 5   wait_for phase agent_joined" in out
        assert "✓ no step failed" in out
        assert ElementTree.parse("good.xml").getroot()[0].get("failures") == "0"

        assert main(["run", "good.toml", "bad.toml", *options, "--json", "--junit", "both.xml"]) == 1
        told = json.loads(capsys.readouterr().out)
        assert [one["ok"] for one in told["scripts"]] == [True, False]
        assert told["ok"] is False
        assert told["url"] == url
        assert [suite.get("failures") for suite in ElementTree.parse("both.xml").getroot()] == ["0", "1"]

        assert main(["run", "bad.toml", *options]) == 1
        out = capsys.readouterr().out
        assert "✗ line 5   wait_for phase warned" in out
        assert "not within 100ms" in out
        assert "A chat that was left open was ended." in out

        assert main(["run", "good.toml", *options, "--sessions", "5", "--rate", "50"]) == 0
        out = capsys.readouterr().out
        assert "5 of 5 are done" in out
        assert "median" in out
        assert "a text, until the server has it" in out


def test_beyond_this_machine_it_asks_first(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--url", "https://chat.example.com", "--app-id", "sales", "--sessions", "7"]
    for answer, words in (("n\n", "nothing was done"), ("", "say --yes if that is meant")):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        assert main(["run", "good.toml", *options]) == 2
        err = capsys.readouterr().err
        assert "This opens 7 chats at chat.example.com, tenant chat.example.com, app id sales" in err
        assert words in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.toml"], "nothing.toml: No such file or directory"),
        (["bad.toml", "wrong.toml"], "wrong.toml:2: there is no step 'sing'"),
        ([], "Missing argument"),
    ],
)
def test_what_cannot_be_read(
    folder: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("wrong.toml").write_text('script = [\n"sing"]')
    assert main(["run", *arguments, "--url", "http://127.0.0.1:1", "--app-id", "x"]) == 2
    assert words in capsys.readouterr().err


def test_check_reads_and_goes_nowhere(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "good.toml", "bad.toml", "--check"]) == 0
    assert capsys.readouterr().out == "valid: good, bad\n"


def test_the_script_of_the_help_is_right(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--help"]) == 0
    text = capsys.readouterr().out.partition("A script:")[2].partition("--json:")[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    Path("help.toml").write_text("\n".join(lines))
    assert main(["run", "help.toml", "--check"]) == 0
