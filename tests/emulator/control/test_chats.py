"""Chats and actions through the control API."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.emulator import Knobs, actions
from statemachine.emulator.actions import ACTIONS
from statemachine.emulator.http import Emulator
from tests.emulator.control.api import call, opened, wire
from tests.emulator.driver import message, names

pytestmark = pytest.mark.asyncio


async def test_an_agent_by_hand() -> None:
    async with Emulator("silent") as emulator:
        chat_id = await opened(emulator)
        wish = [
            {"action": "connect", "label": "grace", "first_name": "Grace"},
            {"action": "say", "text": "Hello, <b>you</b>"},
            {"action": "start_typing"},
        ]
        status, reply = await call(emulator, "POST", f"/chats/{chat_id.upper()}/actions", json={"actions": wish})
        assert status == 200
        assert reply["chat"]["phase"] == "agent_joined"
        assert [party["label"] for party in reply["chat"]["parties"]] == ["grace"]
        _, polled = await wire(emulator, "GET", f"chats/{chat_id}/events")
        assert names(polled["events"]) == ["status", "party_joined", "message", "typing"]
        assert polled["events"][2]["msg"] == "Hello, &lt;b&gt;you&lt;/b&gt;"

        await call(emulator, "POST", f"/chats/{chat_id}/actions", json={"action": "end_chat"})
        _, reply = await call(emulator, "GET", f"/chats/{chat_id}")
        assert reply["chat"]["live"] is False
        assert reply["chat"]["phase"] == "ended"
        assert reply["entries"][-1]["event"]["event"] == "chat_session_ended"
        assert [entry["text"] for entry in reply["entries"] if entry["text"]] == ["Hello, <b>you</b>"]
        assert {entry["direction"] for entry in reply["entries"]} == {"to_client"}


async def test_the_list_and_the_chats_of_one_client() -> None:
    async with Emulator("silent") as emulator:
        await opened(emulator, "eve")
        mine = await opened(emulator, "bob")
        _, reply = await call(emulator, "GET", "/chats")
        assert [one["client"]["client_id"] for one in reply["chats"]] == ["eve", "bob"]
        assert abs(reply["now"] - emulator.now()) < 60_000
        _, reply = await call(emulator, "GET", "/chats", params={"client_id": "bob"})
        assert [one["chat_id"] for one in reply["chats"]] == [mine]


async def test_all_acts_are_described_as_they_can_be_sent() -> None:
    async with Emulator("silent") as emulator:
        _, reply = await call(emulator, "GET", "/actions")
        described = {one["name"]: one for one in reply["actions"]}
        assert list(described) == list(ACTIONS)
        assert described["say"]["fields"][0] == {"name": "text", "type": "str"}
        assert all(one["about"] for one in reply["actions"])


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/chats/none/actions", {"action": "end_chat"}, 404, "no such chat"),
        ("/chats/none", None, 404, "no such chat"),
        ("/chats/{id}/actions", {"action": "sing"}, 400, "there is no action 'sing'"),
        ("/chats/{id}/actions", {"actions": {}}, 400, "actions is a list"),
        ("/chats/{id}/actions", {"actions": [5]}, 400, "an action is an object"),
        ("/chats/{id}/actions", [], 400, "A JSON object is needed"),
    ],
)
async def test_mistakes(path: str, body: Any, status: int, words: str) -> None:
    async with Emulator("silent") as emulator:
        path = path.format(id=await opened(emulator))
        answer = await (call(emulator, "GET", path) if body is None else call(emulator, "POST", path, json=body))
        assert answer[0] == status
        assert words in answer[1]["error"]


async def test_a_wrong_act_in_a_list_does_none_of_them() -> None:
    async with Emulator("silent") as emulator:
        chat_id = await opened(emulator)
        wish = {"actions": [{"action": "end_chat"}, {"action": "sing"}]}
        assert (await call(emulator, "POST", f"/chats/{chat_id}/actions", json=wish))[0] == 400
        assert emulator.centre.chats[chat_id].live


async def test_numbers_that_json_cannot_write_again_are_refused() -> None:
    async with Emulator("silent") as emulator:
        chat_id = await opened(emulator)
        body = b'{"events": [{"event": "chat_session_message", "msg": "x", "msg_id": 1e999}]}'
        assert (await wire(emulator, "POST", f"chats/{chat_id}/events", data=body))[0] == 400
        body = b'{"action": "raw", "event": {"x": 1e999}}'
        assert (await call(emulator, "POST", f"/chats/{chat_id}/actions", data=body))[0] == 400


async def test_the_phase_follows_what_the_server_knows() -> None:
    async with Emulator("silent", Knobs(initial_state="establishing")) as emulator:
        chat_id = await opened(emulator)

        async def phase(*todo: actions.Action) -> str:
            await emulator.act(chat_id, *todo)
            return str((await call(emulator, "GET", f"/chats/{chat_id}"))[1]["chat"]["phase"])

        async def send(name: str) -> None:
            await wire(emulator, "POST", f"chats/{chat_id}/events", json={"events": [{"event": name}]})

        assert await phase() == "establishing"
        assert await phase(actions.SetStatus("ivr")) == "ivr"
        assert await phase(actions.SetStatus("queued")) == "queued"
        assert await phase(actions.SetStatus("connecting")) == "connecting"
        assert await phase(actions.SetStatus("connected")) == "connected"
        assert await phase(actions.JoinParty()) == "agent_joined"
        assert await phase(actions.SetStatus("queued")) == "queued"
        assert await phase(actions.Connect("grace")) == "agent_joined"
        assert await phase(actions.LeaveAll()) == "wrapping_up"
        assert await phase(actions.Connect("ada")) == "agent_joined"
        await send("chat_session_disconnect")
        assert await phase() == "wrapping_up"
        assert await phase(actions.Connect("ada")) == "agent_joined"
        await send("chat_session_end")
        assert await phase() == "ending"
        assert await phase(actions.Complete()) == "ended"


@pytest.mark.parametrize(
    ("action", "wanted"), [(actions.Fail(), "failed"), (actions.TimeOut(), "timed_out"), (actions.DropChat(), "gone")]
)
async def test_every_phase_is_a_node_of_the_picture(action: actions.Action, wanted: str) -> None:
    async with Emulator("silent") as emulator:
        chat_id = await opened(emulator)
        await wire(emulator, "POST", f"chats/{chat_id}/events", json={"events": [message("hi", "1")]})
        await emulator.act(chat_id, action)
        assert (await call(emulator, "GET", f"/chats/{chat_id}"))[1]["chat"]["phase"] == wanted
