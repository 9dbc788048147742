"""The memory of an idle chat over TLS, with each event loop: `python -m tests.bench.runtimes --polls 1000`."""

from __future__ import annotations

import argparse
import json
from typing import Final, Literal

from attrs import evolve

from tests.bench import adapter

RUNTIMES: Final[tuple[Literal["asyncio", "asyncio, small buffers", "uvloop"], ...]] = (
    "asyncio",
    "asyncio, small buffers",
    "uvloop",
)


def main() -> None:
    """Measure, and print one line for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.runtimes", description=__doc__)
    parser.add_argument("--polls", type=int, default=1_000)
    count: int = parser.parse_args().polls
    for line in ("plain", "TLS"):
        for runtime in RUNTIMES:
            with adapter.emulator(line) as centre:
                job = evolve(centre, count=count, runtime=runtime)
                with adapter.held(job) as client:
                    opened = json.loads(adapter.read_line(client))
                    idle = adapter.idle(client, count)
            kilobytes = (idle["resident"] - opened["warm"]) / count / 1_000
            milliseconds = 1_000 * idle["cpu"] / max(1, idle["polls"])
            print(f"{line:<6} {runtime:<24} {kilobytes:6.0f} KB a chat {milliseconds:6.2f} ms a poll", flush=True)


if __name__ == "__main__":
    main()
