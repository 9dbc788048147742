"""The program that gets killed: thousands of chats in one client, and one file of all that their handler was told.

    python -m tests.soak.app URL FOLDER CHATS TEXTS EVERY [to-the-end]

Every chat says its TEXTS, one each EVERY seconds; each is answered by the centre. All news is written to a file before
it counts as dealt with. Killed and started again it goes on. Told to go to the end, it ends by itself, with status 0,
once every chat has every outcome and reply and is over; else no chat is ended, and it is there to be killed. How far it
is and what it uses it prints, one JSON object a line.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import resource
import ssl
import sys
import time
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import structlog

from statemachine import ChatClient, DeliveryUpdate, Finished, Received
from statemachine.client import ChatSession, Options
from statemachine.wire import Message
from tests.soak.sink import Sink

OPENED_PER_SECOND = 60
HELD = 0.95
"""Of the chats: the others have just been told something, and ask again."""
ASKED_PER_SECOND = 25
"""New chats: each is a dozen calls."""
OPTIONS = {
    "opened_per_second": OPENED_PER_SECOND,
    "request_timeout": timedelta(seconds=30),
    "poll_timeout": timedelta(seconds=120),
    "settle": timedelta(seconds=2),
    "close_within": timedelta(seconds=1),
    "request_within": timedelta(minutes=10),
    "ending_within": timedelta(minutes=10),
    "save_within": timedelta(minutes=5),
    "connect_timeout": timedelta(seconds=30),
}


class Bot:
    """What the application does with each chat."""

    def __init__(self, client: ChatClient, sink: Sink, chats: int, texts: int, every: float, *, ends: bool) -> None:
        self._client = client
        self._sink = sink
        self._texts = texts
        self._every = every
        self._ends = ends
        self._left = chats - len(sink.over)
        self._progress: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.done = asyncio.Event()
        if not self._left:
            self.done.set()

    async def handle(self, session: ChatSession, update: object) -> None:
        """Write it down; when this returns it is dealt with."""
        who = session.client_id
        match update:
            case DeliveryUpdate():
                self._sink.write(who, update.seq, "delivery_update", update.key, update.state, update.reason)
            case Received(entry=Message() as entry):
                self._sink.write(who, update.seq, "message", entry.msg_id, entry.msg_text or entry.msg)
            case Finished():
                was = who in self._sink.over
                self._sink.write(who, update.seq, "finished", update.outcome)
                self._left -= not was
                if not self._left:
                    self.done.set()
            case _:
                if (seq := getattr(update, "seq", None)) is not None:
                    self._sink.write(who, seq, type(update).__name__)
                return
        self._progress[who].set()

    async def live(self, who: str, pause: float) -> None:
        """One customer: says everything that has no outcome yet, waits for the answers, ends."""
        await asyncio.sleep(pause)
        session = await self._client.session(who)
        for number in range(self._texts):
            key = f"text-{number:02d}"
            if key not in self._sink.outcomes[who] and session.outcome is None and session.phase != "ending":
                # The key is the application's: sent before the process died, it is one message.
                await session.send(f"this is {key}", key=key)
                await asyncio.sleep(random.uniform(0.5, 1.5) * self._every)
        while session.outcome is None and not self._satisfied(who):
            self._progress[who].clear()
            await self._progress[who].wait()
        if session.outcome is None and self._ends:
            await session.end()

    def _satisfied(self, who: str) -> bool:
        sink = self._sink
        return len(sink.outcomes[who]) >= self._texts and len(sink.replies[who]) >= self._texts - sink.failed[who]


async def main(url: str, folder: Path, chats: int, texts: int, every: float, *, ends: bool) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    sink = Sink(folder / "sink.jsonl")
    tls = ssl.create_default_context(cafile=folder / "ca.pem") if url.startswith("https") else None
    options = Options(**OPTIONS, tls=tls)  # type: ignore[arg-type]
    async with ChatClient(url, app_id="soak", store=folder / "chats.sqlite", options=options) as client:
        bot = Bot(client, sink, chats, texts, every, ends=ends)
        handling = asyncio.create_task(client.handle(bot.handle, concurrency=16))
        customers = [f"customer-{n}" for n in range(chats) if f"customer-{n}" not in sink.over]
        known = [who for who in customers if who in sink.met]
        new = [who for who in customers if who not in sink.met]
        soon = max(every, len(known) / OPENED_PER_SECOND)
        lives = [asyncio.create_task(bot.live(who, random.uniform(0, soon))) for who in known]
        lives += [asyncio.create_task(bot.live(who, n / ASKED_PER_SECOND)) for n, who in enumerate(new)]
        measuring = asyncio.create_task(measure(client, len(customers)))
        await bot.done.wait()
        measuring.cancel()
        handling.cancel()
        await asyncio.gather(*lives)


async def measure(client: ChatClient, chats: int) -> None:
    """How many chats are at work, and, once all are, what the traffic from there on takes."""
    began = time.monotonic()
    while (polling := _polling(client)) < chats * HELD:
        say(opened=sum(chat.phase not in ("idle", "requesting") for chat in client.sessions()) / chats, polling=polling)
        await asyncio.sleep(0.5)
    say(held=polling, seconds=round(time.monotonic() - began), rss_kb=resident())
    used, began = time.process_time(), time.monotonic()
    while True:
        await asyncio.sleep(10)
        spent = time.monotonic() - began
        say(processor_share=round((time.process_time() - used) / spent, 3), seconds=round(spent), rss_kb=resident())


def _polling(client: ChatClient) -> int:
    return sum(chat.session.connection.name == "polling" for chat in client.sessions())


def resident() -> int:
    """Kilobytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


def say(**line: object) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    at, where, how_many, texts_each, pause_s, *end = sys.argv[1:]
    asyncio.run(main(at, Path(where), int(how_many), int(texts_each), float(pause_s), ends=bool(end)))
    os._exit(0)  # nothing is left to be done
