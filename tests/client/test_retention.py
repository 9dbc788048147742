"""What outlives the process, and what does not: transcripts, traces, purges, forgetting, and a graceful stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from statemachine import ChatClient, DeliveryUpdate, Finished, Received
from statemachine.adapters.driver import label
from statemachine.adapters.protocols import Done
from statemachine.client import BadSetting, ChatClosed, ChatStopped, NotSaved, Options
from statemachine.client.signals import on_first_signal
from statemachine.emulator import Knobs
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from statemachine.replay import play, read_capture
from statemachine.store import database
from statemachine.store.errors import CorruptStore, NewerStore, StoreFull, StoreOwned
from statemachine.store.memory import MemoryStore
from statemachine.store.schema import SCHEMA
from statemachine.store.sqlite import SqliteStore
from tests.client.two_parties import LIMIT_S, QUICK, chat_of, client, until

posix_only = pytest.mark.skipif(os.name != "posix", reason="signals between processes are POSIX's")
NOW = timedelta(0)
ANN = "ann-4711"


@pytest.fixture
async def centre() -> Any:
    async with Emulator("silent", QUICK) as emulator:
        yield emulator


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chats.sqlite"


async def spoken(centre: Emulator, chats: ChatClient, client_id: str) -> Any:
    """A chat in which the customer has said something, and was answered."""
    session = await chats.session(client_id)
    await (await session.send(f"secret words of {client_id}")).sent()
    await centre.act(session.session.chat.chat_id, do.Say(f"secret answer to {client_id}"))
    await until(lambda: session.unread >= 2, "the answer")
    return session


async def ended(centre: Emulator, chats: ChatClient, client_id: str) -> Any:
    session = await spoken(centre, chats, client_id)
    await centre.act(session.session.chat.chat_id, do.EndChat())
    await until(lambda: session.outcome, "the end")
    return session


async def acknowledge(session: Any) -> None:
    """All that was told so far; nothing more is to come."""
    await until(lambda: session.unread == session.session.seq, "all is told")
    await session.ack(session.session.seq)


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


# --- transcripts ----------------------------------------------------------------------------------------------------


async def test_a_transcript_is_kept_if_asked_for(centre: Emulator, path: Path) -> None:
    async with client(centre, store=path, options=Options(transcript=True)) as chats:
        session = await ended(centre, chats, ANN)
        await acknowledge(session)
        kept = chats.transcript(ANN)
        assert [type(one) for one in kept if isinstance(one, Received | Finished)] == [Received, Finished]
        assert chats.transcript(ANN, after=1, limit=1) == kept[1:2]
        assert chats.transcript("nobody") == ()
    async with client(centre, store=path) as chats:
        assert chats.transcript(ANN) == kept
    with pytest.raises(ChatClosed):
        chats.transcript(ANN)


async def test_otherwise_it_goes_with_the_acknowledgement(centre: Emulator, path: Path) -> None:
    async with client(centre, store=path) as chats:
        session = await spoken(centre, chats, ANN)
        assert chats.transcript(ANN)
        await acknowledge(session)
        assert chats.transcript(ANN) == ()


# --- purging and forgetting -----------------------------------------------------------------------------------------


async def test_of_a_forgotten_customer_nothing_is_left_and_the_others_go_on(centre: Emulator, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    options = Options(transcript=True)
    async with client(centre, store=kept / "chats.sqlite", trace=kept / "traces", options=options) as chats:
        ann, bob = await spoken(centre, chats, ANN), await spoken(centre, chats, "bob")
        assert b"secret words of ann-4711" in everything_in(kept) or b"secret answer to ann" in everything_in(kept)
        await chats.forget(ANN)
        left = everything_in(kept)
        assert ANN.encode() not in left
        assert b"secret answer to bob" in left
        assert {file.name for file in (kept / "traces").iterdir()} == {f"{label(bob.id)}.jsonl"}
        assert chats.transcript(ANN) == ()
        with pytest.raises(ChatClosed):
            await ann.send("more")
        await (await bob.send("more")).sent()
        again = await spoken(centre, chats, ANN)
        assert again is not ann
        await chats.forget(ANN)
        await chats.forget("nobody")
        assert ANN.encode() not in everything_in(kept)


async def test_a_purge_removes_ended_and_acknowledged_chats(centre: Emulator, tmp_path: Path) -> None:
    async with client(centre, store=tmp_path / "chats.sqlite", trace=tmp_path / "traces") as chats:
        ann, bob, eve = (
            await ended(centre, chats, ANN),
            await ended(centre, chats, "bob"),
            await spoken(centre, chats, "eve"),
        )
        await acknowledge(ann)
        await chats.purge(timedelta(days=1))
        assert len(chats.transcript("bob")) > 0
        await asyncio.sleep(0.002)  # over before now
        await chats.purge(NOW)
        assert (await chats.session(ANN, start=False)).phase == "idle"
        assert bob.unread
        assert not bob._stopped
        await chats.purge(NOW, unread=True)
        assert bob._stopped
        assert chats.transcript("bob") == ()
        await (await eve.send("more")).sent()
        assert (tmp_path / "traces" / f"{label(eve.id)}.jsonl").exists()


async def test_deletions_after_the_close_are_refused(centre: Emulator, path: Path) -> None:
    async with client(centre, store=path) as chats:
        pass
    for ask in (chats.forget(ANN), chats.purge(NOW)):
        with pytest.raises(ChatClosed):
            await ask


# --- traces ---------------------------------------------------------------------------------------------------------


async def test_a_traced_chat_replays_as_it_was_over_a_restart(centre: Emulator, tmp_path: Path) -> None:
    for text in ("first", "second"):
        async with client(centre, store=tmp_path / "chats.sqlite", trace=tmp_path / "traces") as chats:
            ann = await chats.session(ANN)
            await (await ann.send(f"secret {text}")).sent()
            last = ann.session.phase
    (file,) = (tmp_path / "traces").iterdir()
    data = file.read_bytes()
    assert b"secret" not in data
    assert data.count(b'{"trace":2') == 2
    replay = play(read_capture([(file.name, data)]))
    assert [note for row in replay.rows for note in row.notes] == []
    assert replay.session.phase == last
    assert sum("says" in row.what for row in replay.rows) == 2


async def test_an_invalid_trace_directory_is_reported(centre: Emulator, path: Path) -> None:
    path.write_text("")  # noqa: ASYNC240
    with pytest.raises(BadSetting, match=r"trace: .* cannot be used: File exists"):
        client(centre, trace=path)


class SilentStore(MemoryStore):
    """Never answers."""

    def purge(self, before: int, done: Done, *, unread: bool = False) -> None:
        pass

    def forget(self, session_ids: Iterable[str], done: Done) -> None:
        pass


async def test_a_store_that_does_not_answer_is_not_waited_for_for_ever(centre: Emulator) -> None:
    soon = timedelta(milliseconds=20)
    async with client(centre, store=SilentStore()) as chats:
        for call in (chats.purge(timedelta(days=1), within=soon), chats.forget(ANN, within=soon)):
            with pytest.raises(NotSaved, match="repeat it"):
                await call


# --- a disk that is full, damaged, or somebody else's ---------------------------------------------------------------


async def test_a_full_disk_stops_the_chat_and_loses_nothing(
    centre: Emulator, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PRAGMAS", (*database.PRAGMAS, "PRAGMA max_page_count = 16"))
    store = SqliteStore(path, call_soon=asyncio.get_running_loop().call_soon_threadsafe)
    async with client(centre, store=store) as chats:
        ann = await spoken(centre, chats, ANN)
        number = 0
        with pytest.raises(ChatStopped) as stopped:  # noqa: PT012
            for number in range(1_000):
                await ann.send(f"text {number} " + "long " * 500)
        assert isinstance(stopped.value.__cause__, StoreFull)
        assert "free some" in str(stopped.value)
        store._writer._link.execute("PRAGMA max_page_count = 1000000")
        again = await chats.session(ANN)
        await (await again.send("and on")).sent()
        texts = [text.split(" long")[0] for _, text in chat_of(centre, ANN).texts_received]
        assert texts == ["secret words of ann-4711", *(f"text {n}" for n in range(number)), "and on"]
    await asyncio.to_thread(store.close)


async def test_a_newer_database_is_refused_and_left_alone(centre: Emulator, path: Path) -> None:
    async with client(centre, store=path) as chats:
        await spoken(centre, chats, ANN)
    link = sqlite3.connect(path)
    link.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    link.close()
    before = everything_in(path.parent)
    with pytest.raises(NewerStore, match="upgrade the package"):
        async with client(centre, store=path):
            pass
    assert everything_in(path.parent) == before


async def test_a_damaged_snapshot_is_one_customers_and_can_be_forgotten(centre: Emulator, path: Path) -> None:
    async with client(centre, store=path) as chats:
        for name in (ANN, "bob"):
            await spoken(centre, chats, name)
    link = sqlite3.connect(path)
    with link:
        link.execute("UPDATE session SET snapshot = substr(snapshot, 1, 100) WHERE id LIKE '%/ann-4711'")
    link.close()
    with capture_logs() as logs:
        async with client(centre, store=path) as chats:
            await (await (await chats.session("bob")).send("more")).sent()
            with pytest.raises(CorruptStore, match="snapshot cannot be read back"):
                await chats.session(ANN)
            await chats.forget(ANN)
            assert (await chats.session(ANN)).phase == "requesting"
    assert ANN not in str(logs)


# --- one process at a time, and a graceful stop ---------------------------------------------------------------------


async def test_a_second_client_waits_for_the_first_and_takes_over(centre: Emulator, path: Path) -> None:
    async with client(centre, store=path) as first:
        await spoken(centre, first, ANN)
        second = client(centre, store=path)
        entering = asyncio.create_task(second.__aenter__())
        await asyncio.sleep(0.05)
        assert not entering.done()
    await asyncio.wait_for(entering, LIMIT_S)
    assert (await second.session(ANN)).phase == "ivr"
    await second.close()


async def test_a_second_client_that_does_not_want_to_wait_any_more(centre: Emulator, path: Path) -> None:
    async with client(centre, store=path):
        waiting = asyncio.create_task(client(centre, store=path).__aenter__())
        await asyncio.sleep(0.05)
        waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with client(centre, store=path):
        pass


@contextmanager
def _short_wait(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    real = database.open_owned
    with monkeypatch.context() as patched:
        patched.setattr("statemachine.store.sqlite.open_owned", lambda path, busy_ms: real(path, 1))
        yield


async def test_a_second_client_is_refused_by_name(
    centre: Emulator, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client(centre, store=path) as first:
        await spoken(centre, first, ANN)
        with _short_wait(monkeypatch), pytest.raises(StoreOwned, match="this process has"):
            async with client(centre, store=path):
                pass
        await spoken(centre, first, "bob")


async def test_closing_sends_queued_items(path: Path) -> None:
    async with Emulator("silent", QUICK) as centre:
        options = Options(close_within=timedelta(seconds=LIMIT_S))
        async with client(centre, store=path, options=options) as chats:
            ann = await spoken(centre, chats, ANN)
            texts = [f"text {number}" for number in range(12)]
            for text in texts:
                await ann.send(text)
        assert [text for _, text in chat_of(centre, ANN).texts_received][1:] == texts
        async with client(centre, store=path) as chats:
            told = chats.transcript(ANN)
            assert sum(isinstance(one, DeliveryUpdate) and one.state == "sent" for one in told) == 13


async def test_closing_twice_at_once_waits_for_one_end(centre: Emulator, path: Path) -> None:
    async with client(centre, store=path) as chats:
        await spoken(centre, chats, ANN)
        cancelled = asyncio.create_task(chats.close())
        await asyncio.sleep(0)
        cancelled.cancel()
        await chats.close()
        SqliteStore(path, call_soon=lambda call: call(), busy_ms=1).close()


@posix_only
async def test_a_signal_closes_the_client_and_ends_its_updates(centre: Emulator, path: Path) -> None:
    async with client(centre, store=path) as chats:
        chats.close_on(signal.SIGUSR1)
        await spoken(centre, chats, ANN)
        os.kill(os.getpid(), signal.SIGUSR1)
        async with asyncio.timeout(LIMIT_S):
            updates = [one async for _, one in chats]
        assert all(not isinstance(one, Exception) for one in updates)
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


async def test_a_signal_that_cannot_be_caught_is_refused(centre: Emulator) -> None:
    chats, before = client(centre), signal.getsignal(signal.SIGTERM)
    with pytest.raises(ChatClosed):
        chats.close_on(signal.SIGTERM)
    async with chats:
        with pytest.raises(BadSetting, match="signal 999 cannot be caught"):
            chats.close_on(999)
    assert signal.getsignal(signal.SIGTERM) is before


@posix_only
async def test_the_second_signal_has_its_earlier_effect() -> None:
    before: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, frame: before.append(number))
    arrived = asyncio.Event()
    restore = on_first_signal(signal.SIGUSR1, arrived.set)
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.wait_for(arrived.wait(), LIMIT_S)
        assert before == []
        os.kill(os.getpid(), signal.SIGUSR1)
        await until(lambda: before, "the second")
        restore()
    finally:
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)


@posix_only
async def test_sigterm_empties_the_queue_saves_and_exits_in_peace(path: Path) -> None:
    """A process of its own, stopped as a deployment stops it."""
    async with Emulator("silent", Knobs(pace=0.02, hold_ms=300)) as centre:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.client.stopped_app", centre.url, str(path), "15",
            stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        try:
            assert program.stdout is not None
            assert await asyncio.wait_for(program.stdout.readline(), 60) == b"saved\n"
            program.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(program.stdout.readline(), 60) == b"closed\n"
            assert await program.wait() == 0
        finally:
            with suppress(ProcessLookupError):
                program.kill()
            await program.wait()
        assert [text for _, text in chat_of(centre, ANN).texts_received] == [f"text {n}" for n in range(15)]
        async with client(centre, store=path) as chats:
            assert (await chats.session(ANN)).phase == "ivr"
