"""The example in Node chats with the emulator through the engine's process: two parties over HTTP, no mock."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import ClassVar

from statemachine.testing import EmulatedCentre
from tests.conformance.node import NODE

EXAMPLE = str(files("statemachine.engine") / "node" / "chat.mjs")
ENGINE = (sys.executable, "-m", "statemachine", "engine")
LIMIT_S = 120


@contextmanager
def example(folder: Path, url: str, *engine: str, client_id: str = "ann") -> Iterator[subprocess.Popen[str]]:
    """The example, with its store in this folder."""
    settings = {"CLIENT_ID": client_id, "STORE": str(folder / "chat.json")}
    pipe = subprocess.PIPE
    command = [NODE, EXAMPLE, url, "Where is <my> parcel?", *(engine or ENGINE)]
    with subprocess.Popen(command, env={**os.environ, **settings}, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], wanted: str) -> None:
    """Read its lines up to this one."""
    assert process.stdout is not None
    assert wanted in (line.strip() for line in process.stdout), f"it ended without {wanted}"


def test_the_example_holds_a_whole_chat(tmp_path: Path) -> None:
    with EmulatedCentre("plain", {"pace": 0.02}) as centre, example(tmp_path, centre.url) as process:
        out, err = process.communicate(timeout=LIMIT_S)
        assert (process.returncode, err) == (0, "")
        assert centre.violations() == []
    shown = out.splitlines()
    assert shown[-1] == "outcome: ended"
    assert "phase: agent_joined" in shown
    assert any(line.startswith("agent: ") for line in shown)
    assert [line for line in shown if re.fullmatch(r"[-0-9a-f]{36}:\d+: sent", line)]
    assert not list(tmp_path.iterdir()), "the store of a chat that is over"


def test_the_example_goes_on_after_a_kill(tmp_path: Path) -> None:
    with EmulatedCentre("silent") as centre:
        with example(tmp_path, centre.url) as process:
            read_until(process, "phase: queued")
            process.send_signal(signal.SIGKILL)
            process.wait()
        agent = centre.agent("Ada")
        with example(tmp_path, centre.url) as process:
            centre.call(agent.accept())
            centre.call(agent.wait_for_text("Where is <my> parcel?"))
            read_until(process, "phase: agent_joined")
            centre.call(agent.wait_for_text("Thank you, bye!"))
            read_until(process, "outcome: ended")
            assert process.wait(LIMIT_S) == 0
        (chat,) = centre.chats
        assert [text for _, text in chat.texts_received] == ["Where is <my> parcel?", "Thank you, bye!"]
        assert centre.violations() == []


def test_the_example_keeps_its_cookie(tmp_path: Path) -> None:
    """A client id `WebChat` is a new customer at each request without it."""
    knobs = {"pace": 0.02}
    with EmulatedCentre("plain", knobs) as centre, example(tmp_path, centre.url, client_id="WebChat") as process:
        out, _ = process.communicate(timeout=LIMIT_S)
        assert out.splitlines()[-1] == "outcome: ended"
        assert len(centre.chats) == 1


class Redirecting(BaseHTTPRequestHandler):
    """A proxy that sends every request to a login page."""

    paths: ClassVar[list[str]] = []
    seen: ClassVar[threading.Event] = threading.Event()

    def answer(self) -> None:
        self.paths.append(self.path)
        if len(self.paths) > 1:
            self.seen.set()
        self.send_response(302)
        self.send_header("Location", "/login")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = answer

    def log_message(self, *_: object) -> None: ...


def test_the_example_follows_no_redirect(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Redirecting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with example(tmp_path, f"http://127.0.0.1:{server.server_port}"):
            assert Redirecting.seen.wait(LIMIT_S), "the refused request is tried again"
        server.shutdown()
    assert not [path for path in Redirecting.paths if "login" in path]


def test_the_example_ends_with_an_error_when_its_engine_does(tmp_path: Path) -> None:
    code = (
        "import itertools, sys; from statemachine.engine import serve; "
        "serve(itertools.islice(sys.stdin, {}), lambda line: (sys.stdout.write(line), sys.stdout.flush())); sys.exit(7)"
    )
    for answers in (0, 4):
        with example(tmp_path, "http://127.0.0.1:9", sys.executable, "-c", code.format(answers)) as process:
            _, err = process.communicate(timeout=LIMIT_S)
            assert (process.returncode, err) == (1, "the engine ended (7)\n")
    with example(tmp_path, "http://127.0.0.1:9", "no-such-program") as process:
        _, err = process.communicate(timeout=LIMIT_S)
        assert (process.returncode, err) == (1, "the engine cannot be started (ENOENT)\n")
