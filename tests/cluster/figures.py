"""How fast a cluster is: `python -m tests.cluster.figures [--chats 1000] [--seconds 20]`, on an idle machine.

Prints, with their goals: `send()` on PostgreSQL against SQLite in the same run, from the inbox to the contact centre,
the processor time of a worker against a single process, what idle polls write, and how long a chat has no poll when its
worker is stopped. Exit status 1 if a goal is missed. `--worker`: without the comparison of the stores. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from math import inf
from pathlib import Path
from statistics import quantiles
from typing import Any

import psycopg

from statemachine.client import ChatClient, Options
from statemachine.cluster import Inbox
from statemachine.emulator import Knobs
from statemachine.emulator.http import Emulator
from tests.cluster.app import GC_THRESHOLD
from tests.postgres import Server

WORKERS: list[asyncio.subprocess.Process] = []
"""All that were started: those that run are killed at the end, also after an error."""
PER_SECOND = 50
HOLD_MS = 5_000


class Stamped(list[tuple[str, str]]):
    """Texts that note when they have arrived."""

    def __init__(self, at: dict[str, float]) -> None:
        super().__init__()
        self._at = at

    def append(self, one: tuple[str, str]) -> None:
        self._at.setdefault(one[1], time.monotonic())
        super().append(one)


def cut(values: Sequence[float], part: int) -> float:
    """A percentile, in ms."""
    return quantiles(values, n=100)[part - 1] * 1_000


def names(given: argparse.Namespace) -> list[str]:
    return [f"customer-{number}" for number in range(given.chats)]


def client(centre: Emulator, store: str, app_id: str) -> ChatClient:
    return ChatClient(centre.url, app_id=app_id, store=store, options=Options(opened_per_second=500))


@asynccontextmanager
async def chats(centre: Emulator, store: str, app_id: str, given: argparse.Namespace) -> AsyncIterator[ChatClient]:
    """A client in which all customers have a chat."""
    async with client(centre, store, app_id) as opened:
        for name in names(given):
            await opened.session(name)
        async with asyncio.timeout(300):
            while any(not chat.session.chat.chat_id for chat in opened.sessions()):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        yield opened


async def send_times(opened: ChatClient, count: int) -> list[float]:
    """Seconds until `send` returns, at a steady rate."""
    found: list[float] = []

    async def send(name: str) -> None:
        chat = await opened.session(name)
        begun = time.monotonic()
        await chat.send("this is a text")
        found.append(time.monotonic() - begun)

    everybody = [chat.client_id for chat in opened.sessions()]
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(send(random.choice(everybody)))
            await asyncio.sleep(1 / PER_SECOND)
    return found


async def compare_stores(given: argparse.Namespace, centre: Emulator, url: str) -> bool:
    """`send()` at so many chats, the two stores in turns."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            chats(centre, str(Path(folder) / "chats.sqlite"), "sqlite", given) as sqlite,
            chats(centre, url, "postgres", given) as postgres,
        ):
            times: dict[str, list[float]] = {"SQLite": [], "PostgreSQL": []}
            for _ in range(4):
                for name, opened in (("SQLite", sqlite), ("PostgreSQL", postgres)):
                    times[name] += await send_times(opened, given.seconds * PER_SECOND // 8)
    for name, found in times.items():
        print(f"send() on {name}, {given.chats} chats: median {cut(found, 50):.1f} ms, p99 {cut(found, 99):.1f} ms")
    ratio = cut(times["PostgreSQL"], 99) / cut(times["SQLite"], 99)
    print(f"  p99 of PostgreSQL {ratio:.2f}x that of SQLite (goal 1.5)")
    return ratio <= 1.5


# --- a worker in a process of its own ---------------------------------------------------------------------------------


async def started(centre: Emulator, url: str, drain_s: int = 20) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "tests.cluster.app", centre.url, url, "5", "5", f"drain={drain_s}"]
    worker = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    WORKERS.append(worker)
    return worker


