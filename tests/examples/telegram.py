"""A Telegram of our own: the few methods of its bot API that bots of these examples call, answering as it does.

Updates are kept until they are confirmed, by asking for those after them, as Telegram keeps them.
"""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

TOKEN: Final = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
"""The token of Telegram's own documentation."""


def update(number: int, user: int, text: str) -> dict[str, Any]:
    """An update as it was recorded, with another number, user and text."""
    person = {"id": user, "first_name": "Ann", "username": "ann_t", "language_code": "en"}
    return {
        "update_id": 731_000_000 + number,
        "message": {
            "message_id": 40 + number,
            "from": {**person, "is_bot": False},
            "chat": {**{key: value for key, value in person.items() if key != "language_code"}, "type": "private"},
            "date": 1_700_000_000 + number,
            "text": text,
        },
    }


def odd_updates() -> list[dict[str, Any]]:
    """What else comes: an edited message, a picture, a member's change, a kind that is newer than the library."""
    plain = update(900, 7, "edited")
    photo = update(901, 7, "")
    del photo["message"]["text"]
    photo["message"]["photo"] = [{"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}]
    return [
        {"update_id": 731_000_900, "edited_message": {**plain["message"], "edit_date": 1_700_000_999}},
        photo,
        {"update_id": 731_000_902, "something_new": {"x": 1}},
    ]


class Telegram:
    """Serves on loopback inside `async with`. `updates` are told to bots; what bots say is in `said`.

    Texts that are blank or too long are refused, as Telegram does, and all texts to the user `refused`.
    """

    def __init__(self, updates: list[dict[str, Any]]) -> None:
        self.updates = updates
        self.said: list[tuple[int, str]] = []
        self.refused: int | None = None
        self.changed = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", f"/bot{TOKEN}/{{method}}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def hears(self, *texts: str) -> None:
        """Wait until bots have said all of these."""
        async with asyncio.timeout(300):
            while not set(texts) <= {text for _, text in self.said}:
                self.changed.clear()
                await self.changed.wait()

    async def _serve(self, request: web.Request) -> web.Response:
        method = request.match_info["method"].lower()
        values = {**request.query, **{key: str(value) for key, value in (await request.post()).items()}}
        if request.content_type == "application/json":
            values |= await request.json()
        try:
            answer = await getattr(self, f"_{method}")(values)
        except ValueError as error:
            return web.json_response(
                {"ok": False, "error_code": 400, "description": f"Bad Request: {error}"}, status=400
            )
        return web.json_response({"ok": True, "result": answer})

    async def _getme(self, _values: dict[str, Any]) -> object:
        return {"id": 110201543, "is_bot": True, "first_name": "Bot", "username": "bot", "can_join_groups": True}

    async def _getupdates(self, values: dict[str, Any]) -> object:
        offset = int(values.get("offset") or 0)
        self.updates = [one for one in self.updates if one["update_id"] >= offset]
        if not self.updates:
            await asyncio.sleep(0.2)
        return self.updates[:100]

    async def _sendmessage(self, values: dict[str, Any]) -> object:
        chat_id, text = int(values["chat_id"]), str(json.loads(json.dumps(values["text"])))
        if not text.strip():
            raise ValueError("message text is empty")
        if len(text.encode("utf-16-le")) > 2 * 4096:
            raise ValueError("message is too long")
        if chat_id == self.refused:
            raise ValueError("chat not found")
        self.said.append((chat_id, text))
        self.changed.set()
        chat = {"id": chat_id, "type": "private", "first_name": "Ann"}
        return {"message_id": len(self.said), "date": 1_700_000_000, "chat": chat, "text": text}

    async def _deletewebhook(self, _values: dict[str, Any]) -> object:
        return True
