"""Many held long polls: what a session costs a process, plain and over TLS, how soon its news is there, and how long a
process takes to go on with its sessions (Linux).
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from attrs import evolve, frozen

from tests.bench.held import Job
from tests.bench.race import Spread, spread

__all__ = ["Load", "Start", "run_load", "run_start"]

Line = Literal["plain", "TLS"]

_EMULATOR: Final = """
import asyncio, resource, sys
from contextlib import nullcontext
from statemachine.cli.authority import throw_away_authority
from statemachine.emulator.http import Emulator
async def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    secret = sys.argv[1] == "TLS"
    with throw_away_authority(["127.0.0.1"]) if secret else nullcontext((None, "")) as (tls, authority):
        async with Emulator("silent", tls=tls) as emulator:
            print(emulator.url, authority, flush=True)
            await asyncio.Event().wait()
asyncio.run(main())
"""
_IDLE: Final = 20.0
"""Seconds: longer than one hold of the server."""
_MOST_IDLES: Final = 6
_TOLD: Final = 500


@frozen
class Load:
    """One number of sessions, by `kind` of client. Seconds, but for the names that say otherwise."""

    kind: Literal["ours", "baseline"]
    line: Line
    sessions: int
    opened_in: float
    bytes_each: float
    cpu_ms_a_poll: float
    latency: Spread
    late: Spread
    answered: int


@frozen
class Start:
    """A process that owned so many sessions was killed; another goes on with them. Seconds from its start.

    `caught_up`: until each history has been read, and a poll tried; `processor`: those of it. `polling`: until each
    poll is held, for the server holds on to those of the dead process.
    """

    sessions: int
    caught_up: float
    processor: float
    polling: float
    store_bytes: int


def run_load(sessions: Sequence[int], progress: Callable[[str], None]) -> tuple[Load, ...]:
    """Our client and the baseline at each of these numbers of sessions, plain and over TLS, each in a fresh process.

    Raises ModuleNotFoundError without `trustme`.
    """
    found: list[Load] = []
    lines: tuple[Line, ...] = ("plain", "TLS")
    kinds: tuple[Literal["baseline", "ours"], ...] = ("baseline", "ours")
    for line in lines:
        for count in sessions:
            for kind in kinds:
                progress(f"{count:,} held polls, {kind}, {line}")
                found.append(_load(kind, line, count))
    return tuple(found)


def _load(kind: Literal["ours", "baseline"], line: Line, count: int) -> Load:
    with emulator(line) as centre:
        job = evolve(centre, kind=kind, count=count)
        with held(job) as client:
            opened = json.loads(read_line(client))
            rested = idle(client, count)
            _talk(job)
            time.sleep(2)
            talk = _ask(client)
    return Load(
        kind,
        line,
        count,
        opened["open"],
        (rested["resident"] - opened["warm"]) / count,
        1000 * rested["cpu"] / max(1, rested["polls"]),
        spread(talk["latencies"] or [float("inf")]),
        spread([opened["late"], rested["late"], talk["late"]]),
        rested["polls"],
    )


def idle(client: subprocess.Popen[str], count: int) -> dict[str, Any]:
    """Let the polls be answered, as many as there are sessions: a poll begun is no connection yet, and weighs less."""
    found: dict[str, Any] = {"cpu": 0.0, "polls": 0, "late": 0.0}
    for _ in range(_MOST_IDLES):
        time.sleep(_IDLE)
        report = _ask(client)
        for name in ("cpu", "polls"):
            found[name] += report[name]
        found["late"] = max(found["late"], report["late"])
        found["resident"] = report["resident"]
        if found["polls"] >= count:
            break
    return found


def run_start(sessions: int, progress: Callable[[str], None]) -> Start:
    """Open so many sessions on a store, kill their process, and see another one go on with them."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, emulator("plain") as centre:
        store = Path(folder) / "chats.sqlite"
        job = evolve(centre, count=sessions, store=str(store))
        progress(f"opening {sessions:,} sessions")
        with held(job) as first:
            read_line(first)
        progress(f"going on with {sessions:,} sessions")
        begun = time.monotonic()
        with held(job) as second:
            opened = json.loads(read_line(second))
            polling = time.monotonic() - begun
            return Start(sessions, opened["tried"] - begun, opened["used"], polling, store.stat().st_size)


def _talk(job: Job) -> None:
    """Up to `_TOLD` chats are told the time, one after the other."""
    tls = job.tls()
    chats = json.loads(_control(f"{job.url}/_control/chats", tls))["chats"]
    for chat in chats[:: max(1, len(chats) // _TOLD)]:
        act = {"action": "say", "text": repr(time.monotonic())}
        _control(f"{job.url}/_control/chats/{chat['chat_id']}/actions", tls, act)


def _control(url: str, tls: ssl.SSLContext | None, act: object = None) -> bytes:
    body = None if act is None else json.dumps(act).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60, context=tls) as answer:
        whole: bytes = answer.read()
        return whole


@contextmanager
def emulator(line: Line) -> Generator[Job]:
    """A contact centre in a process of its own, as a job that needs the rest filled in."""
    with _child(["-c", _EMULATOR, line]) as process:
        url, _, authority = read_line(process).strip().partition(" ")
        yield Job("ours", url, 0, authority)


@contextmanager
def held(job: Job) -> Generator[subprocess.Popen[str]]:
    with _child(["-m", "tests.bench.held", job.as_text()]) as process:
        yield process


@contextmanager
def _child(arguments: list[str]) -> Generator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("the process under measurement has stopped: see its words above")
    return line


def _ask(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdin is not None
    process.stdin.write("report\n")
    process.stdin.flush()
    answer: dict[str, Any] = json.loads(read_line(process))
    return answer
