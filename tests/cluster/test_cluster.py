"""Workers that share a database, in one process, with a contact centre on loopback."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from attrs import evolve

from statemachine import DeliveryUpdate, Finished
from statemachine.client.errors import BadSetting, ChatElsewhere
from statemachine.client.options import Options
from statemachine.client.session import ChatSession
from statemachine.cluster import Inbox, Worker, membership, steering
from statemachine.emulator import Knobs
from statemachine.emulator.http import Emulator
from statemachine.store.errors import StoreError, StoreOwned
from statemachine.store.postgres import PostgresStore

LEASE = timedelta(seconds=10)  # a busy machine must not make a heartbeat late by as much


@pytest.fixture
async def centre() -> AsyncIterator[Emulator]:
    async with Emulator("plain", Knobs(pace=0.05, hold_ms=2_000)) as centre:
        yield centre


def worker(centre: Emulator, store: str, **more: Any) -> Worker:
    options = {"lease": LEASE, "drain": timedelta(seconds=5), **more}
    return Worker(centre.url, app_id="bridge", tenant="acme.example", store=store, **options)


async def until(condition: Callable[[], object], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - many conditions have no event
            await asyncio.sleep(0.02)


async def states(inbox: Inbox, reader: str, keys: set[str], seconds: float = 60) -> dict[str, list[str]]:
    """The delivery states that this reader sees, until each of these keys is sent."""
    found: dict[str, list[str]] = {}
    async with asyncio.timeout(seconds):
        async for _, update in inbox.updates(reader):
            if isinstance(update, DeliveryUpdate) and update.key:
                found.setdefault(update.key, []).append(update.state)
            if {key for key, seen in found.items() if "sent" in seen} >= keys:
                return found
    raise AssertionError


def texts(centre: Emulator) -> dict[str, list[str]]:
    """The texts that have arrived, by customer."""
    return {chat.key.client_id: [text for _, text in chat.texts_received] for chat in centre.centre.chats.values()}


async def test_intents_reach_the_owner_wherever_it_is(centre: Emulator, postgres: str) -> None:
    async with worker(centre, postgres) as one, worker(centre, postgres) as two:
        await until(lambda: {len(each._shards.all_in("owned")) for each in (one, two)} == {128})
        async with Inbox(postgres) as inbox:
            keys = set[str]()
            for client in ("ann", "bob", "eve", "dan", "kim", "lea"):
                for number in range(2):
                    keys.add(f"{client}-{number}")
                    for _ in range(2):  # a webhook delivered twice
                        await inbox.send(client, f"text {number}", key=f"{client}-{number}")
            found = await states(inbox, "crm", keys)
            assert all(seen.count("sent") == 1 for seen in found.values())
            assert (await states(inbox, "second", keys)).keys() == found.keys()
        assert texts(centre) == {name: ["text 0", "text 1"] for name in ("ann", "bob", "eve", "dan", "kim", "lea")}
        assert len(one.sessions()) + len(two.sessions()) == 6
        (far, chat), *_ = [(one, each) for each in two.sessions()] + [(two, each) for each in one.sessions()]
        with pytest.raises(ChatElsewhere, match="send by the inbox"):
            await far.session(chat.client_id)


async def test_a_worker_that_closes_hands_its_chats_over(centre: Emulator, postgres: str) -> None:
    async with worker(centre, postgres) as one:
        await until(lambda: len(one._shards.all_in("owned")) == 256)
        chat = await one.session("ann")
        await (await chat.send("first", key="1")).sent()
        async with worker(centre, postgres) as two:
            await until(lambda: two._shards.all_in("owned"))
            await one.close()
            await until(lambda: len(two._shards.all_in("owned")) == 256)
            await until(lambda: [each.client_id for each in two.sessions()] == ["ann"])
            async with Inbox(postgres) as inbox:
                await inbox.send("ann", "second", key="2")
                await states(inbox, "crm", {"1", "2"})
    assert texts(centre) == {"ann": ["first", "second"]}


@pytest.mark.parametrize("drain_s", [0, 5])
async def test_shards_are_released_as_fast_as_others_resume_their_chats(
    centre: Emulator, postgres: str, drain_s: int
) -> None:
    slow = Options(opened_per_second=1)
    drain = timedelta(seconds=drain_s)
    async with worker(centre, postgres, options=slow, drain=drain) as one, worker(centre, postgres) as two:
        await until(lambda: {len(each._shards.all_in("owned")) for each in (one, two)} == {128})
        async with Inbox(postgres) as inbox:
            for number in range(8):
                await inbox.send(f"customer-{number}", "hello", key="1")
        await until(lambda: len(texts(centre)) == 8 and one.sessions() and two.sessions())
        one._keep(0, [], moving=0)
        draining = one._shards.all_in("draining")
        assert 0 < len(draining) < 128
        one._release_at = 0.0
        one._keep(0, [], moving=100)
        assert one._shards.all_in("draining") == draining
        chats = len(one.sessions()) + len(two.sessions())
        await one.close()
        await until(lambda: len(two._shards.all_in("owned")) == 256 and len(two.sessions()) == chats)


async def test_a_chat_that_is_taken_over_is_polled_without_a_pause(centre: Emulator, postgres: str) -> None:
    connections = list[str]()
    async with worker(centre, postgres, drain=timedelta(0)) as one:
        await until(lambda: len(one._shards.all_in("owned")) == 256)
        await (await (await one.session("ann")).send("hello")).sent()
        two = worker(centre, postgres)
        work = two._work

        def noted(chat: ChatSession) -> None:
            work(chat)
            connections.append(chat.session.connection.name)

        two._work = noted  # type: ignore[method-assign]
        async with two:
            await one.close()
            await until(lambda: connections)
    assert connections == ["off"]  # while the history is read


@pytest.mark.parametrize("pause_ms", [1, 600_000])
async def test_a_chat_is_polled_at_once_when_a_lost_lease_is_back(
    centre: Emulator, postgres: str, monkeypatch: pytest.MonkeyPatch, pause_ms: int
) -> None:
    """Its pause may have become long; and after a short one, the history is read as soon as a request may be sent."""
    config = evolve(Options().core(), backoff_start=pause_ms, backoff_cap=600_000)
    monkeypatch.setattr(Options, "core", lambda _: config)
    async with worker(centre, postgres) as one:
        await until(lambda: len(one._shards.all_in("owned")) == 256)
        chat = await one.session("ann")
        await (await chat.send("hello")).sent()
        await until(lambda: chat.session.connection.name == "polling" and chat.session.history.name == "current")
        with monkeypatch.context() as away:
            away.setattr(one._lease, "renew", lambda sent: None)
            one._lease.end()
            await until(lambda: chat.session.connection.name != "polling")
            await asyncio.sleep(0.5)
            assert chat.session.connection.tries == 1
            assert (chat.session.connection.name, chat.session.history.name) == (
                ("off", "reading") if pause_ms == 1 else ("backing_off", "current")
            )
        await until(lambda: chat.session.connection.name == "polling")


async def test_a_history_that_waits_is_read_at_once_when_a_lost_lease_is_back(
    centre: Emulator, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = evolve(Options().core(), backoff_start=600_000, backoff_cap=600_000)
    monkeypatch.setattr(Options, "core", lambda _: config)
    async with worker(centre, postgres) as one:
        await until(lambda: len(one._shards.all_in("owned")) == 256)
        chat = await one.session("ann")
        await (await chat.send("hello")).sent()
        await chat.background()
        await until(lambda: chat.session.connection.name == "paused" and not chat.session.connection.call)
        with monkeypatch.context() as away:
            away.setattr(one._lease, "renew", lambda sent: None)
            one._lease.end()
            await chat.foreground()
            await until(lambda: chat.session.history.name == "backing_off")
        await until(lambda: chat.session.connection.name == "polling" and chat.session.history.name == "current")


async def test_a_worker_that_was_declared_dead_lets_go_and_joins_again(centre: Emulator, postgres: str) -> None:
    async with worker(centre, postgres) as one:
        await until(lambda: len(one._shards.all_in("owned")) == 256)
        chat = await one.session("ann")
        await (await chat.send("first", key="1")).sent()
        before = one.cluster_stats().worker
        with psycopg.connect(postgres, autocommit=True) as link:
            link.execute("DELETE FROM statemachine.worker; UPDATE statemachine.shard SET worker = NULL")
        await until(lambda: chat._stopped)
        await until(lambda: len(one._shards.all_in("owned")) == 256)
        assert one.cluster_stats().worker != before
        again = await one.session("ann")
        assert again is not chat
        await (await again.send("second", key="2")).sent()
    assert texts(centre) == {"ann": ["first", "second"]}


async def test_a_shard_lost_and_claimed_again_while_it_is_read_is_read_again(
    centre: Emulator, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with worker(centre, postgres) as one:
        await until(lambda: len(one._shards.all_in("owned")) == 256)
        await one._lost()
        take, begun, go_on = one._postgres.take_shards, list[dict[int, int]](), threading.Event()

        def slow_take(epochs: dict[int, int]) -> list[str]:
            begun.append(epochs)
            go_on.wait(30)
            return take(epochs)

        monkeypatch.setattr(one._postgres, "take_shards", slow_take)
        one._claimed({5: 100})
        await until(lambda: begun)
        await one._lost()
        one._claimed({5: 101})
        go_on.set()
        await until(lambda: one._shards.state(5) == "owned")
        assert begun == [{5: 100}, {5: 101}]
        assert one._postgres._epochs == {5: 101}


async def test_nothing_is_sent_without_a_lease(centre: Emulator, postgres: str) -> None:
    async with worker(centre, postgres) as one:
        await until(lambda: len(one._shards.all_in("owned")) == 256)
        chat = await one.session("ann")
        await (await chat.send("first")).sent()
        renew, one._lease.renew = one._lease.renew, lambda sent: None  # type: ignore[method-assign]
        one._lease.end()
        await until(lambda: chat.session.connection.name == "backing_off")
        await chat.send("second")
        await asyncio.sleep(1)
        assert texts(centre) == {"ann": ["first"]}
        one._lease.renew = renew  # type: ignore[method-assign]
        await until(lambda: texts(centre) == {"ann": ["first", "second"]})


async def test_intents_of_one_moment_are_stored_in_order_and_one_that_cannot_be_does_not_stop_the_others(
    centre: Emulator, postgres: str
) -> None:
    async with worker(centre, postgres), Inbox(postgres) as inbox:
        keys = ["1", "2", "1", "too long" * 100_000, "3"]
        calls = [inbox.send("ann", f"text {number}", key=key) for number, key in enumerate(keys)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(one) for one in results].count(type(None)) == 4
        assert isinstance(results[3], StoreError)
        with pytest.raises(BadSetting, match="PostgreSQL cannot store"):
            await inbox.send("ann", "text", key="\ud83d")
        await states(inbox, "crm", {"1", "2", "3"})
    assert texts(centre) == {"ann": ["text 0", "text 1", "text 4"]}


async def test_a_shard_moves_and_a_worker_drains(centre: Emulator, postgres: str) -> None:
    async with worker(centre, postgres) as one, worker(centre, postgres) as two:
        await until(lambda: {len(each._shards.all_in("owned")) for each in (one, two)} == {128})
        shard = one._shards.all_in("owned")[0]
        steering.move(postgres, shard, two.cluster_stats().worker)
        await until(lambda: two._shards.state(shard) == "owned")
        steering.drain(postgres, one.cluster_stats().worker)
        await until(lambda: len(two._shards.all_in("owned")) == 256)
        found = steering.status(postgres)
        assert sorted((each.shards, each.draining) for each in found.workers) == [(0, True), (256, False)]
        assert (found.free_shards, found.inbox_depth, found.warning) == (0, 0, None)
    with pytest.raises(StoreError, match="no worker nobody is alive"):
        steering.drain(postgres, "nobody")


async def test_a_shard_is_handed_over_also_where_the_statement_fails_at_first(
    centre: Emulator, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the connection breaks: nobody could claim it, and nobody would poll its chats."""
    async with worker(centre, postgres) as one, worker(centre, postgres) as two:
        await until(lambda: {len(each._shards.all_in("owned")) for each in (one, two)} == {128})
        shard = one._shards.all_in("owned")[0]
        with monkeypatch.context() as broken:
            broken.setattr(membership, "_GIVE_BACK", "SELECT 1 / 0 WHERE %s <> '' AND %s::int[] IS NOT NULL")
            steering.move(postgres, shard, two.cluster_stats().worker)
            await until(lambda: one._membership._to_return == {shard})
        await until(lambda: two._shards.state(shard) == "owned")


