"""Which worker claims which shard: unreadable ones, dangerous ones, and those of a worker without a contact centre."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest

from statemachine.cluster import Inbox, membership, steering
from statemachine.cluster.shards import CERTAIN, PROBATION_S, QUARANTINE, SUSPECT
from statemachine.emulator.http import Emulator
from statemachine.store.errors import StoreError
from statemachine.store.postgres import PostgresStore
from statemachine.store.postgres_database import shard_of
from tests.cluster.test_cluster import centre, ignore, states, until, worker

__all__ = ["centre"]


@pytest.fixture
def link(postgres: str) -> Iterator[psycopg.Connection]:
    PostgresStore(postgres, call_soon=lambda call: call(), shared=True).close()
    with psycopg.connect(postgres, autocommit=True) as link:
        yield link


async def test_a_shard_with_newer_snapshots_goes_to_newer_workers_only(
    centre: Emulator, postgres: str, link: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = membership.SNAPSHOT_SCHEMA + 1
    link.execute("UPDATE statemachine.shard SET snapshot_schema = %s WHERE id < 200", (newer,))
    async with worker(centre, postgres) as old:
        await until(lambda: len(old._shards.all_in("owned")) == 56)
        monkeypatch.setattr(membership, "SNAPSHOT_SCHEMA", newer)
        async with worker(centre, postgres) as new:
            await until(lambda: len(new._shards.all_in("owned")) == 200)  # more than half: nobody else can read them
            assert set(new._shards.all_in("owned")) == set(range(200))
            assert len(old._shards.all_in("owned")) == 56


async def test_a_worker_that_has_too_many_shards_gives_away_those_that_it_had_first(
    centre: Emulator, postgres: str
) -> None:
    async with worker(centre, postgres) as one:
        async with worker(centre, postgres) as two:
            await until(lambda: {len(each._shards.all_in("owned")) for each in (one, two)} == {128})
            first = set(one._shards.all_in("owned"))
        await until(lambda: len(one._shards.all_in("owned")) == 256)
        async with worker(centre, postgres) as three:
            await until(lambda: {len(each._shards.all_in("owned")) for each in (one, three)} == {128})
            assert set(three._shards.all_in("owned")) == first


async def test_a_shard_written_by_a_newer_version_is_not_opened_by_one_process(
    postgres: str, link: psycopg.Connection
) -> None:
    link.execute("UPDATE statemachine.shard SET snapshot_schema = 99 WHERE id = 7")
    with pytest.raises(StoreError, match="newer version of this package: upgrade"):
        PostgresStore(postgres, call_soon=lambda call: call())


async def test_a_worker_without_the_contact_centre_gives_its_shards_back(centre: Emulator, postgres: str) -> None:
    async with worker(centre, postgres) as one, worker(centre, postgres) as two:
        await until(lambda: {len(each._shards.all_in("owned")) for each in (one, two)} == {128})
        assert one._context
        breaker = one._context.pool.breaker
        breaker._open(breaker._now() + 3600)  # as after many failures
        await until(lambda: len(two._shards.all_in("owned")) == 256)
        assert [each.cut_off for each in steering.status(postgres).workers if not each.shards] == [True]
        breaker._open_until = breaker._now()  # the pause is over, and the contact centre answers again
        await until(lambda: {len(each._shards.all_in("owned")) for each in (one, two)} == {128})
        assert not one.is_cut_off()


async def test_when_no_worker_reaches_the_contact_centre_all_keep_their_shards(centre: Emulator, postgres: str) -> None:
    async with worker(centre, postgres) as one:
        await until(lambda: len(one._shards.all_in("owned")) == 256)
        assert one._context
        breaker = one._context.pool.breaker
        breaker._open(breaker._now() + 3600)
        await until(lambda: steering.status(postgres).workers[0].cut_off)
        await asyncio.sleep(2 * membership.BEAT_S)
        assert len(one._shards.all_in("owned")) == 256


async def test_suspects_are_tried_by_halves_and_quarantined_shards_never(
    centre: Emulator, postgres: str, link: psycopg.Connection
) -> None:
    link.execute("UPDATE statemachine.shard SET strikes = %s WHERE id IN (3, 4)", (SUSPECT,))
    link.execute("UPDATE statemachine.shard SET strikes = %s WHERE id IN (5, 6)", (SUSPECT + 1,))
    link.execute("UPDATE statemachine.shard SET strikes = %s WHERE id = 7", (QUARANTINE,))
    async with worker(centre, postgres) as one:
        rows: list[Any] = [(None, None)]
        while any(since is None for _, since in rows):
            await asyncio.sleep(0.1)
            query = (
                "SELECT id, extract(epoch FROM since) FROM statemachine.shard WHERE id BETWEEN 3 AND 6 ORDER BY since"
            )
            rows = link.execute(query).fetchall()
        assert {shard for shard, _ in rows[:2]} == {5, 6}  # those with more strikes first
        assert all(later[1] - sooner[1] >= PROBATION_S for sooner, later in pairwise(rows))
        assert len(one._shards.all_in("owned")) == 255
        found = steering.status(postgres)
        assert (found.quarantined, found.free_shards) == ((7,), 1)
        with pytest.raises(StoreError, match="not in quarantine"):
            steering.release(postgres, 5)
        steering.release(postgres, 7)
        await until(lambda: len(one._shards.all_in("owned")) == 256)
    assert link.execute("SELECT sum(strikes) FROM statemachine.shard").fetchone() == (0,)


@pytest.mark.parametrize("strikes", [SUSPECT, CERTAIN - 1, CERTAIN])
async def test_only_a_suspect_that_has_stopped_many_workers_is_quarantined(
    centre: Emulator, postgres: str, link: psycopg.Connection, strikes: int
) -> None:
    long_ago = "clock_timestamp() - interval '1 hour'"
    link.execute(
        f"INSERT INTO statemachine.worker (id, beat, awake, since, snapshot_schema)"
        f" VALUES ('dead', {long_ago}, {long_ago}, {long_ago}, 1)"
    )
    link.execute("UPDATE statemachine.shard SET worker = 'dead', strikes = %s WHERE id = 7", (strikes,))
    link.execute("UPDATE statemachine.shard SET worker = 'dead' WHERE id = 8")  # accused of nothing: 7 was on trial
    async with worker(centre, postgres) as one:
        guilty = strikes == CERTAIN
        await until(lambda: len(one._shards.all_in("owned")) == 256 - guilty)
        assert steering.status(postgres).quarantined == (7,) * guilty
        found = link.execute("SELECT id, strikes FROM statemachine.shard WHERE id IN (7, 8) ORDER BY id").fetchall()
        assert found == [(7, QUARANTINE if guilty else strikes + 1), (8, 0)]


@pytest.mark.slow  # nine workers must stop first
async def test_a_chat_that_stops_its_workers_ends_in_quarantine(
    centre: Emulator, postgres: str, link: psycopg.Connection, tmp_path: Path
) -> None:
    cure = tmp_path / "cure"
    stopped, stop = 0, asyncio.Event()

    async def supervise() -> None:
        """As systemd or Kubernetes do."""
        nonlocal stopped
        while not stop.is_set():
            values = [centre.url, postgres, "2", "2", f"poison={cure}"]
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.cluster.app", *values, stdout=asyncio.subprocess.DEVNULL
            )
            ended = asyncio.create_task(process.wait())
            await asyncio.wait([ended, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
            stopped += not stop.is_set()
            if not ended.done():
                process.kill()
            await ended

    supervisors = [asyncio.create_task(supervise()) for _ in range(2)]
    try:
        await until(lambda: steering.status(postgres).free_shards == 0)
        async with Inbox(postgres) as inbox:
            await inbox.send("ann", "before", key="before")
            await states(inbox, "crm", {"before"})
            await inbox.send("poison", "hello", key="poison")
            shard = shard_of(inbox._session("poison"), 256)
            await until(lambda: steering.status(postgres).quarantined == (shard,), 180)
            assert stopped > SUSPECT
            await until(lambda: steering.status(postgres).free_shards == 1, 180)
            number = stopped
            await inbox.send("ann", "after", key="after")
            await states(inbox, "crm", {"after"})
            await asyncio.sleep(2 * PROBATION_S)
            assert stopped == number  # the workers live
            cure.touch()
            steering.release(postgres, shard)
            await until(lambda: steering.status(postgres).free_shards == 0)
            await inbox.send("poison", "again", key="again")
            await states(inbox, "crm", {"again"})
            assert stopped == number
    finally:
        stop.set()
        await asyncio.gather(*supervisors)


async def test_a_forgotten_customer_is_forgotten_on_every_worker(
    centre: Emulator, postgres: str, tmp_path: Path, link: psycopg.Connection
) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    async with (
        worker(centre, postgres, trace=folders[0]) as one,
        worker(centre, postgres, trace=folders[1]) as two,
        Inbox(postgres) as inbox,
    ):
        await until(lambda: {len(each._shards.all_in("owned")) for each in (one, two)} == {128})
        handling = [asyncio.create_task(each.handle(ignore)) for each in (one, two)]
        for name in ("ann", "bob"):
            await inbox.send(name, "a secret", key=f"{name}-1")
        await states(inbox, "crm", {"ann-1", "bob-1"})
        name, label = inbox._session("ann"), one.label("ann")
        for folder in folders:  # both have had the chat
            (folder / f"{label}.jsonl").touch()
        owner, other = (one, two) if one._is_here(name) else (two, one)
        old = next(chat for chat in owner.sessions() if chat.id == name)
        await other.forget("ann")
        await until(lambda: old not in owner.sessions() and not list(tmp_path.glob(f"*/{label}*")))
        for table, column in (("session", "id"), ("journal", "session"), ("inbox", "session"), ("reading", "session")):
            rows = link.execute(f"SELECT {column} FROM statemachine.{table}").fetchall()  # type: ignore[call-overload]
            assert (inbox._session("bob"),) in rows
            assert (name,) not in rows
        assert [file.stem for folder in folders for file in folder.iterdir()] == [one.label("bob")]
        await inbox.send("ann", "hello again", key="ann-1")  # the key is forgotten too
        await states(inbox, "crm", {"ann-1"})
        for task in handling:
            task.cancel()
