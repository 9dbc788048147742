"""Settings of the whole process: only the application changes them."""

from __future__ import annotations

import asyncio
import builtins
import random
import sys
from asyncio import sslproto
from typing import Any

import pytest
from structlog.testing import capture_logs

from statemachine.client import ChatClient, fast_event_loop, raise_file_limit, shrink_tls_buffers
from statemachine.client import client as module
from statemachine.client.process import OTHER_FILES, TLS_BUFFER, chats_within_file_limit
from statemachine.emulator.http import Emulator
from tests.client.two_parties import QUICK, client

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="sockets are not files there")
PROTOCOL: Any = sslproto.SSLProtocol


class Limits:
    """The limits of a system, in place of this process's own."""

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


async def test_a_client_changes_nothing_of_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(monkeypatch, 1_024, 110_100)

    def settings() -> tuple[object, ...]:
        return PROTOCOL.max_size, asyncio.get_event_loop_policy(), sys.getswitchinterval(), random.getstate()

    before = settings()
    async with Emulator("silent", QUICK) as emulator, client(emulator) as chats:
        await chats.session("ann")
        assert settings() == before
        assert limits.soft == 1_024


@pytest.mark.parametrize(("before", "after"), [(256 * 1024, TLS_BUFFER), (1_024, 1_024)])
def test_tls_buffers_are_never_enlarged(monkeypatch: pytest.MonkeyPatch, before: int, after: int) -> None:
    monkeypatch.setattr(PROTOCOL, "max_size", before)
    shrink_tls_buffers()
    assert PROTOCOL.max_size == after


def test_asyncio_has_a_buffer_size() -> None:
    """Under another name, memory would grow without another failing test."""
    assert isinstance(PROTOCOL.max_size, int)


@posix_only
def test_the_limit_is_raised_as_far_as_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(monkeypatch, 1_024, 110_100)
    raise_file_limit()
    assert (limits.soft, chats_within_file_limit()) == (110_100, 100_000)


@posix_only
def test_without_permission_the_present_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    Limits(monkeypatch, 1_200, 1_000_000, refuses=True)
    raise_file_limit()
    assert chats_within_file_limit() == 1_000


@posix_only
def test_a_very_low_limit_and_none(monkeypatch: pytest.MonkeyPatch) -> None:
    Limits(monkeypatch, OTHER_FILES - 50, OTHER_FILES - 50)
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
    assert "raise_file_limit" in said[0]["remedy"]


def test_a_chat_works_in_uvloop() -> None:
    factory = fast_event_loop()
    if factory is None:
        pytest.skip("the extra `speed` is not installed")

    async def chat() -> str:
        async with (
            Emulator("silent", QUICK) as emulator,
            ChatClient(emulator.url, app_id="app") as chats,
        ):
            sending = await (await chats.session("ann")).send("hello")
            await sending.sent()
            return type(asyncio.get_running_loop()).__module__

    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(chat()).startswith("uvloop")


def test_without_uvloop_there_is_no_factory(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any, **named: Any) -> Any:
        if name == "uvloop":
            raise ModuleNotFoundError(name=name)
        return real(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    assert fast_event_loop() is None