async def test_an_intent_that_is_not_possible_is_refused_with_words(centre: Emulator, postgres: str) -> None:
    async with worker(centre, postgres) as one, Inbox(postgres) as inbox:
        await inbox.put("ann", "send_location", key="where", latitude="north", longitude=1)
        await inbox.send("ann", "hello", key="hello")
        await inbox.end("ann", key="end")
        async with asyncio.timeout(60):
            async for client, update in inbox.updates("crm"):
                assert client == "ann"
                if isinstance(update, Finished):
                    break
        await until(lambda: one.cluster_stats().inbox_depth == 0)  # all results are stored
        assert await inbox.refusal("ann", "where") not in (None, "")
        assert await inbox.refusal("ann", "hello") == ""
        assert await inbox.refusal("ann", "unknown") is None
        with pytest.raises(BadSetting, match="the inbox does not take close"):
            await inbox.put("ann", "close", key="x")


async def test_a_reader_keeps_updates_until_it_has_them(centre: Emulator, postgres: str) -> None:
    async with worker(centre, postgres) as one, Inbox(postgres) as inbox:
        await inbox.send("ann", "hello", key="hello")
        handling = asyncio.create_task(one.handle(ignore))
        await states(inbox, "crm", {"hello"})
        await states(inbox, "crm", set())  # it continues where it was
        handling.cancel()
        await inbox.forget_reader("crm")
        assert steering.status(postgres).readers == ()


