"""Webhooks: signed, in order within a chat, repeated, parked, replayed; one that hangs delays no other."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientTimeout, web

from statemachine.gateway import WebhookSetting, webhooks
from statemachine.testing import EmulatedCentre
from tests.gateway.harness import Api, gateway, is_state, updates_until
from tests.serving import served

KEY = "hunter2-secret-of-the-crm"


class Sink:
    """Receives deliveries. `refused`: client ids that it refuses; `hanging`: those for which it never answers."""

    def __init__(self) -> None:
        self.received: list[tuple[str, int, str]] = []  # client id, cursor, webhook id
        self.tried: list[str] = []
        self.refused: set[str] = set()
        self.hanging: set[str] = set()
        self.changed = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        body = await request.text()
        update = json.loads(body)
        name = request.headers["Webhook-Id"]
        signed = f"{name}.{request.headers['Webhook-Timestamp']}.{body}".encode()
        right = base64.b64encode(hmac.digest(KEY.encode(), signed, "sha256")).decode()
        assert f"v1,{right}" in request.headers["Webhook-Signature"].split()
        self.tried.append(update["client_id"])
        self.changed.set()
        if update["client_id"] in self.hanging:
            await asyncio.sleep(3_600)
        if update["client_id"] in self.refused:
            return web.Response(status=500)
        self.received.append((update["client_id"], update["cursor"], name))
        return web.Response(status=204)

    async def until(self, wanted: Any) -> None:
        async with asyncio.timeout(60):
            while not wanted():
                self.changed.clear()
                await self.changed.wait()

    def of(self, client: str) -> list[int]:
        return [cursor for one, cursor, _ in self.received if one == client]


@asynccontextmanager
async def hooked(folder: Path, centre: EmulatedCentre, sink: Sink, **settings: Any) -> AsyncGenerator[Api]:
    (folder / "secret").write_text(f"hunter2-the-next-secret\n{KEY}\n")
    async with served(sink.take) as url:
        about = WebhookSetting(name="crm", url=url, secret_file=folder / "secret")
        async with gateway(folder, centre, webhooks=(about,), **settings) as api:
            yield api


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(webhooks, "LONGEST_PAUSE_S", 0.2)


async def say(api: Api, client: str, *keys: str) -> None:
    for key in keys:
        await api("POST", f"/chats/{client}/texts", {"text": key}, **api.key(key))
        await updates_until(api, is_state("sent", key), f"&client_id={client}")


async def test_each_update_is_delivered_once_and_in_order(tmp_path: Path, centre: EmulatedCentre) -> None:
    sink = Sink()
    async with hooked(tmp_path, centre, sink) as api:
        await say(api, "ann", "a1", "a2")
        await say(api, "bob", "b1")
        await sink.until(lambda: len(sink.received) == 3)
        assert sink.of("ann") == [1, 2]
        assert len({name for _, _, name in sink.received}) == 3
    async with hooked(tmp_path, centre, sink) as api:  # again: nothing is delivered twice
        await say(api, "ann", "a3")
        await sink.until(lambda: len(sink.received) == 4)
        assert sink.of("ann") == [1, 2, 4]


async def test_a_refused_delivery_is_repeated_and_delays_no_other_chat(tmp_path: Path, centre: EmulatedCentre) -> None:
    sink = Sink()
    sink.refused.add("ann")
    async with hooked(tmp_path, centre, sink) as api:
        await say(api, "ann", "a1", "a2")
        await say(api, "bob", "b1")
        await sink.until(lambda: sink.of("bob") and sink.tried.count("ann") > 2)
        assert sink.of("ann") == []
        sink.refused.clear()
        await sink.until(lambda: sink.of("ann") == [1, 2])


async def test_a_hanging_delivery_delays_no_other_chat(
    tmp_path: Path, centre: EmulatedCentre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "TIMEOUT", ClientTimeout(total=0.3))
    sink = Sink()
    sink.hanging.add("ann")
    async with hooked(tmp_path, centre, sink) as api:
        await say(api, "ann", "a1")
        await say(api, "bob", "b1")
        await sink.until(lambda: sink.of("bob") and sink.tried.count("ann") > 1)
        sink.hanging.clear()
        await sink.until(lambda: sink.of("ann") == [1])


async def test_a_chat_is_parked_until_it_is_replayed(tmp_path: Path, centre: EmulatedCentre) -> None:
    sink = Sink()
    sink.refused.add("ann")
    async with hooked(tmp_path, centre, sink, park_after=timedelta(0)) as api:
        await say(api, "ann", "a1")
        await _until_parked(api)
    async with hooked(tmp_path, centre, sink) as api:
        (hook,) = (await api("GET", "/webhooks"))["webhooks"]
        assert hook == {"webhook": "crm", "waiting": 0, "parked": ["ann"]}
        sink.refused.clear()
        await say(api, "ann", "a2")
        await api("POST", "/webhooks/crm/replay", {"client_id": "ann"})
        await sink.until(lambda: sink.of("ann") == [1, 2])
        await api("POST", "/webhooks/crm/replay", {"client_id": "ann", "after": 1})
        await sink.until(lambda: sink.of("ann") == [1, 2, 2])
        assert (await api.ask("POST", "/webhooks/none/replay", {"client_id": "ann"}))[0] == 404
        metrics = (await api("GET", "/metrics")).decode()
        assert 'gateway_webhook_deliveries_total{outcome="delivered",webhook="crm"} 3.0' in metrics


async def _until_parked(api: Api) -> None:
    async with asyncio.timeout(60):
        while not (await api("GET", "/webhooks"))["webhooks"][0]["parked"]:  # noqa: ASYNC110 - it is asked over HTTP
            await asyncio.sleep(0.02)


def test_the_signature_of_the_standard() -> None:
    """The example of standardwebhooks.com."""
    body = '{"test": 2432232314}'
    secret = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signed = webhooks.signature((secret,), "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
