"""The customers of the page: real clients against the running emulator, steered over HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from statemachine import console
from statemachine.cli.authority import throw_away_authority
from statemachine.console import customers
from statemachine.emulator import Knobs, actions
from statemachine.emulator.http import Emulator

Call = Any


@asynccontextmanager
async def place(tls: ssl.SSLContext | None = None, **knobs: Any) -> AsyncIterator[tuple[Emulator, Call]]:
    """The emulator, and how to ask for `/_console/…`."""
    async with (
        Emulator("silent", Knobs(**knobs), parts={console.PREFIX: console.part}, tls=tls) as emulator,
        aiohttp.ClientSession() as session,
    ):

        async def call(method: str, path: str, body: Any = None) -> tuple[int, Any]:
            where = f"{emulator.url}/_console/{path}"
            async with session.request(method, where, json=body, ssl=tls is None) as reply:
                return reply.status, await reply.json()

        yield emulator, call


async def seen(call: Call, wanted: Any) -> Any:
    """The screen of the first customer, as soon as it looks as wanted."""
    async with asyncio.timeout(60):
        while True:
            (screen,) = (await call("GET", "customers"))[1]["customers"]
            if wanted(screen):
                return screen
            await asyncio.sleep(0.02)


def texts(screen: Any) -> list[str]:
    return [line["text"] for line in screen["lines"]]


async def test_a_customer_of_a_centre_with_a_throw_away_certificate() -> None:
    with throw_away_authority(["127.0.0.1"]) as (tls, _):
        async with place(tls) as (emulator, call):
            await call("POST", "customers", {"text": "Hello"})
            chat_id = (await seen(call, lambda one: one["chat_id"]))["chat_id"]
            await emulator.act(chat_id, actions.Connect("ada"), actions.Say("Good day"))
            assert texts(await seen(call, lambda one: len(one["lines"]) == 2)) == ["Hello", "Good day"]


async def test_a_whole_chat_from_the_page() -> None:
    async with place() as (emulator, call):
        status, reply = await call("POST", "customers", {"text": "Hello"})
        assert status == 200
        assert reply["customer"]["id"] == "customer-1"
        chat_id = (await seen(call, lambda one: one["chat_id"]))["chat_id"]
        await emulator.act(chat_id, actions.Connect("ada"), actions.Say("Good <b>day</b>"), actions.StartTyping())
        screen = await seen(call, lambda one: one["typing"])
        assert screen["phase"] == "agent_joined"
        assert screen["parties"] == ["Ada Larsen"]
        assert screen["typing"] == ["Ada Larsen"]
        assert texts(screen) == ["Hello", "Good <b>day</b>"]
        msg_id = screen["lines"][1]["item"]
        await call("POST", "customers/customer-1/read", {"msg_id": msg_id})
        await call("POST", "customers/customer-1/typing", {"draft": "I am"})
        await call("POST", "customers/customer-1/stop_typing")
        await call("POST", "customers/customer-1/say", {"text": "I am fine"})
        await call("POST", "customers/customer-1/location", {"latitude": "52.5", "longitude": "13.4"})
        content = base64.b64encode(b"parcel").decode()
        await call("POST", "customers/customer-1/file", {"name": "a.txt", "content": content})
        log = emulator.centre.chats[chat_id].log
        await emulator.until(lambda _: any(entry.event["event"] == "chat_session_file" for entry in log), 60)
        assert [file.content for file in emulator.centre.files.values()] == [b"parcel"]
        await emulator.act(chat_id, actions.SendRead(), actions.Warn("Still there?"))
        screen = await seen(call, lambda one: one["phase"] == "warned" and one["lines"][2]["state"] == "read")
        assert texts(screen)[2:] == ["I am fine", "52.5, 13.4", "a.txt", "Still there?"]
        await call("POST", "customers/customer-1/end")
        screen = await seen(call, lambda one: one["phase"] == "ending")
        await emulator.act(chat_id, actions.EndChat())
        screen = await seen(call, lambda one: one["outcome"])
        assert screen["outcome"] == "ended"
        assert "The chat is over: ended." in texts(screen)
        events = {entry.event["event"] for entry in log}
        assert {"chat_session_message_read", "chat_session_typing", "chat_session_file"} <= events
        assert emulator.centre.violations == []


async def test_forms_are_answered_once_and_secure_values_are_shown_nowhere() -> None:
    async with place() as (emulator, call):
        await call("POST", "customers", {})
        chat_id = (await seen(call, lambda one: one["chat_id"]))["chat_id"]
        await emulator.act(
            chat_id, actions.ShowForm("survey_form"), actions.ShowSecureForm("payment"), actions.ShowForm("x")
        )
        screen = await seen(call, lambda one: len(one["forms"]) == 3)
        survey, payment, other = (form["id"] for form in screen["forms"])
        assert [form["secure"] for form in screen["forms"]] == [False, True, False]
        await call("POST", "customers/customer-1/answer", {"form": survey, "data": {"service": "5"}})
        await call("POST", "customers/customer-1/answer", {"form": payment, "data": {"card_number": "hunter2"}})
        await call("POST", "customers/customer-1/cancel", {"form": other})
        await emulator.until(lambda centre: all(form.answers for form in centre.chats[chat_id].forms.values()), 60)
        screen = await seen(call, lambda one: not one["forms"])
        assert "hunter2" not in json.dumps(screen)
        status, reply = await call("POST", "customers/customer-1/answer", {"form": survey, "data": {"service": "1"}})
        assert status == 409
        assert reply["error"]
        assert emulator.centre.violations == []


async def test_who_comes_again_is_the_same_and_may_begin_anew() -> None:
    async with place() as (emulator, call):
        await call("POST", "customers", {"client_id": "eve", "app_id": "sales"})
        chat_id = (await seen(call, lambda one: one["chat_id"]))["chat_id"]
        assert emulator.centre.chats[chat_id].key.app_id == "sales"
        status, reply = await call("POST", "customers", {"client_id": "eve"})
        assert status == 409  # a chat is going on
        assert reply["error"]
        await emulator.act(chat_id, actions.DropChat())
        await seen(call, lambda one: one["outcome"] == "gone")
        await call("POST", "customers/eve/start", {"text": "Again"})
        screen = await seen(call, lambda one: one["chat_id"] not in ("", chat_id))
        assert screen["outcome"] is None
        assert texts(screen)[-1] == "Again"


async def test_closing_the_page_ends_nothing_and_coming_back_goes_on() -> None:
    async with place() as (emulator, call):
        await call("POST", "customers", {"text": "one"})
        chat_id = (await seen(call, lambda one: one["chat_id"]))["chat_id"]
        assert (await call("DELETE", "customers/customer-1"))[0] == 200
        assert (await call("GET", "customers"))[1] == {"customers": []}
        assert emulator.centre.chats[chat_id].live
        assert (await call("POST", "customers", {}))[1]["customer"]["id"] == "customer-2"


async def test_the_feed_tells_screens_as_they_change_and_who_left() -> None:
    async with (
        place() as (emulator, call),
        aiohttp.ClientSession() as session,
        session.get(f"{emulator.url}/_console/customers/feed") as feed,
    ):
        await call("POST", "customers", {"client_id": "eve"})
        await feed.content.readuntil(b'"phase":"ivr"')
        await call("POST", "customers/eve/background")
        await feed.content.readuntil(b'"connection":"paused"')
        await call("POST", "customers/eve/foreground")
        await feed.content.readuntil(b'"connection":"polling"')
        await call("DELETE", "customers/eve")
        await feed.content.readuntil(b'event: left\ndata: {"id":"eve"}')


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "customers/eve/sing", {}, 404, "there is no 'sing'; there are start, say"),
        ("POST", "customers/bob/say", {"text": "x"}, 404, "no such customer"),
        ("DELETE", "customers/bob", None, 404, "no such customer"),
        ("POST", "customers/eve/say", {}, 400, "text is needed"),
        ("POST", "customers/eve/say", {"text": 5}, 400, "text is needed"),
        ("POST", "customers/eve/answer", {"form": "1"}, 400, "a table is needed"),
        ("POST", "customers/eve/file", {"name": "a", "content": "%"}, 400, "no base64"),
        ("POST", "customers/eve/say", [], 400, "A JSON object is needed"),
        ("POST", "customers/eve/read", {"msg_id": "none"}, 200, ""),
    ],
)
async def test_mistakes(method: str, path: str, body: Any, status: int, words: str) -> None:
    async with place() as (_, call):
        await call("POST", "customers", {"client_id": "eve"})
        await seen(call, lambda one: one["chat_id"])
        answer = await call(method, path, body)
        assert answer[0] == status, answer
        assert words in str(answer[1])


async def test_there_is_room_for_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customers, "MAX_CUSTOMERS", 1)
    async with place() as (_, call):
        await call("POST", "customers", {})
        status, reply = await call("POST", "customers", {})
        assert status == 409
        assert "close one" in reply["error"]


async def test_the_centres_tenants_are_respected() -> None:
    async with place(tenants=("a.example", "b.example")) as (emulator, call):
        await call("POST", "customers", {})
        chat_id = (await seen(call, lambda one: one["chat_id"]))["chat_id"]
        assert emulator.centre.chats[chat_id].key.tenant == "a.example"
