"""The agents' desk: which chats there are, and any action of ``actions`` on one of them."""

from __future__ import annotations

from typing import Any, cast

import attrs
from aiohttp import web

from statemachine.emulator.action_data import ACTIONS, action_from_data
from statemachine.emulator.actions import Action
from statemachine.emulator.chat import Chat
from statemachine.emulator.control.common import EMULATOR, answer, body, refusal
from statemachine.emulator.control.view import chat_data, entry_data

routes = web.RouteTableDef()


@routes.get("/chats")
async def chats(request: web.Request) -> web.Response:
    """``{"now", "chats": […]}``, oldest first; ``?client_id=`` only those of one client."""
    emulator = request.app[EMULATOR]
    wanted = request.query.get("client_id")
    found = [chat for chat in emulator.centre.chats.values() if wanted in (None, chat.key.client_id)]
    return answer({"now": emulator.now(), "chats": [chat_data(chat) for chat in found]})


@routes.get("/chats/{chat_id}")
async def chat(request: web.Request) -> web.Response:
    """One chat with its whole log: ``{"chat", "entries": [{"at", "direction", "event"}…]}``."""
    found = _chat(request)
    return answer({"chat": chat_data(found), "entries": [entry_data(entry) for entry in found.log]})


@routes.post("/chats/{chat_id}/actions")
async def act(request: web.Request) -> web.Response:
    """Do ``{"action": "say", "text": "Hello"}``, or several at once: ``{"actions": […]}``. Answers with the chat."""
    found = _chat(request)
    wish = await body(request)
    several = wish.get("actions", [wish])
    if not isinstance(several, list):
        raise refusal(400, "actions is a list")
    wanted = [_action(one) for one in cast("list[object]", several)]
    await request.app[EMULATOR].act(found.chat_id, *wanted)
    return answer({"chat": chat_data(found)})


@routes.get("/actions")
async def actions(request: web.Request) -> web.Response:
    """Every action with what it does and its fields, those without a default first."""
    return answer({"actions": [_describe(name, kind) for name, kind in ACTIONS.items()]})


def _chat(request: web.Request) -> Chat:
    found = request.app[EMULATOR].centre.chats.get(request.match_info["chat_id"].lower())
    if found is None:
        raise refusal(404, "there is no such chat")
    return found


def _action(data: object) -> Action:
    if not isinstance(data, dict):
        raise refusal(400, "an action is an object")
    try:
        return action_from_data(cast("dict[str, object]", data))
    except ValueError as error:
        raise refusal(400, str(error)) from None


def _describe(name: str, kind: type[Action]) -> dict[str, Any]:
    fields = [
        {"name": field.name, "type": str(field.type)}
        | ({} if field.default is attrs.NOTHING else {"default": field.default})
        for field in attrs.fields(kind)
    ]
    return {"name": name, "about": " ".join((kind.__doc__ or "").split()), "fields": fields}
