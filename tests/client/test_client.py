"""Many sessions in one `ChatClient`, against the emulator over HTTP."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from statemachine import ChatClient, DeliveryUpdate, Received
from statemachine.client import (
    BadSetting,
    ChatClosed,
    ChatError,
    ChatSession,
    ChatStopped,
    Options,
    SessionOver,
    Stopped,
)
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from statemachine.store.errors import CorruptStore, ForeignStore, StoreFull
from statemachine.store.memory import MemoryStore
from tests.client.stores import FullStore
from tests.client.two_parties import LIMIT_S, OPTIONS, QUICK, chat_of, client, text, until

pytestmark = pytest.mark.asyncio

SOON = timedelta(seconds=LIMIT_S)
USERS = ("ann", "bob", "eve")


@pytest_asyncio.fixture
async def silent() -> AsyncIterator[Emulator]:
    async with Emulator("silent", QUICK) as emulator:
        yield emulator
        assert emulator.centre.violations == []


@pytest_asyncio.fixture
async def plain() -> AsyncIterator[Emulator]:
    async with Emulator("plain", QUICK) as emulator:
        yield emulator
        assert emulator.centre.violations == []


async def gather(chats: ChatClient, count: int, **how: Any) -> dict[str, list[str]]:
    """This many texts of the merged stream, by customer."""
    heard = defaultdict[str, list[str]](list)
    async with asyncio.timeout(LIMIT_S):
        async for session, update in chats.updates(**how):
            if said := text(update):
                heard[session.client_id].append(said)
            if sum(map(len, heard.values())) == count:
                return heard
    raise AssertionError(f"the news ended before: {heard}")


async def started(chats: ChatClient, *users: str) -> list[ChatSession]:
    """Sessions whose chats live at the centre."""
    sessions = [await chats.session(user) for user in users]
    for session in sessions:
        await until(lambda session=session: session.session.chat.chat_id, "the chat is there")
    return sessions


# --- get, reattach, start ---


async def test_to_open_many_leaves_the_others_their_turn(silent: Emulator) -> None:
    """A store in memory saves at once, so nothing else would let go of the loop."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with client(silent) as chats:
        beside = asyncio.create_task(other())
        for number in range(20):
            await chats.session(f"user-{number}")
        beside.cancel()
    assert turns >= 20


async def test_the_same_customer_is_the_same_session(silent: Emulator) -> None:
    async with client(silent) as chats:
        ann, bob = await started(chats, "ann", "bob")
        assert await chats.session("ann") is ann
        assert set(chats.sessions()) == {ann, bob}
        assert (ann.client_id, bob.client_id) == ("ann", "bob")
    assert {chat.key.client_id for chat in silent.centre.chats.values()} == {"ann", "bob"}


async def test_an_active_chat_is_found_without_a_store(silent: Emulator) -> None:
    async with client(silent) as chats:
        (ann,) = await started(chats, "ann")
        chat_id = ann.session.chat.chat_id
    await silent.until(lambda centre: centre.chats[chat_id].held is None)  # a broken poll keeps its slot for a while
    async with client(silent) as chats:
        (ann,) = await started(chats, "ann")
        assert ann.session.chat.chat_id == chat_id


async def test_stored_chats_go_on_without_being_asked_for(silent: Emulator, tmp_path: Path) -> None:
    store = tmp_path / "chats.sqlite"
    async with client(silent, store=store) as chats:
        ids = {session.client_id: session.session.chat.chat_id for session in await started(chats, *USERS)}
    for user, chat_id in ids.items():
        await silent.act(chat_id, do.Say(f"hello {user}"))
    async with client(silent, store=store) as chats:
        assert await gather(chats, 3) == {user: [f"hello {user}"] for user in USERS}


