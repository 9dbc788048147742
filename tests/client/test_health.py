"""`ChatClient.health`: store and contact centre."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from statemachine import ChatClient
from statemachine.adapters import circuit_breaker
from statemachine.adapters.protocols import Done
from statemachine.client import ChatClosed, Options
from statemachine.client.health import store_fault
from statemachine.store.errors import StoreFull
from statemachine.store.memory import MemoryStore
from statemachine.testing import EmulatedCentre


class Answering(MemoryStore):
    """A store that answers each write in this way; None: it does not answer."""

    def __init__(self, error: BaseException | None) -> None:
        super().__init__()
        self._error = error

    def keep_cookies(self, session_id: str, cookies: str, done: Done) -> None:
        if self._error:
            done(self._error)


async def test_a_client_that_works_has_no_faults(tmp_path: Path) -> None:
    with EmulatedCentre() as centre:
        async with ChatClient(centre.url, app_id="a", store=tmp_path / "chats.sqlite") as client:
            health = await client.health()
            assert (health.ok, health.faults) == (True, ())
            assert not client.knows("ann")
        with pytest.raises(ChatClosed):
            await client.health()


async def test_a_centre_that_does_not_answer_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit_breaker, "FAILURES", 1)
    options = Options(connect_timeout=timedelta(milliseconds=100))
    async with ChatClient("http://127.0.0.1:9", tenant="t", app_id="a", options=options) as client:
        chat = await client.session("ann")
        assert client.knows("ann")
        assert client.label("ann") == chat.label
        async with asyncio.timeout(60):
            while (await client.health()).ok:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert (await client.health()).faults == ("the contact centre does not answer",)


async def test_a_store_that_takes_no_writes_is_a_fault() -> None:
    quick = timedelta(milliseconds=10)
    assert await store_fault(MemoryStore(), quick) is None
    assert await store_fault(Answering(StoreFull("full")), quick) == "the store takes no writes: StoreFull"
    assert await store_fault(Answering(None), quick) == "the store does not answer within 0.01 seconds"