async def until(link: psycopg.Connection, query: str, seconds: float = 300) -> None:
    """Until this query gives a true value."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                row = link.execute(query).fetchone()  # type: ignore[call-overload]
                if row and row[0]:
                    return
            except psycopg.errors.UndefinedTable:  # no worker has created it yet
                pass
            await asyncio.sleep(0.1)


def processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def waited_s(pid: int) -> float:
    """How long its main thread was ready to run, and had no processor: the share of other programs in the figures."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


async def from_inbox(given: argparse.Namespace, centre: Emulator, inbox: Inbox) -> tuple[list[float], list[float]]:
    """Seconds from the call of `inbox.send` to its return, and to the text's arrival, at a steady rate."""
    arrived: dict[str, float] = {}
    stored: list[float] = []
    for chat in centre.centre.chats.values():
        if chat.key.app_id == "cluster":
            chat.texts_received = Stamped(arrived)
    begun: dict[str, float] = {}

    async def send(name: str, text: str) -> None:
        begun[text] = time.monotonic()
        await inbox.send(name, text, key=text)
        stored.append(time.monotonic() - begun[text])

    everybody = names(given)
    async with asyncio.TaskGroup() as group:
        for number in range(given.seconds * PER_SECOND):
            group.create_task(send(random.choice(everybody), f"text {number}"))
            await asyncio.sleep(1 / PER_SECOND)
    async with asyncio.timeout(60):
        while begun.keys() - arrived.keys():  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return stored, [arrived[text] - at for text, at in begun.items()]


async def measure_worker(given: argparse.Namespace, centre: Emulator, url: str) -> list[bool]:
    """Its inbox, its processor time, its writes, and its planned stop."""
    met: list[bool] = []
    with psycopg.connect(url, autocommit=True) as link:
        worker = await started(centre, url, drain_s=0)
        await until(link, "SELECT count(*) = 256 FROM statemachine.shard WHERE worker IS NOT NULL")
        async with Inbox(url) as inbox:
            for name in names(given):  # not all at once: their polls would come back at once, too
                await inbox.send(name, "hello", key="first")
                await asyncio.sleep(HOLD_MS / 1_000 / given.chats)
            await until(link, f"SELECT count(*) = {given.chats} FROM statemachine.inbox WHERE done IS NOT NULL")
            await asyncio.sleep(HOLD_MS / 1_000 * 2)
            before, waited, begun = processor_s(worker.pid), waited_s(worker.pid), time.monotonic()
            stored, times = await from_inbox(given, centre, inbox)
            used = processor_s(worker.pid) - before
            waited, lasted = waited_s(worker.pid) - waited, time.monotonic() - begun
        print(f"inbox.send(): median {cut(stored, 50):.0f} ms, p99 {cut(stored, 99):.0f} ms")
        print(f"inbox to the contact centre: median {cut(times, 50):.0f} ms, p99 {cut(times, 99):.0f} ms (goal 150)")
        print(f"  meanwhile the worker's event loop waited for a processor for {waited / lasted:.0%} of the time")
        met.append(cut(times, 99) < 150)
        alone = await single_process(given, centre, url)
        print(f"processor of a worker {used:.2f} s, of a single process {alone:.2f} s: {used / alone:.2f}x (goal 1.3)")
        met.append(used / alone <= 1.3)
        met.append(await idle(given, centre, link))
        other = await started(centre, url)
        met.append(await planned_stop(centre, link, worker, "where a cut poll frees its place", 1))
        await centre.set_knobs({"after_cut": "hold"})
        await started(centre, url)
        met.append(await planned_stop(centre, link, other, "elsewhere", HOLD_MS / 1_000 + 1))
    return met


