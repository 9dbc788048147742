"""A client of plain HTTP that shows a proxy most of what a contact centre does in one chat."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import aiohttp

from statemachine.emulator import actions, names
from statemachine.emulator.actions import Action
from statemachine.emulator.http import Emulator

TENANT: Final = {"tenantUrl": "example.com"}


class PlainClient:
    """One customer of a contact centre at `url`, with one poll at a time."""

    def __init__(self, url: str, api: str = "v2", client_id: str = "ann") -> None:
        self._root = f"{url}/clientweb/api/{api}/"
        authorization = f'MOBILE-API-140-327-PLAIN appId="app", clientId="{client_id}"'
        self._http = aiohttp.ClientSession(headers={"Authorization": authorization, "Cache-Control": "no-cache"})
        self.chat_id = ""
        self.statuses: list[int] = []

    async def __aenter__(self) -> PlainClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """(status, the JSON of the answer, {} for any other)."""
        async with self._http.request(method, self._root + path, params=TENANT, json=body, **more) as answer:
            received = await answer.read()
            self.statuses.append(answer.status)
            is_json = "json" in answer.headers.get("Content-Type", "") and received
            return answer.status, (await answer.json() if is_json else {})

    async def open(self) -> None:
        _, body = await self.call("POST", "chats", {"parameters": {}})
        self.chat_id = body["chat_id"]

    async def poll(self) -> tuple[int, list[Any]]:
        status, body = await self.call("GET", f"chats/{self.chat_id}/events")
        return status, body.get("events", [])

    async def send(self, *events: dict[str, Any]) -> tuple[int, Any]:
        return await self.call("POST", f"chats/{self.chat_id}/events", {"events": list(events)})

    async def say(self, text: str, msg_id: str) -> None:
        await self.send({"event": names.MESSAGE, "msg": text, "msg_id": msg_id})

    async def history(self) -> int:
        return (await self.call("GET", f"chats/{self.chat_id}/history"))[0]

    async def poll_until(self, name: str) -> None:
        """Poll until an event of this name has come."""
        async with asyncio.timeout(20):
            while f'"{name}"' not in json.dumps((await self.poll())[1]):
                pass


async def whole_chat(emulator: Emulator, url: str, api: str = "v2") -> list[int]:
    """A chat with nearly everything in it; the statuses of its answers."""
    async with PlainClient(url, api) as client:
        for path in ("version", "availability", "parameters"):
            await client.call("GET", path)
        await client.open()

        async def act(*several: Action) -> None:
            await emulator.act(client.chat_id, *several)

        await act(actions.SetStatus("queued", 30), actions.Connect("anna", "Anna", "Lee"))
        await client.poll_until(names.PARTY_JOINED)
        await client.poll()  # without events
        await client.say("Hello", "1")
        await act(actions.Say("Hi"), actions.ShowForm("survey", timeout=60), actions.ShareLocation(52.5, 13.4))
        await act(actions.SendDelivered(), actions.SendRead(), actions.SendSignaling({"type": "OFFER_CALL"}))
        await client.poll_until(names.SIGNALING)
        form = aiohttp.FormData()
        form.add_field("file", b"hello", filename="a.txt")
        await client.call("POST", "files", data=form)
        await client.history()
        held = asyncio.create_task(client.poll())
        await emulator.until(lambda centre: centre.held_polls == 1)
        await client.poll()  # refused: one is held
        await act(actions.Warn())
        await held
        await act(actions.TimeOut() if api == "v1" else actions.Conclude())
        while (await client.poll())[0] == 200:
            pass
        await client.history()
        return client.statuses