async def test_updates_come_in_order_where_the_clock_of_the_next_worker_is_behind(
    centre: Emulator, postgres: str
) -> None:
    async with worker(centre, postgres), Inbox(postgres) as inbox:
        await inbox.send("ann", "hello", key="hello")
        await states(inbox, "crm", {"hello"})
        with psycopg.connect(postgres, autocommit=True) as link:
            link.execute("UPDATE statemachine.journal SET at = 1_000 - seq")
        seen = list[int]()
        async with asyncio.timeout(60):
            async for _, update in inbox.updates("late"):
                seen.append(update.seq)
                if isinstance(update, DeliveryUpdate) and update.state == "sent":
                    break
        assert len(seen) > 1
        assert seen == list(range(1, len(seen) + 1))


async def ignore(*_: object) -> None:
    """A handler."""


async def test_workers_and_a_process_with_all_chats_exclude_each_other(centre: Emulator, postgres: str) -> None:
    async with worker(centre, postgres):
        with pytest.raises(StoreOwned, match="stop it first"):
            await asyncio.to_thread(PostgresStore, postgres, call_soon=lambda call: call(), busy_ms=50)


async def test_a_database_belongs_to_one_pair(centre: Emulator, postgres: str) -> None:
    async with worker(centre, postgres):
        pass
    with pytest.raises(BadSetting, match=r"has the chats of tenant acme\.example and app id bridge"):
        async with Worker(centre.url, app_id="other", tenant="acme.example", store=postgres):
            pass


def test_settings_that_cannot_work() -> None:
    for store, lease in (("chats.sqlite", LEASE), ("postgresql://x/y", timedelta(seconds=11))):
        with pytest.raises(BadSetting):
            Worker("http://x", app_id="a", store=store, lease=lease, options=Options())
    with pytest.raises(BadSetting):
        Inbox("chats.sqlite")


async def test_shards_claimed_by_a_worker_that_is_dead_are_freed(centre: Emulator, postgres: str) -> None:
    async with worker(centre, postgres) as one:
        await until(lambda: len(one._shards.all_in("owned")) == 256)
        with psycopg.connect(postgres, autocommit=True) as link:
            link.execute("UPDATE statemachine.shard SET worker = 'dead' WHERE id < 3")
            rows = [("dead",)]
            while rows:
                rows = link.execute("SELECT worker FROM statemachine.shard WHERE worker = 'dead'").fetchall()
                await asyncio.sleep(0.1)