async def test_another_apps_chats_in_the_same_store_are_left_alone(silent: Emulator, tmp_path: Path) -> None:
    store = tmp_path / "chats.sqlite"
    async with client(silent, store=store) as chats:
        await started(chats, "ann")
    async with client(silent, store=store, app_id="other") as chats:
        assert (await chats.session("bob", start=False)).phase == "idle"
        assert [session.client_id for session in chats.sessions()] == ["bob"]


async def test_one_that_cannot_be_read_holds_up_no_other(silent: Emulator) -> None:
    class Damaged(MemoryStore):
        def load(self, session_id: str) -> Any:
            if session_id.endswith("/bob"):
                raise CorruptStore("chats.sqlite: a session's snapshot cannot be read back")
            return super().load(session_id)

    store = MemoryStore()
    async with client(silent, store=store) as chats:
        await started(chats, *USERS)
    store.__class__ = Damaged
    with capture_logs() as logs:
        async with client(silent, store=store) as chats:
            await silent.until(lambda centre: centre.held_polls >= 2)
            assert {session.client_id for session in chats.sessions()} == {"ann", "eve"}
            with pytest.raises(CorruptStore):
                await chats.session("bob")
    (log,) = logs
    assert (log["event"], log["log_level"]) == ("session_unreadable", "error")
    assert "bob" not in str(log)


async def test_a_text_after_the_end_begins_a_new_chat_only_on_request(plain: Emulator) -> None:
    async with client(plain) as chats:
        ann = await chats.session("ann", parameters={"order": "17"})
        await ann.end()
        async with asyncio.timeout(LIMIT_S):
            [update async for update in ann.updates()]
        with pytest.raises(SessionOver) as over:
            await ann.send("one more thing")
        assert over.value.outcome == "ended"
        assert await chats.session("ann") is ann
        assert ann.outcome == "ended"
        sending = await ann.send("one more thing", new_chat=True)
        await sending.sent()
        await (await ann.send("and another", new_chat=True)).sent()
    assert [said for _, said in chat_of(plain, "ann").texts_received] == ["one more thing", "and another"]
    assert len(plain.centre.chats) == 2


async def test_a_webhook_delivered_again_after_the_end_is_the_same_message(plain: Emulator, tmp_path: Path) -> None:
    """It began a new chat with the same text; also in the next chat, and after a restart, it is one message."""
    store = tmp_path / "chats.sqlite"
    async with client(plain, store=store) as chats:
        ann = await chats.session("ann")
        await (await ann.send("hello", key="update 17")).sent(SOON)
        await ann.end()
        async with asyncio.timeout(LIMIT_S):
            [update async for update in ann.updates()]
        for new_chat in (True, False):
            assert (await ann.send("hello", key="update 17", new_chat=new_chat)).state == "sent"
        assert ann.outcome == "ended"
    async with client(plain, store=store) as chats:
        ann = await chats.session("ann")
        assert (await ann.send("hello", key="update 17", new_chat=True)).state == "sent"
        await (await ann.send("more", key="update 18", new_chat=True)).sent(SOON)
        for key in ("update 17", "update 18"):
            await (await ann.send("hello", key=key, new_chat=True)).sent(SOON)
        await (await ann.send("and more")).sent(SOON)
    arrived = [[said for _, said in chat.texts_received] for chat in plain.centre.chats.values()]
    assert arrived == [["hello"], ["more", "and more"]]


async def test_an_ended_and_acknowledged_chat_is_released(plain: Emulator) -> None:
    async with client(plain) as chats:
        ann = await chats.session("ann")
        await ann.end()
        async with asyncio.timeout(LIMIT_S):
            [update async for update in ann.updates()]
        assert chats.sessions() == ()
        assert await chats.session("ann") is ann
        del ann
        again = await chats.session("ann")
        assert again.outcome == "ended"


# --- news of all ---


async def test_the_merged_stream_keeps_each_sessions_order(silent: Emulator) -> None:
    async with client(silent) as chats:
        for number in range(20):
            for session in await started(chats, *USERS):
                await silent.act(session.session.chat.chat_id, do.Say(f"text {number}"))
        heard = await gather(chats, 60)
    assert heard == {user: [f"text {number}" for number in range(20)] for user in USERS}


