"""The engine behind a Unix socket: connections come and go, the sessions stay."""

from __future__ import annotations

import json
import socket
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engine.listening import listening_engine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")


def ask(path: Path, *requests: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers on a new connection."""
    with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rw", encoding="utf-8") as lines:
        connection.connect(str(path))
        answers = []
        for request in requests:
            lines.write(json.dumps(request) + "\n")
            lines.flush()
            answers.append(json.loads(lines.readline()))
        return answers


def test_sessions_outlive_connections(tmp_path: Path) -> None:
    path = tmp_path / "engine"
    with listening_engine(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        event = {"type": "request_chat", "at": 1, "origin": "o"}
        ask(path, {"op": "begin", "at": 0, "session": "ann"})
        (step,) = ask(path, {"op": "step", "session": "ann", "event": event, "seq": 7})
        assert (step["phase"], step["seq"]) == ("requesting", 7)
        (owed,) = ask(path, {"op": "outbox", "session": "ann"})
        assert owed["commands"] == step["commands"]


def test_a_host_that_does_not_wait_for_its_answers_disturbs_nobody(tmp_path: Path) -> None:
    path = tmp_path / "engine"
    with listening_engine(path) as process:
        for _ in range(3):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(path))
                connection.sendall(b'{"op": "hello"}\n' * 2_000)
        (hello,) = ask(path, {"op": "hello"})
        assert hello["protocol"] == 1
        process.terminate()
        process.wait()
        assert process.stderr is not None
        assert process.stderr.read() == b""
