"""What users get wrong, and what the world does to them: each with a clear error, and nothing lost."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from statemachine import ChatClient, ConnectionChanged, DeliveryUpdate, Finished, Received
from statemachine.client import BadSetting, NotPossible, Options, SendFailed, SessionOver
from statemachine.emulator import Fault, Knobs
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from statemachine.store.errors import CorruptStore, NewerStore, StoreError, UnreadableSession
from tests.client.two_parties import LIMIT_S, QUICK, chat_of, client, text, until
from tests.store.test_database import in_a_mount

LONG = timedelta(seconds=LIMIT_S)


async def news_of(chats: ChatClient, kind: type[Any]) -> Any:
    """The first news of this kind, of any session."""
    async with asyncio.timeout(LIMIT_S):
        async for _, update in chats:
            if isinstance(update, kind):
                return update
    raise AssertionError("the news ended")


async def test_a_host_that_is_not_there() -> None:
    async with Emulator("silent") as emulator:
        pass
    options = Options(request_within=timedelta(milliseconds=300))
    with capture_logs() as logs:
        async with client(emulator, options=options) as chats:
            ann = await chats.session("ann")
            with pytest.raises(SendFailed, match="it was not sent"):
                await (await ann.send("hello")).sent(LONG)
            assert (await news_of(chats, Finished)).outcome == "gave_up"
            with pytest.raises(SessionOver, match="gave_up"):
                await ann.send("still there?")
    assert "127.0.0.1" in logs[0]["reason"]


async def test_a_tenant_that_is_not_there() -> None:
    async with Emulator("silent", Knobs(tenants=("acme.example",))) as emulator:
        async with client(emulator, tenant="amce.example") as chats:
            ann = await chats.session("ann")
            finished = await news_of(chats, Finished)
            assert finished.outcome == "refused"
            assert finished.code is not None
            with pytest.raises(SessionOver, match="refused"):
                await ann.send("hello")
        async with client(emulator, tenant="acme.example") as chats:
            await (await (await chats.session("ann")).send("hello")).sent(LONG)


async def test_authorization_that_expires_holds_the_queue_until_it_is_renewed() -> None:
    async with Emulator("silent", QUICK) as emulator, client(emulator) as chats:
        ann = await chats.session("ann")
        await until(lambda: ann.phase == "ivr", "the chat is there")
        await emulator.act(ann.session.chat.chat_id, do.InjectFault(Fault("poll", 2004)))
        await until(lambda: ann.session.connection.name == "blocked", "the link is blocked")
        sending = await ann.send("hello")
        with pytest.raises(TimeoutError):
            await sending.sent(timedelta(milliseconds=50))
        assert sending.state == "pending"
        assert ann.outcome is None
        await chats.reauthorized()
        await sending.sent(LONG)
    assert [text for _, text in chat_of(emulator, "ann").texts_received] == ["hello"]


async def test_a_blocked_connection_is_reported() -> None:
    async with Emulator("silent", QUICK) as emulator, client(emulator) as chats:
        ann = await chats.session("ann")
        await until(lambda: ann.phase == "ivr", "the chat is there")
        await emulator.act(ann.session.chat.chat_id, do.InjectFault(Fault("poll", 2004)))
        async with asyncio.timeout(LIMIT_S):
            async for _, update in chats:
                if isinstance(update, ConnectionChanged) and update.state == "blocked":
                    break
        assert update.code == 2004
        since = ann.connection_since
        assert since is not None
        assert ann.session.now - 1_000 * LIMIT_S < since <= ann.session.now
        await ann.typing()
        assert ann.connection_since == since
        await chats.reauthorized()
        await until(lambda: ann.connection_since != since, "the link is up")


async def stored(path: Path) -> None:
    """A store with two chats, each with something unsent."""
    async with Emulator("silent", QUICK) as emulator, client(emulator, store=path, tenant="t") as chats:
        for who in ("ann", "bob"):
            await (await (await chats.session(who)).send("hello", key="k")).sent(LONG)


async def test_a_store_of_a_newer_version(tmp_path: Path) -> None:
    path = tmp_path / "chats.sqlite"
    await stored(path)
    with sqlite3.connect(path) as link:
        link.execute("PRAGMA user_version = 999")
    link.close()
    with pytest.raises(NewerStore, match="upgrade the package"):
        async with ChatClient("http://127.0.0.1:1", app_id="app", store=path):
            pass


async def test_a_snapshot_that_is_damaged_stops_its_own_chat_only(tmp_path: Path) -> None:
    path = tmp_path / "chats.sqlite"
    async with Emulator("silent", Knobs(hold_ms=300, after_cut="free")) as emulator:
        async with client(emulator, store=path) as chats:
            for who in ("ann", "bob"):
                await (await (await chats.session(who)).send("hello")).sent(LONG)
        with sqlite3.connect(path) as link:
            link.execute("UPDATE session SET snapshot = substr(snapshot, 1, 50) WHERE id LIKE '%/bob'")
        link.close()
        with capture_logs() as logs:
            async with client(emulator, store=path) as chats:
                await (await (await chats.session("ann")).send("more")).sent(LONG)
                with pytest.raises(CorruptStore, match="snapshot cannot be read back"):
                    await chats.session("bob")
    assert "session_unreadable" in {log["event"] for log in logs}


READ_ONLY = """
import asyncio, subprocess, sys
from statemachine import ChatClient
from statemachine.store.errors import StoreError

