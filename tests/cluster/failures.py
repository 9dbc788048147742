"""Workers that fail in every way, over chats with traffic: `python -m tests.cluster.failures --kills 10 --freezes 10`.

Several worker processes share a PostgreSQL server of their own; the contact centre is the emulator over HTTP; texts
come through the inbox, every tenth key twice. Workers are killed, frozen (at random, and when a post is saved or
executed), cut off from the database, replaced as in a deployment: `--at-once` of them at the same moment. A new worker
takes the place of each. Those that were frozen or cut off come back for a while, and are stopped between two failures:
the times are those of one failure. Then the database crashes, or fails over to a synchronous standby. The wall clocks
of the workers may be wrong (`--skew`). Judged at the centre and at two readers.

Prints figures. Exit status 1 if anything was lost, doubled or out of order, if with the default lease a takeover took
more than 7 s, or the polls of all chats more than 7 s and 1 s for 200 chats of each survivor, or if no late request of
a frozen worker was refused. `--control` runs without the lease check: it must double a frozen text, and exits with 1 if
it does not. `--full`: the whole dose, and then the control: forty minutes on two idle cores. POSIX only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import psycopg
from attrs import define, field

from statemachine import DeliveryUpdate, Received
from statemachine.cluster import Inbox
from statemachine.cluster.shards import PROBATION_S
from statemachine.emulator import Knobs
from statemachine.emulator.http import Emulator
from statemachine.emulator.traffic import Exchange, Traffic
from statemachine.emulator.wire import HttpRequest
from statemachine.store.errors import StoreError
from statemachine.store.postgres_database import shard_of
from statemachine.wire import Message
from tests.kill.judge import judge
from tests.postgres import Server

HOLD_MS: Final = 5_000
RAMP: Final = 200
"""Chats that a worker resumes in a second (`Options.opened_per_second`)."""
READERS = ("first", "second")
LIMIT_S = 300
"""For all that is waited for; only a fault waits so long, or a very busy machine."""


class PollTimes(Traffic):
    """Notes when each customer's latest poll has arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.polled_at: dict[str, float] = {}

    def received(self, number: int, at: int, request: HttpRequest) -> Exchange:
        exchange = super().received(number, at, request)
        if request.method == "GET" and request.path.endswith("/events"):
            self.polled_at[exchange.client.client_id] = time.monotonic()
        return exchange


