"""A session that ends while its poll is in flight: the poll's batch is delivered late, and the updates end after it."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any, Literal

import pytest

from statemachine import ChatClient, Finished, Received
from statemachine.client import Options
from tests.adapters.wire_server import Heard, WireServer
from tests.client.two_parties import until

QUICK: Any = {"settle": timedelta(milliseconds=50), "close_within": timedelta(milliseconds=100)}
ENDED: Any = {"event": "chat_session_ended", "timestamp": "1700000009"}


def said(number: int) -> dict[str, str]:
    text = f"text {number}"
    return {"event": "chat_session_message", "msg_id": str(number), "party_id": "ann", "msg": text, "msg_text": text}


class Centre:
    """Ends the chat in the answer to a post (v1) or to the second history, and holds the poll until `release`."""

    def __init__(self, ends: Literal["post", "history"]) -> None:
        self.ends = ends
        self.histories = 0
        self.is_over = False
        self.polls: list[Heard] = []

    def behave(self, heard: Heard) -> None:
        method, path, _ = heard.line.split(" ", 2)
        match method, path.partition("?")[0].rpartition("/")[2]:
            case "POST", "chats":
                self.answer(heard, chat_id="c1", state="connected", is_new_chat=True)
            case "POST", _:
                self.is_over = self.is_over or self.ends == "post"
                self.answer(heard, events=[ENDED] if self.ends == "post" else [])
            case "GET", "history":
                self.histories += 1
                self.is_over = self.ends == "history" and self.histories == 2
                self.answer(heard, events=[said(1), *([ENDED] if self.is_over else [])])
            case _:
                self.polls.append(heard)
                if len(self.polls) == 1:
                    self.answer(heard, events=[said(1)])
                elif len(self.polls) == 2 and self.ends == "history":  # so that the history is read twice
                    heard.cut()
                elif len(self.polls) == 3:
                    self.answer(heard, events=[])

    def release(self, *events: object) -> None:
        self.answer(self.polls[-1], events=events)

    def answer(self, heard: Heard, **body: object) -> None:
        heard.reply(200, json.dumps(body).encode())


@pytest.mark.parametrize("ends", ["post", "history"])
async def test_the_batch_of_the_poll_in_flight_is_delivered_late(ends: Literal["post", "history"]) -> None:
    centre = Centre(ends)
    options = Options(api="v1" if ends == "post" else "v2", **QUICK)
    async with WireServer(centre.behave) as server, ChatClient(server.url, app_id="app", options=options) as client:
        chat = await client.session("ann")
        updates: list[Any] = []

        async def read() -> None:
            async for update in chat.updates():
                updates.append(update)

        reading = asyncio.create_task(read())
        await until(lambda: len(centre.polls) == (4 if ends == "history" else 2), "the poll is in flight")
        if ends == "post":
            await chat.send("still there?")
        await until(lambda: any(isinstance(one, Finished) for one in updates), "the session is over")
        assert centre.is_over
        assert not reading.done()
        centre.release(said(1), said(2))
        async with asyncio.timeout(10):
            await reading
        received = [(one.entry.msg_id, one.late) for one in updates if isinstance(one, Received) and not one.own]
        assert received == [("1", False), ("2", True)]
        assert [one.outcome for one in updates if isinstance(one, Finished)] == ["ended"]


async def test_the_updates_end_when_the_poll_brings_nothing() -> None:
    centre = Centre("post")
    options = Options(api="v1", **QUICK)
    async with WireServer(centre.behave) as server, ChatClient(server.url, app_id="app", options=options) as client:
        chat = await client.session("ann")
        await until(lambda: len(centre.polls) == 2, "the poll is in flight")
        await chat.send("still there?")
        await until(lambda: chat.outcome, "the session is over")
        centre.polls[-1].reply(404, b'{"error_code": "5005"}')
        async with asyncio.timeout(10):
            assert [one.outcome async for one in chat.updates() if isinstance(one, Finished)] == ["ended"]


async def test_a_new_chat_does_not_wait_for_the_poll_of_the_last_one() -> None:
    centre = Centre("post")
    options = Options(api="v1", **QUICK)
    async with WireServer(centre.behave) as server, ChatClient(server.url, app_id="app", options=options) as client:
        chat = await client.session("ann")
        await until(lambda: len(centre.polls) == 2, "the poll is in flight")
        await chat.send("still there?")
        await until(lambda: chat.outcome, "the session is over")
        async with asyncio.timeout(10):
            await chat.send("hello again", new_chat=True)
        assert chat.outcome is None
