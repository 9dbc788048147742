"""A chat saved as a scenario does again what its centre did."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.emulator import Scenario
from statemachine.emulator import actions as do
from statemachine.emulator.script import catalogue, read_scenario, write_scenario
from statemachine.emulator.script.recorder import recorded
from tests.emulator.driver import Driver, message, names

DISCONNECT = {"event": "chat_session_disconnect"}
FORM = {"event": "chat_session_form_data", "form_request_id": "1", "form_name": "x", "data": {"a": "b"}}


def played(scenario: str | Scenario) -> tuple[Driver, list[Any]]:
    """A chat in which the client does the same at the same times, and what it saw."""
    driver = Driver(scenario).open()
    seen = driver.polled(8_000)
    for event in (message("hello <b>", "1"), FORM, message("and?", "3"), DISCONNECT):
        if driver.chat.live:
            driver.send(event)
            seen += driver.polled(12_000)
    return driver, seen


@pytest.mark.parametrize(
    "name", ["plain", "survey", "conference-transfer", "files", "menu", "failed", "call", "location"]
)
def test_it_goes_the_same_way_again(name: str) -> None:
    driver, seen = played(name)
    text = write_scenario(recorded(driver.chat, driver.centre.files))
    _, again = played(read_scenario(text, "recorded"))
    told = [event.get("msg", event.get("state")) for event in seen]
    assert names(again) == names(seen)
    assert [event.get("msg", event.get("state")) for event in again] == told


def test_every_act_is_recorded() -> None:
    driver = Driver("silent").open()
    done = (
        do.SetStatus("queued", 30),
        do.SendInfo("Service"),
        do.JoinParty("ada"),
        do.Say("a & b\nc", markup="<p>x</p>"),
        do.SayAsClient("me"),
        do.ShareFile("a.bin", b"\x00\xff"),
        do.ShareLocation(1.5, 2.5, "u"),
        do.ShowForm("f", timeout=5),
        do.ShowSecureForm("payment"),
        do.CancelSecureForm(),
        do.SendSignaling({"type": "END_CALL"}),
        do.RequestCobrowsing(),
        do.SetCase("C"),
        do.Raw({"event": "chat_session_weather", "outlook": "mild"}),
        do.LeaveParty("ada"),
        do.Warn("hello?"),
        do.TimeOut("bye"),
    )
    driver.act(*done)
    again = Driver(recorded(driver.chat, driver.centre.files)).open()
    fresh = {"timestamp", "file_id", "party_id", "msg_id"}
    kept = [{key: value for key, value in event.items() if key not in fresh} for event in again.chat.history()]
    assert kept == [
        {k: v for k, v in e.items() if k not in fresh | {"msg"}} | ({"msg": e2["msg"]} if "msg" in e else {})
        for e, e2 in zip(driver.chat.history(), again.chat.history(), strict=True)
    ]
    assert [file.content for file in again.centre.files.values()] == [b"\x00\xff"]


def test_the_catalogue_can_be_recorded() -> None:
    for name in catalogue():
        driver, _ = played(name)
        read_scenario(write_scenario(recorded(driver.chat, driver.centre.files)), "own")