class Database:
    """A server, and a synchronous standby where one was added."""

    def __init__(self) -> None:
        self.primary = Server(max_connections="200")
        self.primary.start()
        self._standby: Server | None = None
        self._lost: list[Server] = []
        with psycopg.connect(self.primary.url(), autocommit=True) as link:
            link.execute("CREATE DATABASE chats")

    @property
    def ports(self) -> list[int]:
        """Of all servers."""
        return [self.primary.port, *([self._standby.port] if self._standby else [])]

    def url(self, ports: list[int] | None = None) -> str:
        """The URL of all servers, by other ports where they are given."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports or self.ports)
        return self.primary.url("chats").replace(f"127.0.0.1:{self.primary.port}", hosts)

    def add_standby(self) -> None:
        """Copy the primary, and let each commit wait for the copy."""
        old = self._lost.pop() if self._lost else None
        self._standby = Server(self.primary, old.port if old else 0)
        if old:
            old.remove()
        self._standby.start()
        self._set_standbys("*")

    def fail_over(self) -> None:
        """The primary crashes for ever, and the standby takes its place."""
        assert self._standby
        self.primary.stop("immediate")
        self._lost.append(self.primary)
        self.primary, self._standby = self._standby, None
        self.primary.promote()
        self._set_standbys("")  # until there is another one, commits wait for nobody

    def _set_standbys(self, names: str) -> None:
        with psycopg.connect(self.primary.url(), autocommit=True) as link:
            link.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")  # type: ignore[call-overload]
            link.execute("SELECT pg_reload_conf()")

    def remove(self) -> None:
        """Stop all, and delete their files."""
        for server in (self.primary, self._standby):
            if server:
                with suppress(Exception):
                    server.stop("immediate")
        for server in (self.primary, self._standby, *self._lost):
            if server:
                server.remove()


@define(eq=False)
class Process:
    """A worker process, the proxies between it and the database servers, and the last figures that it has printed."""

    process: asyncio.subprocess.Process
    proxy: asyncio.subprocess.Process
    figures: dict[str, Any] = field(factory=dict[str, Any])
    reading: asyncio.Task[None] | None = None

    def is_frozen(self) -> bool:
        with suppress(OSError):
            return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
        return False

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    async def read(self) -> None:
        assert self.process.stdout
        async for line in self.process.stdout:
            with suppress(ValueError):  # it was killed while it wrote
                self.figures = json.loads(line)


class Campaign:
    """One run. By kind of failure: `claims`: the seconds until all shards of a worker that failed had other owners.

    `resumed`: the seconds until all its chats were polled again, and the seconds that this may take.
    """

    def __init__(self, given: argparse.Namespace, database: Database, emulator: Emulator) -> None:
        self.given, self._database, self._emulator = given, database, emulator
        self._chance = random.Random(given.seed)
        emulator.traffic = self._polls = PollTimes()
        self.workers: list[Process] = []
        self.done: list[Process] = []
        self.claims: dict[str, list[float]] = defaultdict(list)
        self.resumed: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self.failures: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.sinks: dict[str, dict[str, list[dict[str, Any]]]] = {name: defaultdict(list) for name in READERS}
        self.put_at: dict[tuple[str, str], float] = {}
        self.seconds: list[float] = []
        self._returning: set[asyncio.Task[None]] = set()
        self._takeovers = 0  # that are being measured

    # --- processes ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start a worker."""
        ports = [str(port) for port in self._database.ports]
        proxy = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.cluster.proxy", *ports, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert proxy.stdout
        url = self._database.url(json.loads(await proxy.stdout.readline()))
        given = self.given
        options = ["freezable", *(["unguarded"] if given.control else [])]
        if given.skew:  # one clock is fast, the next one slow
            options += [f"skew={given.skew if (len(self.workers) + len(self.done)) % 2 else -given.skew}"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.cluster.app", self._emulator.url, url, str(given.lease), str(given.settle),
            *options, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        worker = Process(process, proxy)
        worker.reading = asyncio.create_task(worker.read())
        self.workers.append(worker)

    async def retire(self, worker: Process) -> None:
        """It has ended, or is to be killed."""
        with suppress(ProcessLookupError):
            worker.process.kill()
        await worker.process.wait()
        worker.proxy.kill()
        await worker.proxy.wait()
        self.done.append(worker)

    def set_prefix(self, inbox: Inbox) -> None:
        """How the ids of all sessions begin."""
        self._prefix = inbox._session("")

    async def ask(self, query: str) -> list[Any]:
        """Rows of a query; the database must be there."""
        async with await psycopg.AsyncConnection.connect(self._database.url(), autocommit=True) as link:
            return await (await link.execute(query)).fetchall()  # type: ignore[arg-type]

    async def until_settled(self) -> None:
        """Wait until all chats are at work, and each worker has some; and a little more or less.

        A failure that always came first after the claims would be what a poison shard does: its shards would end in
        quarantine.
        """
        async with asyncio.timeout(LIMIT_S):
            while True:
                while not await self._is_settled():  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
                await asyncio.sleep(self._chance.uniform(0, PROBATION_S + 1))
                if await self._is_settled():
                    return

    async def _is_settled(self) -> bool:
        """Whether no shard is on its way, each worker has some, and nobody leaves."""
        query = """
            SELECT CASE WHEN since IS NULL THEN '' ELSE coalesce(worker, '') END FROM statemachine.shard
            UNION SELECT '' FROM statemachine.worker WHERE draining
        """
        owners = {name for (name,) in await self.ask(query)}
        return "" not in owners and owners >= {worker.figures.get("worker", "?") for worker in self.workers}

    # --- failures -----------------------------------------------------------------------------------------------------

    async def fail_workers(self, kinds: Sequence[str]) -> None:
        """These failures at the same moment, each of another worker, and all that follows at once."""
        await self.until_settled()
        victims = self._chance.sample(self.workers, len(kinds))
        for victim in victims:
            self.workers.remove(victim)
            await self.start()
        survivors = len(self.workers) - len(victims)
        await asyncio.gather(
            *(self._fail(kind, victim, survivors) for kind, victim in zip(kinds, victims, strict=True))
        )

    async def _fail(self, kind: str, worker: Process, survivors: int) -> None:
        self.failures[kind] += 1
        if kind == "deployment":
            await self._stop(worker)
            return
        await self._hit(kind, worker)
        await self._taken_over(kind, worker.figures["worker"], survivors)
        if kind == "kill":
            await self.retire(worker)
        else:
            self._spawn(self._return(kind, worker))

    async def _hit(self, kind: str, worker: Process) -> None:
        if kind == "kill":
            worker.send(signal.SIGKILL)
        elif kind == "partition":
            worker.proxy.send_signal(signal.SIGSTOP)
        else:
            moments = [signal.SIGUSR2] if self.given.control else [signal.SIGSTOP, signal.SIGUSR1, signal.SIGUSR2]
            worker.send(self._chance.choice(moments))
            async with asyncio.timeout(LIMIT_S):
                while not worker.is_frozen():  # noqa: ASYNC110
                    await asyncio.sleep(0.01)

    async def _taken_over(self, kind: str, name: str, survivors: int) -> None:
        """Measure the time until the chats of this worker are claimed by others, and polled again."""
        self._takeovers += 1
        try:
            await self._measure(kind, name, survivors)
        finally:
            self._takeovers -= 1

    async def _measure(self, kind: str, name: str, survivors: int) -> None:
        begun = theirs = time.monotonic()
        query = "SELECT id, worker FROM statemachine.shard WHERE worker = %s OR worker IS NULL"
        async with await psycopg.AsyncConnection.connect(self._database.url(), autocommit=True) as link:
            shards: set[int] = set()
            async with asyncio.timeout(LIMIT_S):
                while True:
                    asked = time.monotonic()
                    rows = await (await link.execute(query, (name,))).fetchall()
                    if not shards or shards <= {shard for shard, owner in rows if owner == name}:
                        theirs = asked  # no poll of another worker was earlier
                    shards = shards or {shard for shard, owner in rows if owner == name}
                    if not shards & {shard for shard, _ in rows}:
                        break
                    await asyncio.sleep(0.1)
        self.claims[kind].append(time.monotonic() - begun)
        chats = [one for one in self._polls.polled_at if shard_of(self._prefix + one, 256) in shards]
        async with asyncio.timeout(LIMIT_S):
            while any(self._polls.polled_at[one] <= theirs for one in chats):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        # The others may have to resume the chats of the workers that failed at the same moment too.
        limit = self.given.lease + 2 + len(chats) * self.given.at_once / (RAMP * survivors)
        self.resumed[kind].append((time.monotonic() - begun, limit))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)

    async def _return(self, kind: str, worker: Process) -> None:
        """It thaws, or reaches the database again; and is stopped a little later."""
        after = self.given.settle + self.given.lease * 2 + 3
        if kind == "freeze":
            await asyncio.sleep(after if self.given.control else self._chance.choice([0, self.given.settle / 2, after]))
            worker.send(signal.SIGCONT)
        else:
            await asyncio.sleep(self._chance.uniform(0, 5))
            worker.proxy.send_signal(signal.SIGCONT)
        await asyncio.sleep(3)
        while self._takeovers:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        await self._stop(worker)

    async def _stop(self, worker: Process) -> None:
        worker.send(signal.SIGTERM)
        async with asyncio.timeout(LIMIT_S):
            await worker.process.wait()
        await self.retire(worker)

    async def until_returned(self) -> None:
        """Wait for the workers that come back for a while."""
        while self._returning:
            await asyncio.gather(*self._returning)

    async def fail_database(self, kind: str) -> None:
        """A crash of the database, or a failover. No worker may be declared dead because of it."""
        await self.until_settled()
        self.failures[kind] += 1
        query = "SELECT id FROM statemachine.worker ORDER BY id"
        before = await self.ask(query)
        if kind == "failover":
            await asyncio.to_thread(self._database.fail_over)
        else:
            await asyncio.to_thread(self._database.primary.stop, "immediate")
            await asyncio.sleep(self._chance.uniform(1, 10))
            await asyncio.to_thread(self._database.primary.start)
        await asyncio.sleep(self.given.lease)
        if before != await self.ask(query):
            self.failures["worker declared dead by a crash of the database"] += 1
        if kind == "failover":
            await asyncio.to_thread(self._database.add_standby)

    # --- traffic ------------------------------------------------------------------------------------------------------

    async def customer(self, name: str, inbox: Inbox, stop: asyncio.Event) -> None:
        """Send texts until `stop`, at least one."""
        chance = random.Random(f"{self.given.seed}/{name}")
        await asyncio.sleep(chance.uniform(0, self.given.every))
        while self.sent[name] < 99 and not (stop.is_set() and self.sent[name]):
            key = f"text-{self.sent[name]:02d}"
            self.put_at[name, key] = time.monotonic()
            for _ in range(2 if chance.random() < 0.1 else 1):
                while True:
                    try:
                        await inbox.send(name, f"this is {key}", key=key)
                        break
                    except StoreError:  # the database is away: the application tries again
                        await asyncio.sleep(0.5)
            self.sent[name] += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), chance.uniform(0.5, 1.5) * self.given.every)

    async def read(self, reader: str) -> None:
        """A reader that writes down all updates."""
        while True:
            with suppress(StoreError):
                async with Inbox(self._database.url()) as inbox:
                    async for name, update in inbox.updates(reader):
                        self._note(reader, name, update)
            await asyncio.sleep(0.5)

    def _note(self, reader: str, name: str, update: object) -> None:
        line: dict[str, Any] = {"type": type(update).__name__, "seq": getattr(update, "seq", 0)}
        if isinstance(update, DeliveryUpdate):
            line |= {"type": "delivery_update", "key": update.key, "state": update.state, "reason": update.reason}
            if reader == READERS[0] and update.state == "sent":
                self.seconds.append(time.monotonic() - self.put_at[name, str(update.key)])
        elif isinstance(update, Received) and isinstance(update.entry, Message) and not update.own:
            line |= {"type": "message", "msg_id": update.entry.msg_id}
        self.sinks[reader][name].append(line)

    async def until_registered(self) -> None:
        """Wait until the database knows both readers: what was trimmed before is not theirs."""
        async with asyncio.timeout(LIMIT_S):
            while len(await self.ask("SELECT name FROM statemachine.reader")) < len(READERS):  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async def until_delivered(self) -> None:
        """Wait until both readers have the outcome of each text, and each answer; or read no more for a minute."""
        read, since = 0, time.monotonic()
        while not self.given.control and self._faults(quick=True) and time.monotonic() < since + 60:
            now = sum(len(lines) for sink in self.sinks.values() for lines in sink.values())
            if now != read:
                read, since = now, time.monotonic()
            await asyncio.sleep(1)
        await asyncio.sleep(HOLD_MS / 1_000 + 2)  # the last answers

    def _faults(self, *, quick: bool = False) -> list[str]:
        faults: list[str] = []
        chats = defaultdict(list)
        for chat in self._emulator.centre.chats.values():
            chats[chat.key.client_id].append(chat)
        for name, texts in self.sent.items():
            if len(chats[name]) != 1:
                faults.append(f"{name}: {len(chats[name])} chats")
                continue
            for reader in READERS:
                found = judge(chats[name][0], self.sinks[reader][name], texts).faults
                faults += [f"{name}, {reader} reader: {fault}" for fault in found]
            if quick and faults:
                break
        return faults

    def verdict(self) -> list[str]:
        """All faults, in words."""
        return self._faults()

    def doubled(self) -> int:
        """The texts that arrived more than once."""
        arrived = ([text for _, text in chat.texts_received] for chat in self._emulator.centre.chats.values())
        return sum(len(texts) - len(set(texts)) for texts in arrived)

    def total(self, figure: str) -> int:
        """The sum of a figure over all workers that ran."""
        return sum(worker.figures.get(figure, 0) for worker in (*self.workers, *self.done))


