"""Scenarios: list, read, check, add, start in a chat, and record from a chat."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from statemachine.emulator.control.common import EMULATOR, answer, body, chat_of, refusal, refusing
from statemachine.emulator.script import ScriptError, read_scenario, scenario_named, write_scenario
from statemachine.emulator.script.catalogue import parts
from statemachine.emulator.script.recorder import recorded
from statemachine.emulator.steps import Scenario

routes = web.RouteTableDef()


@routes.get("/scenarios")
async def listed(request: web.Request) -> web.Response:
    """``{"scenarios": [{name, about, teaches}…], "default": name}``: any of them can be an appId."""
    selection = request.app[EMULATOR].centre.selection
    found = [{"name": one.name, "about": one.about, "teaches": one.teaches} for one in selection.scenarios.values()]
    return answer({"scenarios": found, "default": selection.scenario.name})


@routes.get("/scenarios/{name}")
async def source(request: web.Request) -> web.Response:
    """``{"name", "source"}``: as TOML, with everything it plays written out."""
    scenario = _named(request, request.match_info["name"])
    return answer({"name": scenario.name, "source": write_scenario(scenario)})


@routes.put("/scenarios/{name}")
async def put(request: web.Request) -> web.Response:
    """``{"source": TOML}``: from now on a scenario of this name. ``?check=1`` only looks whether it is right.

    Answers ``{"problems": [{line, message}…]}``; none: it is.
    """
    fields = await body(request)
    name = request.match_info["name"]
    try:
        scenario = _read(fields.get("source"), name)
    except ScriptError as error:
        problems = [{"line": one.line, "message": one.message} for one in error.problems]
        return answer({"problems": problems}, 200 if "check" in request.query else 400)
    if "check" not in request.query:
        with refusing(400, ValueError):
            request.app[EMULATOR].centre.selection.add(scenario)
    return answer({"problems": []})


@routes.post("/chats/{chat_id}/scenario")
async def start(request: web.Request) -> web.Response:
    """``{"name": …}`` of one that is known, or ``{"source": TOML}``: from here on the chat goes through it."""
    chat = chat_of(request)
    fields = await body(request)
    with refusing(400, ScriptError):
        scenario = (
            _read(fields["source"], "own") if "source" in fields else _named(request, str(fields.get("name", "")))
        )
    await request.app[EMULATOR].start(chat.chat_id, scenario)
    return answer({"name": scenario.name})


@routes.get("/chats/{chat_id}/scenario")
async def save(request: web.Request) -> web.Response:
    """``{"source": TOML}``: what this chat's centre did, as a scenario that does it again."""
    files = request.app[EMULATOR].centre.files
    return answer({"source": write_scenario(recorded(chat_of(request), files))})


def _named(request: web.Request, name: str) -> Scenario:
    with refusing(404, ValueError):
        return scenario_named(name, request.app[EMULATOR].centre.selection.scenarios)


def _read(source: Any, name: str) -> Scenario:
    if not isinstance(source, str):
        raise refusal(400, 'send {"source": "…"}, a scenario as TOML')
    return read_scenario(source, name, parts())
