"""One session of a `ChatClient` against the emulator over HTTP: two parties, and the judge in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from statemachine import (
    ChatClient,
    ConnectionChanged,
    DeliveryUpdate,
    Finished,
    FormsChanged,
    PhaseChanged,
    Received,
    RosterChanged,
)
from statemachine.adapters.protocols import Checkpoint, HandledEvent
from statemachine.client import (
    CentreError,
    ChatClosed,
    ChatError,
    ChatSession,
    ChatStopped,
    NotPossible,
    Options,
    SessionOver,
)
from statemachine.emulator import Knobs
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from statemachine.emulator.names import FORM_DATA
from statemachine.emulator.steps import AnswerTexts, Await, Scenario
from statemachine.store.errors import StoreFull
from statemachine.wire import Message
from tests.client.stores import FullStore, HeldStore
from tests.client.two_parties import LIMIT_S

pytestmark = pytest.mark.asyncio

T = TypeVar("T")
QUICK = Knobs(pace=0.02, hold_ms=300)
OPTIONS = Options(close_within=timedelta(seconds=1))


@pytest_asyncio.fixture
async def centre() -> AsyncIterator[Emulator]:
    async with Emulator("plain", QUICK) as emulator:
        yield emulator
        assert emulator.centre.violations == []


@pytest_asyncio.fixture
async def silent() -> AsyncIterator[Emulator]:
    async with Emulator("silent", QUICK) as emulator:
        yield emulator
        assert emulator.centre.violations == []


@asynccontextmanager
async def client(emulator: Emulator, client_id: str = "ann", **more: Any) -> AsyncGenerator[ChatSession]:
    async with ChatClient(emulator.url, **{"app_id": "app", "options": OPTIONS, **more}) as client:
        yield await client.session(client_id, start=False)


async def until(chat: ChatSession, wanted: Callable[[Any], bool]) -> list[Any]:
    """The news up to and with the first wanted one."""
    seen: list[Any] = []
    async with asyncio.timeout(LIMIT_S):
        async for update in chat.updates():
            seen.append(update)
            if wanted(update):
                return seen
    raise AssertionError(f"the news ended without it: {seen}")


async def everything(chat: ChatSession) -> list[Any]:
    """The news to their end."""
    async with asyncio.timeout(LIMIT_S):
        return [update async for update in chat.updates()]


def text(update: Any) -> str:
    return update.entry.msg_text or "" if isinstance(update, Received) and isinstance(update.entry, Message) else ""


def of(updates: list[Any], kind: type[T]) -> list[T]:
    return [one for one in updates if isinstance(one, kind)]


# --- a whole chat ---


@pytest.mark.parametrize("api", ["v1", "v2"])
@pytest.mark.parametrize("stored", [False, True])
async def test_a_whole_chat(centre: Emulator, tmp_path: Path, stored: bool, api: Any) -> None:
    store = tmp_path / "chats.sqlite" if stored else None
    async with client(centre, store=store, options=Options(api=api)) as chat:
        assert chat.phase == "idle"
        await chat.start(parameters={"name": "Ann"}, phone_number="1", from_="Ann")
        first = (await chat.send("hello")).id
        updates = await until(chat, lambda one: text(one) == "You said: hello")
        assert chat.phase == "agent_joined"
        second = (await chat.send("and more", key="my own")).id
        updates += await until(chat, lambda one: text(one) == "You said: and more")
        await chat.end()
        updates += await everything(chat)
    assert chat_of(centre).texts_received == [(first, "hello"), (second, "and more")]
    assert [phase.phase for phase in of(updates, PhaseChanged)][-1] == "ended"
    assert "Ada" in json.dumps([roster.parties for roster in of(updates, RosterChanged)])
    assert ("sent", "my own") in [(one.state, one.key) for one in of(updates, DeliveryUpdate) if one.item == second]
    assert of(updates, Finished)[0].outcome == "ended"
    seqs = [one.seq for one in updates if hasattr(one, "seq")]
    assert sorted(set(seqs)) == list(range(1, max(seqs) + 1))


def chat_of(emulator: Emulator) -> Any:
    return list(emulator.centre.chats.values())[-1]


async def test_statuses_come_before_the_transcript_of_their_step(centre: Emulator) -> None:
    async with client(centre) as chat:
        await chat.start()
        updates = await until(chat, lambda one: "this is Ada" in text(one))
        joined = next(
            i for i, one in enumerate(updates) if isinstance(one, RosterChanged) and "Ada" in str(one.parties)
        )
        assert joined < len(updates) - 1
        await chat.end()
        rest = await everything(chat)
    assert isinstance(rest[-1], Finished)
    assert PhaseChanged("ended") in rest


async def test_a_new_chat_follows_one_that_is_over(centre: Emulator) -> None:
    async with client(centre) as chat:
        for number in (1, 2):
            await chat.send(f"text {number}", new_chat=True)
            updates = await until(chat, lambda one, number=number: text(one) == f"You said: text {number}")
            await chat.end()
            updates += await everything(chat)
            assert chat.outcome == "ended"
            assert [one.outcome for one in of(updates, Finished)] == ["ended"]
    assert len(centre.centre.chats) == 2
    seqs = [one.seq for one in updates if hasattr(one, "seq")]
    assert min(seqs) > 5


async def test_a_lost_chat_is_reported_as_gone(silent: Emulator) -> None:
    async with client(silent) as chat:
        await chat.start()
        await until(chat, lambda one: one == PhaseChanged("ivr"))
        await silent.act(chat.session.chat.chat_id, do.DropChat())
        updates = await everything(chat)
    assert of(updates, Finished)[0].outcome == "gone"


# --- resuming ---


async def test_closing_ends_no_chat_and_opening_goes_on_with_it(centre: Emulator, tmp_path: Path) -> None:
    store = tmp_path / "chats.sqlite"
    async with client(centre, store=store) as chat:
        await chat.send("one", new_chat=True)
        await until(chat, lambda one: text(one) == "You said: one")
        chat_id, origin = chat.session.chat.chat_id, chat.session.chat.origin
    async with client(centre, store=store) as chat:
        assert (chat.phase, chat.session.chat.chat_id, chat.session.chat.origin) == ("agent_joined", chat_id, origin)
        await chat.send("two")
        updates = await until(chat, lambda one: text(one) == "You said: two")
        await chat.end()
        await everything(chat)
    assert [text for _, text in chat_of(centre).texts_received] == ["one", "two"]
    assert len(centre.centre.chats) == 1
    assert isinstance(updates[0], PhaseChanged)


async def test_unacknowledged_updates_come_again_with_the_same_seq(silent: Emulator, tmp_path: Path) -> None:
    store = tmp_path / "chats.sqlite"
    async with client(silent, store=store) as chat:
        await chat.start()
        await until(chat, lambda one: one == PhaseChanged("ivr"))
        chat_id = chat.session.chat.chat_id
        await silent.act(chat_id, do.Say("first"), do.Say("second"), do.Say("third"))
        (*_, second) = await until(chat, lambda one: text(one) == "second")
    async with client(silent, store=store) as chat:
        again = [one for one in await until(chat, lambda one: text(one) == "third") if isinstance(one, Received)]
    assert again[0] == second
    assert [text(one) for one in again] == ["second", "third"]


async def test_the_last_update_of_a_broken_loop_comes_again(silent: Emulator) -> None:
    async with client(silent) as chat:
        await chat.start()
        await until(chat, lambda one: one == PhaseChanged("ivr"))
        await silent.act(chat.session.chat.chat_id, do.Say("first"))
        (*_, first) = await until(chat, lambda one: text(one) == "first")
        assert (await until(chat, lambda one: isinstance(one, Received)))[-1] == first


async def test_messages_wait_for_the_next_opening(tmp_path: Path) -> None:
    store = tmp_path / "chats.sqlite"
    async with Emulator("silent", QUICK) as silent:
        async with client(silent, store=store) as chat:
            await chat.start()
            await until(chat, lambda one: one == PhaseChanged("ivr"))
        async with client(silent, store=store) as chat:
            sent = [(await chat.send(f"text {number}")).id for number in range(5)]
        async with client(silent, store=store) as chat:
            await until(
                chat, lambda one: isinstance(one, DeliveryUpdate) and (one.item, one.state) == (sent[-1], "sent")
            )
        assert chat_of(silent).texts_received == [(item, f"text {number}") for number, item in enumerate(sent)]


async def test_reattach_finds_a_chat_that_no_store_knows(silent: Emulator) -> None:
    async with client(silent) as chat:
        await chat.start()
        await until(chat, lambda one: one == PhaseChanged("ivr"))
        chat_id = chat.session.chat.chat_id
        await silent.act(chat_id, do.Say("hello"))
        await until(chat, lambda one: text(one) == "hello")
    await silent.until(lambda centre: centre.chats[chat_id].held is None)  # a broken poll keeps its slot for a while
    async with client(silent) as chat:
        await chat.reattach()
        updates = await until(chat, lambda one: text(one) == "hello")
        assert chat.session.chat.chat_id == chat_id
        assert updates[-1].historic


# --- sending everything ---


async def test_a_key_makes_two_sends_one_message(silent: Emulator) -> None:
    async with client(silent) as chat:
        await chat.start()
        first = (await chat.send("hello", key="webhook 17")).id
        assert (await chat.send("hello", key="webhook 17")).id == first
        await chat.send("end of it")
        await until(chat, lambda one: isinstance(one, DeliveryUpdate) and one.item != first and one.state == "sent")
    assert [text for _, text in chat_of(silent).texts_received] == ["hello", "end of it"]


async def test_places_files_and_typing(silent: Emulator, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"PNG")
    async with client(silent) as chat:
        await chat.start()
        await chat.typing("dra")
        await chat.stop_typing()
        items = [
            (await chat.send_location(Decimal("1.50"), 0.1, url="https://maps.example")).id,
            (await chat.send_file(photo)).id,
            (await chat.send_file(b"words", name="notes.txt")).id,
        ]
        waiting = set(items)
        await until(chat, lambda one: _settled(waiting, one))
        assert chat._out.payloads._bytes == {}
    log = {entry.event["msg_id"]: entry.event for entry in chat_of(silent).log if "msg_id" in entry.event}
    place, picture, notes = (log[item] for item in items)
    assert (place["latitude"], place["longitude"], place["url"]) == ("1.50", "0.1", "https://maps.example")
    assert (picture["file_name"], picture["file_type"]) == ("photo.png", "image")
    assert notes["file_type"] == "attachment"
    assert {file.content for file in silent.centre.files.values()} == {b"PNG", b"words"}


def _settled(waiting: set[str], update: Any) -> bool:
    if isinstance(update, DeliveryUpdate) and update.state in ("sent", "failed"):
        assert update.state == "sent"
        waiting.discard(update.item)
    return not waiting


@pytest.mark.parametrize("as_path", [True, False])
async def test_a_file_on_its_way_can_be_followed(silent: Emulator, tmp_path: Path, as_path: bool) -> None:
    data = bytes(range(256)) * 2_000
    path = tmp_path / "plan.pdf"
    path.write_bytes(data)
    steps: list[tuple[int, int]] = []
    async with client(silent) as chat:
        await chat.start()
        sending = await chat.send_file(
            path if as_path else data, name="plan.pdf", uploaded=lambda done, size: steps.append((done, size))
        )
        await sending.sent(timedelta(seconds=LIMIT_S))
    assert [file.content for file in silent.centre.files.values()] == [data]
    assert steps[-1] == (len(data), len(data))
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)


async def test_a_file_of_the_agent_is_downloaded_in_pieces(silent: Emulator, tmp_path: Path) -> None:
    """And a larger one than any answer may be: it is never whole in memory."""
    data = bytes(range(256)) * 40_000
    async with client(silent) as chat:
        await chat.start()
        await (await chat.send_file(data, name="plan.pdf")).sent(timedelta(seconds=LIMIT_S))
        (file_id,) = silent.centre.files
        pieces = [piece async for piece in chat.download(file_id)]
        assert b"".join(pieces) == data
        assert max(map(len, pieces)) < len(data)
        with pytest.raises(CentreError, match="file") as unknown:
            [piece async for piece in chat.download("no-such-file")]
        assert unknown.value.failure.code == 5502
        async with aclosing(chat.download(file_id)) as broken_off:
            assert await anext(broken_off)
    with pytest.raises(ChatClosed):
        await anext(chat.download(file_id))


async def test_a_note_comes_back_after_a_restart(silent: Emulator, tmp_path: Path) -> None:
    store = tmp_path / "chats.sqlite"
    async with client(silent, store=store) as chat:
        await chat.send("hello", key="update 17", note='{"telegram": 17}', new_chat=True)
    async with client(silent, store=store) as chat:
        (*_, update) = await until(chat, lambda one: isinstance(one, DeliveryUpdate))
        assert (update.key, update.note, update.state) == ("update 17", '{"telegram": 17}', "sent")


@pytest.mark.parametrize(("receipts", "told"), [("auto", 3), ("on_ack", 2), ("off", 0)])
async def test_delivery_receipts_follow_the_option(silent: Emulator, receipts: Any, told: int) -> None:
    async with client(silent, options=Options(receipts=receipts)) as chat:
        await chat.start()
        await until(chat, lambda one: one == PhaseChanged("ivr"))
        await silent.act(chat.session.chat.chat_id, *(do.Say(f"text {number}") for number in range(3)))
        reader = chat.updates(auto_ack=False)
        async with asyncio.timeout(LIMIT_S):
            while text(await anext(reader)) != "text 2":
                pass
        await chat.ack(2)
        if told:
            await silent.until(lambda _: _received(silent, DELIVERED) >= told, timeout_s=LIMIT_S)
        await asyncio.sleep(0.05)
        assert _received(silent, DELIVERED) == told


DELIVERED = "chat_session_message_delivered"


async def test_forms_open_and_secure() -> None:
    async with Emulator("silent", QUICK) as silent, client(silent) as chat:
        await chat.start()
        await until(chat, lambda one: one == PhaseChanged("ivr"))
        await silent.act(chat.session.chat.chat_id, do.ShowForm("contact"), do.ShowSecureForm("payment"))
        forms = dict[str, str]()
        while len(forms) < 2:
            (*_, update) = await until(chat, lambda one: isinstance(one, FormsChanged))
            forms |= {name: form for form, name, _ in update.forms}
        open_, secure = sorted(chat.session.participants.forms, key=lambda form: form.secure)
        items = {
            (await chat.answer_form(open_.id, {"email": "a@b.example"})).id,
            (await chat.answer_form(secure.id, {"card": "4111 1111 1111"})).id,
        }
        assert "4111 1111" not in repr(chat.session)
        await until(chat, lambda one: _settled(items, one))
        assert chat._out.payloads._values == {}
        with pytest.raises(NotPossible):
            await chat.answer_form("no such form", {})
        with pytest.raises(NotPossible):
            await chat.cancel_form("no such form")


async def test_read_receipts(silent: Emulator) -> None:
    async with client(silent) as chat:
        await chat.start()
        await until(chat, lambda one: one == PhaseChanged("ivr"))
        await silent.act(chat.session.chat.chat_id, do.Say("hello"))
        (*_, update) = await until(chat, lambda one: text(one) == "hello")
        await chat.mark_read(update.entry.msg_id)
        names = ["chat_session_message_delivered", "chat_session_message_read"]
        await silent.until(lambda _: _received(silent, names[1]) == 1)
    assert [_received(silent, name) for name in names] == [1, 1]


def _received(emulator: Emulator, name: str) -> int:
    return sum(entry.event["event"] == name for entry in chat_of(emulator).log)


SURVEY = Scenario(
    "survey",
    "a survey after the conversation, which waits for its answer as long as it takes",
    script=(do.Connect(), AnswerTexts()),
    on_text=(do.Say("You said: {text}"),),
    on_disconnect=(do.LeaveAll(), do.ShowForm("survey_form"), Await((FORM_DATA,)), do.Conclude()),
)


async def test_disconnect_keeps_the_session_for_a_survey() -> None:
    async with Emulator(SURVEY, QUICK) as emulator, client(emulator) as chat:
        await chat.send("hello", new_chat=True)
        await until(chat, lambda one: text(one) == "You said: hello")
        await chat.disconnect()
        await until(chat, lambda one: isinstance(one, FormsChanged) and one.forms != ())
        form = chat.session.participants.forms[0]
        await chat.answer_form(form.id, {"stars": "5"})
        updates = await everything(chat)
        assert of(updates, Finished)[0].outcome == "ended"
        assert emulator.centre.violations == []


async def test_background_push_and_foreground(silent: Emulator) -> None:
    async with client(silent) as chat:
        await chat.start()
        await until(chat, lambda one: one == PhaseChanged("ivr"))
        await silent.until(lambda centre: centre.held_polls == 1)
        await chat.background()
        await until(chat, lambda one: isinstance(one, ConnectionChanged) and one.state == "paused")
        await silent.until(lambda centre: centre.held_polls == 0)
        await silent.act(chat.session.chat.chat_id, do.Say("are you there?"))
        await chat.pushed(chat.session.chat.chat_id)
        await until(chat, lambda one: text(one) == "are you there?")
        await chat.foreground()
        await silent.until(lambda centre: centre.held_polls == 1)


# --- refusals in the user's words ---


async def test_a_text_before_the_start_and_after_the_end(centre: Emulator) -> None:
    async with client(centre) as chat:
        with pytest.raises(NotPossible) as early:
            await chat.send("too early")
        assert early.value.phase == "idle"
        await chat.send("hello", new_chat=True)
        with pytest.raises(NotPossible):
            await chat.start()
        await until(chat, lambda one: text(one) == "You said: hello")
        await chat.end()
        await everything(chat)
        with pytest.raises(SessionOver, match="new_chat=True\\) begins a new one") as late:
            await chat.send("too late")
        assert late.value.outcome == "ended"
        await chat.end()  # what is wished is so already


async def test_only_one_reader_waits_for_updates(silent: Emulator) -> None:
    async with client(silent) as chat:
        waiting = asyncio.create_task(everything(chat))
        await asyncio.sleep(0)
        with pytest.raises(ChatError, match="one reader"):
            await anext(chat.updates())
    await waiting


async def test_updates_end_when_the_client_is_closed(silent: Emulator) -> None:
    async with client(silent) as chat:
        await chat.start()
        reading = asyncio.create_task(everything(chat))
        await asyncio.sleep(0)
    assert of(await reading, Finished) == []


async def test_without_a_server_the_chat_gives_up() -> None:
    async with Emulator("silent") as emulator:
        pass
    options = Options(request_within=timedelta(milliseconds=300))
    with capture_logs() as logs:
        async with client(emulator, options=options) as chat:
            await chat.send("hello", new_chat=True)
            updates = await everything(chat)
    assert of(updates, Finished)[0].outcome == "gave_up"
    assert [(one.state, one.reason) for one in of(updates, DeliveryUpdate)] == [("failed", "not_sent")]
    assert {log["event"] for log in logs} == {"call_failed"}


async def test_a_full_disk_stops_the_client_and_sends_nothing(silent: Emulator) -> None:
    store = FullStore()
    async with client(silent, store=store) as chat:
        await chat.start()
        await until(chat, lambda one: one == PhaseChanged("ivr"))
        store.full = True
        with pytest.raises(ChatStopped, match="no space left") as stopped:
            await chat.send("hello")
        assert isinstance(stopped.value.__cause__, StoreFull)
        with pytest.raises(ChatStopped, match="no space left"):
            await chat.send("hello")
        with pytest.raises(ChatStopped, match="no space left"):
            await everything(chat)
    assert chat_of(silent).texts_received == []
    store.full = False
    async with client(silent, store=store) as chat:
        await chat.send("now")
        await until(chat, lambda one: isinstance(one, DeliveryUpdate) and one.state == "sent")
    assert [text for _, text in chat_of(silent).texts_received] == ["now"]


# --- cancellation and slowness ---


async def test_a_send_that_is_cancelled_while_it_is_saved_is_sent(silent: Emulator) -> None:
    store = HeldStore()
    async with client(silent, store=store) as chat:
        await chat.start()
        await until(chat, lambda one: one == PhaseChanged("ivr"))
        store.held = True
        sending = asyncio.create_task(chat.send("hello"))
        await asyncio.sleep(0)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert chat_of(silent).texts_received == []
        store.release()
        await until(chat, lambda one: isinstance(one, DeliveryUpdate) and one.state == "sent")
    assert [text for _, text in chat_of(silent).texts_received] == ["hello"]


async def test_a_cancelled_wait_for_updates_loses_nothing(silent: Emulator) -> None:
    async with client(silent) as chat:
        await chat.start()
        await until(chat, lambda one: one == PhaseChanged("ivr"))
        for number in range(5):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.005):
                    await everything(chat)
            await silent.act(chat.session.chat.chat_id, do.Say(f"text {number}"))
        updates = await until(chat, lambda one: text(one) == "text 4")
        assert text(updates[-1]) == "text 4"


async def test_a_slow_application_stops_no_poll(silent: Emulator) -> None:
    async with client(silent) as chat:
        await chat.start()
        await until(chat, lambda one: one == PhaseChanged("ivr"))
        for first in range(0, 250, 10):  # a poll with news each is slowed down after some
            await silent.act(chat.session.chat.chat_id, *(do.Say(f"text {first + more}") for more in range(10)))
            await silent.until(lambda centre: centre.held_polls == 1)
        assert chat.session.seq == 250
        texts = [text(one) for one in await until(chat, lambda one: text(one) == "text 249") if text(one)]
    assert texts == [f"text {number}" for number in range(250)]


async def test_a_bad_line_loses_and_doubles_nothing() -> None:
    options = Options(settle=timedelta(milliseconds=50), request_timeout=timedelta(seconds=1))
    async with Emulator("plain", Knobs(pace=0.02, hold_ms=300, network_drop_reply_every=5)) as emulator:
        async with client(emulator, options=options) as chat:
            await chat.send("hello", new_chat=True)
            sent: list[str] = ["hello"]
            async with asyncio.timeout(LIMIT_S):
                async for update in chat.updates():
                    if text(update) == f"You said: {sent[-1]}":
                        if len(sent) == 4:
                            break
                        sent.append(f"text {len(sent)}")
                        await chat.send(sent[-1])
        assert [text for _, text in chat_of(emulator).texts_received] == sent


class Trace:
    """An observer."""

    def __init__(self) -> None:
        self.moments: set[Checkpoint] = set()
        self.sessions: set[str] = set()

    def event_handled(self, step: HandledEvent) -> None:
        self.sessions.add(step.session_id)

    def checkpoint(self, session_id: str, checkpoint: Checkpoint, number: int) -> None:
        self.moments.add(checkpoint)


async def test_an_observer_sees_it_all(silent: Emulator) -> None:
    trace = Trace()
    async with client(silent, observers=[trace]) as chat:
        await chat.send("hello", new_chat=True)
        await until(chat, lambda one: isinstance(one, DeliveryUpdate))
    assert trace.moments == {"saved", "executed", "answered", "published"}
    assert trace.sessions == {"127.0.0.1/app/ann"}
