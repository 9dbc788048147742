"""`statemachine conform --client` and `statemachine audit`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from statemachine.cli import main

CLIENTS = Path(__file__).parents[1] / "blackbox" / "clients"
NAIVE = (sys.executable, str(CLIENTS / "naive.py"))
ONLY_ENDED = (sys.executable, str(CLIENTS / "faulty.py"), "OnlyEnded")


@pytest.mark.slow
def test_a_faulty_client_and_its_recording(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    files = ["--har", str(tmp_path / "har"), "--junit", str(tmp_path / "a.xml"), "--html", str(tmp_path / "a.html")]
    files += ["--json", str(tmp_path / "a.json")]
    assert main(["conform", "--client", "--only", "F1/failed", *files, "--", *ONLY_ENDED]) == 1
    out = capsys.readouterr().out
    assert "1 cases, about" in out
    assert "FAILED  F1  polls after a terminal signal was delivered: 1 case  (must)" in out
    assert "in:      F1/failed" in out
    assert "effect:  a dead chat is polled for ever" in out
    assert "$ curl" not in out
    assert "statemachine conform --client --only F1/failed" in out
    suite = ElementTree.parse(tmp_path / "a.xml").getroot()
    assert suite.get("failures") == "1"
    assert "$ curl" in ElementTree.tostring(suite, "unicode")
    assert json.loads((tmp_path / "a.json").read_text())["rules"][0]["cases"] == ["F1/failed"]
    assert "F1/failed" in (tmp_path / "a.html").read_text()
    (har,) = (tmp_path / "har").iterdir()
    assert main(["audit", str(har)]) == 1
    assert "F1  polls after a terminal signal" in capsys.readouterr().out
    assert main(["audit", "--json", str(har)]) == 1
    (report,) = json.loads(capsys.readouterr().out)["files"]
    assert report["polls_in_vain"] > 0
    assert report["findings"][0]["rule"] == "F1"


@pytest.mark.slow
def test_a_fault_that_is_known_does_not_fail_and_a_known_one_that_is_none_does(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    known = tmp_path / "known.txt"
    known.write_text("F1/failed  # polls on\nF37/second-chat\n")
    arguments = ["conform", "--client", "--known", str(known), "--only", "F1/failed"]
    assert main([*arguments, "--", *ONLY_ENDED]) == 0
    assert "F1/failed" in capsys.readouterr().out
    assert main([*arguments, "--only", "F37/second-chat", "--", *NAIVE]) == 1
    out = capsys.readouterr().out
    assert "PASSED UNEXPECTEDLY  F1/failed" in out
    assert "PASSED UNEXPECTEDLY  F37/second-chat" in out


@pytest.mark.slow
def test_a_right_client_conforms(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", "--client", "--only", "F1/completed", "-v", "--", *NAIVE]) == 0
    out = capsys.readouterr().out
    assert "ok  F1/completed" in out
    assert "conforms (1 passed)" in out


def test_the_cases_are_listed_with_those_that_cannot_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", "--client", "--list"]) == 0
    out = capsys.readouterr().out
    assert "F12/lost-reply" in out
    assert "F25        not to be seen from outside" in out
    assert main(["conform", "--client", "--list", "-v", "--only", "F12"]) == 0
    out = capsys.readouterr().out
    assert "F12/lost-reply" in out
    assert all(f"    {name}" in out for name in ("level:", "basis:", "source:", "seen:", "window:", "excuse:"))


@pytest.mark.slow
def test_a_client_without_orders_is_told_which_cases_it_skips(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(CLIENTS / "alone.py")
    assert (
        main(["conform", "--client", "--watch", "--only", "F1/ended", "--only", "F30", "--", sys.executable, path]) == 0
    )
    out = capsys.readouterr().out
    assert "the client uses an id of its own: 'alone'" in out
    assert "skipped  F30/leaves: needs orders, and --watch sends none" in out
    assert "conforms (1 passed, 1 skipped)" in out


@pytest.mark.slow
def test_six_faults_are_a_page_to_read(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(CLIENTS / "six_faults.py")
    assert main(["conform", "--client", "--", sys.executable, path]) == 1
    out = capsys.readouterr().out
    assert len(out.splitlines()) < 120
    assert all(f"  {rule}  " in out for rule in ("F1", "F11", "F12", "F15", "F30", "cache"))
    assert out.index("  F1  ") < out.index("  F15  ") < out.index("  F30  ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give the command of a harness after --"),
        (["--client"], "give the client's command after --"),
        (["--client", "--only", "F99", "--", "x"], "no check is called 'F99'; did you mean 'F9'?"),
        (["--client", "--replay", "case.jsonl", "--", "x"], "--replay is for an engine's stored case"),
        (["--client", "--known", "nowhere.txt", "--", "x"], "nowhere.txt: No such file"),
        (["--client", "--", "./no-such-client"], "no-such-client: No such file"),
    ],
)
def test_what_cannot_be_run_is_named(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"no", b"[]", b"\x1f\x8bnot gzip", b'{"log": {"entries": []}}'])
def test_a_file_that_is_no_har_is_named(content: bytes, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "file.har"
    path.write_bytes(content)
    assert main(["audit", str(path)]) == 2
    assert "file.har: " in capsys.readouterr().err
    assert main(["audit", str(tmp_path / "none.har")]) == 2
    assert "none.har: No such file" in capsys.readouterr().err
