"""The order of news, what a slow reader sees, and what counts as dealt with."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from attrs import evolve

from statemachine import (
    ConnectionChanged,
    DeliveryUpdate,
    Finished,
    HistoryGap,
    PhaseChanged,
    Session,
    StatusUpdate,
    TranscriptUpdate,
    new_session,
)
from statemachine.adapters.protocols import Done, Save, SavedStep
from statemachine.client.errors import ChatStopped
from statemachine.client.stream import PAGE, Update, UpdateFeed, UpdateStream
from statemachine.records import Ended
from statemachine.store.errors import StoreError
from statemachine.store.memory import MemoryStore

pytestmark = pytest.mark.asyncio

KEY = "a"


def feed_of(store: MemoryStore, session: Session, *statuses: StatusUpdate) -> UpdateFeed:
    return UpdateFeed(
        store,
        KEY,
        session,
        statuses,
        update_filter=lambda update: update,
        on_change=lambda: None,
        on_received=None,
    )


class Desk:
    """A feed, and the calls of a driver."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.session = new_session(0)
        self.version = 0
        self.feed = feed_of(self.store, self.session)

    def save(self, *updates: TranscriptUpdate, over: bool = False) -> None:
        self.version += 1
        seq = updates[-1].seq if updates else self.session.seq
        self.session = evolve(self.session, seq=seq, lifecycle=Ended() if over else self.session.lifecycle)
        errors: list[Any] = []
        self.store.save(Save(KEY, self.version, self.session, updates), errors.append)
        assert errors == [None]

    def tell(self, *updates: TranscriptUpdate, statuses: tuple[Any, ...] = (), over: bool = False) -> None:
        self.save(*updates, over=over)
        self.feed.publish(SavedStep(self.session, updates, statuses, ()))
        if over:
            self.feed.finish()

    def read(self) -> UpdateStream:
        return UpdateStream(self.feed)


def gap(seq: int) -> HistoryGap:
    return HistoryGap(seq, 0)


def end(seq: int) -> Finished:
    return Finished(seq, 0, "ended", "ended")


async def some(reader: UpdateStream, count: int) -> list[Update]:
    return [await anext(reader) for _ in range(count)]


async def waits(reader: UpdateStream) -> bool:
    try:
        async with asyncio.timeout(0.01):
            await anext(reader)
    except TimeoutError:
        return True
    return False


async def test_statuses_come_before_the_transcript_of_their_step() -> None:
    desk = Desk()
    desk.tell(gap(1))
    desk.tell(gap(2), statuses=(PhaseChanged("queued"),))
    desk.tell(gap(3))
    assert await some(desk.read(), 4) == [gap(1), PhaseChanged("queued"), gap(2), gap(3)]


async def test_statuses_without_transcript_come_after_earlier_updates() -> None:
    desk = Desk()
    desk.tell(gap(1))
    desk.tell(statuses=(PhaseChanged("queued"),))
    desk.tell(gap(2))
    assert await some(desk.read(), 3) == [gap(1), PhaseChanged("queued"), gap(2)]


async def test_of_each_status_only_the_latest_is_kept() -> None:
    desk = Desk()
    for phase in ("ivr", "queued", "connected"):
        desk.tell(statuses=(PhaseChanged(phase), ConnectionChanged("polling")))
    reader = desk.read()
    assert await some(reader, 2) == [PhaseChanged("connected"), ConnectionChanged("polling")]
    assert await waits(reader)


async def test_a_journal_longer_than_a_page_is_read_to_its_end() -> None:
    desk = Desk()
    desk.tell(*(gap(seq) for seq in range(1, 3 * PAGE)))
    reader = desk.read()
    assert await some(reader, 3 * PAGE - 1) == [gap(seq) for seq in range(1, 3 * PAGE)]
    assert await waits(reader)