async def test_the_last_update_of_a_broken_merged_loop_comes_again(silent: Emulator) -> None:
    async with client(silent) as chats:
        (ann,) = await started(chats, "ann")
        await silent.act(ann.session.chat.chat_id, do.Say("first"), do.Say("second"))
        assert await gather(chats, 1) == {"ann": ["first"]}
        assert await gather(chats, 2) == {"ann": ["first", "second"]}


async def test_without_auto_ack_only_ack_counts(silent: Emulator, tmp_path: Path) -> None:
    store = tmp_path / "chats.sqlite"
    async with client(silent, store=store) as chats:
        (ann,) = await started(chats, "ann")
        await silent.act(ann.session.chat.chat_id, *(do.Say(f"text {number}") for number in range(4)))
        assert len((await gather(chats, 4, auto_ack=False))["ann"]) == 4
        assert ann.unread == 4
        await ann.ack(2)
        assert ann.unread == 2
        with pytest.raises(ChatError, match="not delivered yet"):
            await ann.ack(99)
    async with client(silent, store=store) as chats:
        assert await gather(chats, 2) == {"ann": ["text 2", "text 3"]}


async def test_a_session_with_its_own_reader_is_left_out(silent: Emulator) -> None:
    async with client(silent) as chats:
        ann, bob = await started(chats, "ann", "bob")
        own = ann.updates()
        for session in (ann, bob):
            await silent.act(session.session.chat.chat_id, do.Say("hello"))
        assert await gather(chats, 1) == {"bob": ["hello"]}
        async with asyncio.timeout(LIMIT_S):
            while not text(await anext(own)):
                pass


async def test_the_merged_stream_ends_with_the_client_and_has_one_reader(silent: Emulator) -> None:
    async with client(silent) as chats:
        reading = asyncio.create_task(anext(aiter(chats), None))
        await asyncio.sleep(0)
        with pytest.raises(ChatError, match="one at a time"):
            await anext(chats.updates())
    assert await reading is None


async def test_a_stopped_session_is_reported_and_can_be_resumed(silent: Emulator) -> None:
    store = FullStore()
    async with client(silent, store=store) as chats:
        (ann,) = await started(chats, "ann")
        store.full = True
        with pytest.raises(ChatStopped, match="no space left"):
            await ann.send("hello")
        async with asyncio.timeout(LIMIT_S):
            told = await anext(aiter_of_stops(chats))
        assert told[0] is ann
        assert isinstance(told[1].error, StoreFull)
        store.full = False
        again = await chats.session("ann")
        assert again is not ann
        assert again.session.chat.chat_id == ann.session.chat.chat_id
        await (await again.send("hello")).sent()
    assert [said for _, said in chat_of(silent, "ann").texts_received] == ["hello"]


async def aiter_of_stops(chats: ChatClient) -> AsyncIterator[tuple[ChatSession, Stopped]]:
    async for session, update in chats:
        if isinstance(update, Stopped):
            yield session, update


# --- handlers ---


async def test_a_handler_gets_everything_in_order_and_never_twice_at_once(silent: Emulator) -> None:
    heard = defaultdict[str, list[str]](list)
    at_work = set[str]()
    most = 0
    everything = asyncio.Event()

    async def handler(session: ChatSession, update: object) -> None:
        nonlocal most
        assert session.client_id not in at_work
        at_work.add(session.client_id)
        most = max(most, len(at_work))
        await asyncio.sleep(0.001)
        at_work.remove(session.client_id)
        if said := text(update):
            heard[session.client_id].append(said)
        if sum(map(len, heard.values())) == 30:
            everything.set()

    async with client(silent) as chats:
        sessions = await started(chats, *USERS)
        for number in range(10):
            for session in sessions:
                await silent.act(session.session.chat.chat_id, do.Say(f"text {number}"))
        handling = asyncio.create_task(chats.handle(handler, concurrency=2))
        async with asyncio.timeout(LIMIT_S):
            await everything.wait()
        await until(lambda: not any(session.unread for session in sessions), "all is dealt with")
    await handling  # ends with the client
    assert heard == {user: [f"text {number}" for number in range(10)] for user in USERS}
    assert most == 2


