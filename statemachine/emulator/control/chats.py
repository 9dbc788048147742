"""The chats as JSON, as the server sees them, and any action of ``actions`` on one of them."""

from __future__ import annotations

from typing import Any, cast

import attrs
from aiohttp import web

from statemachine.emulator.actions import ACTIONS, Action
from statemachine.emulator.chat import Chat, LogEntry
from statemachine.emulator.control.common import EMULATOR, answer, body, chat_of, refusal, refusing
from statemachine.emulator.script import read_action
from statemachine.emulator.shapes import plain_text

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
    """One chat with its whole log: ``{"chat", "entries": [{"at", "direction", "event", "text"}…]}``."""
    found = chat_of(request)
    return answer({"chat": chat_data(found), "entries": [entry_data(entry) for entry in found.log]})


@routes.post("/chats/{chat_id}/actions")
async def act(request: web.Request) -> web.Response:
    """Do ``{"action": "say", "text": "Hello"}``, or several at once: ``{"actions": […]}``. Answers with the chat."""
    found = chat_of(request)
    fields = await body(request)
    several = fields.get("actions", [fields])
    if not isinstance(several, list):
        raise refusal(400, "actions is a list")
    wanted = [_action(one) for one in cast("list[object]", several)]
    await request.app[EMULATOR].act(found.chat_id, *wanted)
    return answer({"chat": chat_data(found)})


@routes.get("/actions")
async def actions(request: web.Request) -> web.Response:
    """Every action with its description and its fields, those without a default first."""
    return answer({"actions": [_describe(name, kind) for name, kind in ACTIONS.items()]})


def _action(data: object) -> Action:
    if not isinstance(data, dict):
        raise refusal(400, "an action is an object")
    with refusing(400, ValueError):
        return read_action(cast("dict[str, object]", data))


def _describe(name: str, kind: type[Action]) -> dict[str, Any]:
    fields = [
        {"name": field.name, "type": str(field.type)}
        | ({} if field.default is attrs.NOTHING else {"default": field.default})
        for field in attrs.fields(kind)
    ]
    return {"name": name, "about": " ".join((kind.__doc__ or "").split()), "fields": fields}


def phase(chat: Chat) -> str:
    """The state of the lifecycle's picture that fits the server's records; its names, and not the client's state.

    A client learns of changes later, and some client states are unknown to the server: the two may differ.
    """
    if chat.terminal is not None:
        return "ended" if chat.terminal == "completed" else chat.terminal
    if not chat.known:
        return "gone"
    if chat.leaving == "end":
        return "ending"
    if chat.state in ("queued", "connecting"):
        return chat.state
    if chat.leaving == "disconnect":
        return "wrapping_up"
    if chat.on_duty() is not None:
        return "agent_joined"
    had_agent = any(party.type != "scenario" for party in chat.parties.values())
    return "wrapping_up" if had_agent else chat.state


def chat_data(chat: Chat) -> dict[str, Any]:
    """All but the log. Times in milliseconds since the epoch, ``ewt`` in seconds."""
    return {
        "chat_id": chat.chat_id,
        "client": {"tenant": chat.key.tenant, "app_id": chat.key.app_id, "client_id": chat.key.client_id},
        "version": chat.version,
        "created_at": chat.created_at,
        "ended_at": chat.ended_at,
        "phase": phase(chat),
        "state": chat.state,
        "warned": chat.live and chat.warned,
        "live": chat.live,
        "terminal": chat.terminal,
        "ewt": chat.ewt,
        "parties": [attrs.asdict(party) for party in chat.parties.values()],
        "forms": [attrs.asdict(form) for form in chat.forms.values()],
        "case_id": chat.case_id,
        "parameters": chat.parameters,
        "polling": chat.held is not None and not chat.held.cut,
        "polls": chat.polls,
        "pending": len(chat.pending),
        "entries": len(chat.log),
    }


def entry_data(entry: LogEntry) -> dict[str, Any]:
    """One event of the log, with its time, its direction and the text to show of it ("" if it has none)."""
    return {"at": entry.at, "direction": entry.direction, "event": entry.event, "text": plain_text(entry.event)}
