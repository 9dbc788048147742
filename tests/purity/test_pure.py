"""Purity, second and third way: a tripwire on clock, entropy and files; and two processes with two hash seeds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.purity.transcript import lines, lives

TRIPWIRES = (
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "os.urandom",
    "os.getpid",
    "random.random",
    "random.randrange",
    "uuid.uuid1",
    "uuid.uuid4",
    "secrets.token_bytes",
    "socket.socket",
    "builtins.open",
    "builtins.print",
)
SEEDS = 40


def tripped(*args: object, **kwargs: object) -> object:
    raise AssertionError("the engine asked the world outside")


def test_nothing_outside_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    told = lives(SEEDS)
    expected = list(lines(told))
    with monkeypatch.context() as patch:
        for name in TRIPWIRES:
            patch.setattr(name, tripped)
        found = list(lines(told))
    assert found == expected
    assert len(found) > SEEDS * 100


def transcript(hash_seed: int) -> bytes:
    env = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    command = [sys.executable, "-m", "tests.purity.transcript", str(SEEDS)]
    return subprocess.run(command, env=env, cwd=Path(__file__).parents[2], capture_output=True, check=True).stdout


def test_two_processes_with_two_hash_seeds_say_the_same() -> None:
    one, other = transcript(0), transcript(1)
    assert one == other
    assert one.count(b"\n") > SEEDS * 100
