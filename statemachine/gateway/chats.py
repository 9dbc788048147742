"""The operations on chats."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final, TypeAlias

from aiohttp import web
from attrs import frozen

from statemachine.client import ChatClient, ChatSession, Sending
from statemachine.codec.body import json_text
from statemachine.codec.records import encode_update
from statemachine.core import changes, new_session
from statemachine.serving.server import break_off

from .feed import readable
from .problems import Problem, no_chat
from .tokens import Principal
from .uploads import Uploads, is_unsent

_DOWNLOAD: Final = {
    "Content-Type": "application/octet-stream",
    "Content-Disposition": "attachment",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""No browser runs a file that somebody sent."""
_NOTHING: Final = new_session(0)


@frozen
class Call:
    """A checked request. `values`: its parameters and the members of its body."""

    request: web.Request
    who: Principal
    values: dict[str, Any]

    @property
    def client_id(self) -> str:
        return str(self.values["client_id"])

    @property
    def sending(self) -> dict[str, Any]:
        """The key and the note of an item."""
        return {"key": self.values["idempotency_key"], "note": self.values.get("note", "")}


Handler: TypeAlias = Callable[[Call], Awaitable[web.StreamResponse]]
"""Carries out one operation."""


def answer(value: object, status: int = 200) -> web.Response:
    """A JSON answer that no cache keeps."""
    return web.Response(
        status=status, text=json_text(value), content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def done() -> web.Response:
    """An answer without content."""
    return web.Response(status=204)


class Chats:
    """Carries out operations by the client."""

    def __init__(self, client: ChatClient, uploads: Uploads) -> None:
        self._client: Final = client
        self._uploads: Final = uploads

    async def _chat(self, call: Call) -> ChatSession:
        if not self._client.knows(call.client_id):
            raise no_chat(call.client_id)
        return await self._client.session(call.client_id, start=False)

    # --- chats --------------------------------------------------------------------------------------------------------

    async def list(self, call: Call) -> web.Response:
        """The active chats."""
        after = call.values["after"] or ""
        mine = (one for one in self._client.sessions() if one.outcome is None and one.phase != "idle")
        found = sorted(
            (one for one in mine if one.client_id > after and call.who.may_see(one.client_id)),
            key=lambda one: one.client_id,
        )
        page = [
            {"client_id": one.client_id, "label": one.label, "phase": one.phase}
            for one in found[: call.values["limit"]]
        ]
        return answer({"chats": page})

    async def get(self, call: Call) -> web.Response:
        """The state of a chat."""
        return _state(await self._chat(call))

    async def start(self, call: Call) -> web.Response:
        """Start a chat."""
        chat = await self._client.session(
            call.client_id,
            new_chat=call.values.get("new_chat", True),
            parameters=call.values.get("parameters"),
            phone_number=call.values.get("phone_number"),
            from_=call.values.get("from"),
        )
        return _state(chat)

    async def transcript(self, call: Call) -> web.Response:
        """The updates of a chat."""
        if not self._client.knows(call.client_id):
            raise no_chat(call.client_id)
        after, limit = int(call.values["after"]), int(call.values["limit"])
        found = self._client.transcript(call.client_id, after=after, limit=limit)
        return answer({"updates": [readable(update) for update in found]})

    # --- items --------------------------------------------------------------------------------------------------------

    async def send_text(self, call: Call) -> web.Response:
        """Send a text."""
        new_chat = call.values.get("new_chat", True)
        chat = await (self._client.session(call.client_id, start=False) if new_chat else self._chat(call))
        return _item(await chat.send(call.values["text"], new_chat=new_chat, **call.sending))

    async def send_location(self, call: Call) -> web.Response:
        """Send a location."""
        chat = await self._chat(call)
        values = call.values
        place = values["latitude"], values["longitude"]
        return _item(await chat.send_location(*place, url=values.get("url", ""), **call.sending))

    async def send_file(self, call: Call) -> web.Response:
        """Upload a file, and send it."""
        chat = await self._chat(call)
        values = call.values
        about = values["name"], values["image"], values["idempotency_key"]
        return _item(await self._uploads.send(call.request, chat, *about))

    async def answer_form(self, call: Call) -> web.Response:
        """Answer a form, secure or not."""
        chat = await self._chat(call)
        return _item(await chat.answer_form(call.values["form_id"], call.values["data"], **call.sending))

    async def cancel_form(self, call: Call) -> web.Response:
        """Close a form."""
        await (await self._chat(call)).cancel_form(call.values["form_id"])
        return done()

    async def download(self, call: Call) -> web.StreamResponse:
        """Pass a file on. Errors before its first piece have an answer of their own."""
        chat = await self._chat(call)
        if not chat.session.chat.chat_id:
            raise Problem(404, "no_file", "the chat has no files: it was not created yet")
        async with aclosing(chat.download(call.values["file_id"])) as pieces:
            first = await anext(pieces, b"")
            response = web.StreamResponse(headers=_DOWNLOAD)
            await response.prepare(call.request)
            try:
                await _write(response, first, pieces)
            except Exception:
                break_off(call.request)
                raise
        return response

    # --- the rest -----------------------------------------------------------------------------------------------------

    async def mark_read(self, call: Call) -> web.Response:
        """The customer has seen a message."""
        await (await self._chat(call)).mark_read(call.values["message_id"])
        return done()

    async def start_typing(self, call: Call) -> web.Response:
        """The customer is typing."""
        await (await self._chat(call)).typing(call.values.get("draft", ""))
        return done()

    async def stop_typing(self, call: Call) -> web.Response:
        """The customer stopped typing."""
        await (await self._chat(call)).stop_typing()
        return done()

    async def disconnect(self, call: Call) -> web.Response:
        """End the conversation."""
        await (await self._chat(call)).disconnect()
        return done()

    async def end(self, call: Call) -> web.Response:
        """End the chat."""
        await (await self._chat(call)).end()
        return done()


async def _write(response: web.StreamResponse, first: bytes, rest: AsyncGenerator[bytes]) -> None:
    await response.write(first)
    async for piece in rest:
        await response.write(piece)
    await response.write_eof()


def _item(sending: Sending) -> web.Response:
    return answer({"message_id": sending.id, "key": sending.key, "state": sending.state}, 202)


def _state(chat: ChatSession) -> web.Response:
    session = chat.session
    status = [encode_update(one) for one in changes(_NOTHING, session)]
    return answer(
        {
            "client_id": chat.client_id,
            "label": chat.label,
            "phase": chat.phase,
            "outcome": chat.outcome,
            "chat_id": session.chat.chat_id,
            "seq": session.seq,
            "pending": sum(map(is_unsent, session.items)),
            "status": status,
        }
    )
