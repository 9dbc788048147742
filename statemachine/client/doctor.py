"""Checks the settings of the client and of the contact centre, step by step, with reads only: no chat is created.

Each step reports what it found; a step that fails names the setting to correct.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

from attrs import define, evolve, frozen

from statemachine.adapters.http import describe, redirects_to
from statemachine.adapters.http_client import HttpClient
from statemachine.adapters.http_errors import CallFailed, Cause
from statemachine.codec import side_calls
from statemachine.codec.http import Endpoint
from statemachine.codec.side_calls import Availability, SideCall, read_answer

from ..core import Failure
from .advice import CAUSES, CERTIFICATES, UNREACHABLE, UNTRUSTED, Advice, advise
from .centre import request_for
from .options import Options

A = TypeVar("A")
Severity: TypeAlias = Literal["ok", "warning", "wrong"]

EXPIRES_SOON: Final = 14
"""Days before the end of a certificate: it should be renewed by then."""


@frozen
class Finding:
    """The result of one step. `said`: in words; `advice`: the correction, if any; `ms`: how long it took."""

    step: str
    verdict: Severity
    said: str
    advice: Advice | None = None
    ms: int = 0


@define
class _Check:
    """The state of the check. `endpoint` becomes the one that the server accepts."""

    endpoint: Endpoint
    options: Options
    http: HttpClient
    availability: Availability | None = None
    leads_to: str = ""
    """The target of the last redirect."""
    cause: Cause = ""
    """Of the last request, if it failed."""

    async def ask(self, call: SideCall[A]) -> A | Failure:
        """As `ContactCentre.ask`, at one path, with the failure as it is."""
        try:
            response = await self.http.exchange(request_for(call, self.endpoint, self.options.request_timeout))
        except CallFailed as failed:
            self.cause = failed.cause
            return Failure(failed.kind, detail=failed.reason)
        self.cause = self.http.cause_of(self.endpoint.url, response.status)
        self.leads_to = redirects_to(response.status, response.headers)
        return read_answer(call, response.status, response.headers, response.body)


_Step: TypeAlias = Callable[[_Check], Awaitable[Finding | None]]


class _Stop(Exception):
    """A finding after which no other step is useful."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding)
        self.finding: Final = finding


async def examine(endpoint: Endpoint, options: Options | None = None) -> AsyncGenerator[Finding]:
    """Yield the findings, in the order of the steps. No behaviour of a server raises.

    Ends early after a finding that makes the next steps useless. Use `contextlib.aclosing` to leave it early.
    """
    settings = options or Options()
    async with settings.pool() as pool:
        check = _Check(endpoint, settings, HttpClient(pool))
        for step in _STEPS:
            began = time.monotonic()
            try:
                finding = await step(check)
            except _Stop as stop:
                yield _timed(stop.finding, began)
                return
            if finding is not None:
                yield _timed(finding, began)


def _timed(finding: Finding, began: float) -> Finding:
    return evolve(finding, ms=round((time.monotonic() - began) * 1_000))


# --- the connection ---------------------------------------------------------------------------------------------------


async def _name(check: _Check) -> Finding | None:
    """Does the host name exist? With a proxy, the proxy resolves it."""
    host, port = _place(check.endpoint)
    if check.options.proxy is not None or _is_address(host):
        return None
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise _Stop(Finding("name", "wrong", f"{host} is not found", CAUSES["host"])) from None
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    return Finding("name", "ok", f"{host} is {', '.join(addresses[:3])}{' …' if len(addresses) > 3 else ''}")


async def _connection(check: _Check) -> Finding | None:
    """Does the port answer, with a valid certificate?"""
    if check.options.proxy is not None:
        return None
    host, port = _place(check.endpoint)
    secure = check.endpoint.url.startswith("https:")
    context = (check.options.tls or ssl.create_default_context()) if secure else None
    step = "TLS" if secure else "connection"
    try:
        async with asyncio.timeout(check.options.connect_timeout.total_seconds()):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except OSError as error:
        raise _Stop(_unreachable(step, f"{host}, port {port}", error)) from None
    certificate: Any = writer.get_extra_info("peercert") or {}
    writer.transport.abort()
    if secure:
        return _certified(certificate)
    if host in ("localhost", "127.0.0.1", "::1"):
        return Finding(step, "ok", f"port {port} answers, on this machine")
    advice = Advice("everything is sent in the clear", "url", "use an https: address, if the contact centre has one")
    return Finding(step, "warning", f"port {port} answers, without TLS", advice)


