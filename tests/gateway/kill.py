"""Kill a gateway again and again under a bridge, and judge what is left: `python -m tests.gateway.kill --kills 20`.

The bridge is one of the examples (`--bridge curl` or `typescript`), the contact centre the emulator, all over HTTP.
Kills (SIGKILL) come while a webhook waits for its answer, while an upload is on its way, while the event stream is
open, and at random. Prints figures; exit status 1 if anything was lost, doubled or out of order. POSIX only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, web

from statemachine.emulator import Chat, Knobs
from statemachine.emulator.http import Emulator
from tests.docs.documents import ROOT
from tests.gateway.test_guide import free_port
from tests.serving import served

EXAMPLES = ROOT / "statemachine" / "gateway" / "examples"
MOMENTS = ("webhook", "upload", "stream", "random")
TEXTS = 3
KEY = "hunter2-secret-of-the-crm"


class Sink:
    """The receiver of the webhook; it takes its time, so that kills find deliveries under way."""

    def __init__(self) -> None:
        self.open = 0
        self.received: list[tuple[str, dict[str, Any]]] = []

    async def take(self, request: web.Request) -> web.Response:
        self.open += 1
        try:
            self.received.append((request.headers["Webhook-Id"], await request.json()))
            await asyncio.sleep(0.03)
        finally:
            self.open -= 1
        return web.Response(status=204)


class Campaign:
    """One series of kills over the chats of one bridge."""

    def __init__(self, folder: Path, centre: Emulator, sink: Sink, hook: str, seed: int) -> None:
        self.folder, self.centre, self.sink = folder, centre, sink
        self.kills: Counter[str] = Counter()
        self.users: list[str] = []
        self.found: list[str] = []
        self.counted = 0
        self._chance = random.Random(seed)
        self._port = free_port()
        self._lines = folder / "bridge.out"
        self._log = (folder / "gateway.log").open("ab")
        (folder / "photo.bin").write_bytes(random.Random(seed).randbytes(3_000_000))
        (folder / "crm").write_text(KEY)
        (folder / "gateway.toml").write_text(
            f'url = "{centre.url}"\ntenant = "example"\napp_id = "kill"\nstore = "chats.sqlite"\nport = {self._port}\n'
            f'[[webhook]]\nname = "crm"\nurl = "{hook}"\nsecret_file = "crm"\n'
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def run(self, kills: int, bridge: list[str]) -> None:
        """Kill so often, then let all chats come to their end."""
        env = {**os.environ, "GATEWAY_URL": self.url}
        with self._lines.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                *bridge, cwd=self.folder, env=env, stdin=asyncio.subprocess.PIPE, stdout=out, start_new_session=True
            )
            try:
                feeding = asyncio.create_task(self._feed(process))
                for number in range(kills):
                    await self._live(MOMENTS[number % len(MOMENTS)])
                self._last = True
                async with self._gateway():
                    await feeding
                    async with asyncio.timeout(300):
                        while not self._is_over():  # noqa: ASYNC110 - files of another process
                            await asyncio.sleep(0.2)
            finally:
                self._log.close()
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()

    _last = False

    async def _feed(self, process: asyncio.subprocess.Process) -> None:
        """Write lines for one user after the other, until the last kill."""
        assert process.stdin is not None
        while not self._last or len(self.users) < 2:
            user = f"user-{len(self.users)}"
            self.users.append(user)
            texts = [{"id": f"{user}-{n}", "user": user, "text": f"this is text-{n:02d}"} for n in range(TEXTS)]
            for line in (*texts, {"id": f"{user}-file", "user": user, "file": "photo.bin"}):
                process.stdin.write(json.dumps(line).encode() + b"\n")
                await process.stdin.drain()
                await asyncio.sleep(self._chance.uniform(0, 0.3))
            while not self._has_answers(user):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            process.stdin.write(json.dumps({"id": f"{user}-end", "user": user, "end": True}).encode() + b"\n")

    def _has_answers(self, user: str) -> bool:
        """Whether all was sent and answered: what an agent writes behind the end of a chat does not arrive."""
        mine = [line for line in self.lines() if line["user"] == user]
        answers = {line["text"] for line in mine if "You said" in (line.get("text") or "")}
        chats = [chat for chat in self.centre.centre.chats.values() if chat.key.client_id == user]
        return len(answers) >= TEXTS and files_of(chats[0]) >= 1

    async def _live(self, moment: str) -> None:
        async with self._gateway() as process:
            try:
                async with asyncio.timeout(20):
                    while not self._has_come(moment):  # noqa: ASYNC110 - moments of milliseconds
                        await asyncio.sleep(0.001)
            except TimeoutError:
                moment = "random"
            if moment == "random":
                await asyncio.sleep(self._chance.uniform(0, 2))
            process.kill()
            self.kills[moment] += 1

    def _has_come(self, moment: str) -> bool:
        uploads = self.folder / "chats.sqlite.uploads"
        return {
            "webhook": lambda: self.sink.open > 0,
            "upload": lambda: any(uploads.iterdir()),
            "stream": lambda: len(self.lines()) > 0,
            "random": lambda: True,
        }[moment]()

    @asynccontextmanager
    async def _gateway(self) -> AsyncGenerator[asyncio.subprocess.Process]:
        """The gateway, once it answers."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "statemachine", "gateway", "--config", "gateway.toml", "--drain", "1"),
            cwd=self.folder,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=self._log,
        )
        try:
            async with ClientSession() as http, asyncio.timeout(120):
                while process.returncode is None:
                    try:
                        async with http.get(f"{self.url}/healthz"):
                            break
                    except ClientError:
                        await asyncio.sleep(0.05)
            assert process.returncode is None, (self.folder / "gateway.log").read_text()
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    def lines(self) -> list[dict[str, Any]]:
        """What the bridge has written."""
        text = self._lines.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def _is_over(self) -> bool:
        ended = {line["user"] for line in self.lines() if line["type"] == "finished"}
        delivered = {one["client_id"] for _, one in self.sink.received if one["update"]["type"] == "finished"}
        return ended == delivered == set(self.users)

    # --- the verdict --------------------------------------------------------------------------------------------------

    def faults(self) -> list[str]:
        """All that was lost, doubled or out of order, in words."""
        lines = self.lines()
        found = [] if _is_rising([line["cursor"] for line in lines]) else ["the bridge got a cursor twice, or back"]
        of_bridge: dict[str, list[int]] = defaultdict(list)
        for line in lines:
            of_bridge[line["user"]].append(line["seq"])
        of_sink: dict[str, list[int]] = defaultdict(list)
        ids: dict[str, dict[str, Any]] = {}
        for name, one in self.sink.received:
            if ids.setdefault(name, one) is one:
                of_sink[one["client_id"]].append(one["update"]["seq"])
            elif ids[name] != one:
                found.append(f"{name}: delivered with two contents")
        for user in self.users:
            found += [f"{user}: {fault}" for fault in self._faults_of(user, lines)]
            for place, seqs in (("event stream", of_bridge[user]), ("webhook", of_sink[user])):
                if seqs != list(range(1, len(of_bridge[user]) + 1)):
                    found.append(f"{user}: {place}: {seqs}")
        return found

    def _faults_of(self, user: str, lines: list[dict[str, Any]]) -> list[str]:
        chats = [chat for chat in self.centre.centre.chats.values() if chat.key.client_id == user]
        if len(chats) != 1:
            return [f"{len(chats)} chats"]
        found = []
        texts = [text for _, text in chats[0].texts_received]
        if texts != [f"this is text-{n:02d}" for n in range(TEXTS)]:
            found.append(f"arrived: {texts}")
        if files_of(chats[0]) != 1:
            found.append(f"{files_of(chats[0])} files arrived")
        told = Counter(line["text"] for line in lines if line["user"] == user and line["type"] == "received")
        said = Counter(
            one.event.get("msg") for one in chats[0].log
            if one.direction == "to_client" and one.event["event"] == "chat_session_message"
        )  # fmt: skip
        if missing := said - told:
            found.append(f"lost: {missing}")
        return found


