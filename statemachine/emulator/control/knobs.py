"""The knobs: ``GET /_control/knobs`` lists them, ``PATCH`` turns some, for all chats or for those of one appId."""

from __future__ import annotations

from typing import Any, cast

import attrs
from aiohttp import web

from statemachine.emulator.control.common import EMULATOR, answer, body, refusal
from statemachine.emulator.knobs import describe
from statemachine.emulator.model import Centre

routes = web.RouteTableDef()


@routes.get("/knobs")
async def listed(request: web.Request) -> web.Response:
    """``{"knobs": [{name, value, default, type, unit, about, choices}…]}``; ``?app_id=``: the values of one appId."""
    return answer({"knobs": _knobs(request.app[EMULATOR].centre, request.query.get("app_id", ""))})


@routes.patch("/knobs")
async def turned(request: web.Request) -> web.Response:
    """``{"receipts": "off", "hold_ms": "3s"}``; at once, for chats that run too. All of them, or none."""
    emulator = request.app[EMULATOR]
    wish = await body(request)
    app_id = request.query.get("app_id", "")
    try:
        await emulator.set_knobs(wish, app_id)
    except ValueError as error:
        raise refusal(400, str(error)) from None
    return answer({"knobs": _knobs(emulator.centre, app_id)})


def _knobs(centre: Centre, app_id: str) -> list[dict[str, Any]]:
    current = centre.selection.of_app(app_id).knobs
    found = [{**attrs.asdict(knob), "value": getattr(current, knob.name)} for knob in describe()]
    faults = [attrs.asdict(fault) for fault in current.faults]
    return cast("list[dict[str, Any]]", [one | ({"value": faults} if one["name"] == "faults" else {}) for one in found])