def _certified(certificate: Any) -> Finding:
    if "notAfter" not in certificate:
        advice = Advice("the identity of this server is not verified", "tls", "give a context that checks certificates")
        return Finding("TLS", "warning", "the certificate is not checked", advice)
    days = int((ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) // 86_400)
    if days >= EXPIRES_SOON:
        return Finding("TLS", "ok", f"the certificate is trusted, and good for {days} days")
    advice = Advice("the certificate expires soon", "server", "tell the contact centre's administrator")
    return Finding("TLS", "warning", f"the certificate is good for {days} more days only", advice)


def _unreachable(step: str, place: str, error: OSError) -> Finding:
    if isinstance(error, ssl.SSLCertVerificationError):
        said = f"the certificate is not trusted: {error.verify_message}"
        return Finding(step, "wrong", said, CERTIFICATES.get(error.verify_code, UNTRUSTED))
    said, advice = next(row for kind, row in UNREACHABLE.items() if isinstance(error, kind))
    return Finding(step, "wrong", said.format(place), advice)


# --- the interface ----------------------------------------------------------------------------------------------------


async def _interface(check: _Check) -> Finding | None:
    """Which API version does the server have? v1 has no call for its version."""
    answer = await check.ask(side_calls.version())
    if not isinstance(answer, Failure):
        return Finding("interface", "ok", f"v2, server version {answer}")
    if _speaks(check, answer):
        return Finding("interface", "ok", "v2")
    if answer.status != 404:
        raise _Stop(_failed(check, "interface", answer))
    wanted, check.endpoint = check.endpoint.api, evolve(check.endpoint, api="v1")
    old = await check.ask(side_calls.availability())
    if isinstance(old, Failure) and not _speaks(check, old):
        raise _Stop(_failed(check, "interface", old))
    if wanted == "v1":
        return Finding("interface", "ok", "v1")
    advice = Advice("this server has no v2", "api", "choose v1; it has no receipts, cases and push")
    return Finding("interface", "wrong", "v1 only", advice)


def _speaks(check: _Check, failure: Failure) -> bool:
    """A refusal of the API, or of a gateway before it: the API exists."""
    return failure.code is not None or (failure.status in (401, 403) and not check.cause)


async def _authorization(check: _Check) -> Finding | None:
    """Does the server accept tenant, app id and client id, and the form of the header?"""
    answer = await check.ask(side_calls.availability())
    if isinstance(answer, Failure) and answer.code in (2001, 2002):
        check.endpoint = evolve(check.endpoint, quoted=not check.endpoint.quoted)
        other = await check.ask(side_calls.availability())
        if not isinstance(other, Failure):
            check.availability = other
            form = "in quotes" if check.endpoint.quoted else "without quotes"
            advice = Advice(f"this server wants the values {form}", "quoted", f"write them {form}")
            return Finding("authorization", "wrong", "the form of the header is not taken", advice)
    if isinstance(answer, Failure):
        raise _Stop(_failed(check, "authorization", answer))
    check.availability = answer
    return Finding("authorization", "ok", "tenant and app id are known")


async def _availability(check: _Check) -> Finding | None:
    """Does the centre accept chats now?"""
    assert check.availability is not None
    if not check.availability.available:
        advice = Advice(
            "no agent would take a chat now", "scenario", "check its service hours, and whether agents are on"
        )
        return Finding("availability", "warning", "not available", advice)
    ewt = check.availability.ewt
    wait = "" if ewt is None else f", estimated wait {ewt // 1_000} s"
    return Finding("availability", "ok", f"available{wait}")


async def _parameters(check: _Check) -> Finding | None:
    """Which parameters does the scenario expect?"""
    answer = await check.ask(side_calls.expected_parameters())
    if isinstance(answer, Failure):
        return _failed(check, "parameters", answer)
    named = ", ".join(f"{one.name} ({one.type})" for one in answer)
    return Finding("parameters", "ok", f"expected when a chat is requested: {named or 'none'}")


async def _chat(check: _Check) -> Finding | None:
    """Does this customer have a chat? The check creates none."""
    answer = await check.ask(side_calls.active_chat())
    if isinstance(answer, Failure):
        if side_calls.says_no_chat(answer):
            return Finding("chat", "ok", "this client id has no chat; none was created")
        return _failed(check, "chat", answer)
    return Finding("chat", "ok", f"this client id has a chat, {answer.state or 'of unknown state'}; it was left alone")


_STEPS: Final[tuple[_Step, ...]] = (_name, _connection, _interface, _authorization, _availability, _parameters, _chat)


# --- words ------------------------------------------------------------------------------------------------------------


def _failed(check: _Check, step: str, failure: Failure) -> Finding:
    said = failure.detail or describe(failure, check.leads_to)
    return Finding(step, "wrong", said, advise(failure, check.cause, check.endpoint.url))


def _place(endpoint: Endpoint) -> tuple[str, int]:
    parts = urlsplit(endpoint.url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _is_address(host: str) -> bool:
    with suppress(ValueError):
        return bool(ipaddress.ip_address(host))
    return False