async def test_a_saved_but_unpublished_update_waits_for_its_statuses() -> None:
    desk = Desk()
    desk.tell(gap(1))
    desk.save(gap(2))
    reader = desk.read()
    assert await some(reader, 1) == [gap(1)]
    assert await waits(reader)
    desk.feed.publish(SavedStep(desk.session, (gap(2),), (PhaseChanged("queued"),), ()))
    assert await some(reader, 2) == [PhaseChanged("queued"), gap(2)]


async def test_asking_for_the_next_update_acknowledges_the_last() -> None:
    desk = Desk()
    desk.tell(gap(1), gap(2))
    reader = desk.read()
    await anext(reader)
    assert desk.store.cursor(KEY) == 0
    await anext(reader)
    assert desk.store.cursor(KEY) == 1
    assert await waits(reader)
    assert desk.store.cursor(KEY) == 2


async def test_another_run_begins_at_the_first_unacknowledged_update() -> None:
    desk = Desk()
    desk.tell(gap(1), gap(2), gap(3))
    await some(desk.read(), 2)
    assert await some(desk.read(), 2) == [gap(2), gap(3)]


async def test_a_waiting_reader_is_woken() -> None:
    desk = Desk()
    waiting = asyncio.create_task(some(desk.read(), 1))
    await asyncio.sleep(0)
    desk.tell(gap(1))
    assert await waiting == [gap(1)]


async def test_a_stream_ends_after_the_last_update_of_the_chat() -> None:
    desk = Desk()
    failed = DeliveryUpdate(2, 0, "o:1", "failed", reason="not_sent")
    desk.tell(end(1), failed, statuses=(PhaseChanged("ended"),), over=True)
    assert [one async for one in desk.read()] == [PhaseChanged("ended"), end(1), failed]
    assert desk.store.cursor(KEY) == 2
    assert [one async for one in desk.read()] == []


async def test_a_stream_waits_for_late_updates() -> None:
    desk = Desk()
    desk.save(end(1), over=True)
    desk.feed.publish(SavedStep(desk.session, (end(1),), (), ()))
    reading = asyncio.create_task(some(desk.read(), 2))
    await asyncio.sleep(0)
    assert not reading.done()  # it has delivered the end
    desk.tell(gap(2), over=True)
    assert await reading == [end(1), gap(2)]


async def test_the_next_chats_updates_belong_to_another_stream() -> None:
    desk = Desk()
    desk.tell(end(1), over=True)
    over = desk.session
    desk.session = evolve(over, lifecycle=new_session(0).lifecycle)
    desk.feed.reopen(over, (PhaseChanged("idle"),))
    desk.tell(gap(2))
    assert [one async for one in desk.read()] == [end(1)]
    assert await some(desk.read(), 2) == [PhaseChanged("idle"), gap(2)]


async def test_it_ends_when_it_is_closed_and_raises_when_it_was_stopped() -> None:
    desk = Desk()
    waiting = asyncio.create_task(anext(desk.read(), None))
    await asyncio.sleep(0)
    desk.feed.close(None)
    assert await waiting is None
    failure = StoreError("no space left")
    desk.feed.close(failure)
    with pytest.raises(ChatStopped, match="no space left") as stopped:
        await anext(desk.read())
    assert stopped.value.__cause__ is failure


async def test_a_failed_acknowledgement_is_raised_by_the_next_read() -> None:
    class Failing(MemoryStore):
        def ack(self, session_id: str, seq: int, done: Done) -> None:
            done(StoreError("no space left"))

    desk = Desk(Failing())
    desk.tell(gap(1), gap(2))
    reader = desk.read()
    await anext(reader)
    with pytest.raises(ChatStopped, match="no space left"):
        await anext(reader)


async def test_a_stored_session_begins_with_its_statuses_and_unacknowledged_updates() -> None:
    desk = Desk()
    desk.tell(gap(1), gap(2))
    await some(desk.read(), 2)
    again: Session = desk.session
    feed = feed_of(desk.store, again, PhaseChanged("queued"))
    assert await some(UpdateStream(feed), 2) == [PhaseChanged("queued"), gap(2)]
