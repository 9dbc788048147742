"""Whatever the input and the environment are: one line that says what to change, never "a fault of this program"."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from statemachine.cli import main
from statemachine.cli.state import folder
from tests.cli.processes import statemachine

LONG = "a" * 70


def refused(args: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The line with which this is refused."""
    assert main(args) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith("statemachine: ")
    assert "fault of this program" not in err
    return err


@pytest.mark.parametrize("host", ["chat..example.test", ".example.test", f"{LONG}.test", "a..", "."])
@pytest.mark.parametrize("command", ["doctor", "chat"])
def test_names_that_are_no_hosts(command: str, host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--url: this is no address" in refused([command, "--url", f"https://{host}", "--app-id", "a"], capsys)


@pytest.mark.parametrize("host", ["a..b", f"{LONG}.b", "ü..b", "ü" * 70])
@pytest.mark.parametrize("option", [["--host"], ["--tls", "--name"]])
def test_hosts_of_the_emulator(option: list[str], host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no name and no address" in refused(["emulate", "--port", "0", *option, host], capsys)


def test_a_name_for_which_no_certificate_can_be_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--name" in refused(["emulate", "--port", "0", "--tls", "--name", "a_b*"], capsys)


@pytest.mark.parametrize("days", ["inf", "-inf", "nan", "1e400", "1e30", "-1", "soon"])
def test_days(days: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.sqlite"
    path.touch()
    assert "--older-than" in refused(["store", "purge", str(path), "--older-than", days], capsys)


@pytest.mark.parametrize(
    "args",
    [
        ["demo", "--pace", "nan"],
        ["emulate", "--pace", "inf"],
        ["emulate", "--speed", "nan"],
        ["run", "x.toml", "--rate", "nan"],
    ],
)
def test_numbers_that_are_none(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert args[-2] in refused(args, capsys)


# --- standard streams -------------------------------------------------------------------------------------------------

on_linux = pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")


@on_linux
@pytest.mark.parametrize(
    "args",
    [["--version"], ["--help"], ["scenario", "list"], ["demo", "--json", "--pace", "0.1"], ["emulate", "--port", "0"]],
    ids=" ".join,
)
def test_a_full_disk_under_the_output(args: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "statemachine", *args], stdout=full, stderr=subprocess.PIPE, timeout=60
        )
    assert done.returncode == 2
    assert done.stderr == b"statemachine: the output cannot be written: No space left on device\n"


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX")
@pytest.mark.parametrize(("args", "status"), [("--version", 0), ("engine", 0), ("scenario list", 0), ("replay -", 2)])
def test_closed_streams(args: str, status: int) -> None:
    done = subprocess.run(
        f"exec {sys.executable} -m statemachine {args} <&- >&-", shell=True, stderr=subprocess.PIPE, timeout=60
    )
    assert done.returncode == status
    assert b"fault of this program" not in done.stderr


def test_no_folder_for_temporary_files(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path / "no"), "TEMP": "", "TMP": ""}
    done = statemachine("emulate", "--port", "0", "--host", "256.1.1.1", env=environment)
    assert done.returncode == 2
    assert b"fault of this program" not in done.stderr


# --- no home ----------------------------------------------------------------------------------------------------------

NO_HOME = """
import os, pwd, sys
def unknown(uid): raise KeyError(uid)
pwd.getpwuid = unknown
for name in ("HOME", "USER", "LOGNAME", "XDG_STATE_HOME", "STATEMACHINE_STATE_DIR"): os.environ.pop(name, None)
from statemachine.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
@pytest.mark.parametrize(
    ("args", "status"),
    [(["doctor"], 2), (["chat", "--emulator"], 0), (["doctor", "--url", "http://127.0.0.1:1", "--app-id", "a"], 1)],
)
def test_no_home_directory(args: list[str], status: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", NO_HOME, *args], input=b"", capture_output=True, cwd=tmp_path, timeout=60
    )
    assert b"fault of this program" not in done.stderr, done.stderr
    assert done.returncode == status
    assert list(tmp_path.iterdir()) == [], "a folder called ~"


def test_a_state_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STATEMACHINE_STATE_DIR", str(tmp_path / "file"))
    with pytest.raises(OSError, match="file"):
        folder("chats")
    assert main(["doctor", "--url", "http://127.0.0.1:1", "--app-id", "a"]) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="links of POSIX")
@pytest.mark.parametrize("name", ["", "chats", "clients", "emulators"])
def test_a_planted_link_in_the_state_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere, state = tmp_path / "elsewhere", tmp_path / "own"
    elsewhere.mkdir()
    if name:
        state.mkdir()
    (state / name if name else state).symlink_to(elsewhere)
    monkeypatch.setenv("STATEMACHINE_STATE_DIR", str(state))
    with pytest.raises(OSError, match="symbolic link"):
        folder(name or "chats")
    assert list(elsewhere.iterdir()) == []


# --- TOML from other editors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_toml_with_a_byte_order_mark(encoding: str, tmp_path: Path) -> None:
    script, scenario = tmp_path / "script.toml", tmp_path / "scenario.toml"
    script.write_bytes('about = "x ü"\nscript = [{ start = "Hello" }, "disconnect"]\n'.encode(encoding))
    scenario.write_bytes('about = "one ü"\nteaches = "x"\nscript = [{ include = "connected" }]\n'.encode(encoding))
    assert main(["run", "--check", str(script)]) == 0
    assert main(["scenario", "check", str(scenario)]) == 0


NUMBER = "9" * 5_000
DEEP = "[" * 3_000 + "]" * 3_000
KEY = "a." * 5_000 + "b"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"about = {NUMBER}", "a number in this file has too many digits"),
        (f"about = {DEEP}", "nested too deeply"),
        (f"about = 'x'\n{KEY} = 1", ":2: this key has too many parts"),
        (f"['x']\n[{KEY.replace('.', ' . ')}]", ":2: this key has too many parts"),
        ("about = 'x'\nabout = 'y'", ":2: "),
        ("about = 'x\0'", ":1: "),
        ("about = 'x'\rabout = 'y'", ":1: "),
        ('about = "\\ud800"', ":1: "),
    ],
    ids=["digits", "nested", "key", "table", "twice", "NUL", "CR", "surrogate"],
)
def test_toml_that_is_none(text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "odd.toml"
    file.write_bytes(text.encode())
    for command in (["run"], ["emulate", "--port", "0", "--scenario"], ["emulate", "--port", "0", "--profile"]):
        assert words.rpartition(":2: ")[2].rpartition(":1: ")[2] in refused([*command, str(file)], capsys)
    assert main(["scenario", "check", str(file)]) == 1
    assert words in capsys.readouterr().err


# --- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
@pytest.mark.parametrize(
    "args",
    [
        ["emulate", "--port", "0", "--ready-file"],
        ["proxy", "--to", "http://127.0.0.1:1", "--port", "0", "--ready-file"],
        ["proxy", "--to", "http://127.0.0.1:1", "--port", "0", "--har"],
        ["engine", "--listen"],
    ],
    ids=lambda args: " ".join((args[0], args[-1])),
)
def test_files_that_are_something_else_are_left_alone(
    args: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link, file = tmp_path / "link", tmp_path / "file"
    link.symlink_to(tmp_path / "elsewhere")
    file.write_text("x")
    for path in (link, file / "x", tmp_path / ("x" * 300)):
        assert str(path) in refused([*args, str(path)], capsys)
    assert os.path.islink(link)
    assert not (tmp_path / "elsewhere").exists()
    assert file.read_text() == "x"


@pytest.mark.parametrize("host", ["a..b", f"{LONG}.b", "ü..b", ""])
def test_hosts_of_the_proxy(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--to" in refused(["proxy", "--to", f"http://{host}", "--port", "0"], capsys)


@pytest.mark.parametrize("client_id", ["é", 'a"b', "a\tb"])
@pytest.mark.parametrize("command", ["run", "chat", "doctor"])
def test_client_ids_that_cannot_be_sent(
    command: str, client_id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "script.toml").write_text('script = ["end"]')
    monkeypatch.setenv("STATEMACHINE_CLIENT_ID", client_id)
    files = [str(tmp_path / "script.toml")] if command == "run" else []
    line = refused([command, *files, "--url", "http://127.0.0.1:1", "--app-id", "a"], capsys)
    assert "--client-id: " in line


@pytest.mark.parametrize("proxy", ["http://a..b", f"http://{LONG}.b:3128", "http://.", "http://[", "socks5://a", "a:1"])
def test_proxies_that_are_none(proxy: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATEMACHINE_PROXY", proxy)
    assert "--proxy: " in refused(["doctor", "--url", "http://127.0.0.1:1", "--app-id", "a"], capsys)


# --- did you mean -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "meant"),
    [
        (["emulat"], "emulate"),
        (["simulte"], "simulate"),
        (["scenario", "lst"], "list"),
        (["store", "purg"], "purge"),
        (["scenario", "show", "plian"], "plain"),
        (["emulate", "--scenario", "survy"], "survey"),
        (["demo", "--scenario", "sesion"], "session"),
    ],
)
def test_the_nearest_name_is_suggested(args: list[str], meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(args, capsys)
    assert re.search(f"id you mean '{meant}'\\?( |$)", line)


def test_nothing_is_suggested_where_nothing_is_near(capsys: pytest.CaptureFixture[str]) -> None:
    assert "id you mean" not in refused(["xyzzy"], capsys)
