"""The verdict on each client; every rule, broken over HTTP, and once more by the curl that shows it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from statemachine.emulator import Fault, Knobs
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from statemachine.emulator.rules import RULES, SERVER_RULES
from tests.emulator.control.api import call, opened, wire
from tests.emulator.driver import message

pytestmark = pytest.mark.asyncio

KNOBS: dict[str, Any] = {
    "hold_ms": 1_200,
    "after_cut": "free",
    "drop_without_polls_ms": None,
    "judge_silence_ms": 50,
    "judge_typing_ms": 100,
    "judge_hot_polls": 4,
    # Starting a process takes its time on a machine that has much to do.
    "judge_repoll_ms": 20_000,
    "judge_end_gap_ms": 20_000,
}


class FaultyClient:
    """A client over HTTP that can do it all wrong."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.chat_id = ""

    async def open(self) -> FaultyClient:
        self.chat_id = await opened(self.emulator)
        return self

    async def send(self, *events: dict[str, Any]) -> None:
        await wire(self.emulator, "POST", f"chats/{self.chat_id}/events", json={"events": list(events)})

    async def poll(self) -> None:
        await wire(self.emulator, "GET", f"chats/{self.chat_id}/events")

    async def held(self) -> asyncio.Task[None]:
        polling = asyncio.create_task(self.poll())
        await self.emulator.until(lambda centre: centre.held_polls == 1, 30)
        return polling

    async def act(self, *actions: do.Action) -> None:
        await self.emulator.act(self.chat_id, *actions)


async def polls_after_the_end(client: FaultyClient) -> None:
    await client.act(do.EndChat())
    await client.poll()
    await client.poll()


async def repeats_at_once(client: FaultyClient) -> None:
    await client.act(do.DropChat())
    for _ in range(3):
        await wire(client.emulator, "GET", f"chats/{client.chat_id}/history")


async def polls_no_more(client: FaultyClient) -> None:
    await asyncio.sleep(0.1)
    for number in ("1", "3", "5"):
        await client.send(message("anybody there?", number))


async def two_texts_one_id(client: FaultyClient) -> None:
    await client.send(message("a", "1"))
    await client.send(message("b", "1"))


async def sends_twice(client: FaultyClient) -> None:
    await client.send(message("it's “quoted” & <odd>\x1b[31m", "1"))
    await client.send(message("it's “quoted” & <odd>\x1b[31m", "1"))


async def receipts_the_unknown(client: FaultyClient) -> None:
    await client.send({"event": "chat_session_message_read", "ref_msg_id": "77"})


async def gives_up(client: FaultyClient) -> None:
    for _ in range(3):
        polling = await client.held()
        polling.cancel()
        await client.emulator.until(lambda centre: centre.held_polls == 0, 30)


async def polls_twice(client: FaultyClient) -> None:
    polling = await client.held()
    await client.poll()
    await polling


async def polls_by_timer(client: FaultyClient) -> None:
    polling = await client.held()
    for _ in range(4):
        await client.poll()
    await polling


async def names_nothing(client: FaultyClient) -> None:
    await wire(client.emulator, "GET", "chats/undefined/events")


async def asks_while_polling(client: FaultyClient) -> None:
    polling = await client.held()
    await wire(client.emulator, "POST", "chats", json={})
    await client.poll()
    await polling


async def creates_for_ever(client: FaultyClient) -> None:
    for _ in range(4):
        await wire(client.emulator, "POST", "chats", params={"tenantUrl": ""}, json={})


async def has_no_name(client: FaultyClient) -> None:
    await wire(client.emulator, "GET", "availability", client_id="")


async def leaves_and_ends(client: FaultyClient) -> None:
    await client.send({"event": "chat_session_disconnect"}, {"event": "chat_session_end"})


async def answers_no_form(client: FaultyClient) -> None:
    await client.send({"event": "chat_session_form_data", "form_request_id": "9", "form_name": "x", "data": {}})


async def types_for_ever(client: FaultyClient) -> None:
    await client.send({"event": "chat_session_typing"})
    await asyncio.sleep(0.5)
    await client.poll()


async def polls_hot(client: FaultyClient) -> None:
    client.emulator.centre.chats[client.chat_id].replay = (b'{"events": []}', 1_000)
    for _ in range(4):
        await client.poll()


async def polls_for_caches(client: FaultyClient) -> None:
    await wire(client.emulator, "GET", f"chats/{client.chat_id}/events", headers={"Cache-Control": ""})
    await client.act(do.EndChat())  # it is noted once in a chat


async def names_a_foreign_chat(client: FaultyClient) -> None:
    chat_id = await opened(client.emulator, "client-2")
    await wire(client.emulator, "GET", f"chats/{chat_id}/history")


async def sends_after_the_end(client: FaultyClient) -> None:
    await client.act(do.EndChat())
    await client.poll()
    await asyncio.sleep(0.05)
    await client.send(message("hello?", "1"))


async def sends_no_json(client: FaultyClient) -> None:
    await wire(client.emulator, "POST", f"chats/{client.chat_id}/events", data=b"{'events': [}")


