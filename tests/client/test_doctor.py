"""The examination of a contact centre: what each kind of trouble is called, and that nothing is touched."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme

from statemachine import ChatClient
from statemachine.client import Options
from statemachine.client.doctor import Finding, examine
from statemachine.emulator import Fault, Knobs
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from tests.adapters.wire_server import Heard, WireServer

pytestmark = pytest.mark.asyncio


async def examined(url: str, tenant: str | None = None, **options: Any) -> list[Finding]:
    settings = Options(**{"connect_timeout": timedelta(seconds=5), **options})
    endpoint = settings.endpoint(url, tenant, "app", "ann")
    async with asyncio.timeout(20):
        return [finding async for finding in examine(endpoint, settings)]


def verdicts(findings: list[Finding]) -> dict[str, str]:
    return {one.step: one.verdict if one.advice is None else f"{one.verdict}: {one.advice.setting}" for one in findings}


async def in_trouble(knobs: Knobs, **options: Any) -> dict[str, str]:
    async with Emulator("silent", knobs) as emulator:
        findings = await examined(emulator.url, **options)
        assert emulator.centre.chats == {}
        assert emulator.centre.violations == []
    return verdicts(findings)


ALL_WELL = dict.fromkeys(["connection", "interface", "authorization", "availability", "parameters", "chat"], "ok")


async def test_all_is_well() -> None:
    async with Emulator("silent") as emulator:
        findings = await examined(emulator.url.replace("127.0.0.1", "localhost"))
    assert verdicts(findings) == {"name": "ok", **ALL_WELL}
    said = " ".join(finding.said for finding in findings)
    for word in ("127.0.0.1", "5.8.0.12345", "wait 30 s", "first_name (FIRST_NAME)", "has no chat"):
        assert word in said


async def test_an_active_chat_is_left_as_it_is() -> None:
    async with Emulator("silent") as emulator:
        async with ChatClient(emulator.url, app_id="app") as client:
            await client.session("ann")
            await emulator.until(lambda centre: bool(centre.chats))
            (chat_id,) = emulator.centre.chats
            await emulator.act(chat_id, do.SetStatus("queued"))
            (*_, last) = await examined(emulator.url)
        assert "has a chat, queued" in last.said
        assert len(emulator.centre.chats) == 1


@pytest.mark.parametrize(
    ("knobs", "ends"),
    [
        (Knobs(tenants=("acme.example",)), {"authorization": "wrong: tenant"}),
        (Knobs(app_ids=("other",)), {"authorization": "wrong: app_id"}),
        (Knobs(faults=(Fault("any", code=5006, skip=1, times=9),)), {"authorization": "wrong: app_id"}),
        (Knobs(faults=(Fault("any", code=2000, times=9),)), {"authorization": "wrong: headers"}),
        (Knobs(faults=(Fault("any", html=True, status=404, times=9),)), {"interface": "wrong: url"}),
        (Knobs(faults=(Fault("any", html=True, status=502, times=9),)), {"interface": "wrong: server"}),
        (Knobs(faults=(Fault("any", html=True, status=200, times=9),)), {"interface": "wrong: url"}),
        (Knobs(faults=(Fault("any", html=True, status=401, times=9),)), {"authorization": "wrong: app_id"}),
        (Knobs(faults=(Fault("any", drop=True, times=9),)), {"interface": "wrong: server"}),
    ],
)
async def test_trouble_after_which_nothing_more_is_known(knobs: Knobs, ends: dict[str, str]) -> None:
    (step,) = ends
    before = list(ALL_WELL)[: list(ALL_WELL).index(step)]
    assert await in_trouble(knobs) == {**dict.fromkeys(before, "ok"), **ends}


@pytest.mark.parametrize(
    ("knobs", "differs"),
    [
        (Knobs(available=False), {"availability": "warning: scenario"}),
        (Knobs(faults=(Fault("parameters", code=5500),)), {"parameters": "wrong: server"}),
        (Knobs(faults=(Fault("active", code=5006),)), {"chat": "wrong: app_id"}),
        (Knobs(faults=(Fault("version", code=2001, times=1),)), {}),
    ],
)
async def test_trouble_that_hides_nothing(knobs: Knobs, differs: dict[str, str]) -> None:
    assert await in_trouble(knobs) == {**ALL_WELL, **differs}


NOT_THERE = Knobs(faults=(Fault("version", html=True, status=404, times=9),))


async def test_an_old_server_is_examined_at_v1() -> None:
    assert await in_trouble(NOT_THERE) == {**ALL_WELL, "interface": "wrong: api"}
    assert await in_trouble(NOT_THERE, api="v1") == ALL_WELL


@pytest.mark.parametrize("quoted", [True, False])
async def test_the_form_of_the_authorization_is_found_out(quoted: bool) -> None:
    def picky(heard: Heard) -> None:
        if ('"' in heard.headers["authorization"]) == quoted:
            heard.reply(200, b'{"server_version": "1", "chat": "available", "chat_id": "c"}')
        else:
            heard.reply(403, b'{"error_code": "2001"}')

    async with WireServer(picky) as server:
        found = verdicts(await examined(server.url, quoted=not quoted))
    assert found == {**ALL_WELL, "authorization": "wrong: quoted"}


async def test_where_an_address_leads_is_said_but_not_followed() -> None:
    moved = "Location: https://me:secret@new.example/login?token=hunter2"
    async with WireServer(lambda heard: heard.reply(302, b"", moved)) as server:
        (_, last) = await examined(server.url)
    assert (last.step, last.verdict) == ("interface", "wrong")
    assert last.said == "HTTP status 302, redirects to https://new.example"


# --- the way there ---


async def test_no_host_of_this_name() -> None:
    assert verdicts(await examined("https://no-such-host.invalid")) == {"name": "wrong: url"}


async def test_no_server_at_the_port_is_reported() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        (only,) = await examined(f"https://127.0.0.1:{port}")
    assert verdicts([only]) == {"TLS": "wrong: url"}
    assert f"port {port} refuses" in only.said


async def test_no_tls_there() -> None:
    async with Emulator("silent") as emulator:
        (only,) = await examined(emulator.url.replace("http:", "https:"))
    assert verdicts([only]) == {"TLS": "wrong: url"}
    assert "no TLS" in only.said


async def test_a_server_that_says_nothing() -> None:
    async with WireServer() as server:  # what it hears is no request, so it waits for more
        url = server.url.replace("http:", "https:")
        (only,) = await examined(url, connect_timeout=timedelta(milliseconds=100))
    assert "does not answer" in only.said


def over_tls(authority: trustme.CA, name: str = "127.0.0.1", days: float = 100) -> WireServer:
    """A server that proves to be `name`, for so many days yet, and knows no interface."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    now = datetime.now(UTC)
    certificate = authority.issue_cert(name, not_before=now - timedelta(900), not_after=now + timedelta(days))
    certificate.configure_cert(context)
    return WireServer(lambda heard: heard.reply(404), tls=context)


