"""Idle chats and open event streams of a gateway, beside an embedded client: `python -m tests.gateway.load`.

Prints memory and processor time of both processes with the same chats, and of the gateway with its streams; exit
status 1 where the gateway takes more than 1.5 times as much, or a stream misses an update. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from statemachine.client import ChatClient, fast_event_loop, raise_file_limit

MOST = 1.5
AT_ONCE = 50


async def embedded(url: str, folder: Path, chats: int) -> None:
    """The application with the client in its own process. Runs in a process of its own."""
    async with ChatClient(url, tenant="example", app_id="silent", store=folder / "embedded.sqlite") as client:

        async def start(number: int) -> None:
            await client.session(f"client-{number}")

        await each(chats, start)
        (folder / "embedded.json").write_text("{}")
        await asyncio.Event().wait()


@asynccontextmanager
async def process(ready: Path, *line: str) -> AsyncGenerator[tuple[int, dict[str, str]]]:
    """A Python process, its id, and what its ready file says."""
    running = await asyncio.create_subprocess_exec(*(sys.executable, *line), stdout=asyncio.subprocess.DEVNULL)
    try:
        while not (about := written(ready)):
            assert running.returncode is None, line
            await asyncio.sleep(0.1)
        yield running.pid, json.loads(about)
    finally:
        running.kill()
        await running.wait()


def written(file: Path) -> str:
    """The content of a file, empty where there is none yet."""
    return file.read_text() if file.exists() else ""


def memory(pid: int) -> int:
    """Bytes in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def processor(pid: int) -> float:
    """Seconds of processor time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measured(name: str, pid: int, seconds: float, before: int = 0) -> tuple[float, float]:
    """Memory (MB, above `before`) and processor time a second, over some seconds at rest."""
    began = processor(pid)
    await asyncio.sleep(seconds)
    found = (memory(pid) - before) / 1e6, (processor(pid) - began) / seconds
    print(f"{name:<40} {found[0]:8.1f} MB {found[1]:8.4f} s/s", flush=True)
    return found


async def each(number: int, work: Callable[[int], Awaitable[None]]) -> None:
    """Do this for all numbers below, some at a time."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(n: int) -> None:
        async with turns:
            await work(n)

    await asyncio.gather(*map(one, range(number)))


async def streams(http: ClientSession, url: str, number: int, pid: int, seconds: float) -> int:
    """Open event streams; how many of them receive an update."""
    async with AsyncExitStack() as stack:
        opened = []

        async def open_one(_: int) -> None:
            headers = {"Accept": "text/event-stream"}
            opened.append(await stack.enter_async_context(http.get(f"{url}/updates?after=latest", headers=headers)))

        await each(number, open_one)
        before = memory(pid)
        await measured(f"gateway with {number} streams", pid, seconds)
        text = {"json": {"text": "Hello, all of you"}, "headers": {"Idempotency-Key": "load"}}
        async with http.post(f"{url}/chats/client-0/texts", **text) as sent:
            assert sent.status == 202, await sent.text()
        heard = 0
        for one in opened:
            async for raw in one.content:
                if b'"key":"load"' in raw:
                    heard += 1
                    break
        print(f"{heard} of {number} streams received the update; {(memory(pid) - before) / 1e6:.1f} MB more")
        return heard


async def run(chats: int, number: int, seconds: float) -> int:
    """The number of goals that were missed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        emulate = ("-m", "statemachine", "emulate", "--port", "0", "--ready-file", str(folder / "centre.json"))
        async with process(folder / "centre.json", *emulate) as (_, centre):
            own = ("-m", "tests.gateway.load", "--embedded", centre["url"], "--folder", name, "--chats", str(chats))
            async with process(folder / "embedded.json", *own) as (pid, _):
                alone = await measured(f"embedded client, {chats} chats", pid, seconds)
            line = (
                "-m",
                "statemachine",
                "gateway",
                "--url",
                centre["url"],
                "--tenant",
                "example",
                "--app-id",
                "silent",
            )
            more = (
                "--port",
                "0",
                "--store",
                str(folder / "chats.sqlite"),
                "--ready-file",
                str(folder / "gateway.json"),
            )
            async with (
                process(folder / "gateway.json", *line, *more, "--rate", "100000") as (pid, about),
                ClientSession(connector=TCPConnector(limit=0), timeout=ClientTimeout(total=None)) as http,
            ):

                async def start(n: int) -> None:
                    async with http.put(f"{about['url']}/chats/gateway-{n}") as answer:
                        assert answer.status == 200, await answer.text()

                await each(chats, start)
                served = await measured(f"gateway, {chats} chats", pid, seconds)
                heard = await streams(http, about["url"], number, pid, seconds)
    ratios = [of_gateway / max(of_client, 1e-3) for of_gateway, of_client in zip(served, alone, strict=True)]
    print(f"gateway / embedded client: memory {ratios[0]:.2f}, processor {ratios[1]:.2f}; at most {MOST}")
    return sum(ratio > MOST for ratio in ratios) + (heard < number)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.gateway.load", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chats", type=int, default=3_000)
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--embedded", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    raise_file_limit()
    with asyncio.Runner(loop_factory=fast_event_loop()) as runner:
        if given.embedded:
            runner.run(embedded(given.embedded, given.folder, given.chats))
            return 0
        return 1 if runner.run(run(given.chats, given.streams, given.seconds)) else 0


if __name__ == "__main__":
    sys.exit(main())