async def single_process(given: argparse.Namespace, centre: Emulator, url: str) -> float:
    """The processor time of one `ChatClient` with the same chats and texts."""
    values = [centre.url, url.replace("/chats", "/single"), str(given.chats), str(given.seconds)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.cluster.figures", "--alone", *values, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return float(out)


async def alone(url: str, store: str, number: str, seconds: str) -> None:
    """In a process of its own: print its processor time for the texts."""
    gc.set_threshold(*GC_THRESHOLD)
    given = argparse.Namespace(chats=int(number))
    async with ChatClient(url, app_id="single", store=store, options=Options(opened_per_second=500)) as opened:
        handling = asyncio.create_task(opened.handle(ignore))
        for name in names(given):
            await (await opened.session(name)).send("hello")
        await asyncio.sleep(HOLD_MS / 1_000 * 2)
        before = time.process_time()
        await send_times(opened, int(seconds) * PER_SECOND)
        await asyncio.sleep(1)
        print(time.process_time() - before)
        handling.cancel()


async def ignore(*_: object) -> None:
    """The application's work."""


async def idle(given: argparse.Namespace, centre: Emulator, link: psycopg.Connection) -> bool:
    """What is written of chats while their polls come back empty."""
    query = "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_user_tables WHERE relname IN "
    query += "('session', 'journal', 'inbox')"
    await asyncio.sleep(HOLD_MS / 1_000 * 3)  # the last answers, and the statistics of them
    polls, before = polls_received(centre), link.execute(query).fetchone()
    await asyncio.sleep(HOLD_MS / 1_000 * 2)
    polled = polls_received(centre) - polls
    await asyncio.sleep(2)
    after = link.execute(query).fetchone()
    written = int((after or (0,))[0] - (before or (0,))[0])
    print(f"{polled} idle polls wrote {written} rows (goal 0)")
    return written == 0 and polled > 0


def polls_received(centre: Emulator) -> int:
    return sum(one.polls for one in mine(centre))


def mine(centre: Emulator) -> list[Any]:
    return [chat for chat in centre.centre.chats.values() if chat.key.app_id == "cluster"]


async def planned_stop(
    centre: Emulator, link: psycopg.Connection, worker: asyncio.subprocess.Process, where: str, goal: float
) -> bool:
    """How long each chat is without a poll when its worker is stopped and another one is there."""
    await until(link, "SELECT count(DISTINCT worker) = 2 AND count(*) = 256 FROM statemachine.shard")
    await asyncio.sleep(HOLD_MS / 1_000 * 2)
    longest: dict[str, float] = {}
    since: dict[str, float] = {}
    chats = mine(centre)
    worker.send_signal(signal.SIGTERM)
    until_s = inf
    while time.monotonic() < until_s:
        now = time.monotonic()
        for chat in chats:
            name = chat.key.client_id
            if chat.held is not None and not chat.held.cut:
                since.pop(name, None)
            else:
                longest[name] = max(longest.get(name, 0.0), now - since.setdefault(name, now))
        if worker.returncode is not None:
            until_s = min(until_s, now + HOLD_MS / 1_000 * 2)
        await asyncio.sleep(0.02)
    assert worker.returncode == 0
    gaps = sorted([longest.get(chat.key.client_id, 0.0) for chat in chats])
    print(f"planned stop, {where}: without a poll for at most {gaps[-1]:.2f} s (goal {goal:g}),", end=" ")
    print(f"half of the chats {gaps[len(gaps) // 2]:.2f} s")
    return gaps[-1] <= goal


async def run(given: argparse.Namespace) -> int:
    gc.set_threshold(*GC_THRESHOLD)
    server = Server(fsync="on")
    server.start()
    try:
        with psycopg.connect(server.url(), autocommit=True) as link:
            for name in ("chats", "single", "stores"):
                link.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        knobs = Knobs(pace=0.05, hold_ms=3 * HOLD_MS, after_cut="free")
        async with Emulator("plain", knobs) as centre:
            met = [] if given.worker else [await compare_stores(given, centre, server.url("stores"))]
            await centre.set_knobs({"hold_ms": HOLD_MS})
            met += await measure_worker(given, centre, server.url("chats"))
        print(f"load of the machine at the end: {os.getloadavg()[0]:.1f}; {met.count(False)} goals missed")
        return 0 if all(met) else 1
    finally:
        for worker in WORKERS:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()
        server.stop("immediate")
        server.remove()


def main() -> int:
    if sys.argv[1:2] == ["--alone"]:
        asyncio.run(alone(*sys.argv[2:]))
        return 0
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.figures", description="How fast a cluster is.")
    parser.add_argument("--chats", type=int, default=1_000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--worker", action="store_true", help="without the comparison of the stores")
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