async def test_a_handler_that_fails_is_called_again_and_then_parked_and_no_poll_stops(silent: Emulator) -> None:
    heard = list[str]()
    poison = True

    async def handler(session: ChatSession, update: object) -> None:
        if not isinstance(update, Received):
            return
        heard.append(f"{session.client_id}: {text(update)}")
        if poison and text(update) == "poison":
            raise RuntimeError("cannot bear it")

    with capture_logs() as logs:
        async with client(silent) as chats:
            ann, bob = await started(chats, "ann", "bob")
            handling = asyncio.create_task(chats.handle(handler, tries=3, pause=timedelta(milliseconds=1)))
            await silent.act(ann.session.chat.chat_id, do.Say("poison"), do.Say("cure"))
            await until(lambda: logs and logs[-1]["event"] == "session_parked", "parked")
            await silent.act(bob.session.chat.chat_id, do.Say("hello"))
            await until(lambda: "bob: hello" in heard, "bob is heard")
            await silent.act(ann.session.chat.chat_id, do.Say("more"))
            await until(lambda: ann.unread == 3, "the chat goes on, its news waits in the journal")
            assert heard == ["ann: poison"] * 3 + ["bob: hello"]
            poison = False
            ann.resume()
            await until(lambda: "ann: more" in heard, "ann is heard again")
            handling.cancel()
    assert heard[4:] == ["ann: poison", "ann: cure", "ann: more"]
    assert [log["event"] for log in logs] == ["handler_failed"] * 3 + ["session_parked"]
    assert "cannot bear it" not in str(logs)


async def test_poison_can_be_left_out(silent: Emulator) -> None:
    heard = list[str]()

    async def handler(session: ChatSession, update: object) -> None:
        heard.append(text(update))
        if text(update) == "poison":
            raise RuntimeError

    async with client(silent) as chats:
        (ann,) = await started(chats, "ann")
        await silent.act(ann.session.chat.chat_id, do.Say("poison"), do.Say("cure"))
        handling = asyncio.create_task(chats.handle(handler, tries=1))
        await until(lambda: "poison" in heard, "poisoned")
        await ann.ack(1)
        ann.resume()
        await until(lambda: "cure" in heard, "cured")
        handling.cancel()
    assert heard.count("poison") == 1


async def test_a_handler_that_hangs_is_broken_off(silent: Emulator) -> None:
    calls = 0

    async def handler(session: ChatSession, update: object) -> None:
        nonlocal calls
        if isinstance(update, Received):
            calls += 1
            if calls == 1:
                await asyncio.Event().wait()

    async with client(silent) as chats:
        (ann,) = await started(chats, "ann")
        await silent.act(ann.session.chat.chat_id, do.Say("hello"))
        how = {"within": timedelta(milliseconds=20), "pause": timedelta(milliseconds=1)}
        handling = asyncio.create_task(chats.handle(handler, **how))
        await until(lambda: calls == 2 and not ann.unread, "called again")
        handling.cancel()
    assert calls == 2


async def test_cancelled_handlers_get_their_updates_again(silent: Emulator) -> None:
    entered = asyncio.Event()

    async def handler(session: ChatSession, update: object) -> None:
        if isinstance(update, Received):
            entered.set()
            await asyncio.Event().wait()

    async with client(silent) as chats:
        (ann,) = await started(chats, "ann")
        await silent.act(ann.session.chat.chat_id, do.Say("hello"))
        handling = asyncio.create_task(chats.handle(handler))
        async with asyncio.timeout(LIMIT_S):
            await entered.wait()
        handling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await handling
        assert await gather(chats, 1) == {"ann": ["hello"]}


