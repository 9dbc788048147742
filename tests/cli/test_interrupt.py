"""Ctrl-C ends every command soon, with status 130, and leaves no process behind; long commands show progress."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX")
SOON_S = 2.0
ENGINE = ["--", sys.executable, "-m", "statemachine", "engine"]


@contextmanager
def deaf_server() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def started(*args: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command in a process group of its own, as a shell starts it."""
    with subprocess.Popen(
        [sys.executable, "-m", "statemachine", *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            for stream in (process.stdin, process.stdout, process.stderr):
                assert stream is not None
                stream.close()
            if alive(process.pid):
                os.killpg(process.pid, signal.SIGKILL)


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def interrupt(process: subprocess.Popen[bytes]) -> float:
    """Press Ctrl-C; returns how long the command took to end."""
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    process.wait(60)
    return time.monotonic() - began


def until_busy(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait for so long; the process must still run then."""
    time.sleep(seconds)
    assert process.poll() is None, process.stderr and process.stderr.read()


@pytest.mark.slow
@pytest.mark.parametrize(
    "args",
    [
        ["simulate", "--seeds", "100000", "--jobs", "3"],
        ["simulate", "--seeds", "100000", "--jobs", "1"],
        ["simulate", "--seeds", "0", "--explore", "8"],
        ["conform", "--cases", "100000", *ENGINE],
        ["conform", "--client", *ENGINE],
        ["emulate", "--port", "0"],
        ["engine"],
        ["replay", "-"],
        ["demo", "--pace", "10"],
    ],
    ids=" ".join,
)
def test_ctrl_c(args: Sequence[str]) -> None:
    took = []
    for _ in range(2):  # a busy machine may be slow once, a fault is slow each time
        with started(*args) as process:
            until_busy(process, 6)
            took.append(interrupt(process))
            assert process.returncode == 130
            assert not alive(process.pid)
        if took[-1] < SOON_S:
            return
    raise AssertionError(f"it took {took} s to end")


@pytest.mark.parametrize("module", ["click", "statemachine.cli.app", "rich", "statemachine.cli.demo"])
@pytest.mark.parametrize(
    "where",
    [
        "raise KeyboardInterrupt",
        "exec('raise KeyboardInterrupt')",
        "type('C', (), {'x': Interrupted()})",
        "Interrupted().__set_name__(None, '')",
    ],
)
def test_ctrl_c_while_modules_are_imported(module: str, where: str, tmp_path: Path) -> None:
    """Each command imports its modules when it is called, which takes a second on a busy machine."""
    (tmp_path / "interrupted.py").write_text(
        "import sys\n"
        "from importlib.abc import MetaPathFinder\n"
        "class Interrupted:\n"
        "    def __set_name__(self, owner, name):\n"
        "        try:\n"
        "            raise KeyboardInterrupt\n"
        "        finally:\n"
        "            if owner is None: raise RuntimeError('in the wake of it')\n"
        "class Interrupting(MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        f"        if name == {module!r}:\n"
        f"            {where}\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from statemachine.cli import main\n"
        "sys.exit(main(['demo', '--pace', '0.1']))\n"
    )
    command = [sys.executable, "-m", "interrupted"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (130, b"")
    assert done.stderr.strip() == b"statemachine: interrupted"


def test_nothing_is_imported_before_ctrl_c_is_caught() -> None:
    script = (
        "import sys; before = set(sys.modules); from statemachine.cli import main; "
        "print(*sorted(one for one in set(sys.modules) - before if not one.startswith('statemachine')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() in (["__future__"], [])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["run", "chat", "doctor"])
def test_ctrl_c_while_a_server_does_not_answer(name: str, tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text('script = [{ start = "hi" }, { wait_for = "ended", within = "60s" }]')
    with deaf_server() as url:
        files = [str(script)] if name == "run" else []
        with started(name, *files, "--url", url, "--app-id", "a") as process:
            until_busy(process, 6)
            took = interrupt(process)
            assert process.returncode == 130
            assert took < SOON_S + 1


def test_workers_of_a_simulation_end_with_it() -> None:
    with started("simulate", "--seeds", "100000", "--jobs", "2") as process:
        until_busy(process, 4)
        interrupt(process)
        assert process.returncode == 130
        assert not alive(process.pid)
        assert process.stderr is not None
        assert process.stderr.read().strip() == b"statemachine: interrupted"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["simulate", "--seeds", "21", "--steps", "10", "--jobs", "2"], b" of 21 seeds, 0 violations"),
        (["simulate", "--seeds", "11", "--steps", "10", "--jobs", "1"], b" of 11 seeds, 0 violations"),
        (["conform", "--only", "F13", *ENGINE], b" checks"),
    ],
)
def test_long_commands_show_progress_on_a_terminal(args: Sequence[str], words: bytes) -> None:
    terminal, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "statemachine", *args], stdout=subprocess.PIPE, stderr=theirs, timeout=120
    )
    os.close(theirs)
    shown = os.read(terminal, 65_536)
    os.close(terminal)
    assert done.returncode == 0
    assert words in shown
    assert shown.endswith(b"\r\x1b[K")
    assert b"\x1b" not in done.stdout
