"""Thousands of chats in one process, killed again and again: `python -m tests.soak --chats 3000 --kills 20`.

The client is a real process with a SQLite store, killed (SIGKILL) at random while all its chats talk, every other time
while it is still taking them up again; the contact centre is the emulator over real HTTP, or TLS. Judged at both ends:
what the application's file holds against what the centre received and said. Prints figures; exit status 1 if anything
was lost, doubled or out of order. POSIX only.

    --chats 50 --kills 4 --texts 3 --every 1        a small dose, half a minute
    --kills 0 --tls                                 figures of an undisturbed run, over TLS
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import signal
import ssl
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import trustme
from attrs import Factory, define, frozen

from statemachine.emulator import Chat, Knobs
from statemachine.emulator.actions import Connect, Say, SendDelivered
from statemachine.emulator.http import Emulator
from statemachine.emulator.steps import AnswerTexts, Pause, Scenario
from tests.kill.judge import judge
from tests.soak.app import HELD
from tests.soak.sink import read_lines

AGENT = Scenario(
    "soak",
    "an agent who is there at once, and answers every text",
    script=(Connect(), Say("Hello, this is Ada."), AnswerTexts()),
    on_text=(SendDelivered(), Pause(200), Say("You said: {text}")),
)

LONGEST_LIFE_S = 10.0
"""After (nearly) all chats are at work, before it is killed."""


@frozen
class Dose:
    """How much of it.

    `every`: seconds between two texts of one chat. `hold`: how long the centre holds a poll, in seconds. `within`:
    seconds after which the run hangs.
    """

    chats: int = 3_000
    kills: int = 20
    texts: int = 6
    every: float = 60.0
    seed: int = 1
    hold: float = 15.0
    tls: bool = False
    within: float = 3_600.0


@define
class Result:
    """What came of it. `faults`: in words; empty for a good one."""

    seconds: float = 0.0
    kills: int = 0
    restarts_cut: int = 0
    figures: list[dict[str, Any]] = Factory(list)
    counts: Counter[str] = Factory(Counter)
    faults: list[str] = Factory(list)


class Soak:
    """One run."""

    def __init__(self, dose: Dose, folder: Path) -> None:
        self._dose = dose
        self._folder = folder
        self._chance = random.Random(dose.seed)
        self.result = Result()

    async def run(self, emulator: Emulator) -> None:
        """All kills, then one undisturbed life to the end; then judge."""
        began = time.monotonic()
        async with asyncio.timeout(self._dose.within):
            for number in range(self._dose.kills):
                goes_on = await self._life(emulator, cut_restart=number % 2 == 1)
                print(f"life {number + 1}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
                if not goes_on:
                    self.result.faults.append(f"the program came to its end before kill {number + 1}")
                    return
            if await self._life(emulator, cut_restart=None):
                self.result.faults.append("the last, undisturbed life was killed")
        self.result.seconds = time.monotonic() - began
        self.judge(emulator)

    async def _life(self, emulator: Emulator, *, cut_restart: bool | None) -> bool:
        """Run the program. True if it was killed, False if it came to its own end.

        `cut_restart`: killed while it takes its chats up again, or later; None: not at all.
        """
        dose = self._dose
        every = dose.every / 2 if cut_restart is None and dose.kills else dose.every  # the rest of it, without delay
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.soak.app", emulator.url, str(self._folder)),
            *(str(dose.chats), str(dose.texts), str(every), *(["to-the-end"] if cut_restart is None else [])),
            stdout=asyncio.subprocess.PIPE,
        )
        reading = asyncio.create_task(self._read(process, cut_restart))
        try:
            status = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
            await reading
        if status not in (0, -signal.SIGKILL):
            raise SystemExit(f"the program ended with status {status}")
        self.result.kills += status != 0
        self.result.restarts_cut += bool(cut_restart)
        return status != 0

    async def _read(self, process: asyncio.subprocess.Process, cut_restart: bool | None) -> None:
        """Keep its figures, and kill it by how far it says it is: a slow machine changes nothing."""
        assert process.stdout is not None
        enough = self._chance.uniform(0.05, 0.9)  # of the chats that are not over
        async for line in process.stdout:
            said = json.loads(line)
            if "opened" not in said:
                self.result.figures.append(said)
            if cut_restart is None or said.get("opened", 1) < (enough if cut_restart else HELD):
                continue
            if not cut_restart:
                await asyncio.sleep(self._chance.uniform(0.1, 1.0) * min(self._dose.every, LONGEST_LIFE_S))
            process.kill()
            return

    def judge(self, emulator: Emulator) -> None:
        """What the file holds, against what the centre received and said."""
        told: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for line in read_lines(self._folder / "sink.jsonl"):
            told[line[0]].append(as_news(line))
        chats: defaultdict[str, list[Chat]] = defaultdict(list)
        for chat in emulator.centre.chats.values():
            chats[chat.key.client_id].append(chat)
        for number in range(self._dose.chats):
            who = f"customer-{number}"
            if len(chats[who]) != 1:
                self.result.faults.append(f"{who}: {len(chats[who])} chats were opened")
                continue
            verdict = judge(chats[who][0], told[who], self._dose.texts)
            self.result.faults += [f"{who}: {fault}" for fault in verdict.faults]
            for name in ("texts", "failed", "events", "redelivered"):
                self.result.counts[name] += getattr(verdict, name)
        self.result.faults += [f"{one.rule}: {one.message}" for one in emulator.centre.violations]


def as_news(line: list[Any]) -> dict[str, Any]:
    """A line of the file as the judge of `tests.kill` reads it."""
    _, seq, kind, *rest = line
    names = {"delivery_update": ("key", "state", "reason"), "message": ("msg_id", "text"), "finished": ("outcome",)}
    return {"type": kind, "seq": seq, **dict(zip(names.get(kind, ()), rest, strict=True))}


async def soak(dose: Dose) -> Result:
    """The whole run, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        run = Soak(dose, Path(folder))
        # What a kill broke off is held, and eaten, as by the worst server; nobody is idle here for too long.
        knobs = Knobs(
            hold_ms=round(dose.hold * 1_000),
            after_cut="swallow",
            inactivity_timeout_ms=None,
            drop_without_polls_ms=None,
            judge_aborts=0,
            judge_silence_ms=0,  # who is killed twice in a row polls late, and has sent meanwhile
        )
        async with Emulator(AGENT, knobs, tls=certified(Path(folder)) if dose.tls else None) as emulator:
            await run.run(emulator)
    return run.result


def certified(folder: Path) -> ssl.SSLContext:
    """A certificate for loopback, and its authority in `folder`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def report(result: Result) -> int:
    """Print the figures; the number of faults."""
    counts = result.counts
    print(f"{result.kills} kills, {result.restarts_cut} of them during a restart, in {result.seconds:.0f} s")
    print(f"{counts['texts']} texts, {counts['failed']} of them reported failed")
    print(f"{counts['events']} messages of the centre, {counts['redelivered']} news told again with the same seq")
    for figure in result.figures:
        print(json.dumps(figure))
    for fault in result.faults[:50]:
        print(fault)
    print(f"{len(result.faults)} lost, doubled or out of order")
    return len(result.faults)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chats", type=int, default=3_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--texts", type=int, default=6, help="that each customer says")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two texts of one customer")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hold", type=float, default=15.0, help="seconds the centre holds a poll")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--within", type=float, default=3_600.0, help="seconds after which it hangs")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return 1 if report(asyncio.run(soak(Dose(**vars(parser.parse_args()))))) else 0


if __name__ == "__main__":
    sys.exit(main())
