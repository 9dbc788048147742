"""How many chats fit."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from structlog.testing import capture_logs

from statemachine.client import client as module
from statemachine.client.file_limit import OTHERS, chats_within_file_limit
from statemachine.emulator.http import Emulator
from tests.client.two_parties import QUICK, client

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="sockets are no files there")


class Limits:
    """The system's word, without touching this process's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, *, refuses: bool = False) -> None:
        import resource

        self.soft, self.hard, self.refuses = soft, hard, refuses
        monkeypatch.setattr(resource, "getrlimit", lambda what: (self.soft, self.hard))
        monkeypatch.setattr(resource, "setrlimit", self._set)
        self.unlimited = resource.RLIM_INFINITY

    def _set(self, what: int, limits: tuple[int, int]) -> None:
        if self.refuses:
            raise ValueError("not that many")
        self.soft, self.hard = limits


@posix_only
def test_the_limit_is_raised_as_far_as_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(monkeypatch, 1_024, 110_100)
    assert chats_within_file_limit() == 100_000
    assert limits.soft == 110_100


@posix_only
def test_without_permission_the_present_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    Limits(monkeypatch, 1_200, 1_000_000, refuses=True)
    assert chats_within_file_limit() == 1_000


@posix_only
def test_a_very_low_limit_and_none(monkeypatch: pytest.MonkeyPatch) -> None:
    Limits(monkeypatch, OTHERS - 50, OTHERS - 50)
    assert chats_within_file_limit() == 0
    limits = Limits(monkeypatch, 1, 1)
    limits.soft = limits.hard = limits.unlimited
    assert chats_within_file_limit() is None


async def test_one_line_when_more_chats_are_held_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "chats_within_file_limit", lambda: 2)
    with capture_logs() as logs:
        async with Emulator("silent", QUICK) as emulator, client(emulator) as chats:
            for user in range(4):
                await chats.session(f"user-{user}")
    said: list[Any] = [log for log in logs if log["event"] == "too_many_chats"]
    assert [(log["fit"], log["log_level"]) for log in said] == [(2, "warning")]
    assert "ulimit" in said[0]["remedy"]
