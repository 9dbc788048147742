"""Agents, clock and judge for strangers' tests; the client is the real one."""

from __future__ import annotations

import asyncio
import threading
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
import trio

from statemachine import ChatClient
from statemachine.client import ChatSession, Options
from statemachine.testing import EmulatedCentre

LIMIT_S = 30


@asynccontextmanager
async def client(centre: EmulatedCentre, client_id: str = "visitor") -> AsyncIterator[ChatSession]:
    options = Options(close_within=timedelta(seconds=1))
    async with ChatClient(centre.url, app_id="app", options=options) as chats:
        yield await chats.session(client_id)


async def test_an_agent_accepts_says_hears_and_transfers() -> None:
    async with EmulatedCentre() as centre, client(centre) as chat:
        ada, grace, sales = centre.agent("Ada Larsen"), centre.agent("Grace Holm"), centre.agent("Sam", queue="sales")
        await chat.send("hello")
        taken = await ada.accept()
        assert await ada.wait_for_text() == "hello"
        await ada.say("one moment")
        await ada.transfer(to=grace)
        await grace.say("Grace here")
        await grace.transfer(queue="sales")
        assert (await sales.accept()).chat_id == taken.chat_id
        await sales.say("Sam here")
        await sales.read()
        await chat.send("and now?")
        assert await sales.wait_for_text("now") == "and now?"
        await sales.end()
        await centre.until(lambda c: all(one.end_handed_over for one in c.chats.values()))
        assert centre.violations("visitor") == []
        assert [one.request.method for one in centre.requests("visitor")][:2] == ["POST", "GET"]


async def test_what_a_test_gets_wrong_is_told() -> None:
    centre = EmulatedCentre(timeout_s=0.05)
    agent = centre.agent()
    with pytest.raises(RuntimeError, match="inside its `with` block"):
        await centre.advance("1m")
    async with centre:
        with pytest.raises(RuntimeError, match="has no chat"):
            await agent.say("hi")
        with pytest.raises(TimeoutError):
            await agent.accept()
        with pytest.raises(ValueError, match="either to="):
            await agent.transfer()
    with pytest.raises(ValueError, match="unknown knob"):
        EmulatedCentre(knobs={"nonsense": 1})


async def test_the_clock_is_moved_and_the_client_is_not_starved() -> None:
    async with EmulatedCentre(speed=0) as centre, client(centre) as chat:
        await chat.send("hello")
        await centre.agent().accept()
        await centre.until(lambda c: c.held_polls == 1)
        await centre.advance("11m")
        assert centre.chats[0].terminal == "timed_out"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_centre() -> AsyncIterator[EmulatedCentre]:
    """In a loop that does not run while the tests run."""
    async with EmulatedCentre() as centre:
        yield centre


@pytest.mark.parametrize("visitor", ["ann", "bob"])
async def test_a_fixture_for_many_tests(shared_centre: EmulatedCentre, visitor: str) -> None:
    async with asyncio.timeout(LIMIT_S), client(shared_centre, visitor) as chat:
        await chat.send("hello")
        agent = shared_centre.agent()
        await agent.accept(visitor)
        assert await agent.wait_for_text() == "hello"


def test_a_loop_of_trio_calls() -> None:
    async def main() -> None:
        async with EmulatedCentre() as centre:
            await trio.to_thread.run_sync(request, centre, "POST", "chats", b"{}")
            agent = centre.agent()
            with pytest.raises(RuntimeError, match=r"no loop of asyncio: use centre\.call"):
                await agent.accept()
            await trio.to_thread.run_sync(lambda: centre.call(agent.accept()))
            assert agent.chat.live

    trio.run(main)


def request(centre: EmulatedCentre, method: str, path: str, body: bytes | None = None) -> bytes:
    headers = {"Authorization": 'MOBILE-API-140-327-PLAIN appId="a", clientId="c"', "Cache-Control": "no-cache"}
    url = f"{centre.url}/clientweb/api/v2/{path}?tenantUrl=x"
    with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=LIMIT_S) as reply:
        return bytes(reply.read())


def test_without_a_loop() -> None:
    before = threading.active_count()
    with EmulatedCentre() as centre:
        agent = centre.agent()
        request(centre, "POST", "chats", b"{}")
        chat = centre.call(agent.accept())
        centre.call(agent.say("hi"))
        assert b'"hi"' in request(centre, "GET", f"chats/{chat.chat_id}/events")
    assert threading.active_count() == before


@pytest.mark.emulated_centre(scenario="failed", pace=0)
def test_the_fixture_without_a_loop(emulated_centre: EmulatedCentre) -> None:
    request(emulated_centre, "POST", "chats", b"{}")
    assert emulated_centre.chats[0].terminal == "failed"


async def test_the_fixture_in_a_loop_of_ones_own(emulated_centre: EmulatedCentre) -> None:
    async with client(emulated_centre) as chat:
        await chat.send("hello")
        agent = emulated_centre.agent()
        await agent.accept()
        assert await agent.wait_for_text() == "hello"
        await agent.typing()
        await agent.typing(False)
        await agent.send_file("a.png", b"x", "image/png")
        await agent.show_form("survey_form", 60)
        await agent.warn()
        await emulated_centre.set_knobs(receipts="off")
        await agent.leave()
        assert emulated_centre.chats[0].agents() == []


@pytest.mark.parametrize(("last", "terminal"), [("fail", "failed"), ("time_out", "timed_out"), ("drop_chat", "gone")])
def test_the_other_ends(last: str, terminal: str) -> None:
    with EmulatedCentre() as centre:
        request(centre, "POST", "chats", b"{}")
        agent: Any = centre.agent()
        centre.call(agent.accept())
        centre.call(getattr(agent, last)())
        assert centre.chats[0].terminal == terminal