folder = sys.argv[1]

async def once():
    async with ChatClient("http://127.0.0.1:9", app_id="app", store=folder + "/chats.sqlite") as chats:
        return (await chats.session("ann")).phase

print(asyncio.run(once()))
subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
try:
    asyncio.run(once())
except StoreError as error:
    print(error)
subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
print(asyncio.run(once()))
"""


def test_a_read_only_database_is_reported_and_its_chats_survive(tmp_path: Path) -> None:
    first, told, then = in_a_mount(READ_ONLY, tmp_path).splitlines()[-3:]
    assert told == f"{tmp_path}/chats.sqlite cannot be opened: check that its directory can be written"
    assert (first, then) == ("requesting", "requesting")


async def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such directory; create it first"):
        async with ChatClient("http://127.0.0.1:1", app_id="app", store=tmp_path / "nowhere" / "chats.sqlite"):
            pass


async def test_a_form_that_is_not_open_and_a_file_that_is_not_there() -> None:
    async with Emulator("silent", QUICK) as emulator, client(emulator) as chats:
        ann = await chats.session("ann")
        await until(lambda: ann.phase == "ivr", "the chat is there")
        with pytest.raises(BadSetting, match=r"/nowhere/at/all\.pdf' cannot be read"):
            await ann.send_file("/nowhere/at/all.pdf")
        with pytest.raises(NotPossible, match="form"):
            await ann.answer_form("no such form", {})
        await (await ann.send("and on")).sent(LONG)
        assert chat_of(emulator, "ann").texts_received[0][1] == "and on"


# --- stored chats that cannot be read ---


def unreadable_key(path: Path) -> None:
    """As a version without checks of types has stored it: a number as the key of a text, also in the journal."""
    link = sqlite3.connect(path)
    with link:
        for table, column in (("session", "snapshot"), ("journal", "content")):
            link.execute(f"""UPDATE {table} SET {column} = replace({column}, '"key":"k"', '"key":987654321')""")
    link.close()


def cut(path: Path) -> None:
    with sqlite3.connect(path) as link:
        link.execute("UPDATE session SET snapshot = substr(snapshot, 1, 50)")
    link.close()


def newer(path: Path) -> None:
    with sqlite3.connect(path) as link:
        link.execute("UPDATE session SET snapshot = json_set(snapshot, '$.schema', 1000)")
    link.close()


@pytest.mark.parametrize("spoil", [unreadable_key, cut, newer])
@pytest.mark.parametrize("start", [True, False])
async def test_a_new_chat_takes_the_place_of_one_that_cannot_be_read(
    tmp_path: Path, spoil: Callable[[Path], None], start: bool
) -> None:
    path = tmp_path / "chats.sqlite"
    async with Emulator("silent", Knobs(hold_ms=300, pace=0.02)) as emulator:
        async with client(emulator, store=path) as chats:
            ann = await chats.session("ann")
            await until(lambda: ann.phase == "ivr", "the chat is there")
            await (await ann.send("hello", key="k")).sent(LONG)
            await emulator.act(ann.session.chat.chat_id, do.Say("not read yet"))
            await until(lambda: ann.unread == 2, "both updates are in the journal")
        spoil(path)
        for _ in range(2):  # a client that only opens it repairs nothing, and loses nothing
            with capture_logs() as logs:
                async with client(emulator, store=path) as chats:
                    if not start:
                        ann = await chats.session("ann", start=False)
                        assert (ann.phase, ann.unread) == ("idle", 2)
                        with pytest.raises(NotPossible, match="no chat was requested"):
                            await ann.send("hello")
                    with pytest.raises(UnreadableSession, match=r"new_chat=True.* store forget .* CLIENT_ID"):
                        await chats.session("ann")
            assert [log["session"] for log in logs if log["event"] == "session_unreadable"] == [ann.label]
            assert "/ann" not in str(logs)
        with capture_logs() as logs:
            async with client(emulator, store=path) as chats:
                ann = await chats.session("ann", start=start, new_chat=start)
                await (await ann.send("hello again", new_chat=True)).sent(LONG)
                heard = list[bool]()
                async with asyncio.timeout(LIMIT_S):
                    async for update in ann.updates():
                        if isinstance(update, Received) and text(update) == "not read yet":
                            heard.append(update.historic)
                        if heard and isinstance(update, DeliveryUpdate) and update.state == "sent":
                            break
                seqs = [update.seq for update in chats.transcript("ann", after=0)]
                assert seqs == sorted(set(seqs))
        assert heard in ([False], [False, True])  # the history has it again: the chat is active, and its window is lost
        assert ("update_unreadable" in {log["event"] for log in logs}) == (spoil is unreadable_key)
        async with client(emulator, store=path) as chats:
            assert (await chats.session("ann")).phase == "ivr"
        assert "hello again" in [words for _, words in chat_of(emulator, "ann").texts_received]


async def test_a_new_chat_on_request_begins_after_the_end_only() -> None:
    async with Emulator("silent", Knobs(hold_ms=300, pace=0.02)) as emulator, client(emulator) as chats:
        ann = await chats.session("ann", new_chat=True)
        await until(lambda: ann.phase == "ivr", "the chat is there")
        chat_id = ann.session.chat.chat_id
        assert (await chats.session("ann", new_chat=True)).session.chat.chat_id == chat_id
        await ann.end()
        await emulator.act(chat_id, do.EndChat())  # this centre ends no chat by itself
        await until(lambda: ann.outcome, "it is over")
        assert (await chats.session("ann")).outcome == "ended"
        ann = await chats.session("ann", new_chat=True)
        await until(lambda: ann.phase == "ivr", "the next chat is there")
        assert ann.session.chat.former == chat_id


async def test_updates_of_a_chat_that_cannot_be_read_are_delivered_nevertheless(tmp_path: Path) -> None:
    path = tmp_path / "chats.sqlite"
    async with Emulator("silent", Knobs(hold_ms=300, pace=0.02)) as emulator:
        async with client(emulator, store=path) as chats:
            ann = await chats.session("ann")
            await until(lambda: ann.phase == "ivr", "the chat is there")
            await emulator.act(ann.session.chat.chat_id, do.Say("not read yet"))
            await until(lambda: ann.unread, "it is in the journal")
        cut(path)
        async with client(emulator, store=path) as chats:
            received = await news_of(chats, Received)
            assert text(received) == "not read yet"
        async with client(emulator, store=path) as chats:  # delivering it has saved no session
            with pytest.raises(UnreadableSession):
                await chats.session("ann")
