"""Thousands of polls held by one emulator, as a process of its own, and how soon one of them is answered.

    python -m tests.emulator.held --polls 5000

Prints the figures; exit status 1 where they are worse than promised: under 200 MB, and 50 ms at the median.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

MEGABYTE = 1024 * 1024
PROMISED_MB = 200
PROMISED_MS = 50


class Poller(asyncio.Protocol):
    """One client on one connection: it begins a chat, then polls it for ever."""

    def __init__(self, number: int, counts: Counts) -> None:
        self._counts = counts
        self._head = (
            "Host: localhost\r\n"
            f'Authorization: MOBILE-API-140-327-PLAIN appId="silent", clientId="held-{number}"\r\n'
            "Cache-Control: no-cache\r\nUser-Agent: MobileClient\r\n"
        )
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.chat_id = ""
        self.heard: asyncio.Future[float] | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send("POST", "chats", "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._counts.lost += 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if found and len(body) >= length:
            self._buffer = body[length:]
            self._answered(json.loads(body[:length]))

    def _answered(self, reply: dict[str, object]) -> None:
        if not self.chat_id:
            self.chat_id = str(reply["chat_id"])
            self.opened.set_result(None)
        elif "events" not in reply:
            self._counts.refused += 1
        elif reply["events"] and self.heard is not None and not self.heard.done():
            self.heard.set_result(time.perf_counter())
        self._counts.polls += 1
        self._send("GET", f"chats/{self.chat_id}/events", "\r\n")

    def _send(self, method: str, path: str, rest: str) -> None:
        assert self._transport is not None
        line = f"{method} /clientweb/api/v2/{path}?tenantUrl=x.example HTTP/1.1\r\n"
        self._transport.write((line + self._head + rest).encode())


class Counts:
    polls = 0
    refused = 0
    lost = 0


async def measured(url: str, pid: int, polls: int, answers: int) -> dict[str, float]:
    host, port = urlsplit(url).hostname, urlsplit(url).port
    loop = asyncio.get_running_loop()
    counts = Counts()
    began = time.perf_counter()
    pollers: list[Poller] = []
    for number in range(polls):
        _, poller = await loop.create_connection(lambda number=number: Poller(number, counts), host, port)
        pollers.append(poller)
    await asyncio.gather(*(poller.opened for poller in pollers))
    opened_s = time.perf_counter() - began
    await asyncio.sleep(5)
    delays: list[float] = []
    for poller in random.Random(1).sample(pollers, min(answers, polls)):
        poller.heard = loop.create_future()
        asked = time.perf_counter()
        await _say(str(host), int(port or 0), poller.chat_id)
        delays.append((await asyncio.wait_for(poller.heard, 30) - asked) * 1000)
        await asyncio.sleep(0.02)
    return {
        "polls held": polls,
        "opened in s": round(opened_s, 1),
        "memory MB": round(_memory(pid, "VmRSS") / MEGABYTE, 1),
        "memory at most MB": round(_memory(pid, "VmHWM") / MEGABYTE, 1),
        "answers": len(delays),
        "answer ms, median": round(statistics.median(delays), 1),
        "answer ms, 99 of 100": round(statistics.quantiles(delays, n=100)[98], 1),
        "answered polls": counts.polls,
        "refused": counts.refused,
        "connections lost": counts.lost,
    }


async def _say(host: str, port: int, chat_id: str) -> None:
    """One action of an agent, over the control API, on a connection of its own."""
    reader, writer = await asyncio.open_connection(host, port)
    body = b'{"action": "say", "text": "hello"}'
    head = f"POST /_control/chats/{chat_id}/actions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    status = await reader.readline()
    assert b" 200 " in status, status
    writer.close()


def _memory(pid: int, field: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--polls", type=int, default=5_000)
    parser.add_argument("--answers", type=int, default=200, help="how many of them get an answer")
    wanted = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.json"
        command = [sys.executable, "-m", "statemachine", "emulate", "--port", "0", "--ready-file", str(ready)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                while not ready.exists() and process.poll() is None:
                    time.sleep(0.05)
                about = json.loads(ready.read_text("utf-8"))
                figures = asyncio.run(measured(about["url"], process.pid, wanted.polls, wanted.answers))
            finally:
                process.terminate()
    for name, value in figures.items():
        print(f"{name:>22}  {value:,}")
    broken = figures["refused"] + figures["connections lost"]
    good = figures["memory at most MB"] < PROMISED_MB and figures["answer ms, median"] < PROMISED_MS and not broken
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
