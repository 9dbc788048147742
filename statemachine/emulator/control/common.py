"""Shared by the modules of the control API: the emulator, JSON in, JSON out, and refusals."""

from __future__ import annotations

import json
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from typing import Final, Protocol

from aiohttp import web

from statemachine.emulator.actions import Action
from statemachine.emulator.chat import Chat
from statemachine.emulator.clock import Clock
from statemachine.emulator.errors import ApiError
from statemachine.emulator.feed import Feed
from statemachine.emulator.incoming import json_object
from statemachine.emulator.model import Centre
from statemachine.emulator.shapes import Event
from statemachine.emulator.steps import Scenario
from statemachine.emulator.traffic import Traffic


class ControlledEmulator(Protocol):
    """The running emulator, as the control API and mounted parts use it. The methods are those of ``CentreDriver``."""

    centre: Centre
    clock: Clock
    feed: Feed
    traffic: Traffic
    token: str | None
    names: Collection[str]
    observed: bool

    @property
    def url(self) -> str: ...
    def now(self) -> int: ...
    def set_speed(self, scale: float) -> None: ...
    async def act(self, chat_id: str, *actions: Action) -> None: ...
    async def start(self, chat_id: str, scenario: Scenario) -> None: ...
    async def set_knobs(self, settings: Mapping[str, object], app_id: str = "") -> None: ...
    async def advance(self, ms: int) -> None: ...


EMULATOR: Final[web.AppKey[ControlledEmulator]] = web.AppKey("emulator")
"""``request.app[EMULATOR]`` in every handler below ``/_control`` and of mounted parts."""

# A file of the largest allowed size in base64.
_MAX_BODY: Final = 40 * 1024 * 1024


def text_of(value: object) -> str:
    """JSON that any reader takes: escapes for all beyond ASCII, half surrogate pairs among it."""
    return json.dumps(value, separators=(",", ":"))


def answer(value: object, status: int = 200) -> web.Response:
    """A JSON reply that no cache keeps."""
    return web.Response(
        status=status, text=text_of(value), content_type="application/json", headers={"Cache-Control": "no-store"}
    )


async def body(request: web.Request) -> Event:
    """The body as a JSON object; an empty one is an empty object. Refuses with 400 or 413."""
    try:
        return json_object(await request.read(), _MAX_BODY)
    except ApiError as error:
        raise refusal(error.status or 400, error.message or "the body is no JSON") from None


@contextmanager
def refusing(status: int, *errors: type[Exception]) -> Generator[None]:
    """Within it, these exceptions become a refusal with this status and their text."""
    try:
        yield
    except errors as error:
        raise refusal(status, str(error)) from None


def chat_of(request: web.Request) -> Chat:
    """The chat that the path names. Refuses with 404."""
    found = request.app[EMULATOR].centre.chats.get(request.match_info["chat_id"].lower())
    if found is None:
        raise refusal(404, "there is no such chat")
    return found


class _Refusal(web.HTTPException):
    def __init__(self, status: int, message: str) -> None:
        self.status_code = status
        super().__init__(text=text_of({"error": message}), content_type="application/json")


def refusal(status: int, message: str) -> web.HTTPException:
    """An exception that answers ``{"error": message}`` with this status."""
    return _Refusal(status, message)
