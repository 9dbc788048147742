"""The process under measurement: so many sessions with their polls held, by our client or by a bare script.

`python -m tests.bench.held JOB`, a job as JSON, prints JSON lines: `{"open": …}` once all polls are held, then,
for each line on stdin, what was measured since the line before.
"""

from __future__ import annotations

import asyncio
import gc
import json
import ssl
import sys
import time
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Literal, NamedTuple

from attrs import asdict, frozen

from statemachine.client import (
    ChatClient,
    ChatSession,
    Options,
    Stopped,
    Update,
    fast_event_loop,
    raise_file_limit,
    shrink_tls_buffers,
)
from statemachine.core import Received
from statemachine.core.session import ConnectionBackingOff
from statemachine.core.wire import Message

_OPENING: Final = 50
_AT_ONCE: Final = 10_000.0
"""Stored chats taken up in a second: without the pause between them that spares a contact centre."""
_BEAT: Final = 0.05
"""How often the loop is asked to wake on time: its lateness is that of every deadline."""


@frozen
class Job:
    """What a process is to do. `authority`: the file of the one to trust, "" without TLS. `store`: where our client
    keeps its sessions, and takes up those that are there, "" for memory. `runtime`: the event loop.
    """

    kind: Literal["ours", "baseline"]
    url: str
    count: int
    authority: str = ""
    store: str = ""
    runtime: Literal["asyncio", "asyncio, small buffers", "uvloop"] = "uvloop"

    def tls(self) -> ssl.SSLContext | None:
        """Whom it trusts."""
        return ssl.create_default_context(cafile=self.authority) if self.authority else None

    def as_text(self) -> str:
        """As `main` reads it."""
        return json.dumps(asdict(self))


class Held(NamedTuple):
    """Of how many sessions the poll is held; and of how many one has been tried since the process began."""

    now: int
    tried: int


def _held(chats: Collection[ChatSession]) -> Held:
    links = [chat.session.connection for chat in chats]
    now = sum(link.name == "polling" for link in links)
    return Held(now, now + sum(isinstance(link, ConnectionBackingOff) and link.code is not None for link in links))


class Metrics:
    """What is measured between two reports."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.late = 0.0
        self.polls = 0
        self._cpu = time.process_time()

    def heard(self, text: str) -> None:
        """A message is here; its text says when it was sent (one clock for all processes of a machine)."""
        try:
            self.latencies.append(time.monotonic() - float(text))
        except ValueError:
            return

    def report(self) -> dict[str, object]:
        """What has been since the last report, and the memory in use now."""
        gc.collect()
        found: dict[str, object] = {"latencies": self.latencies, "late": self.late, "polls": self.polls}
        found["resident"] = _resident()
        cpu = time.process_time()
        found["cpu"], self._cpu = cpu - self._cpu, cpu
        self.latencies, self.late, self.polls = [], 0.0, 0
        return found

    async def beat(self) -> None:
        """Note how late the loop wakes."""
        while True:
            due = time.monotonic() + _BEAT
            await asyncio.sleep(_BEAT)
            self.late = max(self.late, time.monotonic() - due)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096


@asynccontextmanager
async def ours(job: Job, measures: Metrics) -> AsyncGenerator[Callable[[], Held]]:
    """`ChatClient`, its news dealt with by a handler."""

    async def handler(_: ChatSession, update: Update | Stopped) -> None:
        if isinstance(update, Received) and isinstance(update.entry, Message):
            measures.heard(update.entry.msg_text or update.entry.msg)

    class Counter:
        def count(self, name: str, labels: Mapping[str, str]) -> None:
            measures.polls += "poll" in labels.values()

        def observe(self, name: str, seconds: float, labels: Mapping[str, str]) -> None: ...

    options = Options(tls=job.tls(), opened_per_second=_AT_ONCE)
    store = job.store or None
    async with ChatClient(job.url, app_id="silent", store=store, metrics=Counter(), options=options) as client:
        handling = asyncio.create_task(client.handle(handler))
        gate = asyncio.Semaphore(_OPENING)

        async def begin(number: int) -> None:
            async with gate:
                await client.session(f"bench-{number}")

        await asyncio.gather(*(begin(number) for number in range(job.count)))
        yield lambda: _held(client.sessions())
        handling.cancel()


@asynccontextmanager
async def baseline(job: Job, measures: Metrics) -> AsyncGenerator[Callable[[], Held]]:
    """aiohttp alone: creates chats and polls them; nothing is kept, retried or looked at twice."""
    from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

    polling = 0

    async def live(http: ClientSession, number: int, gate: asyncio.Semaphore) -> None:
        nonlocal polling
        headers = {"Authorization": f'MOBILE-API-140-327-PLAIN appId="silent", clientId="bench-{number}"'}
        where, query = f"{job.url}/clientweb/api/v2/chats", {"tenantUrl": "localhost"}
        async with gate, http.post(where, json={"parameters": {}}, params=query, headers=headers) as made:
            chat = (await made.json())["chat_id"]
        polling += 1
        headers["Cache-Control"] = "no-cache"
        while True:
            async with http.get(f"{where}/{chat}/events", params=query, headers=headers) as answer:
                batch = await answer.json()
            measures.polls += 1
            for event in batch["events"]:
                measures.heard(event.get("msg_text", ""))

    gate = asyncio.Semaphore(_OPENING)
    tls = job.tls()
    connector = TCPConnector(limit=0, ssl=tls if tls is not None else True)
    async with ClientSession(
        connector=connector, timeout=ClientTimeout(sock_read=30), cookie_jar=DummyCookieJar()
    ) as http:
        tasks = [asyncio.create_task(live(http, number, gate)) for number in range(job.count)]
        yield lambda: Held(polling, polling)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def main(job: Job) -> None:
    """Open all, say so, and report when asked."""
    raise_file_limit()
    measures = Metrics()
    warm = _resident()
    beat = asyncio.create_task(measures.beat())
    begun = time.monotonic()
    async with (ours if job.kind == "ours" else baseline)(job, measures) as polling:
        while polling().tried < job.count:  # noqa: ASYNC110 - polls are looked at from outside: nobody could set an event
            await asyncio.sleep(0.2)
        tried, used = time.monotonic(), time.process_time()
        while polling().now < job.count:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.2)
        _say({"tried": tried, "used": used, "open": time.monotonic() - begun, **measures.report(), "warm": warm})
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, sys.stdin.readline):
            _say(measures.report())
    beat.cancel()


def _say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    wanted = Job(**json.loads(sys.argv[1]))
    if wanted.runtime == "asyncio, small buffers":
        shrink_tls_buffers()
    with asyncio.Runner(loop_factory=fast_event_loop() if wanted.runtime == "uvloop" else None) as runner:
        runner.run(main(wanted))
