"""`statemachine replay`, from outside; what it prints is held by tests/replay/test_golden.py."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statemachine.cli import main
from tests.cli.processes import statemachine
from tests.replay.hars import whole


@pytest.fixture
def har(tmp_path: Path) -> Path:
    path = tmp_path / "whole.har"
    path.write_bytes(whole().data())
    return path


def test_one_json_object(har: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(har), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    wanted = {"phase", "outcome", "events", "unknown", "malformed", "parties", "messages", "timeline"}
    assert wanted <= told.keys()
    assert (told["phase"], told["outcome"], told["events"], told["unknown"]) == ("ended", "ended", 15, 1)


@pytest.mark.parametrize("redact", [False, True])
def test_a_recording_becomes_a_trace_of_the_same_chat(
    har: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], redact: bool
) -> None:
    trace = tmp_path / "chat.jsonl"
    assert main(["replay", str(har), "--trace", str(trace), *(["--redact"] if redact else [])]) == 0
    assert capsys.readouterr().out == f"{trace}: {len(trace.read_text().splitlines()) - 1} steps\n"
    said = []
    for file in (har, trace):
        assert main(["replay", str(file), "--json"]) == 0
        said.append(json.loads(capsys.readouterr().out))
    recorded, traced = said
    for name in ("phase", "outcome", "chat_id", "parties"):
        assert traced[name] == recorded[name] or redact
    assert not [row["notes"] for row in traced["timeline"] if any("trace" in note for note in row["notes"])]
    texts = [one["text"] for one in recorded["messages"] if one["text"]]
    assert texts
    assert any(text in trace.read_text() for text in texts) is not redact


def test_json_holds_no_control_character(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"events": [{"event": "chat_session_message", "msg": "\x1b\x7f\x9b\u202e"}]}))
    assert main(["replay", str(path), "--json"]) == 0
    out = capfdbinary.readouterr().out
    assert all(32 <= byte < 127 for byte in out.rstrip(b"\r\n"))
    assert json.loads(out)["messages"][0]["text"] == "\x1b\x7f\x9b\u202e"


def test_messages_in_html_are_shown_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fragments = {
        "Code 47<div>11 Main Street</div><div>Bring an id</div>": "Code 47\\n11 Main Street\\nBring an id",
        'Pay <a href="https://pay.example/i/991">here</a> today': "Pay here (https://pay.example/i/991) today",
        "Hours <table><tr><td>Mon</td><td>9-5</td></tr></table>": "Hours\\nMon\\t9-5",
        "Ann <ann@example.test> or <https://x.example/help>": "Ann <ann@example.test> or <https://x.example/help>",
        '<a title="a > b" href="https://x.example">x</a>': "x (https://x.example)",
        '<img src="https://x.example/plan.png" alt="a plan">': "a plan",
    }
    messages = [{"event": "chat_session_message", "msg": one, "msg_id": str(n)} for n, one in enumerate(fragments)]
    warning = {"event": "chat_session_timeout_warning", "msg": "Still <b>there</b>?"}
    path = tmp_path / "fragments.jsonl"
    path.write_text("\n".join(map(json.dumps, [*messages, warning])))
    assert main(["replay", str(path)]) == 0
    out = capsys.readouterr().out
    for text in fragments.values():
        assert f'"{text}"' in out
    assert 'inactivity warning: "Still there?"' in out


def test_the_chat_may_be_named(har: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(har), "--json", "--chat-id", "another"]) == 0
    assert json.loads(capsys.readouterr().out)["chat_id"] == "another"


def test_standard_input_as_a_process() -> None:
    done = statemachine("replay", "-", "--json", stdin=b'{"events": [{"event": "chat_session_ended"}]}')
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["outcome"] == "ended"


@pytest.mark.parametrize(
    "content", [b"", b"hello\nworld", b"\x00\x01\x02\xff", b'{"a": 1}', b'{"log": {"entries": []}}']
)
def test_a_file_that_is_none_of_these(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "odd\x1b[31m.bin"
    path.write_bytes(content)
    assert main(["replay", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "\x1b" not in captured.err
    assert ".bin: " in captured.err


@pytest.mark.parametrize("name", ["missing.json", ".", "a\x00b"])
def test_a_file_that_cannot_be_read(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", f"{tmp_path}/{name}"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_huge_file_is_refused_without_being_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "huge.har"
    with path.open("wb") as file:
        file.truncate(10_000_000_000)
    assert main(["replay", str(path)]) == 2
    assert "larger than 50 MB" in capsys.readouterr().err


def test_one_bad_file_among_good_ones(har: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(b"x")
    assert main(["replay", str(har), str(bad)]) == 2
    assert "bad: " in capsys.readouterr().err


def test_whoever_reads_may_stop(har: Path) -> None:
    command = [sys.executable, "-m", "statemachine", "replay", *[str(har)] * 200]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


def test_a_console_without_unicode(har: Path) -> None:
    import os

    done = statemachine("replay", str(har), env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert done.stdout.isascii()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=50)
@given(content=st.binary(max_size=200) | st.lists(st.binary(max_size=40)).map(b'\n{"event": "x"}\n'.join))
def test_any_file(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "any"
    path.write_bytes(content)
    assert main(["replay", str(path)]) in (0, 2)
    captured = capsys.readouterr()
    assert captured.err.count("\n") <= 1
    assert "unexpected" not in captured.err
    assert "\x1b" not in captured.out
