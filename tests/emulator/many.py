"""An emulator that serves one chat after another, as a process of its own: does its memory grow, does it slow down?

    python -m tests.emulator.many --chats 20000

Prints memory and rate of each thousand; exit status 1 where the memory still grows after as many chats as it keeps, or
a rate is below half of the first thousand's.
"""

from __future__ import annotations

import argparse
import asyncio
import time

import aiohttp

from statemachine.emulator import Knobs
from tests.serving import emulator_process

AT_ONCE = 20
GROWTH = 1.1
"""What the allocator may add after the limit."""


def resident_mb(process: int) -> float:
    """The memory of a process (Linux only)."""
    with open(f"/proc/{process}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


async def live(http: aiohttp.ClientSession, url: str, number: int) -> None:
    """A whole chat: opened, a text, polled, ended."""
    identity = f'MOBILE-API-140-327-PLAIN appId="app", clientId="many-{number}"'
    headers = {"Authorization": identity, "Cache-Control": "no-cache", "User-Agent": "MobileClient"}
    chats, query = f"{url}/clientweb/api/v2/chats", {"tenantUrl": "x.example"}
    async with http.post(chats, params=query, headers=headers, json={}) as reply:
        chat = f"{chats}/{(await reply.json())['chat_id']}/events"
    text = {"event": "chat_session_message", "msg": "hello", "msg_id": f"many-{number}"}
    for event in (text, {"event": "chat_session_end"}):
        async with http.post(chat, params=query, headers=headers, json={"events": [event]}) as reply:
            assert reply.status == 200, await reply.text()
        async with http.get(chat, params=query, headers=headers) as reply:
            await reply.read()


async def serve(url: str, process: int, chats: int) -> bool:
    """Whether memory and rate stay as they should."""
    rates, full, good, number = list[float](), 0.0, True, 0
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as http:
        while number < chats:
            began, at_end = time.perf_counter(), min(number + 1_000, chats)
            while number < at_end:
                step = min(AT_ONCE, at_end - number)
                await asyncio.gather(*(live(http, url, number + n) for n in range(step)))
                number += step
            rates.append(1_000 / (time.perf_counter() - began))
            memory = resident_mb(process)
            if number > Knobs().chats_kept:
                full = full or memory
                good = good and memory <= full * GROWTH
            good = good and rates[-1] >= rates[0] / 2
            print(f"{number:,} chats: {memory:.0f} MB, {rates[-1]:.0f} chats/s", flush=True)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chats", type=int, default=20_000)
    chats: int = parser.parse_args().chats
    with emulator_process(pace=0, hold_ms=50) as (url, process):
        return int(not asyncio.run(serve(url, process, chats)))


if __name__ == "__main__":
    raise SystemExit(main())
