"""Every public call, cancelled at each of its awaits: nothing is lost, nothing doubled, and the chat goes on.

Which calls there are is read off the package's public names, and each says what it raises.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import coroutine
from typing import Any, TypeAlias

import pytest

from statemachine import ChatClient
from statemachine import client as public
from statemachine.client import ChatSession, NotSaved, Options, Questions, Sending
from statemachine.codec import side_calls
from statemachine.codec.side_calls import FirebaseToken
from statemachine.emulator import Knobs
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from statemachine.wire import Navigation
from tests.client.stores import HeldStore
from tests.client.two_parties import LIMIT_S, QUICK, chat_of, client, until

PDF = b"PDF" * 10_000
LONG = timedelta(seconds=LIMIT_S)
MOST = 40
"""No call has so many awaits; a test that would go on for ever ends."""


@coroutine
def cut_at(number: int, work: Coroutine[Any, Any, Any]) -> Generator[Any, Any, bool]:
    """Run this, and cancel its task when it waits for the `number`-th time. True if it came to that."""
    waits = 0
    value: Any = None
    error: BaseException | None = None
    while True:
        try:
            waiting = work.throw(error) if error else work.send(value)
        except StopIteration:
            return waits >= number
        waits += 1
        if waits == number:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        value = error = None
        try:
            value = yield waiting
        except BaseException as thrown:
            error = thrown


async def cut(number: int, work: Awaitable[Any]) -> bool:
    """Cancel this at its `number`-th await. False where it has not so many."""

    async def whole() -> Any:
        return await work

    try:
        async with asyncio.timeout(LIMIT_S):
            return await asyncio.create_task(_as_task(number, whole()))
    except asyncio.CancelledError:
        return True


async def _as_task(number: int, work: Coroutine[Any, Any, Any]) -> bool:
    reached: bool = await cut_at(number, work)
    return reached


class Scene:
    """A centre, a client with a store on the disk, and a customer for each cut."""

    def __init__(self, emulator: Emulator, chats: ChatClient) -> None:
        self.emulator = emulator
        self.chats = chats

    async def live(self, who: str) -> ChatSession:
        """A chat with an open form and a message of the agent."""
        chat = await self.chats.session(who)
        await until(lambda: chat.phase == "ivr", "the chat is there")
        await self.emulator.act(chat.session.chat.chat_id, do.Say("hello"), do.ShowForm("contact"), do.SetCase("42"))
        await until(lambda: chat.unread and chat.session.participants.forms, "it has news and a form")
        return chat


async def sent(chat: ChatSession) -> Sending:
    return await chat.send("waited for", key="waited for")


async def downloads(scene: Scene, chat: ChatSession, source: Any) -> None:
    file_id = await file_of(scene, chat)
    chat_id = () if source is chat else (chat.session.chat.chat_id,)
    assert b"".join([piece async for piece in source.download(*chat_id, file_id)]) == PDF


async def file_of(scene: Scene, chat: ChatSession) -> str:
    """A file that this customer has sent."""
    await (await chat.send_file(PDF, name="a.pdf", key="file")).sent(LONG)
    return next(iter(scene.emulator.centre.files))


async def file_whole(scene: Scene, chat: ChatSession) -> None:
    file_id = await file_of(scene, chat)
    assert (await chat.centre.file(chat.session.chat.chat_id, file_id)).body == PDF


async def answers(scene: Scene, chat: ChatSession) -> None:
    questions = Questions(chat, chat.session.participants.forms[0].id, ["name", "email"])
    while questions.asked:
        await questions.answer("an answer")


async def enters(scene: Scene, chat: ChatSession) -> None:
    """A contact centre with connections of its own."""
    at = chat.centre.endpoint
    async with public.ContactCentre(at.url, tenant=at.tenant, app_id=at.app_id, client_id="x") as centre:
        await centre.version()


Call: TypeAlias = Callable[[Scene, ChatSession], Awaitable[Any]]


def of_chat(name: str, *about: Any) -> Call:
    """This call of `ContactCentre`, about the chat."""
    return lambda scene, chat: getattr(chat.centre, name)(chat.session.chat.chat_id, *about)


def beside(name: str, *about: Any) -> Call:
    """This call of `ContactCentre`."""
    return lambda scene, chat: getattr(chat.centre, name)(*about)


async def handles(scene: Scene, chat: ChatSession) -> None:
    """Until one piece of news was dealt with."""
    before = chat.unread

    async def handler(session: ChatSession, update: object) -> None:
        await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        handling = group.create_task(scene.chats.handle(handler, concurrency=2))
        await until(lambda: chat.unread < before, "something was dealt with")
        handling.cancel()


CALLS: dict[str, Call] = {
    "ChatClient.session": lambda scene, chat: scene.chats.session(f"{chat.client_id}-other"),
    "ChatClient.reauthorized": lambda scene, chat: scene.chats.reauthorized(),
    "ChatClient.handle": handles,
    "ChatClient.purge": lambda scene, chat: scene.chats.purge(timedelta(days=1)),
    "ChatClient.forget": lambda scene, chat: scene.chats.forget(f"{chat.client_id}-nobody"),
    "ChatClient.health": lambda scene, chat: scene.chats.health(),
    "ChatSession.start": lambda scene, chat: start_anew(scene, chat),
    "ChatSession.reattach": lambda scene, chat: reattach_anew(scene, chat),
    "ChatSession.request": lambda scene, chat: start_anew(scene, chat),
    "ChatSession.send": lambda scene, chat: chat.send("hello", key="k"),
    "ChatSession.send_location": lambda scene, chat: chat.send_location(1, 2, key="k"),
    "ChatSession.send_entry": lambda scene, chat: chat.send_entry(Navigation("https://shop.example"), key="k"),
    "ChatSession.send_file": lambda scene, chat: chat.send_file(b"PDF", name="a.pdf", key="k"),
    "ChatSession.download": lambda scene, chat: downloads(scene, chat, chat),
    "ChatSession.answer_form": lambda scene, chat: chat.answer_form(chat.session.participants.forms[0].id, {"a": "b"}),
    "ChatSession.cancel_form": lambda scene, chat: chat.cancel_form(chat.session.participants.forms[0].id),
    "ChatSession.typing": lambda scene, chat: chat.typing(),
    "ChatSession.stop_typing": lambda scene, chat: chat.stop_typing(),
    "ChatSession.mark_read": lambda scene, chat: chat.mark_read("0"),
    "ChatSession.ack": lambda scene, chat: chat.ack(1),
    "ChatSession.background": lambda scene, chat: chat.background(),
    "ChatSession.foreground": lambda scene, chat: chat.foreground(),
    "ChatSession.pushed": lambda scene, chat: chat.pushed(chat.session.chat.chat_id),
    "ChatSession.reauthorized": lambda scene, chat: chat.reauthorized(),
    "ChatSession.disconnect": lambda scene, chat: chat.disconnect(),
    "ChatSession.end": lambda scene, chat: chat.end(),
    "UpdateStream.__anext__": lambda scene, chat: read(chat.updates(), 3),
    "MergedUpdates.__anext__": lambda scene, chat: read(scene.chats.updates(), 3),
    "Sending.sent": lambda scene, chat: receipt(chat, "sent"),
    "Sending.delivered": lambda scene, chat: receipt(chat, "delivered"),
    "Sending.read": lambda scene, chat: receipt(chat, "read"),
    "Questions.answer": answers,
    "ContactCentre.__aenter__": enters,
    "ContactCentre.__aexit__": enters,
    "ContactCentre.version": beside("version"),
    "ContactCentre.availability": beside("availability"),
    "ContactCentre.expected_parameters": beside("expected_parameters"),
    "ContactCentre.active_chat": beside("active_chat"),
    "ContactCentre.request_sms": beside("request_sms", "+15550100"),
    "ContactCentre.ice_servers": beside("ice_servers"),
    "ContactCentre.configuration": beside("configuration"),
    "ContactCentre.subscribe": of_chat("subscribe", FirebaseToken("token", "android")),
    "ContactCentre.unsubscribe": of_chat("unsubscribe"),
    "ContactCentre.case_history": of_chat("case_history"),
    "ContactCentre.close_case": of_chat("close_case"),
    "ContactCentre.history": of_chat("history"),
    "ContactCentre.file": file_whole,
    "ContactCentre.download": lambda scene, chat: downloads(scene, chat, chat.centre),
    "ContactCentre.photo": of_chat("photo"),
    "ContactCentre.ask": beside("ask", side_calls.version()),
}
CLOSING = {"ChatClient.close", "ChatClient.__aenter__", "ChatClient.__aexit__"}
"""Tried below: after them there is nothing to go on with."""


async def start_anew(scene: Scene, chat: ChatSession) -> None:
    other = await scene.chats.session(f"{chat.client_id}-other", start=False)
    if other.phase == "idle":
        await other.start()


async def reattach_anew(scene: Scene, chat: ChatSession) -> None:
    other = await scene.chats.session(f"{chat.client_id}-other", start=False)
    if other.phase == "idle":
        await other.reattach()


async def read(updates: AsyncIterator[Any], count: int) -> None:
    for _ in range(count):
        await anext(updates)


async def receipt(chat: ChatSession, name: str) -> None:
    await getattr(await sent(chat), name)(timedelta(milliseconds=300) if name != "sent" else LONG)


def public_calls() -> dict[str, Any]:
    """What may be awaited, of all that `statemachine.client` exports."""
    kinds = [kind for kind in vars(public).values() if isinstance(kind, type) and kind.__name__ in public.__all__]
    return {
        f"{kind.__name__}.{name}": member
        for kind in kinds
        for name, member in vars(kind).items()
        if (inspect.iscoroutinefunction(member) or inspect.isasyncgenfunction(member))
        and (not name.startswith("_") or name in ("__anext__", "__aenter__", "__aexit__"))
    }


def test_every_public_call_is_tried() -> None:
    assert set(public_calls()) == set(CALLS) | CLOSING


def test_every_public_call_documents_its_errors() -> None:
    """Itself, or its class for all of them."""
    for name, call in public_calls().items():
        kind = getattr(public, name.partition(".")[0])
        said = f"{kind.__doc__} {call.__doc__}"
        assert "aises" in said, said


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_cancelled_at_each_await(name: str, tmp_path: Path) -> None:
    async with (
        Emulator("silent", QUICK) as emulator,
        client(emulator, store=tmp_path / "chats.sqlite") as chats,
    ):
        scene = Scene(emulator, chats)
        for number in range(1, MOST):
            chat = await scene.live(f"customer-{number}")
            before = [text for _, text in chat_of(emulator, chat.client_id).texts_received]
            reached = await cut(number, CALLS[name](scene, chat))
            await goes_on(scene, chat, before)
            if not reached:
                break
        assert number < MOST - 1, "it waits for ever"


async def goes_on(scene: Scene, chat: ChatSession, before: list[str]) -> None:
    """Sent again under its key it is one message; the next text arrives; no news was lost."""
    if chat.phase not in ("ending", "ended"):
        await chat.foreground()
        await (await chat.send("hello", key="k")).sent(LONG)
        await (await chat.send("and on")).sent(LONG)
        texts = [text for _, text in chat_of(scene.emulator, chat.client_id).texts_received]
        others = [text for text in texts[len(before) :] if text not in ("waited for", "hello")]
        assert others == ["and on"]
        assert texts.count("hello") <= 1
        assert texts.count("waited for") <= 1
    seqs = [one.seq for one in scene.chats.transcript(chat.client_id)]
    assert seqs == list(range(chat.session.seq - len(seqs) + 1, chat.session.seq + 1))


async def test_opening_cancelled_at_each_await_leaves_nothing_open(tmp_path: Path) -> None:
    async with Emulator("silent", QUICK) as emulator:
        for number in range(1, MOST):
            chats = client(emulator, store=tmp_path / "chats.sqlite")
            reached = await cut(number, chats.__aenter__())
            await chats.close()
            if not reached:
                break
        async with client(emulator, store=tmp_path / "chats.sqlite") as chats:
            await (await (await chats.session("ann")).send("hello")).sent(LONG)


@pytest.mark.parametrize("of_session", [True, False])
async def test_closing_cancelled_at_each_await_loses_nothing(tmp_path: Path, of_session: bool) -> None:
    """What was sent before is on the disk, and the next client sends it, once."""
    async with Emulator("silent", Knobs(pace=0.02, hold_ms=300, after_cut="free")) as emulator:
        texts = []
        for number in range(1, MOST):
            chats = client(emulator, store=tmp_path / "chats.sqlite")
            async with chats:
                ann = await chats.session("ann")
                await ann.send(f"text {number}", key=f"text {number}")
                texts.append(f"text {number}")
                reached = await cut(number, ann._close() if of_session else chats.close())
            if not reached:
                break
        async with client(emulator, store=tmp_path / "chats.sqlite") as chats:
            ann = await chats.session("ann")
            await until(lambda: not any(item.entry for item in ann.session.items), "all is sent")
        assert [text for _, text in chat_of(emulator, "ann").texts_received] == texts


# --- in time ---


async def test_a_slow_store_is_reported_and_the_text_is_sent_once(tmp_path: Path) -> None:
    store = HeldStore()
    options = Options(save_within=timedelta(milliseconds=30))
    async with Emulator("silent", QUICK) as emulator, client(emulator, store=store, options=options) as chats:
        ann = await chats.session("ann")
        await until(lambda: ann.phase == "ivr", "the chat is there")
        store.held = True
        for call in (ann.send("hello", key="k"), ann.typing()):
            with pytest.raises(NotSaved, match=r"not saved this within 0:00:00\.03"):
                await call
        store.release()
        with suppress(NotSaved):
            await (await ann.send("hello", key="k")).sent(LONG)
        await until(lambda: chat_of(emulator, "ann").texts_received, "it arrives")
        assert [text for _, text in chat_of(emulator, "ann").texts_received] == ["hello"]