async def run(given: argparse.Namespace) -> Campaign:
    """All failures, one after the other, with traffic."""
    database = Database()
    try:
        if given.failovers:
            database.add_standby()
        knobs = Knobs(pace=0.05, hold_ms=HOLD_MS, after_cut="swallow")
        async with Emulator("plain", knobs) as emulator, AsyncExitStack() as stack:
            campaign = Campaign(given, database, emulator)
            stack.push_async_callback(_end, campaign)
            for _ in range(given.workers):
                await campaign.start()
            await _until_there(campaign)
            inbox = await stack.enter_async_context(Inbox(database.url()))
            campaign.set_prefix(inbox)
            readers = [asyncio.create_task(campaign.read(name)) for name in READERS]
            await campaign.until_registered()
            stop = asyncio.Event()
            customers = [
                asyncio.create_task(campaign.customer(f"customer-{n}", inbox, stop)) for n in range(given.chats)
            ]
            await asyncio.sleep(given.every)
            await _fail(campaign)
            _progress(campaign, ["the last texts"])
            stop.set()
            await asyncio.gather(*customers)
            await campaign.until_delivered()
            await asyncio.sleep(1.5)  # the last figures of the workers
            for task in readers:
                task.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
        return campaign
    finally:
        database.remove()


async def _fail(campaign: Campaign) -> None:
    given, chance = campaign.given, random.Random(campaign.given.seed)
    kinds = [kind for kind in OF_WORKERS for _ in range(getattr(given, OF_WORKERS[kind]))]
    chance.shuffle(kinds)
    for at in range(0, len(kinds), given.at_once):
        _progress(campaign, kinds[at : at + given.at_once])
        await campaign.fail_workers(kinds[at : at + given.at_once])
    await campaign.until_returned()
    kinds = [kind for kind in OF_DATABASE for _ in range(getattr(given, OF_DATABASE[kind]))]
    chance.shuffle(kinds)
    for kind in kinds:
        _progress(campaign, [kind])
        await campaign.fail_database(kind)