@pytest.mark.parametrize(
    ("make", "trusted", "verdict", "words"),
    [
        (over_tls, True, "ok", "trusted, and good for 9"),
        (lambda ca: over_tls(ca, days=5), True, "warning: server", "days only"),
        (over_tls, False, "wrong: tls", "not trusted"),
        (lambda ca: over_tls(ca, days=-1), True, "wrong: server", "expired"),
        (lambda ca: over_tls(ca, name="other.example"), True, "wrong: url", "mismatch"),
    ],
    ids=["good", "soon expired", "unknown issuer", "expired", "another host"],
)
async def test_certificates(make: Callable[[trustme.CA], Any], trusted: bool, verdict: str, words: str) -> None:
    authority, context = trustme.CA(), ssl.create_default_context()
    if trusted:
        authority.configure_trust(context)
    async with make(authority) as server:
        first, *_ = await examined(server.url, tls=context)
    assert verdicts([first]) == {"TLS": verdict}
    assert words in first.said


async def test_an_unchecked_certificate_is_reported() -> None:
    careless = ssl.create_default_context()
    careless.check_hostname = False
    careless.verify_mode = ssl.CERT_NONE
    async with over_tls(trustme.CA()) as server:
        first, *_ = await examined(server.url, tls=careless)
    assert verdicts([first]) == {"TLS": "warning: tls"}


async def test_through_a_proxy_the_way_is_the_proxys() -> None:
    async with WireServer(lambda heard: heard.reply(200, b'{"server_version": "7"}')) as proxy:
        first, *_ = await examined("http://chat.example.com", proxy=proxy.url)
    assert (first.step, first.said) == ("interface", "v2, server version 7")
