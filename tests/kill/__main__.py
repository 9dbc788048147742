"""Kill a client again and again, and judge what is left: `python -m tests.kill --kills 300 --seed 1`.

The client is a real process with a SQLite store, killed (SIGKILL) at each of the moments saved, executed, answered,
told, and at random; the contact centre is the emulator over real HTTP. Prints figures; exit status 1 if anything was
lost, doubled or out of order, and then the command that repeats that chat. POSIX only.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from statemachine.emulator import Knobs
from statemachine.emulator.http import Emulator
from tests.kill.app import read_sink
from tests.kill.judge import Verdict, judge

TEXTS = 6
MOMENTS = ("saved", "executed", "answered", "published", "random")
RUN_LIMIT_S = 300
"""Generous, since only a program that hangs waits so long: a loaded machine takes minutes for a run."""


class Campaign:
    """One series of kills. A chat takes kills until it is over; then the next chat takes the rest."""

    def __init__(self, kills: int, seed: int, folder: Path, only: int | None = None) -> None:
        self._left = kills
        self._seed = seed
        self._folder = folder
        self._only = only
        self._chats = iter(range(10**6)) if only is None else iter([only])
        self.kills: Counter[str] = Counter()
        self.verdicts: dict[int, Verdict] = {}

    async def work(self, emulator: Emulator) -> None:
        """Take chats until all kills are done."""
        for number in self._chats:
            if self._left <= 0:
                return
            self.verdicts[number] = await self._chat(emulator, number)

    async def _chat(self, emulator: Emulator, number: int) -> Verdict:
        folder = self._folder / f"chat-{number}"
        folder.mkdir()
        chance = random.Random(f"{self._seed}/{number}")
        for moment in self._moments(chance):
            if self._left <= 0 and self._only is None:
                break
            if not await self._run(emulator, folder, chance, moment):
                break
            self._left -= 1
            self.kills[moment] += 1
        if await self._run(emulator, folder, chance, None):
            return Verdict(faults=["the last, undisturbed run was killed"])
        chats = [chat for chat in emulator.centre.chats.values() if chat.key.client_id == folder.name]
        if len(chats) != 1:
            return Verdict(faults=[f"{len(chats)} chats were opened for one customer"])
        return judge(chats[0], read_sink(folder / "sink.jsonl"), TEXTS)

    @staticmethod
    def _moments(chance: random.Random) -> Iterator[str]:
        while True:
            yield chance.choice(MOMENTS)

    async def _run(self, emulator: Emulator, folder: Path, chance: random.Random, moment: str | None) -> bool:
        """Run the program once. True if it was killed, False if it came to its own end."""
        when = [] if moment in (None, "random") else [str(moment), str(chance.randint(1, 8))]
        pause = chance.uniform(0.4, 2.0)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.kill.app", emulator.url, str(folder), str(TEXTS), *when
        )
        if moment == "random":
            try:
                await asyncio.wait_for(process.wait(), pause)
            except TimeoutError:
                process.send_signal(signal.SIGKILL)
        try:
            status = await asyncio.wait_for(process.wait(), RUN_LIMIT_S)
        except TimeoutError:
            process.kill()
            raise SystemExit(f"{folder.name}: the program hangs") from None
        if status not in (0, -signal.SIGKILL):
            raise SystemExit(f"{folder.name}: the program ended with status {status}")
        return status != 0


async def campaign(kills: int, seed: int, jobs: int = 2, only: int | None = None) -> Campaign:
    """All kills, in `jobs` chats at a time, against one emulator."""
    knobs = Knobs(pace=0.05, hold_ms=2_000, after_cut="swallow")
    with tempfile.TemporaryDirectory() as folder:
        async with Emulator(scenario="plain", knobs=knobs) as emulator:
            series = Campaign(kills, seed, Path(folder), only)
            await asyncio.gather(*(series.work(emulator) for _ in range(jobs)))
    return series


def report(series: Campaign, seed: int) -> int:
    """Print the figures; the number of faults."""
    verdicts = series.verdicts.values()
    kills = ", ".join(f"{series.kills[moment]} {moment}" for moment in MOMENTS)
    print(f"{series.kills.total()} kills ({kills}) over {len(verdicts)} chats")
    print(f"{sum(v.texts for v in verdicts)} texts, {sum(v.failed for v in verdicts)} of them reported failed")
    print(f"{sum(v.events for v in verdicts)} server events, {sum(v.redelivered for v in verdicts)} news told again")
    faults = [(number, fault) for number, v in series.verdicts.items() for fault in v.faults]
    for number, fault in faults:
        print(f"chat {number}: {fault}\n  python -m tests.kill --seed {seed} --chat {number} --kills 20")
    print(f"{len(faults)} lost, doubled or out of order")
    return len(faults)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kill", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--chat", type=int, help="only this chat of the series")
    given = parser.parse_args()
    series = asyncio.run(campaign(given.kills, given.seed, given.jobs, given.chat))
    return 1 if report(series, given.seed) else 0


if __name__ == "__main__":
    sys.exit(main())
