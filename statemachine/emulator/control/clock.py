"""The centre's clock: ``GET /_control/clock``, and ``POST`` of ``{"advance": "10m"}`` or ``{"scale": 60}``, or both."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from statemachine.codec.durations import parse_duration
from statemachine.emulator.control.common import EMULATOR, ControlledEmulator, answer, body, refusal

routes = web.RouteTableDef()

_FURTHEST: Final = 366 * 86_400_000


@routes.get("/clock")
async def look(request: web.Request) -> web.Response:
    """``{"now": milliseconds since the epoch, "scale": how many pass in a real one}``."""
    return answer(_state(request.app[EMULATOR]))


@routes.post("/clock")
async def move(request: web.Request) -> web.Response:
    """Answers when the clock has got there, and clients that poll have polled again on the way."""
    emulator = request.app[EMULATOR]
    wish = await body(request)
    if not wish or wish.keys() - {"advance", "scale"}:
        raise refusal(400, 'send {"advance": "10m"} or {"scale": 60}, or both')
    try:
        scale = _number(wish["scale"]) if "scale" in wish else emulator.clock.scale
        ahead = parse_duration(_text(wish["advance"])) if "advance" in wish else 0
        if ahead > _FURTHEST:
            raise ValueError("at most a year at once")
        emulator.set_speed(scale)
    except ValueError as error:
        raise refusal(400, str(error)) from None
    await emulator.advance(ahead)
    return answer(_state(emulator))


def _state(emulator: ControlledEmulator) -> dict[str, object]:
    return {"now": emulator.now(), "scale": emulator.clock.scale}


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"scale is a number, not {value!r:.60}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f'advance is a length of time like "10m", not {value!r:.60}')
    return value
