"""A gateway in front of an emulated centre, and a caller that compares every answer with the OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, ClientSession
from jsonschema import Draft202012Validator

from statemachine.client import Options
from statemachine.gateway import Gateway, GatewaySettings, TokenSetting
from statemachine.gateway.contract import DOCUMENT
from statemachine.gateway.telemetry import Telemetry
from statemachine.testing import EmulatedCentre

SECRET = "hunter2-secret-of-the-bridge"
OPTIONS = Options(close_within=timedelta(milliseconds=200), settle=timedelta(seconds=1))


class Api:
    """Calls a gateway. Every answer must be documented."""

    def __init__(self, http: ClientSession, url: str, token: str | None) -> None:
        self.http, self.url, self.token = http, url, token

    async def __call__(self, method: str, path: str, body: object = None, **more: Any) -> Any:
        """The JSON of a good answer, None for an empty one. Raises AssertionError with the problem for others."""
        status, answer = await self.ask(method, path, body, **more)
        assert 200 <= status < 300, answer
        return answer

    async def ask(self, method: str, path: str, body: object = None, **more: Any) -> tuple[int, Any]:
        """Status and content."""
        if body is not None:
            more["json"] = body
        headers = {**({"Authorization": f"Bearer {self.token}"} if self.token else {}), **more.pop("headers", {})}
        async with self.http.request(method, self.url + path, headers=headers, **more) as response:
            content = await response.read()
            check(method, path, response, content)
            return response.status, json.loads(content) if "json" in response.content_type else content or None

    def key(self, name: str) -> dict[str, Any]:
        """The header of an idempotency key."""
        return {"headers": {"Idempotency-Key": name}}

    @asynccontextmanager
    async def events(self, query: str = "", last: int | None = None) -> AsyncGenerator[AsyncIterator[dict[str, Any]]]:
        """Server-sent events: {event, id, data}."""
        headers = {"Accept": "text/event-stream"} | ({} if last is None else {"Last-Event-ID": str(last)})
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        async with self.http.get(f"{self.url}/updates{query}", headers=headers) as response:
            assert (response.status, response.content_type) == (200, "text/event-stream")
            yield read_events(response)


async def read_events(response: ClientResponse) -> AsyncIterator[dict[str, Any]]:
    event: dict[str, Any] = {}
    async for raw in response.content:
        name, _, value = raw.decode().rstrip("\n").partition(": ")
        if name in ("event", "id"):
            event[name] = value
        elif name == "data":
            event["data"] = json.loads(value)
        elif not name and event:
            yield event
            event = {}


def check(method: str, path: str, response: ClientResponse, content: bytes) -> None:
    """Raise AssertionError for an answer that the document does not describe."""
    path = path.partition("?")[0]
    for template, item in DOCUMENT["paths"].items():
        if method.lower() in item and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            answers = item[method.lower()]["responses"]
            about = answers.get(str(response.status)) or answers[f"{response.status // 100}XX"]
            break
    else:  # no operation: the answer is a problem all the same
        about = {"$ref": "/Problem"}
    if "$ref" in about:
        about = DOCUMENT["components"]["responses"][about["$ref"].rpartition("/")[2]]
    kinds = about.get("content", {})
    assert not kinds or response.content_type in kinds, f"{method} {path}: {response.content_type}"
    assert kinds or not content
    schema = kinds[response.content_type]["schema"] if kinds else {}
    if "json" in response.content_type:
        whole = {**schema, "components": DOCUMENT["components"]}
        Draft202012Validator(whole).validate(json.loads(content))


@asynccontextmanager
async def gateway(
    folder: Path,
    centre: EmulatedCentre,
    *,
    tokens: tuple[TokenSetting, ...] | None = None,
    options: Options = OPTIONS,
    telemetry: Telemetry | None = None,
    **settings: Any,
) -> AsyncGenerator[Api]:
    """A gateway with one token, and a caller that has it."""
    if tokens is None:
        (folder / "token").write_text(SECRET)
        tokens = (TokenSetting(name="bridge", file=folder / "token"),)
    about = GatewaySettings(
        port=0,
        tokens=tokens,
        **{
            "store": folder / "chats.sqlite",
            "drain": timedelta(seconds=1),
            "requests_per_second": 10_000,
            **settings,
        },
    )
    async with (
        Gateway(
            centre.url, tenant="example", app_id="chat", settings=about, options=options, telemetry=telemetry
        ) as running,
        ClientSession() as http,
    ):
        yield Api(http, running.url, SECRET if tokens else None)


async def updates_until(api: Api, wanted: Any, query: str = "") -> list[dict[str, Any]]:
    """Read pages of updates until one is wanted; all updates so far."""
    found: list[dict[str, Any]] = []
    cursor = 0
    while not any(map(wanted, found)):
        page = await api("GET", f"/updates?after={cursor}&wait=20{query}")
        assert page["updates"], f"nothing came; so far: {found}"
        found += page["updates"]
        cursor = page["cursor"]
    return found


def is_text(text: str) -> Any:
    """Whether an update is a message that contains this text."""
    return lambda one: text in one.get("text", "")


def is_state(state: str, key: str | None = None) -> Any:
    """Whether an update is a delivery update with this state and key."""

    def wanted(one: dict[str, Any]) -> bool:
        update = one["update"]
        return update["type"] == "delivery_update" and update["state"] == state and key in (None, update.get("key"))

    return wanted