async def test_handlers_that_cannot_be(silent: Emulator) -> None:
    async def handler(session: ChatSession, update: object) -> None:
        """Never called."""

    chats = client(silent)
    with pytest.raises(ChatClosed):
        await chats.handle(handler)
    async with chats:
        for how in ({"concurrency": 0}, {"tries": 0}):
            with pytest.raises(BadSetting, match="at least 1"):
                await chats.handle(handler, **how)


# --- refusals in the user's words ---


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"app_id": ""}, "app_id is empty"),
        ({"url": "chat.example.com"}, "looks like https://"),
        ({"url": "ftp://chat.example.com"}, "looks like https://"),
        ({"url": "https://"}, "looks like https://"),
        ({"url": "https://[::1"}, "url"),
        ({"url": ""}, "looks like https://"),
    ],
)
async def test_settings_that_cannot_work(setting: dict[str, Any], words: str) -> None:
    values: dict[str, Any] = {"url": "https://chat.example.com", "app_id": "app", **setting}
    with pytest.raises(BadSetting, match=words):
        ChatClient(values.pop("url"), **values)


async def test_an_unknown_kind_of_api_is_refused() -> None:
    with pytest.raises(BadSetting, match="v1 or v2"):
        Options(api="v3")  # type: ignore[arg-type]


@pytest.mark.parametrize("client_id", ["", "  "])
async def test_a_customer_without_an_id_would_read_others_chats(silent: Emulator, client_id: str) -> None:
    async with client(silent) as chats:
        with pytest.raises(BadSetting, match="client_id is empty: all visitors would share one chat"):
            await chats.session(client_id)


async def test_the_tenant_is_the_host_unless_named() -> None:
    for tenant, expected in ((None, "acme.example"), ("acme", "acme")):
        async with ChatClient("https://acme.example:8443", tenant=tenant, app_id="a") as chats:
            chat = await chats.session("ann", start=False)
            assert chat.endpoint.tenant == expected


async def test_a_client_that_is_not_open(silent: Emulator) -> None:
    chats = client(silent)
    for call in (chats.session("ann"), anext(chats.updates())):
        with pytest.raises(ChatClosed, match="async with"):
            await call
    async with chats:
        ann = await chats.session("ann")
    for call in (ann.send("hello"), chats.session("ann"), ann.ack(0)):
        with pytest.raises(ChatClosed):
            await call
    with pytest.raises(ChatError, match="make a new one"):
        async with chats:
            pass
    await chats.close()


async def test_a_store_that_cannot_be_opened(silent: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 1_000)
    with pytest.raises(ForeignStore):
        async with client(silent, store=path):
            pass


async def test_reauthorized_goes_on_with_new_settings() -> None:
    # To this centre another tenant is another customer, and it says so: not what is looked at here.
    async with Emulator("silent", QUICK) as silent, client(silent) as chats:
        ann, bob = await started(chats, "ann", "bob")
        with pytest.raises(BadSetting, match="app_id is empty"):
            await chats.reauthorized(app_id="")
        await chats.reauthorized(app_id="app", tenant="other.example")
        assert {session.endpoint.tenant for session in (ann, bob)} == {"other.example"}
        assert (ann.endpoint.client_id, bob.endpoint.client_id) == ("ann", "bob")


async def test_options_of_the_opening() -> None:
    for value in (0, -1.0, True, "fast"):
        with pytest.raises(BadSetting, match="opened_per_second"):
            Options(opened_per_second=value)  # type: ignore[arg-type]
    assert OPTIONS.opened_per_second > 0


async def test_progress_names_the_message(silent: Emulator) -> None:
    async with client(silent) as chats:
        ann = await chats.session("ann")
        sending = await ann.send("hello", key="update 17")
        async with asyncio.timeout(LIMIT_S):
            async for _, update in chats:
                if isinstance(update, DeliveryUpdate):
                    break
        assert (update.item, update.key, update.state) == (sending.id, "update 17", "sent")
