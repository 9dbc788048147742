"""The violations of each client: ``GET /_control/verdict?client_id=…``.

A verdict has ``client_id``; ``verdict``: ``unseen`` (it never asked for anything), ``innocent`` or ``guilty``;
``requests``, the number of those it made; ``chats``, their ids; and ``violations``, oldest first. Each of these has

* ``rule``, the F-number, with its ``fault``, ``suffers``, ``instead`` and ``source``: see ``GET /_control/rules``,
* ``message``, ``at`` and ``chat_id``: the words, the time (ms since the epoch), and the chat, "" for none,
* ``requests`` that make the violation, in order, the last one completing it, with their answers,
* ``curl``, a shell script that makes them again.

``client_id=WebChat`` means all who are known by a cookie. Without ``client_id``: ``{"clients": [verdict…]}``.
"""

from __future__ import annotations

from typing import Any, Final

import attrs
from aiohttp import web

from statemachine.emulator import curl
from statemachine.emulator.chat import WEB_CHAT, ClientKey
from statemachine.emulator.control.common import EMULATOR, ControlledEmulator, answer
from statemachine.emulator.rules import RULES
from statemachine.emulator.state import Violation
from statemachine.emulator.traffic import Exchange

# Only the very chat shows them, whether or not it is over.
_OF_THIS_CHAT: Final = frozenset({"F1", "F3", "F35", "F37"})

routes = web.RouteTableDef()


@routes.get("/verdict")
async def of_client(request: web.Request) -> web.Response:
    """The verdict on one client, or on each."""
    emulator = request.app[EMULATOR]
    wanted = request.query.get("client_id")
    if wanted is not None:
        return answer(verdict(emulator, wanted))
    names = dict.fromkeys(key.client_id for key in _clients(emulator))
    return answer({"clients": [verdict(emulator, name) for name in names]})


@routes.get("/rules")
async def rules(request: web.Request) -> web.Response:
    """Every rule that clients are held to."""
    return answer({"rules": [_rule(number) for number in RULES]})


def verdict(emulator: ControlledEmulator, client_id: str) -> dict[str, Any]:
    """The verdict on the client of this name, under all tenants and app ids."""
    requests = {key: count for key, count in emulator.traffic.requests.items() if _is(key, client_id)}
    found = [one for one in emulator.centre.violations if _is(one.client, client_id)]
    return {
        "client_id": client_id,
        "verdict": "guilty" if found else "innocent" if requests else "unseen",
        "requests": sum(requests.values()),
        "chats": [chat.chat_id for chat in emulator.centre.chats.values() if _is(chat.key, client_id)],
        "violations": [violation_data(emulator, one) for one in found],
    }


def violation_data(emulator: ControlledEmulator, violation: Violation) -> dict[str, Any]:
    """One violation with its rule, its requests and its script."""
    exchanges = [one for number in violation.tickets if (one := emulator.traffic.find(number)) is not None]
    chat = emulator.centre.chats.get(violation.chat_id.lower())
    over = chat is not None and not chat.live and violation.rule not in _OF_THIS_CHAT
    fresh = violation.chat_id if over else ""
    return {
        **_rule(violation.rule),
        "message": violation.message,
        "at": violation.at,
        "chat_id": violation.chat_id,
        "requests": [exchange_data(one) for one in exchanges],
        "curl": curl.script(emulator.url, exchanges, fresh_chat=fresh),
    }


def _rule(number: str) -> dict[str, Any]:
    fields = attrs.asdict(RULES[number])
    return {"rule": fields.pop("number"), **fields}


def _clients(emulator: ControlledEmulator) -> list[ClientKey]:
    return [*emulator.traffic.requests, *(violation.client for violation in emulator.centre.violations)]


def _is(key: ClientKey, client_id: str) -> bool:
    by_cookie = client_id == WEB_CHAT and key.client_id.startswith(f"{WEB_CHAT}:")
    return key.client_id == client_id or by_cookie


def exchange_data(one: Exchange) -> dict[str, Any]:
    """One request with its answer."""
    reply = one.reply
    return {
        "number": one.number,
        "at": one.at,
        "method": one.request.method,
        "path": one.request.path,
        "query": dict(one.request.query),
        "headers": dict(one.request.headers),
        "body": one.request.body.decode(errors="replace"),
        "replied_at": one.replied_at,
        "status": None if reply is None else reply.status,
        "reply": None if reply is None else reply.body.decode(errors="replace"),
    }
