"""`statemachine doctor`, as it is typed."""

from __future__ import annotations

import io
import json
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from statemachine.cli import main
from tests.cli.test_emulate import emulator


@pytest.fixture
def url(state: Path) -> Iterator[str]:
    with emulator("--port", "0", "--set", "app_ids=chat", "--set", "hold_ms=500", "--pace", "0.01") as (_, url):
        yield url


def test_a_running_emulator_is_examined(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert url in shown
    assert shown.count("✓") == 7
    assert "nothing is wrong" in shown


def test_what_is_wrong_names_the_option(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATEMACHINE_URL", url)
    assert main(["doctor", "--app-id", "x"]) == 1
    shown = capsys.readouterr().out
    assert "✗ authorization  HTTP status 403, error 3000" in shown
    assert "--app-id: copy the unique id" in shown
    assert "1 thing to correct" in shown

    assert main(["doctor", "--app-id", "x", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["url"], report["ok"]) == (url, False)
    assert [one["setting"] for one in report["findings"]] == ["", "", "app_id"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Give --url and --app-id, or start one: statemachine emulate"),
        (["--url", "https://x.invalid"], "--app-id is missing"),
        (["--url", "x", "--app-id", "a"], "--url: this is no address"),
        (["--url", "https://x.invalid", "--app-id", ""], "--app-id is empty"),
        (["--url", "https://x.invalid", "--app-id", "a", "--client-id", " "], "--client-id is empty"),
        (["--url", "https://x.invalid", "--app-id", "a", "--proxy", "me:secret"], "--proxy: not the address"),
        (["--ca", "/no/such/file"], "--ca /no/such/file: No such file"),
        (["--header", "nonsense"], "--header: expected NAME:VALUE"),
        (["--header", "X: a\r\nb: c"], "--header: expected NAME:VALUE"),
        (["--api", "v3"], "v1"),
    ],
)
def test_what_cannot_be_examined_is_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert words in captured.err
    assert captured.out == ""


def test_a_file_that_holds_no_certificates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(__file__, tmp_path / "ca.pem")
    assert main(["doctor", "--ca", str(tmp_path / "ca.pem")]) == 2
    assert "no file of certificates" in capsys.readouterr().err


def test_settings_are_learned_after_asking(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "centre.toml"
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert main(["doctor", "--learn", str(file)]) == 2
    shown = capsys.readouterr().err
    assert "Open a chat at" in shown
    assert "nothing was learned" in shown
    assert not file.exists()

    assert main(["doctor", "--learn", str(file), "--yes", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["ok"] is True
    assert "settings were learned" in captured.err
    assert 500 <= tomllib.loads(file.read_text())["knobs"]["hold_ms"] < 5_000  # measured, on a machine that may be busy
