"""Linear cost: twice the input takes at most 2.3 times as long, wherever a server or a caller sets its size.

Processor time, the best of several runs; `tests/codec/test_lenient.py` and `tests/core/test_plain_text.py` have more.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from statemachine import (
    Answered,
    ChatOpened,
    CreateChat,
    Event,
    EventBatch,
    HistoryLog,
    Poll,
    ReadHistory,
    Received,
    Session,
    reduce,
)
from statemachine.adapters.protocols import Save
from statemachine.codec.http import read_reply
from statemachine.emulator.uploads import uploaded_file
from statemachine.store.memory import MemoryStore
from statemachine.wire import Message, PartyJoined, Unknown
from tests.core.play import chatting, message, requested
from tests.growth import grows_linearly

MESSAGE = b'{"event":"chat_session_message","msg":"x","msg_id":"1"}'
POLL = Poll(1, 1, "chat")


@pytest.fixture(autouse=True)
def without_collector() -> Iterator[None]:
    """The collector runs at moments of its own."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def answer(entry: bytes, size: int, end: bytes = b"]}") -> bytes:
    return b'{"events":[' + b",".join([entry] * size) + end


def read(body: bytes) -> object:
    return read_reply(POLL, 200, {}, body, redirected=False)


def batch(make: Callable[[int], Any], size: int) -> tuple[Session, Event]:
    play = chatting()
    return play.session, Answered(play.now, play.owed(Poll).id, EventBatch(tuple(map(make, range(size)))))


def log(make: Callable[[int], Any], size: int) -> tuple[Session, Event]:
    play = requested()
    play.answer(CreateChat, ChatOpened("chat", "queued", None, is_new_chat=False))
    return play.session, Answered(play.now, play.owed(ReadHistory).id, HistoryLog(tuple(map(make, range(size)))))


def fold(step: tuple[Session, Event]) -> object:
    return reduce(*step)


def journal(size: int) -> Save:
    updates = tuple(Received(seq + 1, 0, Message("1", msg="x")) for seq in range(size))
    return Save("s", 1, chatting().session, updates)


def acknowledge_each(save: Save) -> None:
    store = MemoryStore()
    store.save(save, assert_done)
    for update in save.updates:
        assert store.journal("s", update.seq - 1, 1) == (update,)
        store.ack("s", update.seq, assert_done)
    assert store.transcript("s", 0, 10) == ()


def assert_done(error: BaseException | None) -> None:
    assert error is None


def upload(size: int) -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="n"; filename="f"\r\n\r\n' + b"\r\n-" * size + b"\r\n--b--\r\n"


CASES: dict[str, tuple[Callable[[int], Any], Callable[[Any], object], int]] = {
    "an answer of messages": (partial(answer, MESSAGE), read, 2_000),
    "an answer of numbers": (partial(answer, b"0"), read, 100_000),
    "an answer of empty objects": (partial(answer, b"{}"), read, 10_000),
    "an answer that is cut": (partial(answer, MESSAGE, end=b',{"event":'), read, 500),
    "a batch of messages": (partial(batch, message), fold, 2_000),
    "a batch of unknown entries": (partial(batch, lambda n: Unknown(f"x{n}", "{}")), fold, 2_000),
    "a batch of parties": (partial(batch, lambda n: PartyJoined(f"p{n}")), fold, 1_000),
    "a history of messages": (partial(log, message), fold, 2_000),
    "a history of parties": (partial(log, lambda n: PartyJoined(f"p{n}")), fold, 1_000),
    "acknowledgements in memory": (journal, acknowledge_each, 5_000),
    "an upload": (upload, partial(uploaded_file, "multipart/form-data; boundary=b"), 500_000),
}


@pytest.mark.parametrize("name", CASES)
def test_cost_is_proportional_to_size(name: str) -> None:
    make, run, size = CASES[name]
    assert grows_linearly(make, run, size)
