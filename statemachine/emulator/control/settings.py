"""Clock and knobs.

``GET /_control/clock``, and ``POST`` of ``{"advance": "10m"}`` or ``{"scale": 60}``, or both.
``GET /_control/knobs`` lists the knobs, ``PATCH`` sets some, for all chats or for those of one appId.
"""

from __future__ import annotations

from typing import Any, Final

import attrs
from aiohttp import web

from statemachine.emulator.control.common import EMULATOR, ControlledEmulator, answer, body, refusal, refusing
from statemachine.emulator.knobs import describe
from statemachine.emulator.model import Centre
from statemachine.emulator.script.values import read_duration, read_number

routes = web.RouteTableDef()

_LONGEST_ADVANCE_MS: Final = 366 * 86_400_000


@routes.get("/clock")
async def clock(request: web.Request) -> web.Response:
    """``{"now": milliseconds since the epoch, "scale": how many pass in a real one}``."""
    return answer(_clock(request.app[EMULATOR]))


@routes.post("/clock")
async def move_clock(request: web.Request) -> web.Response:
    """Answers when the clock has arrived, and clients that poll have polled again on the way."""
    emulator = request.app[EMULATOR]
    fields = await body(request)
    if not fields or fields.keys() - {"advance", "scale"}:
        raise refusal(400, 'send {"advance": "10m"} or {"scale": 60}, or both')
    with refusing(400, ValueError):
        scale = read_number(fields.get("scale", emulator.clock.scale))
        ahead = read_duration(fields.get("advance", "0s"))
        if ahead > _LONGEST_ADVANCE_MS:
            raise ValueError("at most a year at once")
        emulator.set_speed(scale)
    await emulator.advance(ahead)
    return answer(_clock(emulator))


def _clock(emulator: ControlledEmulator) -> dict[str, object]:
    return {"now": emulator.now(), "scale": emulator.clock.scale}


@routes.get("/knobs")
async def knobs(request: web.Request) -> web.Response:
    """``{"knobs": [{name, value, default, type, unit, about, choices}…]}``; ``?app_id=``: the values of one appId."""
    return answer({"knobs": _knobs(request.app[EMULATOR].centre, request.query.get("app_id", ""))})


@routes.patch("/knobs")
async def set_knobs(request: web.Request) -> web.Response:
    """``{"receipts": "off", "hold_ms": "3s"}``; at once, also for running chats. All of them, or none."""
    emulator = request.app[EMULATOR]
    app_id = request.query.get("app_id", "")
    with refusing(400, ValueError):
        await emulator.set_knobs(await body(request), app_id)
    return answer({"knobs": _knobs(emulator.centre, app_id)})


def _knobs(centre: Centre, app_id: str) -> list[dict[str, Any]]:
    values = attrs.asdict(centre.selection.of_app(app_id).knobs)
    return [{**attrs.asdict(knob), "value": values[knob.name]} for knob in describe()]
