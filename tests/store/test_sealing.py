"""Bodies that a hook of the application encrypts: no text stands in the files of the database."""

from __future__ import annotations

import asyncio
import hmac
import os
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from statemachine import DeliveryUpdate
from statemachine.client import ChatClient, Options
from statemachine.cluster import Inbox, Worker
from statemachine.store import StoreError, UnreadableSession
from statemachine.store.check import check
from statemachine.store.recovery import recover_file
from statemachine.testing import EmulatedCentre

TEXT = "hunter2-secret in a text"
INTENT = "hunter2-secret in the inbox"


class Stream:
    """A cipher for tests: a keystream of SHA-256, and a tag."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, data: bytes) -> bytes:
        nonce = os.urandom(16)
        body = self._mixed(nonce, data)
        return nonce + hmac.digest(self._key, nonce + body, "sha256") + body

    def open(self, data: bytes) -> bytes:
        nonce, tag, body = data[:16], data[16:48], data[48:]
        if not hmac.compare_digest(tag, hmac.digest(self._key, nonce + body, "sha256")):
            raise ValueError("sealed with another key")
        return self._mixed(nonce, body)

    def _mixed(self, nonce: bytes, data: bytes) -> bytes:
        blocks = range(0, len(data), 32)
        stream = b"".join(sha256(self._key + nonce + at.to_bytes(8, "big")).digest() for at in blocks)
        return bytes(one ^ other for one, other in zip(data, stream, strict=False))


OPTIONS = Options(cipher=Stream(b"first key"), transcript=True)


async def talk(client: ChatClient, centre: EmulatedCentre) -> None:
    """Both sides write once."""
    chat = await client.session("ann")
    agent = centre.agent("Ada Larsen")
    await agent.accept("ann")
    await (await chat.send(TEXT)).sent()
    await agent.say(TEXT)
    async for update in chat.updates():
        if TEXT in getattr(getattr(update, "entry", None), "text", ""):
            break


def files(folder: Path) -> list[Path]:
    found = list(folder.iterdir())
    assert found
    return found


async def test_a_file_holds_no_text_and_goes_on(tmp_path: Path) -> None:
    store = tmp_path / "chats.sqlite"
    with EmulatedCentre(timeout_s=60) as centre:
        async with ChatClient(centre.url, app_id="chat", store=store, options=OPTIONS) as client:
            await talk(client, centre)
            assert [file.name for file in files(tmp_path) if TEXT.encode() in file.read_bytes()] == []
        async with ChatClient(centre.url, app_id="chat", store=store, options=OPTIONS) as client:
            texts = [getattr(getattr(one, "entry", None), "text", "") for one in client.transcript("ann")]
            assert TEXT in texts
            assert (await client.session("ann")).phase == "agent_joined"
        report = check(store)
        assert (report.phases, report.faults) == ({"encrypted": 1}, ())
        with closing(sqlite3.connect(store, isolation_level=None)) as link:
            with pytest.raises(StoreError, match="encrypted"):
                recover_file(link)
            link.execute("ROLLBACK")
            assert recover_file(link, OPTIONS.cipher).sessions == 1


@pytest.mark.parametrize("cipher", [None, Stream(b"another key")])
async def test_without_the_key_a_chat_cannot_be_read(tmp_path: Path, cipher: Stream | None) -> None:
    store = tmp_path / "chats.sqlite"
    with EmulatedCentre(timeout_s=60) as centre:
        async with ChatClient(centre.url, app_id="chat", store=store, options=OPTIONS) as client:
            await client.session("ann")
        async with ChatClient(centre.url, app_id="chat", store=store, options=Options(cipher=cipher)) as client:
            with pytest.raises(UnreadableSession, match="cipher" if cipher is None else "another key"):
                await client.session("ann")


async def test_chats_from_before_the_hook_stay_readable(tmp_path: Path) -> None:
    store = tmp_path / "chats.sqlite"
    with EmulatedCentre(timeout_s=60) as centre:
        async with ChatClient(centre.url, app_id="chat", store=store, options=Options(transcript=True)) as client:
            await talk(client, centre)
        async with ChatClient(centre.url, app_id="chat", store=store, options=OPTIONS) as client:
            chat = await client.session("ann")
            await (await chat.send("second")).sent()
            assert len({one.seq for one in client.transcript("ann")}) >= 3


async def test_a_database_holds_no_text_in_sessions_journal_and_inbox(postgres: str) -> None:
    with EmulatedCentre(timeout_s=60) as centre:
        async with Worker(centre.url, app_id="chat", store=postgres, options=OPTIONS) as worker:
            async with asyncio.timeout(60):
                while len(worker.owned_shards()) < 256:  # noqa: ASYNC110 - they have no event
                    await asyncio.sleep(0.05)
            await talk(worker, centre)
            async with Inbox(postgres, cipher=OPTIONS.cipher) as inbox:
                worker.owned_shards = list  # type: ignore[method-assign]
                await inbox.send("ann", INTENT, key="k1")
                assert _stored(postgres) == []
                del worker.owned_shards
                async with asyncio.timeout(60):
                    async for _, update in inbox.updates("crm"):
                        if isinstance(update, DeliveryUpdate) and (update.key, update.state) == ("k1", "sent"):
                            break
            assert _stored(postgres) == []
    assert INTENT in [text for chat in centre.chats for _, text in chat.texts_received]


def _stored(database: str) -> list[str]:
    """The rows of all tables that hold a text."""
    with psycopg.connect(database) as link:
        tables = link.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'statemachine'").fetchall()
        rows = [
            str(row)
            for (table,) in tables
            for row in link.execute(f"SELECT one::text FROM statemachine.{table} AS one").fetchall()
        ]
    assert rows
    return [row for row in rows if "hunter2" in row]
