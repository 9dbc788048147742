"""The memory that chats leave behind in a client: opened, read in some way, ended, and let go.

    python -m tests.client.ended --chats 10000

Prints the figures; exit status 1 where a chat leaves 1.5 KB or more. Updates that nobody reads stay in the store, so
the ways that leave some are measured with SQLite: in the memory store they would be counted.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import tempfile
import tracemalloc
from datetime import timedelta
from pathlib import Path

from attrs import frozen

from statemachine import ChatClient, Received
from statemachine.client import Options
from statemachine.client.session import ChatSession
from tests.client.two_parties import until
from tests.serving import emulator_process

MOST_BYTES = 1_500
WAYS = ("to the end", "in part", "with those of all chats", "not at all")
"""How the updates of a chat are read."""
CASES = ((WAYS[0], False), *((way, True) for way in WAYS))
"""A way, and whether the store is SQLite; else it is in memory."""
AT_ONCE = 50
FIRST = 6 * AT_ONCE
"""Chats that fill the pool of connections and the caches, which take half a megabyte however many chats follow."""


@frozen
class Left:
    """What is left of one chat, in bytes, and of all of them, in sessions."""

    each: float
    held: int
    alive: int


async def left_behind(url: str, chats: int, way: str, store: Path | None) -> Left:
    """Open, read and end so many chats, after some that fill the caches."""
    options = Options(close_within=timedelta(seconds=1))
    async with ChatClient(url, app_id="app", store=store, options=options) as client:
        reading = asyncio.create_task(_read_all(client)) if way == WAYS[2] else None
        await _run(client, way, range(FIRST))
        before = _traced(start=True)
        await _run(client, way, range(FIRST, FIRST + chats))
        each = (_traced() - before) / chats
        tracemalloc.stop()
        alive = sum(isinstance(one, ChatSession) for one in gc.get_objects())
        if reading:
            reading.cancel()
        return Left(each, len(client.sessions()), alive)


async def _read_all(client: ChatClient) -> None:
    async for _ in client:
        pass


async def _run(client: ChatClient, way: str, numbers: range) -> None:
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with limit:
            await _live(client, way, f"customer-{number}")

    await asyncio.gather(*map(one, numbers))
    for _ in range(600):  # until the last saves and acknowledgements
        await asyncio.sleep(0.1)
        gc.collect()
        if not any(isinstance(one, ChatSession) for one in gc.get_objects()):
            break


async def _live(client: ChatClient, way: str, client_id: str) -> None:
    chat = await client.session(client_id)
    sending = await chat.send("hello")
    if way == WAYS[1]:
        async for update in chat.updates():
            if isinstance(update, Received):
                break
    await sending.sent()
    await chat.end()
    if way == WAYS[0]:
        async for _ in chat.updates():
            pass
    await until(lambda: chat._over, "its end is saved")


def _traced(*, start: bool = False) -> int:
    for _ in range(3):
        gc.collect()
    if start:
        tracemalloc.start()
    return tracemalloc.get_traced_memory()[0]


def measured(chats: int, way: str, sqlite: bool) -> Left:
    """Run the chats with a centre in a process of its own."""
    with emulator_process(pace=0, hold_ms=300, chats_kept=100) as (url, _), tempfile.TemporaryDirectory() as folder:
        return asyncio.run(left_behind(url, chats, way, Path(folder, "chats.db") if sqlite else None))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chats", type=int, default=10_000)
    chats: int = parser.parse_args().chats
    worst = 0.0
    for way, sqlite in CASES:
        left, store = measured(chats, way, sqlite), "SQLite" if sqlite else "in memory"
        print(f"{chats} chats, {store}, updates read {way}: {left.each:.0f} bytes each, {left.held} held", flush=True)
        worst = max(worst, left.each)
    return int(worst >= MOST_BYTES)


if __name__ == "__main__":
    raise SystemExit(main())
