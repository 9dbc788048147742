"""Kill gateways that share a PostgreSQL database while chats go on: `python -m tests.gateway.peers --kills 3`.

Each client sends texts to any gateway, and repeats a request that was not answered, with its key. Prints figures; exit
status 1 if a text, an update or a delivery of the webhook was lost, doubled or out of order. POSIX only.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
from aiohttp import ClientError, ClientSession, ClientTimeout

from statemachine.emulator import Knobs
from statemachine.emulator.http import Emulator
from tests.gateway.kill import KEY, Sink
from tests.gateway.test_guide import free_port
from tests.postgres import Server
from tests.serving import served

SECRET = "hunter2-secret-of-the-gateways"
GATEWAYS = 3


class Gateways:
    """The processes. `urls`: of all, dead ones too."""

    def __init__(self, folder: Path, centre: str, database: str, hook: str) -> None:
        self._folder = folder
        self._ports = [free_port() for _ in range(GATEWAYS)]
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        (folder / "peers").write_text(SECRET)
        (folder / "crm").write_text(KEY)
        (folder / "gateway.toml").write_text(
            f'url = "{centre}"\ntenant = "example"\napp_id = "kill"\nstore = "{database}"\npeer_secret = "peers"\n'
            f'uploads = "uploads"\n[[webhook]]\nname = "crm"\nurl = "{hook}"\nsecret_file = "crm"\n'
        )

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self._ports]

    async def start(self, number: int) -> None:
        line = ("-m", "statemachine", "gateway", "--config", "gateway.toml", "--port", str(self._ports[number]))
        with (self._folder / "gateway.log").open("ab") as log:
            self._processes[number] = await asyncio.create_subprocess_exec(
                *(sys.executable, *line), cwd=self._folder, stdout=asyncio.subprocess.DEVNULL, stderr=log
            )

    async def kill(self, number: int) -> None:
        process = self._processes.pop(number)
        assert process.returncode is None, (self._folder / "gateway.log").read_text()
        process.kill()
        await process.wait()

    async def close(self) -> None:
        for number in list(self._processes):
            await self.kill(number)


class Client:
    """Sends texts and reads all updates, at any gateway."""

    def __init__(self, gateways: Gateways, http: ClientSession, chance: random.Random) -> None:
        self._gateways, self._http, self._chance = gateways, http, chance
        self.repeated = 0
        self.updates: list[dict[str, Any]] = []

    async def ask(self, method: str, path: str, **more: Any) -> Any:
        """The answer of the first gateway that gives one."""
        while True:
            url = self._chance.choice(self._gateways.urls)
            try:
                async with self._http.request(method, url + path, **more) as answer:
                    if answer.status < 300:
                        return await answer.json() if answer.content_type == "application/json" else None
                    assert answer.status == 503, await answer.text()
            except (ClientError, TimeoutError):
                pass
            self.repeated += 1
            await asyncio.sleep(0.1)

    async def chat(self, client_id: str, texts: int) -> None:
        for number in range(texts):
            await self.ask(
                "POST",
                f"/chats/{client_id}/texts",
                json={"text": f"text-{number:02d}"},
                headers={"Idempotency-Key": f"{client_id}-{number}"},
            )
            await asyncio.sleep(self._chance.uniform(0, 1))
        file = {"data": b"\x00" * 500_000, "headers": {"Idempotency-Key": f"{client_id}-file"}}
        await self.ask("POST", f"/chats/{client_id}/files?name=photo.bin", **file)

    async def read(self, wanted: int) -> None:
        """Until so many items have arrived."""
        cursor = 0
        while sum(map(_is_sent, self.updates)) < wanted:
            page = await self.ask("GET", f"/updates?after={cursor}&wait=2")
            self.updates += page["updates"]
            cursor = page["cursor"]


def _is_sent(one: dict[str, Any]) -> bool:
    return one["update"]["type"] == "delivery_update" and one["update"]["state"] == "sent"


async def campaign(kills: int, chats: int, texts: int, seed: int, database: str) -> tuple[list[str], str]:
    """The faults, and the figures."""
    chance, sink = random.Random(seed), Sink()
    knobs = Knobs(pace=0.05, hold_ms=2_000, after_cut="swallow")
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        centre = await stack.enter_async_context(Emulator("plain", knobs))
        hook = await stack.enter_async_context(served(sink.take))
        gateways = Gateways(folder, centre.url, database, hook)
        stack.push_async_callback(gateways.close)
        for number in range(GATEWAYS):
            await gateways.start(number)
        http = await stack.enter_async_context(ClientSession(timeout=ClientTimeout(total=30)))
        client = Client(gateways, http, chance)
        users = [f"user-{number}" for number in range(chats)]
        async with asyncio.timeout(300), asyncio.TaskGroup() as group:
            reading = group.create_task(client.read(chats * (texts + 1)))
            for user in users:
                group.create_task(client.chat(user, texts))
            for number in range(kills):
                await asyncio.sleep(3)
                await gateways.kill(number % GATEWAYS)
                await asyncio.sleep(1)
                await gateways.start(number % GATEWAYS)
            await reading
            while len({one["cursor"] for _, one in sink.received}) < len(client.updates):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        faults = [*_faults(centre, users, texts), *_doubled(client.updates, sink)]
    again = len(sink.received) - len({name for name, _ in sink.received})
    figures = f"{kills} kills, {chats} chats, {len(client.updates)} updates, {client.repeated} requests repeated"
    return faults, f"{figures}, {len(sink.received)} deliveries of the webhook, {again} of them again with the same id"


def _faults(centre: Emulator, users: list[str], texts: int) -> list[str]:
    found = []
    for user in users:
        chats = [chat for chat in centre.centre.chats.values() if chat.key.client_id == user]
        arrived = [[text for _, text in chat.texts_received] for chat in chats]
        if arrived != [[f"text-{number:02d}" for number in range(texts)]]:
            found.append(f"{user}: arrived: {arrived}")
        files = [one for chat in chats for one in chat.log if one.event["event"] == "chat_session_file"]
        if len(files) != 1:
            found.append(f"{user}: {len(files)} files")
    return found


def _doubled(updates: list[dict[str, Any]], sink: Sink) -> list[str]:
    found = []
    if not all(one["cursor"] < other["cursor"] for one, other in pairwise(updates)):
        found.append("a cursor came twice, or back")
    first = dict(reversed(sink.received))  # of deliveries with the same id, the first
    for name, of in (("page", updates), ("webhook", list(first.values()))):
        seqs: dict[str, list[int]] = {}
        for one in sorted(of, key=lambda one: one["cursor"]):
            seqs.setdefault(one["client_id"], []).append(one["update"]["seq"])
        found += [f"{user}: {name}: {own}" for user, own in seqs.items() if own != list(range(1, len(own) + 1))]
    latest: dict[str, int] = {}
    seen = set[str]()
    for name, one in sink.received:
        if name not in seen and one["cursor"] < latest.get(one["client_id"], 0):
            found.append(f"{one['client_id']}: the webhook got {one['cursor']} too late")
        seen.add(name)
        latest[one["client_id"]] = max(one["cursor"], latest.get(one["client_id"], 0))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.gateway.peers", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--chats", type=int, default=12)
    parser.add_argument("--texts", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    server = Server()
    server.start()
    try:
        with psycopg.connect(server.url(), autocommit=True) as link:
            link.execute("CREATE DATABASE gateways")
        running = campaign(given.kills, given.chats, given.texts, given.seed, server.url("gateways"))
        faults, figures = asyncio.run(running)
    finally:
        server.stop("immediate")
        server.remove()
    print(figures)
    print("\n".join(faults))
    print(f"{len(faults)} lost, doubled or out of order")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
