"""Who may ask, and how much."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from statemachine.client import BadSetting
from statemachine.gateway import Gateway, GatewaySettings, TokenSetting, WebhookSetting, server
from statemachine.gateway import contract as contracts
from statemachine.gateway.tokens import SecretFile
from statemachine.logs import Logger
from statemachine.testing import EmulatedCentre
from tests.gateway.harness import Api, gateway


async def test_without_a_valid_token_nothing_is_answered(api: Api) -> None:
    for token in (None, "hunter2-secret-of-nobody", "ü"):
        api.token = token
        status, problem = await api.ask("GET", "/chats")
        assert (status, problem["code"]) == (401, "no_token")
        assert (await api.ask("PUT", "/chats/ann", {"new_chat": 7}))[0] == 401
    for path in ("/healthz", "/openapi.json"):
        await api("GET", path)


@pytest.mark.parametrize(("scope", "allowed"), [("read", "/chats"), ("operate", "/webhooks"), ("operate", "/metrics")])
async def test_a_scope_opens_its_operations_only(
    tmp_path: Path, centre: EmulatedCentre, scope: str, allowed: str
) -> None:
    (tmp_path / "token").write_text("hunter2-secret-of-the-bridge\n")
    tokens = (TokenSetting(name="one", file=tmp_path / "token", scopes=(scope,)),)
    async with gateway(tmp_path, centre, tokens=tokens) as api:
        await api("GET", allowed)
        refused = "/webhooks" if scope == "read" else "/chats"
        status, problem = await api.ask("GET", refused)
        assert (status, problem["code"]) == (403, "no_scope")
        assert (await api.ask("PUT", "/chats/ann"))[0] == 403


async def test_a_token_of_another_app_id_is_not_known(tmp_path: Path, centre: EmulatedCentre) -> None:
    (tmp_path / "token").write_text("hunter2-secret-of-the-bridge")
    tokens = (TokenSetting(name="one", file=tmp_path / "token", app_id="other"),)
    async with gateway(tmp_path, centre, tokens=tokens) as api:
        assert (await api.ask("GET", "/chats"))[0] == 401


async def test_tokens_rotate_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statemachine.gateway.tokens._CHECK_EVERY_S", -1.0)
    path = tmp_path / "token"
    path.write_text("hunter2-secret-number-one\n")
    secrets = SecretFile(path)
    path.write_text("hunter2-secret-number-two\nhunter2-secret-number-one\n")
    assert secrets.lines == (b"hunter2-secret-number-two", b"hunter2-secret-number-one")
    path.write_text("short\n")
    assert secrets.lines[0] == b"hunter2-secret-number-two"
    path.unlink()
    assert secrets.lines[0] == b"hunter2-secret-number-two"


def test_beyond_loopback_a_token_is_required(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="configure tokens first"):
        Gateway("http://127.0.0.1:1", app_id="chat", settings=GatewaySettings(store=tmp_path / "s", host="0.0.0.0"))


def test_two_webhooks_have_two_names(tmp_path: Path) -> None:
    one = WebhookSetting(name="crm", url="http://127.0.0.1:9", secret_file=tmp_path)
    with pytest.raises(BadSetting, match="same name"):
        Gateway("http://127.0.0.1:1", app_id="a", settings=GatewaySettings(store=tmp_path / "s", webhooks=(one, one)))


async def test_pages_of_other_sites_are_refused_where_no_token_is_needed(
    tmp_path: Path, centre: EmulatedCentre
) -> None:
    async with gateway(tmp_path, centre, tokens=()) as api:
        await api("GET", "/chats")
        for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
            status, problem = await api.ask("GET", "/chats", headers=headers)
            assert (status, problem["code"]) == (403, "other_site")


async def test_a_token_has_a_rate(tmp_path: Path, centre: EmulatedCentre) -> None:
    async with gateway(tmp_path, centre, requests_per_second=1e-6) as api:
        status, problem = await api.ask("GET", "/chats")
        assert (status, problem["code"]) == (429, "too_many_requests")
        await api("GET", "/healthz")


async def test_a_flood_without_a_token_is_logged_a_few_times_only(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_refusal_log", Logger(10))  # that of the process may be at its limit
    secret, api.token = api.token, "hunter2-secret-of-nobody"
    with caplog.at_level(logging.INFO, "statemachine"):
        for _ in range(10):
            await asyncio.gather(*(api.ask("GET", "/chats") for _ in range(20)))
    assert 1 <= sum("gateway_refused" in one.message for one in caplog.records) <= 11
    assert "hunter2" not in caplog.text
    api.token = secret
    await api("GET", "/chats")


async def pieces(number: int) -> AsyncIterator[bytes]:
    for _ in range(number):
        yield bytes(1_000_000)


async def test_a_body_without_end_is_cut_off(tmp_path: Path, centre: EmulatedCentre) -> None:
    async with gateway(tmp_path, centre, upload_limit=3_000_000) as api:
        await api("PUT", "/chats/ann")
        for path in ("/chats/ann/texts", "/chats/ann/files?name=a"):
            kind = {"Content-Type": "application/json"}
            status = await _refused(api, path, kind)
            assert status == 413
        assert list((tmp_path / "chats.sqlite.uploads").iterdir()) == []
        status, problem = await api.ask("POST", "/chats/ann/files?name=a", data=io.BytesIO(bytes(3_000_001)))
        assert (status, problem["code"]) == (413, "too_large")


async def _refused(api: Api, path: str, headers: dict[str, str]) -> int:
    """The status of the answer to a body of 1 GB; it comes long before the end of the body."""
    headers = {**headers, "Authorization": f"Bearer {api.token}"}
    async with ClientSession() as http, http.post(api.url + path, data=pieces(1_000), headers=headers) as response:
        return response.status


async def test_a_body_that_never_arrives_ends_with_408(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contracts, "BODY_TIMEOUT_S", 0.2)
    host, _, port = api.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /chats/ann/texts HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {api.token}\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 10\r\n\r\n".encode())
    assert b"408" in await reader.readline()
    writer.close()


@pytest.mark.parametrize(
    ("path", "body", "rule"),
    [
        ("/chats/ann/texts", {"text": 3}, "body.text breaks the rule type"),
        ("/chats/ann/texts", {"text": ""}, "body.text breaks the rule minLength"),
        ("/chats/ann/texts", {"text": "a", "txt": "b"}, "additionalProperties"),
        ("/chats/ann/texts", {}, "required"),
        ("/chats/%20/texts", {"text": "a"}, "client_id breaks the rule pattern"),
        ("/chats/a%0A/texts", {"text": "a"}, "printable ASCII"),
        ("/chats/ann/texts?wait=1", {"text": "a"}, "no parameter 'wait'"),
        ("/chats/ann/locations", {"latitude": 91, "longitude": 0}, "maximum"),
    ],
)
async def test_wrong_values_are_named_and_not_repeated(api: Api, path: str, body: object, rule: str) -> None:
    status, problem = await api.ask("POST", path, body)
    assert (status, problem["code"]) == (400, "bad_value")
    assert rule in problem["detail"]


async def test_bodies_that_are_no_json(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    for data in (b"{", b"\xff", b"[" * 100_000, b"", b"null", b"[]"):
        status, problem = await api.ask("POST", "/chats/ann/texts", data=data, headers=headers)
        assert status == 400, data[:10]
        assert problem["code"] in ("unreadable_body", "bad_value")
    status, problem = await api.ask("POST", "/chats/ann/texts", data=b'{"text":"a"}')
    assert (status, problem["code"]) == (415, "media_type")


async def test_other_paths_and_methods_are_problems_too(api: Api) -> None:
    assert (await api.ask("GET", "/nothing"))[1]["code"] == "no_such_path"
    assert (await api.ask("PATCH", "/chats/ann"))[1]["code"] == "no_such_method"


@pytest.mark.parametrize(
    "setting",
    [
        {"name": "a b", "file": "x"},
        {"name": "a", "file": "x", "scopes": ["all"]},
    ],
)
def test_wrong_token_settings_are_refused(setting: dict[str, object]) -> None:
    from statemachine.gateway.settings import of_table

    with pytest.raises(BadSetting):
        of_table(TokenSetting, "token", setting)
