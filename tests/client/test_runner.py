"""One session in an event loop, on a transport that the test answers by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from statemachine import (
    Carryover,
    ChatOpened,
    Config,
    CreateChat,
    EventBatch,
    Poll,
    Post,
    RequestChat,
    SendText,
    Session,
    outbox,
)
from statemachine.adapters.aio import LoopClock
from statemachine.adapters.protocols import SavedStep, Store
from statemachine.client.errors import ChatClosed, NotPossible
from statemachine.client.runner import SessionRunner
from statemachine.store.memory import MemoryStore
from statemachine.wire import Message, SessionEnded
from tests.adapters.bench import HandStore, HandTransport

pytestmark = pytest.mark.asyncio

SOON = timedelta(seconds=5)


class Rig:
    def __init__(self, store: Store | None = None) -> None:
        self.notes: list[str] = []
        self.transport = HandTransport(self.notes)
        self.store = store or MemoryStore()
        self.saved: list[SavedStep] = []
        self.clock = LoopClock()
        self.runner = SessionRunner(
            "a",
            store=self.store,
            transport=self.transport,
            clock=self.clock,
            config=Config(),
            on_saved=self.saved.append,
            update_filter=lambda update: update,
            on_change=lambda: None,
        )
        self.runner.start()

    async def live(self) -> Rig:
        await self.runner.submit_saved(RequestChat(self.clock.now(), "origin"))
        self.transport.answer(CreateChat, ChatOpened("chat", "queued", None, is_new_chat=True))
        return self

    async def say(self, text: str) -> str:
        submitted = self.runner.submit(SendText(self.clock.now(), text))
        await self.runner.wait_saved(submitted)
        assert len(submitted.after.items) == len(submitted.before.items) + 1
        return submitted.after.items[-1].id


async def test_asking_returns_when_it_is_saved() -> None:
    store = HandStore([])
    rig = await Rig(store).live()
    store.held = True
    saying = asyncio.create_task(rig.say("hello"))
    await asyncio.sleep(0)
    assert not saying.done()
    store.release()
    assert (await saying).startswith("origin:")


async def test_a_refusal_is_raised() -> None:
    with pytest.raises(NotPossible):
        await Rig().say("too early")


async def test_closing_waits_for_requests_in_flight() -> None:
    rig = await Rig().live()
    await rig.say("hello")
    closing = asyncio.create_task(rig.runner.close(SOON))
    await asyncio.sleep(0)
    assert not closing.done()
    rig.transport.answer(Post, EventBatch())
    await closing
    assert rig.runner.session.items[0].state.name == "sent"
    assert rig.transport.aborted == [rig.transport.last(Poll).id]


async def test_closing_does_not_wait_for_ever() -> None:
    rig = await Rig().live()
    await rig.say("hello")
    await rig.runner.close(timedelta(milliseconds=10))
    with pytest.raises(ChatClosed):
        await rig.say("more")
    stored = rig.store.load("a")
    assert stored is not None
    assert [type(one) for one in outbox(stored.session)] == [Poll, Post]


async def test_a_closing_that_is_cancelled_lets_go_all_the_same() -> None:
    rig = await Rig().live()
    await rig.say("hello")
    closing = asyncio.create_task(rig.runner.close(SOON))
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    with pytest.raises(ChatClosed):
        await rig.say("more")


async def test_a_caller_that_waits_for_a_save_gets_the_error_of_the_close() -> None:
    store = HandStore([])
    rig = await Rig(store).live()
    store.held = True
    saying = asyncio.create_task(rig.say("hello"))
    await asyncio.sleep(0)
    await rig.runner.close(timedelta(milliseconds=1))
    with pytest.raises(ChatClosed):
        await saying


def request(rig: Rig, origin: str = "other", text: str | None = None) -> Callable[[Carryover | None], RequestChat]:
    return lambda after: RequestChat(rig.clock.now(), origin, text=text, after=after)


async def test_an_active_chat_gets_no_successor() -> None:
    rig = await Rig().live()
    with pytest.raises(NotPossible, match="has a chat already"):
        await rig.runner.begin(request(rig))
    begun = await rig.runner.begin(request(rig), SendText(rig.clock.now(), "hello"))
    assert len(begun.after.items) == len(begun.before.items) + 1
    assert begun.after.chat.chat_id == "chat"


async def over(rig: Rig) -> Session:
    """A chat that ended with a text under way."""
    await rig.live()
    await rig.say("hello")
    rig.transport.answer(Poll, EventBatch((SessionEnded(),)))
    assert rig.runner.session.outcome == "ended"
    return rig.runner.session


async def test_a_new_chat_takes_over_numbers_and_window_of_the_last() -> None:
    rig = Rig()
    spent = await over(rig)
    seen: list[Carryover | None] = []

    def opening(after: Carryover | None) -> RequestChat:
        seen.append(after)
        return request(rig)(after)

    await rig.runner.begin(opening)
    (past,) = seen
    assert past is not None
    assert (past.chat_id, past.seq, past.ids) == ("chat", spent.seq, spent.ids)
    assert rig.runner.session.seq == spent.seq
    rig.transport.answer(CreateChat, ChatOpened("chat2", "queued", None, is_new_chat=True))
    with capture_logs() as logs:  # the first chat's text, answered late: nobody drives that chat any more
        rig.transport.answer(Post, EventBatch((Message(msg_id="7", party_id="agent", msg_text="late"),)))
    assert logs == []
    stored = rig.store.load("a")
    assert stored is not None
    assert stored.session == rig.runner.session
    assert stored.session.chat.chat_id == "chat2"


async def test_a_refused_opening_leaves_the_last_chat_as_it_is() -> None:
    """Or the next one would not know where to go on counting, and its news would not follow the journal's."""
    rig = Rig()
    spent = await over(rig)
    with pytest.raises(NotPossible):
        await rig.runner.begin(request(rig, text="x" * 20_000))
    assert rig.runner.session is spent
    with pytest.raises(PermissionError):
        await rig.runner.begin(_refuse)
    assert rig.runner.session is spent
    assert (await rig.runner.begin(request(rig, text="shorter"))).after.seq == spent.seq


def _refuse(after: Carryover | None) -> RequestChat:
    raise PermissionError


async def test_two_callers_that_begin_at_once_begin_one_chat() -> None:
    store = HandStore([])
    rig = await Rig(store).live()
    store.held = True
    rig.transport.answer(Poll, EventBatch((SessionEnded(),)))  # both wait for the end to be saved
    both = [
        asyncio.create_task(
            rig.runner.begin(request(rig, f"o{n}", f"text {n}"), SendText(rig.clock.now(), f"text {n}"))
        )
        for n in range(2)
    ]
    await asyncio.sleep(0)
    assert not any(one.done() for one in both)
    store.held = False
    store.release()
    await asyncio.gather(*both)
    assert [item.entry.msg_text for item in rig.runner.session.items if isinstance(item.entry, Message)] == [
        "text 0",
        "text 1",
    ]


async def test_each_saved_step_is_passed_on() -> None:
    rig = await Rig().live()
    assert [step.session.phase for step in rig.saved] == ["requesting", "queued"]