def files_of(chat: Chat) -> int:
    """Files that the customer has sent."""
    return sum(one.event["event"] == "chat_session_file" and one.direction != "to_client" for one in chat.log)


def _is_rising(numbers: list[int]) -> bool:
    return all(one < other for one, other in pairwise(numbers))


def compiled(folder: Path) -> list[str] | None:
    """The command of the TypeScript example, type-checked by npm's compiler; None where npm cannot install it."""
    import subprocess

    if shutil.which("npm") is None:
        return None
    for file in (EXAMPLES / "bridge.ts", EXAMPLES.parent / "openapi.json"):
        shutil.copy(file, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    tools = ("openapi-typescript@7", "typescript@5", "@types/node@20")
    install = ["npm", "install", "--silent", "--no-fund", "--no-audit", *tools]
    if subprocess.run(install, cwd=folder, capture_output=True, timeout=300).returncode:
        return None
    lib = "es2023,dom,dom.asynciterable"
    for line in (
        "npx openapi-typescript openapi.json --default-non-nullable false -o openapi.d.ts",
        f"npx tsc --strict --target es2022 --module nodenext --lib {lib} --skipLibCheck bridge.ts",
    ):
        done = subprocess.run(line.split(), cwd=folder, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    return ["node", str(folder / "bridge.js")]


async def campaign(kills: int, seed: int, bridge: list[str]) -> Campaign:
    """All kills, and the end of all chats."""
    sink = Sink()
    knobs = Knobs(pace=0.05, hold_ms=2_000, after_cut="swallow")
    with tempfile.TemporaryDirectory() as folder:
        async with Emulator("plain", knobs) as centre, served(sink.take) as hook:
            series = Campaign(Path(folder), centre, sink, hook, seed)
            await series.run(kills, bridge)
            series.found = series.faults()
            series.counted = len(series.lines())
    return series


def report(series: Campaign) -> int:
    """Print the figures; the number of faults."""
    kills = ", ".join(f"{series.kills[moment]} {moment}" for moment in MOMENTS)
    again = len(series.sink.received) - len({name for name, _ in series.sink.received})
    print(f"{series.kills.total()} kills ({kills}), {len(series.users)} chats, {series.counted} updates")
    print(f"{len(series.sink.received)} deliveries of the webhook, {again} of them repeated with the same id")
    print("\n".join(series.found))
    print(f"{len(series.found)} lost, doubled or out of order")
    return len(series.found)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.gateway.kill", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bridge", choices=("curl", "typescript"), default="curl")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bridge = ["bash", str(EXAMPLES / "bridge.sh")] if given.bridge == "curl" else compiled(Path(folder))
        if bridge is None:
            raise SystemExit("npm cannot install the TypeScript compiler here")
        return 1 if report(asyncio.run(campaign(given.kills, given.seed, bridge))) else 0


if __name__ == "__main__":
    sys.exit(main())
