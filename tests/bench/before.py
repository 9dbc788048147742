"""The same work at an older commit: both versions take turns, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from attrs import frozen

from tests.bench.race import Spread, spread

__all__ = ["Before", "run_before"]

_ROUNDS: Final = 15
_CHILD: Final = """
import json, sys
from importlib import import_module
from pathlib import Path
work = import_module("tests.bench.work" if Path("tests/bench/work.py").exists() else "statemachine.bench.work")
jobs = {name: make() for name, make in work._JOBS.items()}
exact = {"bytes of a session at rest, one agent": work.weight(work.live_session())}
print(json.dumps([[*jobs], work.exact_calls() | exact]), flush=True)
for line in sys.stdin:
    print(work._rate(jobs[line.strip()]), flush=True)
"""
"""`tests.bench` was `statemachine.bench` once."""


@frozen
class Before:
    """What the older version does. `faster`: how many times faster today's is; `exact`: its calls and bytes."""

    commit: str
    faster: dict[str, Spread]
    exact: dict[str, int]


def run_before(folder: Path, progress: Callable[[str], None]) -> Before:
    """Compare with the checkout of an older commit in this folder. It may use today's libraries."""
    with ExitStack() as stack:
        today = stack.enter_context(_running(Path(__file__).parents[2]))
        old = stack.enter_context(_running(folder))
        (names, _), (old_names, exact) = (json.loads(_line(one)) for one in (today, old))
        ratios: dict[str, list[float]] = {name: [] for name in names if name in old_names}
        for number in range(_ROUNDS):
            progress(f"against the older commit, round {number + 1} of {_ROUNDS}")
            for name, found in ratios.items():
                found.append(_asked(today, name) / _asked(old, name))
    return Before(_commit(folder), {name: spread(found) for name, found in ratios.items()}, exact)


@contextmanager
def _running(folder: Path) -> Generator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", _CHILD]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.communicate()  # it ends with its input


def _asked(process: subprocess.Popen[str], name: str) -> float:
    assert process.stdin is not None
    process.stdin.write(f"{name}\n")
    process.stdin.flush()
    return float(_line(process))


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _commit(folder: Path) -> str:
    command = ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
