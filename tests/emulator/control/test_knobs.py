"""Knobs over HTTP, for all and for one appId; and every knob is settable from data."""

from __future__ import annotations

import pytest

from statemachine.emulator.http import Emulator
from statemachine.emulator.knobs import describe
from tests.emulator.control.api import call, opened, wire

pytestmark = pytest.mark.asyncio


async def test_every_knob_is_listed_and_settable_to_what_it_is() -> None:
    async with Emulator("silent") as emulator:
        _, reply = await call(emulator, "GET", "/knobs")
        assert [one["name"] for one in reply["knobs"]] == [knob.name for knob in describe()]
        values = {one["name"]: "none" if one["value"] is None else one["value"] for one in reply["knobs"]}
        status, again = await call(emulator, "PATCH", "/knobs", json=values)
        assert (status, again) == (200, reply)


async def test_a_knob_is_turned_while_a_poll_is_held() -> None:
    async with Emulator("silent") as emulator:
        await opened(emulator)
        status, reply = await call(emulator, "PATCH", "/knobs", json={"available": False, "hold_ms": "3s"})
        values = {one["name"]: one["value"] for one in reply["knobs"]}
        assert (status, values["available"], values["hold_ms"]) == (200, False, 3_000)
        assert (await wire(emulator, "GET", "availability"))[1] == {"chat": "notAvailable"}


async def test_one_app_id_alone() -> None:
    async with Emulator("silent") as emulator:
        assert (await call(emulator, "PATCH", "/knobs?app_id=other", json={"available": False}))[0] == 200
        assert (await wire(emulator, "GET", "availability"))[1]["chat"] == "available"


@pytest.mark.parametrize("wish", [{"nonsense": 1}, {"hold_ms": "soon"}, {"receipts": "maybe"}, {"hold_ms": -1}])
async def test_what_does_not_fit_is_refused_and_nothing_changes(wish: dict[str, object]) -> None:
    async with Emulator("silent") as emulator:
        status, reply = await call(emulator, "PATCH", "/knobs", json={"available": False, **wish})
        assert status == 400
        assert next(iter(wish)) in reply["error"]
        assert emulator.centre.knobs.available
