"""The model answers alike in every process: no clock, no entropy, no order that depends on hashes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from statemachine.emulator.script import catalogue
from tests.emulator.driver import Driver, message

TRIPWIRES = [
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "os.urandom",
    "uuid.uuid4",
    "builtins.open",
    "random.random",
]


def session(scenario: str) -> str:
    """Everything a session showed, as text."""
    driver = Driver(scenario, hold_jitter_ms=2_000, omit_fields=("ewt",)).open()
    events = driver.polled(20_000)
    driver.call("POST", f"chats/{driver.chat_id}/events", {"events": [message("hello", "1")]})
    events += driver.polled(20_000)
    return f"{events} {driver.chat.log} {driver.chat.handovers} {driver.rules} {driver.centre.next_deadline()}"


@pytest.mark.parametrize("scenario", list(catalogue()))
def test_nothing_outside_is_asked(scenario: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = session(scenario)
    with monkeypatch.context() as patch:
        for name in TRIPWIRES:
            patch.setattr(name, tripped)
        assert session(scenario) == expected


def tripped(*_: object) -> None:
    raise AssertionError("the model asked the world")


def test_hash_seeds_change_nothing() -> None:
    code = "from tests.emulator.test_determinism import *; print([session(name) for name in catalogue()])"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
