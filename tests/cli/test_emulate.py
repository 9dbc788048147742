"""`statemachine emulate`, as the process that it is."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

import pytest

from statemachine.cli import main


@contextmanager
def emulator(*args: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """(process, url), as soon as it listens."""
    command = [sys.executable, "-m", "statemachine", "emulate", *args]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            yield process, first.rpartition(" ")[2].strip()
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_and_stops(number: signal.Signals) -> None:
    with emulator("--port", "0", "--set", "initial_state=queued") as (process, url):
        assert url.startswith("http://127.0.0.1:")
        request = Request(
            f"{url}/clientweb/api/v2/chats?tenantUrl=x",
            data=b"{}",
            headers={"Authorization": 'MOBILE-API-140-327-PLAIN appId="a", clientId="eve"'},
        )
        with urlopen(request) as reply:
            assert b'"state": "queued"' in reply.read()
        process.send_signal(number)
        assert process.stdout is not None
        assert process.stderr is not None
        out, err = process.stdout.read(), process.stderr.read()
        process.wait(30)
    assert process.returncode == 0
    assert err == ""
    for word in ("tenant", "app id", "client id", "Ctrl-C", "begins; client eve,", "1 chat"):
        assert word in out


def test_a_busy_port_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["emulate", "--port", str(port)]) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert f"port {port} on 127.0.0.1 is taken" in captured.err


def test_the_knobs_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emulate", "--knobs"]) == 0
    assert "hold_ms = 15000 ms" in capsys.readouterr().out


@pytest.mark.parametrize("setting", ["nonsense=1", "hold_ms", "hold_ms=x", "receipts=maybe", "hold_ms=-5"])
def test_a_wrong_knob_is_one_line(setting: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emulate", "--set", setting]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emulate", "--help"]) == 0
    assert "queue-transfer" in capsys.readouterr().out