SINS: dict[str, Callable[[FaultyClient], Awaitable[None]]] = {
    "F1": polls_after_the_end,
    "F3": repeats_at_once,
    "F5": polls_no_more,
    "F11": two_texts_one_id,
    "F12": sends_twice,
    "F15": receipts_the_unknown,
    "F21": gives_up,
    "F22": polls_twice,
    "F23": polls_by_timer,
    "F24": names_nothing,
    "F26": asks_while_polling,
    "F27": creates_for_ever,
    "F29": has_no_name,
    "F30": leaves_and_ends,
    "F31": answers_no_form,
    "F32": types_for_ever,
    "F34": polls_hot,
    "cache": polls_for_caches,
    "F35": names_a_foreign_chat,
    "F37": sends_after_the_end,
    "5003": sends_no_json,
}


async def test_every_rule_is_broken_here() -> None:
    assert SINS.keys() == SERVER_RULES


@pytest.mark.parametrize("number", SINS)
async def test_the_verdict_names_the_rule_and_its_curl_shows_it(number: str) -> None:
    async with Emulator("silent", Knobs(**KNOBS, judge_grace_ms=20)) as emulator:
        await SINS[number](await FaultyClient(emulator).open())
        client = "" if number == "F29" else "client-1"
        found = (await judged(emulator, client))[number]
        rule = RULES[number]
        assert (found["fault"], found["suffers"], found["source"]) == (rule.fault, rule.suffers, rule.source)
        assert found["requests"][-1]["path"].startswith("/clientweb/api/v2/")
        assert "curl" in found["curl"]
        if shutil.which("curl") is not None:
            before = count(emulator, number)
            process = await asyncio.create_subprocess_exec("bash", "-c", found["curl"], stdout=asyncio.subprocess.PIPE)
            await asyncio.wait_for(process.communicate(), 60)
            await emulator.until(lambda _: count(emulator, number) > before, 30)


async def judged(emulator: Emulator, client_id: str) -> dict[str, Any]:
    """The client's violations by rule."""
    status, verdict = await call(emulator, "GET", "/verdict", params={"client_id": client_id})
    assert (status, verdict["verdict"]) == (200, "guilty")
    return {violation["rule"]: violation for violation in verdict["violations"]}


def count(emulator: Emulator, number: str) -> int:
    return sum(violation.rule == number for violation in emulator.centre.violations)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"[]", "A JSON object is needed"),
        (b'{"events": 5}', "An array of events is needed"),
        (b'{"events": [5]}', "An event is an object"),
        (b'{"events": [{"event": "chat_session_nonsense"}]}', "Bad event 'chat_session_nonsense'"),
        (b'{"events": [{"event": "chat_session_ended"}]}', "Bad event 'chat_session_ended'"),
        (b'{"events": [{"event": "chat_session_message"}]}', "chat_session_message without msg"),
        (b"\xff\xfe", "Invalid JSON"),
    ],
)
async def test_what_cannot_be_read_is_held_against_the_client(body: bytes, problem: str) -> None:
    async with Emulator("silent") as emulator:
        client = await FaultyClient(emulator).open()
        await wire(emulator, "POST", f"chats/{client.chat_id}/events", data=body)
        found = (await judged(emulator, "client-1"))["5003"]
        assert found["message"] == f"sends a body that cannot be read: {problem}"
        assert (found["requests"][0]["status"], found["chat_id"]) == (400, client.chat_id)
        assert "curl" in found["curl"]


async def test_what_the_centre_fails_at_is_not() -> None:
    async with Emulator("silent", Knobs(faults=(Fault("send", code=5003),))) as emulator:
        client = await FaultyClient(emulator).open()
        await client.send(message("hi", "1"))
        assert emulator.centre.violations == []


async def test_who_was_never_seen_and_who_did_nothing_wrong() -> None:
    async with Emulator("silent") as emulator:
        chat_id = await opened(emulator)
        _, unseen = await call(emulator, "GET", "/verdict?client_id=nobody")
        assert (unseen["verdict"], unseen["requests"]) == ("unseen", 0)
        _, innocent = await call(emulator, "GET", "/verdict?client_id=client-1")
        assert (innocent["verdict"], innocent["requests"], innocent["chats"]) == ("innocent", 1, [chat_id])
        _, everybody = await call(emulator, "GET", "/verdict")
        assert [one["client_id"] for one in everybody["clients"]] == ["client-1"]


async def test_a_chat_that_is_over_is_replaced_in_the_script() -> None:
    async with Emulator("silent", Knobs(**KNOBS)) as emulator:
        client = await FaultyClient(emulator).open()
        await sends_twice(client)
        await client.act(do.EndChat())
        found = (await judged(emulator, "client-1"))["F12"]
        assert found["curl"].startswith("CHAT=$(curl")
        assert client.chat_id not in found["curl"]
        if shutil.which("curl") is not None:
            process = await asyncio.create_subprocess_exec("bash", "-c", found["curl"], stdout=asyncio.subprocess.PIPE)
            await asyncio.wait_for(process.communicate(), 60)
            assert count(emulator, "F12") == 2


async def test_secrets_are_left_out() -> None:
    async with Emulator("silent", Knobs(**KNOBS)) as emulator:
        client = await FaultyClient(emulator).open()
        event = {"event": "chat_session_secure_form_data", "form_request_id": "9", "data": {"card": "hunter2-1111"}}
        await client.send(event)
        found = (await judged(emulator, "client-1"))["F31"]
        assert "hunter2" not in str(found)
        assert "(not kept)" in found["curl"]


async def test_the_rules_are_listed() -> None:
    async with Emulator("silent") as emulator:
        _, reply = await call(emulator, "GET", "/rules")
        assert {one["rule"]: one["fault"] for one in reply["rules"]} == {r.number: r.fault for r in RULES.values()}
