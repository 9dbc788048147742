"""Scenarios over HTTP: listed, read, checked, added, started, and saved from a chat."""

from __future__ import annotations

import pytest

from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from statemachine.emulator.script import catalogue, read_scenario
from tests.emulator.control.api import call, opened, wire
from tests.emulator.driver import authorization

pytestmark = pytest.mark.asyncio

OWN = 'about = "a"\nteaches = "t"\nscript = [{ say = "mine" }]\n'


async def test_they_are_listed_with_what_they_teach() -> None:
    async with Emulator("survey") as emulator:
        _, reply = await call(emulator, "GET", "/scenarios")
        assert [one["name"] for one in reply["scenarios"]] == list(catalogue())
        assert all(one["about"] and one["teaches"] for one in reply["scenarios"])
        assert reply["default"] == "survey"


async def test_one_is_read_as_toml() -> None:
    async with Emulator("silent") as emulator:
        _, reply = await call(emulator, "GET", "/scenarios/menu")
        assert read_scenario(reply["source"], "menu") == catalogue()["menu"]
        assert (await call(emulator, "GET", "/scenarios/none"))[0] == 404


async def test_one_is_added_and_an_app_id_names_it() -> None:
    async with Emulator("silent") as emulator:
        assert await call(emulator, "PUT", "/scenarios/mine", json={"source": OWN}) == (200, {"problems": []})
        headers = {"Authorization": authorization("c", "mine")}
        _, reply = await wire(emulator, "POST", "chats", json={}, headers=headers)
        chat = emulator.centre.chats[reply["chat_id"]]
        assert [entry.event["msg"] for entry in chat.log] == ["mine"]


async def test_one_that_is_wrong_is_told_with_its_lines() -> None:
    async with Emulator("silent") as emulator:
        wrong = {"source": OWN + "skript = []\n"}
        problem = {"line": 4, "message": "there is no 'skript' here; did you mean 'script'?"}
        assert await call(emulator, "PUT", "/scenarios/mine", json=wrong) == (400, {"problems": [problem]})
        assert await call(emulator, "PUT", "/scenarios/mine?check=1", json=wrong) == (200, {"problems": [problem]})
        assert (await call(emulator, "PUT", "/scenarios/mine?check=1", json={"source": OWN}))[1] == {"problems": []}
        assert "mine" not in emulator.centre.selection.scenarios
        assert (await call(emulator, "PUT", "/scenarios/mine", json={"source": 3}))[0] == 400


async def test_a_chat_goes_on_with_one_and_is_saved_as_one() -> None:
    async with Emulator("silent") as emulator:
        chat_id = await opened(emulator)
        path = f"/chats/{chat_id}/scenario"
        assert (await call(emulator, "POST", path, json={"source": OWN}))[0] == 200
        await emulator.act(chat_id, do.EndChat())
        _, reply = await call(emulator, "GET", path)
        saved = read_scenario(reply["source"], "saved")
        assert [step for step in saved.script if step in (do.Say("mine", "bot"), do.EndChat())] == [
            do.Say("mine", "bot"),
            do.EndChat(),
        ]


async def test_what_cannot_be_started() -> None:
    async with Emulator("silent") as emulator:
        chat_id = await opened(emulator)
        assert (await call(emulator, "POST", f"/chats/{chat_id}/scenario", json={"name": "none"}))[0] == 404
        assert (await call(emulator, "POST", f"/chats/{chat_id}/scenario", json={"source": "x"}))[0] == 400
        assert (await call(emulator, "POST", "/chats/none/scenario", json={"name": "plain"}))[0] == 404
        assert (await call(emulator, "GET", "/chats/none/scenario"))[0] == 404
