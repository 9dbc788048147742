"""A client that sends what a test says and hides nothing of the answer: raw HTTP to a running emulator."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from attrs import frozen

from statemachine.emulator import Chat, Knobs, Scenario
from statemachine.emulator.actions import Action
from statemachine.emulator.http import Emulator
from tests.emulator.driver import authorization


@frozen
class Answer:
    """Status, headers, and the body: decoded where it is JSON, else bytes."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> Any:
        """The error code, as text."""
        return str(self.body["error_code"])


class Wire:
    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession, version: int) -> None:
        self.emulator = emulator
        self.version = version
        self.chat_id = ""
        self._session = session

    @property
    def chat(self) -> Chat:
        return self.emulator.centre.chats[self.chat_id]

    async def ask(
        self,
        method: str,
        path: str,
        *,
        client_id: str = "client-1",
        tenant: str | None = "tenant.example",
        headers: dict[str, str] | None = None,
        version: int | None = None,
        query: dict[str, str] | None = None,
        **more: Any,
    ) -> Answer:
        """`path` below the API's root, or from the host's root with a slash; a header "" is left out."""
        url = path if path.startswith("/") else f"/clientweb/api/v{version or self.version}/{path}"
        usual = {"Authorization": authorization(client_id), "Cache-Control": "no-cache", **(headers or {})}
        asked = {**({} if tenant is None else {"tenantUrl": tenant}), **(query or {})}
        sent = {name: value for name, value in usual.items() if value}
        request = self._session.request(method, self.emulator.url + url, params=asked, headers=sent, **more)
        async with request as reply:
            body = await reply.read()
            is_json = reply.content_type == "application/json"
            return Answer(reply.status, json.loads(body) if is_json else body, dict(reply.headers))

    async def get(self, path: str, **more: Any) -> Any:
        answer = await self.ask("GET", path, **more)
        assert answer.status == 200, answer
        return answer.body

    async def post(self, path: str, body: Any = None, **more: Any) -> Any:
        answer = await self.ask("POST", path, json={} if body is None else body, **more)
        assert answer.status == 200, answer
        return answer.body

    async def open(self, **more: Any) -> Wire:
        self.chat_id = (await self.post("chats", more))["chat_id"]
        return self

    def path(self, rest: str) -> str:
        return f"chats/{self.chat_id}/{rest}"

    async def send(self, *events: dict[str, Any]) -> Answer:
        return await self.ask("POST", self.path("events"), json={"events": list(events)})

    async def poll(self) -> list[Any]:
        return list((await self.get(self.path("events")))["events"])

    async def history(self) -> list[Any]:
        return list((await self.get(self.path("history")))["events"])

    async def act(self, *actions: Action) -> list[Any]:
        """The centre does something; the events by which the client learns of it."""
        await self.emulator.act(self.chat_id, *actions)
        return await self.poll()


@asynccontextmanager
async def wire(scenario: str | Scenario = "silent", version: int = 2, **knobs: Any) -> AsyncIterator[Wire]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        Emulator(scenario, Knobs(**{"hold_ms": 100, **knobs})) as emulator,
        aiohttp.ClientSession(cookie_jar=jar) as session,
    ):
        yield Wire(emulator, session, version)
