"""`statemachine chat`, as a process: at a pipe, and at a terminal with real keys."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from statemachine.cli import main
from tests.cli.processes import statemachine
from tests.cli.test_emulate import emulator

SLOW = 60
"""Seconds. Nothing is judged by time; a machine may be busy."""


@pytest.fixture
def url(state: Path) -> Iterator[str]:
    with emulator("--port", "0", "--pace", "0.02", "--set", "hold_ms=300") as (_, url):
        yield url


def chat(*args: str, stdin: str = "") -> tuple[int, str, str]:
    done = statemachine("chat", *args, stdin=stdin.encode(), env={**os.environ, "PYTHONIOENCODING": "utf-8"})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_at_a_pipe_every_line_is_sent_and_leaving_ends_no_chat(url: str) -> None:
    status, out, err = chat(stdin="first\n")
    assert (status, err) == (0, "")
    assert url in out
    assert out.index("you          first") < out.index("✓ sent: “first”") < out.index("the chat stays open")
    status, out, err = chat(stdin="second\n/end\n")
    assert (status, err) == (0, "")
    assert out.index("earlier in this chat") < out.index("you          first") < out.index("— now")
    assert out.index("✓ sent: “second”") < out.index("The chat ended in good order")


@pytest.mark.slow
def test_an_emulator_for_this_chat_alone() -> None:
    status, out, err = chat("--emulator", stdin="hello\n")
    assert (status, err) == (0, "")
    assert "✓ sent: “hello”" in out
    assert "the contact centre that was started for this chat stops" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Give --url and --app-id, or start one: statemachine emulate"),
        (["--url", "http://127.0.0.1:9", "--app-id", "x"], "127.0.0.1:9: "),
        (["--url", "http://no-such-host.invalid", "--app-id", "x"], "no such host"),
        (["--url", "http://127.0.0.1:9"], "--app-id is missing"),
        (["--url", "http://127.0.0.1:9", "--app-id", "x", "--client-id", ""], "--client-id is empty"),
        (["--parameter", "x"], "--parameter x: expected NAME=VALUE"),
    ],
)
def test_what_cannot_begin_is_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: SIM115
    assert main(["chat", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert words in captured.err
    sys.stdin.close()


@pytest.mark.slow
def test_settings_that_are_wrong_are_told_at_once() -> None:
    with emulator("--port", "0", "--set", "app_ids=other") as (_, url):
        status, out, err = chat("--url", url, "--app-id", "mine", stdin="hello\n")
    assert (status, out) == (2, "")
    assert "no scenario entry with this app id (error 3000)" in err
    assert "statemachine doctor" in err


@pytest.mark.slow
def test_without_a_place_to_keep_things_it_still_works(url: str, state: Path) -> None:
    other = state.parent / "file"
    other.write_text("where a folder should be")
    environment = {**os.environ, "STATEMACHINE_STATE_DIR": str(other), "PYTHONIOENCODING": "utf-8"}
    done = statemachine("chat", "--url", url, "--app-id", "chat", stdin=b"hello\n/end\n", env=environment)
    assert done.returncode == 0
    assert "The chat ended in good order" in done.stdout.decode()
    assert "cannot be stored on this machine" in done.stderr.decode()


# --- at a terminal --------------------------------------------------------------------------------------------------


class Seat:
    """A process at a terminal of its own."""

    def __init__(self, pid: int, terminal: int) -> None:
        self.pid = pid
        self._terminal = terminal
        self.seen = ""

    def types(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def sees(self, *words: str) -> None:
        """Wait for these words, in this order, after what was waited for before."""
        for word in words:
            limit = time.monotonic() + SLOW
            while word not in self.seen:
                assert time.monotonic() < limit, f"no {word!r} in {self.seen!r}"
                if select.select([self._terminal], [], [], 0.5)[0]:
                    self.seen += os.read(self._terminal, 65_536).decode(errors="replace")
            self.seen = self.seen.partition(word)[2]

    def ends(self) -> int:
        """Wait for its end, reading what it still has to say: the exit status."""
        while True:
            try:
                if not os.read(self._terminal, 65_536):
                    break
            except OSError:  # Linux says so at the end
                break
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@contextmanager
def seat(*args: str, columns: int = 80) -> Iterator[Seat]:
    import pty
    import termios

    pid, terminal = pty.fork()
    if pid == 0:
        environment = {**os.environ, "TERM": "xterm", "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"}
        os.execve(sys.executable, [sys.executable, "-m", "statemachine", *args], environment)
    termios.tcsetwinsize(terminal, (30, columns))
    try:
        yield Seat(pid, terminal)
    finally:
        os.close(terminal)
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
@pytest.mark.parametrize("columns", [80, pytest.param(120, marks=pytest.mark.slow)])
def test_somebody_chats_is_killed_and_goes_on(url: str, columns: int) -> None:
    with seat("chat", columns=columns) as first:
        first.sees(url, "agent_joined")
        first.types("hello there\r")
        first.sees("you", "hello there", "You said: hello there")
        os.kill(first.pid, signal.SIGKILL)
    with seat("chat", columns=columns) as second:
        second.sees("earlier in this chat", "hello there", "now", "agent_joined")
        second.types("/nonsense\r")
        second.sees("there is no command /nonsense")
        second.types("/end\r")
        second.sees("The chat ended in good order")
        second.types("/new\r")
        second.sees("agent_joined")
        second.types("half\x03\x03")
        second.sees("the chat stays open", "statemachine: interrupted")
        assert second.ends() == 130


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
def test_where_no_emulator_runs_one_is_offered() -> None:
    with seat("chat") as one:
        one.sees("Start one for this chat?")
        one.types("n\r")
        one.sees("statemachine emulate")
        assert one.ends() == 2


@pytest.mark.slow
def test_a_process_that_is_interrupted_leaves_in_good_order(url: str) -> None:
    command = [sys.executable, "-m", "statemachine", "chat"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, encoding="utf-8", **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout is not None
        for line in process.stdout:
            if "agent_joined" in line:
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(SLOW) == 130
        assert process.stderr is not None
        assert process.stderr.read().strip() == "statemachine: interrupted"
