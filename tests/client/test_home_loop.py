"""A client used from another event loop or thread answers with an error that says what to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
import trio

from statemachine import ChatClient
from statemachine.client import ChatError, ChatSession, Sending, WrongLoop
from statemachine.emulator.http import Emulator
from tests.client.two_parties import LIMIT_S, QUICK, client, until

Use = Callable[[ChatClient, ChatSession, Sending], Any]


async def first_of(stream: AsyncIterator[object]) -> object:
    return await anext(stream)


async def handler(session: ChatSession, update: object) -> None:
    """Never called."""


USES: dict[str, Use] = {
    "session": lambda chats, ann, sending: chats.session("ann"),
    "session of another": lambda chats, ann, sending: chats.session("bob"),
    "updates of all": lambda chats, ann, sending: first_of(chats.updates()),
    "handle": lambda chats, ann, sending: chats.handle(handler),
    "purge": lambda chats, ann, sending: chats.purge(timedelta(days=1)),
    "forget": lambda chats, ann, sending: chats.forget("ann"),
    "reauthorized": lambda chats, ann, sending: chats.reauthorized(),
    "close": lambda chats, ann, sending: chats.close(),
    "send": lambda chats, ann, sending: ann.send("hello"),
    "send, new chat": lambda chats, ann, sending: ann.send("hello", new_chat=True),
    "send_file": lambda chats, ann, sending: ann.send_file(b"x"),
    "start": lambda chats, ann, sending: ann.start(),
    "end": lambda chats, ann, sending: ann.end(),
    "ack": lambda chats, ann, sending: ann.ack(1),
    "typing": lambda chats, ann, sending: ann.typing(),
    "updates": lambda chats, ann, sending: first_of(ann.updates()),
    "download": lambda chats, ann, sending: first_of(ann.download("file")),
    "centre": lambda chats, ann, sending: ann.centre.availability(),
    "sent": lambda chats, ann, sending: sending.sent(),
    "delivered": lambda chats, ann, sending: sending.delivered(),
    "read": lambda chats, ann, sending: sending.read(),
}


async def test_another_thread_with_a_loop_of_its_own() -> None:
    async with Emulator("silent", QUICK) as emulator, client(emulator) as chats:
        ann = await chats.session("ann")
        sending = await ann.send("hello")
        before = ann.session.items

        async def use(call: Use) -> None:
            async with asyncio.timeout(LIMIT_S):
                await call(chats, ann, sending)

        for name, call in USES.items():
            with pytest.raises(WrongLoop, match=r"run_coroutine_threadsafe.*or open a client in each loop"):
                await asyncio.to_thread(asyncio.run, use(call))
            assert [item.id for item in ann.session.items] == [item.id for item in before], name
        with pytest.raises(WrongLoop):
            await asyncio.to_thread(ann.resume)
        with pytest.raises(WrongLoop):
            await asyncio.to_thread(chats.transcript, "ann")
        assert (await asyncio.to_thread(chats.stats)).parked == 0

        def as_the_error_says() -> Sending:
            return asyncio.run_coroutine_threadsafe(ann.send("from a thread"), loop).result(LIMIT_S)

        loop = asyncio.get_running_loop()
        await (await asyncio.to_thread(as_the_error_says)).sent()
        await sending.sent()
        await until(lambda: ann.phase == "ivr", "the chat continues")


def test_a_second_asyncio_run() -> None:
    async def open_client() -> tuple[ChatClient, ChatSession]:
        async with Emulator("silent", QUICK) as emulator:
            chats = await client(emulator).__aenter__()
            return chats, await chats.session("ann", start=False)

    with asyncio.Runner() as runner:
        chats, ann = runner.run(open_client())
        runner.run(chats.close())
    for call in (chats.session("ann"), ann.send("hello")):
        with pytest.raises(ChatError):
            asyncio.run(call)


def test_a_loop_of_trio() -> None:
    async def open_client() -> None:
        with pytest.raises(WrongLoop, match=r"needs an event loop of asyncio.*DRIVER\.md"):
            async with ChatClient("http://127.0.0.1:9", app_id="a"):
                raise AssertionError

    trio.run(open_client)


def test_a_client_that_was_left_open_in_a_loop_that_is_closed() -> None:
    kept = list[Any]()

    async def open_client() -> None:
        async with Emulator("silent", QUICK) as emulator:
            chats = await client(emulator).__aenter__()
            kept.extend([chats, await chats.session("ann", start=False)])
            # What the closed loop could not release any more is released here; the client does not know.
            await kept[0]._context.pool.http.close()

    asyncio.run(open_client())
    chats, ann = kept
    for call in (chats.session("ann"), ann.send("hello"), chats.close()):
        with pytest.raises(WrongLoop, match=r"is closed: open the client and use it within one asyncio\.run"):
            asyncio.run(call)
