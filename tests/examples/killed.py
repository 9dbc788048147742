"""An example program that is killed again and again, and what it has delivered: fed and read as a stranger would."""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

from statemachine.testing import EmulatedCentre
from tests.kill.judge import Verdict, judge

TEXTS = 6
LIMIT_S = 120
KNOBS = {"pace": 0.05, "hold_ms": 2_000, "after_cut": "swallow"}
Program = Callable[[EmulatedCentre, Path, str], Any]


def sink_line(update: dict[str, Any]) -> dict[str, Any]:
    """An update as the judge of the kill test reads it."""
    line = {name: update.get(name) for name in ("type", "seq", "key", "state", "reason")}
    entry = update.get("entry", {})
    if update["type"] == "received" and entry["type"] == "message":
        line |= {"type": "message", "msg_id": entry["msg_id"], "text": entry.get("msg_text") or entry.get("msg", "")}
    return line


class Piped:
    """A program that reads from stdin and writes to stdout."""

    def __init__(self, module: str, centre: EmulatedCentre, folder: Path, client: str) -> None:
        arguments = (centre.url, "tenant", "app", client, str(folder / "chat.sqlite"))
        self._arguments = [sys.executable, "-m", f"statemachine.examples.{module}", *arguments]
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = process = subprocess.Popen(
            self._arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        Thread(target=self._read, args=(process,), daemon=True).start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                if line.endswith("\n"):  # a line that the kill has cut is delivered again
                    self._lines.put(line)

    def say(self, said: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(OSError):  # it was killed, or is over
            self._process.stdin.write(json.dumps(said) + "\n")
            self._process.stdin.flush()

    def updates(self) -> Iterator[dict[str, Any]]:
        while not self._lines.empty():
            yield json.loads(self._lines.get())

    def kill(self, chance: random.Random) -> None:
        self.stop()
        self.start()

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            assert self._process.stdin is not None
            with suppress(OSError):
                self._process.stdin.close()


class Web:
    """The web application and its worker; a kill hits one of them, or both."""

    def __init__(self, module: str, centre: EmulatedCentre, folder: Path, client: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as found:
            port = found.getsockname()[1]
        name = f"statemachine.examples.{module}"
        web = ["flask", "--app", name, "run", "--port", str(port)]
        self._commands = [[sys.executable, "-m", *arguments] for arguments in (web, [name])]
        settings = {"CENTRE_URL": centre.url, "TENANT": "tenant", "APP_ID": "app"}
        self._environment = {**os.environ, **settings, "DATABASE": str(folder / "web.sqlite")}
        self._url = f"http://127.0.0.1:{port}/chats/{client}"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._seq = 0

    def start(self) -> None:
        self._processes = [self._spawn(command) for command in self._commands]

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        quiet = subprocess.DEVNULL
        return subprocess.Popen(command, env=self._environment, stdout=quiet, stderr=quiet)

    def say(self, said: dict[str, Any]) -> None:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._url, json.dumps(said).encode(), headers, method="POST")
        with suppress(OSError, urllib.error.URLError), urllib.request.urlopen(request, timeout=30):
            pass

    def updates(self) -> Iterator[dict[str, Any]]:
        try:
            with urllib.request.urlopen(f"{self._url}/updates/{self._seq}", timeout=30) as answer:
                found = json.loads(answer.read())
        except (OSError, ValueError):
            return
        for update in found:
            self._seq = update["seq"]
            yield update

    def kill(self, chance: random.Random) -> None:
        for which in chance.choice(([0], [1], [0, 1])):
            self._processes[which].kill()
            self._processes[which].wait()
            self._processes[which] = self._spawn(self._commands[which])

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


def campaign(program: type[Piped] | type[Web], module: str, kills: int, folder: Path) -> tuple[Verdict, list[str]]:
    """A chat of a program that is killed this often: the judge's verdict, and the rules that the program broke."""
    chance = random.Random(module)
    with EmulatedCentre("plain", KNOBS) as centre:
        running = program(module, centre, folder, "ann")
        sink: list[dict[str, Any]] = []
        count = max(TEXTS, kills)  # a kill of an idle chat shows little
        texts = [{"key": f"text-{n:02d}", "text": f"this is text-{n:02d}"} for n in range(count)]
        running.start()
        try:
            until = time.monotonic() + LIMIT_S + 5 * kills
            next_kill, left, said = time.monotonic() + chance.uniform(0.5, 2), kills, 0
            while not any(line["type"] == "finished" for line in sink):
                assert time.monotonic() < until, f"{left} kills left, delivered: {sink[-5:]}"
                sink += map(sink_line, running.updates())
                outcomes = {line["key"] for line in sink if line["type"] == "delivery_update" and line["key"]}
                heard = " ".join(line["text"] for line in sink if line["type"] == "message")
                done = all(one["key"] in outcomes and one["text"] in heard for one in texts)
                # A text is said until its outcome is known. The last one waits, so that a chat takes all its kills.
                for one in texts[: said + 1]:
                    if one["key"] not in outcomes:
                        running.say(one)
                said = min(count - 2, len(outcomes)) if left else len(outcomes)
                if left and time.monotonic() > next_kill:
                    running.kill(chance)
                    left, next_kill = left - 1, time.monotonic() + chance.uniform(0.3, 2)
                if done and not left:
                    running.say({"end": True})
                time.sleep(0.1)
        finally:
            running.stop()
        (chat,) = centre.chats
        return judge(chat, sink, count), [one.rule for one in centre.violations("ann")]
