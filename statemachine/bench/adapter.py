"""Many held long polls: what a session costs a process, and how soon its news is there (Linux)."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal

from attrs import frozen

from .race import Spread, spread

__all__ = ["Load", "run_load"]

_EMULATOR: Final = """
import asyncio, resource
from statemachine.emulator.http import Emulator
async def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    async with Emulator("silent") as emulator:
        print(emulator.url, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""
_IDLE: Final = 20.0
"""Seconds: longer than one hold of the server, so that each poll is answered at least once."""


@frozen
class Load:
    """One number of sessions, by `kind` of client. Seconds, but for the names that say otherwise."""

    kind: Literal["ours", "floor"]
    sessions: int
    opened_in: float
    bytes_each: float
    cpu_ms_a_poll: float
    latency: Spread
    late: Spread
    answered: int


def run_load(sessions: Sequence[int], tell: Callable[[str], None]) -> list[Load]:
    """Measure our client and the floor at each of these numbers of sessions, each in a fresh process."""
    found: list[Load] = []
    for count in sessions:
        for kind in ("floor", "ours"):
            tell(f"{count:,} held polls, {kind}")
            found.append(_load(kind, count))
    return found


def _load(kind: Literal["ours", "floor"], count: int) -> Load:
    with _child(["-c", _EMULATOR]) as emulator:
        url = _line(emulator).strip()
        with _child(["-m", "statemachine.bench.held", kind, url, str(count)]) as client:
            opened = json.loads(_line(client))
            time.sleep(_IDLE)
            idle = _ask(client)
            _talk(url)
            time.sleep(2)
            talk = _ask(client)
    return Load(
        kind,
        count,
        opened["open"],
        (opened["resident"] - opened["warm"]) / count,
        1000 * idle["cpu"] / max(1, idle["polls"]),
        spread(talk["latencies"] or [float("inf")]),
        spread([opened["late"], idle["late"], talk["late"]]),
        idle["polls"],
    )


def _talk(url: str) -> None:
    """Each chat is told the time, one after the other."""
    chats = json.loads(urllib.request.urlopen(f"{url}/_control/chats", timeout=60).read())["chats"]
    for chat in chats:
        act = {"act": "say", "text": repr(time.monotonic())}
        request = urllib.request.Request(
            f"{url}/_control/chats/{chat['chat_id']}/acts",
            json.dumps(act).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=60).close()


@contextmanager
def _child(arguments: list[str]) -> Generator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("the process under measurement has stopped: see its words above")
    return line


def _ask(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdin is not None
    process.stdin.write("report\n")
    process.stdin.flush()
    answer: dict[str, Any] = json.loads(_line(process))
    return answer