def _progress(campaign: Campaign, kinds: Sequence[str]) -> None:
    count = sum(campaign.failures.values())
    print(f"{time.strftime('%H:%M:%S')} after {count} failures: {', '.join(kinds)}", file=sys.stderr, flush=True)


async def _until_there(campaign: Campaign) -> None:
    async with asyncio.timeout(LIMIT_S):
        while True:
            with suppress(psycopg.Error):
                await campaign.until_settled()
                return
            await asyncio.sleep(0.2)


async def _end(campaign: Campaign) -> None:
    for worker in list(campaign.workers):
        await campaign.retire(worker)


OF_WORKERS: Final = {"kill": "kills", "freeze": "freezes", "partition": "partitions", "deployment": "deployments"}
OF_DATABASE: Final = {"crash": "crashes", "failover": "failovers"}
FULL: Final = (  # with more texts, histories get so long that the centre of this process is what takes the time
    "--kills 100 --freezes 100 --partitions 20 --deployments 20 --crashes 10 --failovers 5 --skew 300 --chats 1000"
    " --every 180"
)
CONTROL: Final = "--control --freezes 3 --lease 2 --settle 2 --chats 20 --every 3"


def report(campaign: Campaign) -> int:
    """Print the figures; the exit status."""
    given = campaign.given
    print(f"{given.workers} workers, {given.chats} chats, lease {given.lease:g} s, settle {given.settle:g} s")
    print(", ".join(f"{count} x {kind}" for kind, count in campaign.failures.items()) or "no failures")
    slow = []
    for kind, seconds in campaign.claims.items():
        print(f"claimed after a {kind}: median {median(seconds):.1f} s, longest {max(seconds):.1f} s")
        print(f"  all chats polled again: longest {max(each for each, _ in campaign.resumed[kind]):.1f} s")
        slow += [one for one in seconds if one > given.lease + 2]
        slow += [one for one, limit in campaign.resumed[kind] if one > limit]
    if len(campaign.seconds) > 1:
        cuts = quantiles(campaign.seconds, n=100)
        print(f"inbox to the reader's `sent`: median {cuts[49] * 1_000:.0f} ms, p99 {cuts[98] * 1_000:,.0f} ms")
    refused, fenced = campaign.total("refused_late"), campaign.total("fenced")
    print(f"{campaign.total('takeovers')} takeovers, {fenced} fenced writes, {refused} late requests refused")
    faults, doubled = campaign.verdict(), campaign.doubled()
    print(f"{sum(campaign.sent.values())} texts, {doubled} doubled")
    if given.control:
        print("the control has doubled a frozen text" if doubled else "the control has doubled none: it proves nothing")
        return 0 if doubled else 1
    for fault in faults:
        print(fault)
    print(f"{len(faults)} lost, doubled or out of order")
    if slow:
        print(f"{len(slow)} takeovers took too long: the longest {max(slow):.1f} s")
    if campaign.failures["freeze"] and not refused:
        print("no late request was refused: the freezes prove nothing")
    moved = campaign.failures["worker declared dead by a crash of the database"]
    return 1 if faults or (slow and not given.untimed) or moved or (campaign.failures["freeze"] and not refused) else 0


def options(values: list[str] | None = None) -> argparse.Namespace:
    """The options of the command line."""
    about = "Workers that fail in every way, over chats with traffic."
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.failures", description=about)
    for kinds in (*OF_WORKERS.values(), *OF_DATABASE.values()):
        parser.add_argument(f"--{kinds}", type=int, default=0, metavar="N")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help="workers that fail at the same moment")
    parser.add_argument("--chats", type=int, default=100)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two texts of a customer")
    parser.add_argument("--lease", type=float, default=5.0)
    parser.add_argument("--settle", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--skew", type=float, default=0.0, help="seconds by which wall clocks are wrong, either way")
    parser.add_argument("--control", action="store_true", help="without the lease check: it must double a text")
    parser.add_argument("--untimed", action="store_true", help="a slow takeover is no fault: for busy machines")
    parser.add_argument("--full", action="store_true", help="the whole dose, and then the control")
    return parser.parse_args(values)


def main() -> int:
    given = options()
    doses = [options(dose.split()) for dose in (FULL, CONTROL)] if given.full else [given]
    return max([report(asyncio.run(run(dose))) for dose in doses])


if __name__ == "__main__":
    sys.exit(main())
