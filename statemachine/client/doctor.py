"""Is this contact centre set up right, and are we? Checked step by step, with reading calls only: no chat is created.

Each step tells what it saw; a step that fails names the setting to correct.
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

from statemachine.adapters.http_client import CallFailed, HttpClient
from statemachine.codec import side_calls
from statemachine.codec.http import Endpoint
from statemachine.codec.side_calls import Availability, SideCall, read_answer

from ..core import Failure
from .advice import Advice, advise
from .centre import request_for
from .options import Options

A = TypeVar("A")
Verdict: TypeAlias = Literal["ok", "warning", "wrong"]

EXPIRES_SOON: Final = 14
"""Days. By then an administrator should have renewed a certificate."""


@frozen
class Finding:
    """What one step found. `said`: in words; `advice`: what to correct, where something is; `ms`: how long it took."""

    step: str
    verdict: Verdict
    said: str
    advice: Advice | None = None
    ms: int = 0


@define
class _Visit:
    """What is known so far. `endpoint` follows what the server turns out to speak."""

    endpoint: Endpoint
    options: Options
    http: HttpClient
    availability: Availability | None = None
    leads_to: str = ""
    """Where the last answer would send us."""

    async def ask(self, call: SideCall[A]) -> A | Failure:
        """As `ContactCentre.ask`, at one path, with the failure as it is."""
        try:
            response = await self.http.exchange(request_for(call, self.endpoint, self.options.request_timeout))
        except CallFailed as failed:
            return Failure(failed.kind)
        self.leads_to = _origin(response.headers.get("Location", ""))
        return read_answer(call, response.status, response.headers, response.body)


_Step: TypeAlias = Callable[[_Visit], Awaitable[Finding | None]]


class _Stop(Exception):
    """A finding after which no other step can say anything."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding)
        self.finding: Final = finding


async def examine(endpoint: Endpoint, options: Options | None = None) -> AsyncGenerator[Finding]:
    """The findings, in the order of the steps, each as soon as it is there. Never raises for what a server does.

    It ends early where nothing more can be found out. Close it (`aclosing`) if you leave it early.
    """
    settings = options or Options()
    async with settings.pool() as pool:
        visit = _Visit(endpoint, settings, HttpClient(pool))
        for step in _STEPS:
            began = time.monotonic()
            try:
                finding = await step(visit)
            except _Stop as stop:
                yield _timed(stop.finding, began)
                return
            if finding is not None:
                yield _timed(finding, began)


def _timed(finding: Finding, began: float) -> Finding:
    return evolve(finding, ms=round((time.monotonic() - began) * 1_000))


# --- the way there ----------------------------------------------------------------------------------------------------


async def _name(visit: _Visit) -> Finding | None:
    """Is there a host of this name? A proxy would look it up itself."""
    host, port = _place(visit.endpoint)
    if visit.options.proxy is not None or _is_address(host):
        return None
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        advice = Advice("no host has this name", "url", "check its spelling, and whether this machine has a network")
        raise _Stop(Finding("name", "wrong", f"{host} is not found", advice)) from None
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    return Finding("name", "ok", f"{host} is {', '.join(addresses[:3])}{' …' if len(addresses) > 3 else ''}")


async def _connection(visit: _Visit) -> Finding | None:
    """Does somebody listen there, and do they prove who they are?"""
    if visit.options.proxy is not None:
        return None
    host, port = _place(visit.endpoint)
    secure = visit.endpoint.url.startswith("https:")
    context = (visit.options.tls or ssl.create_default_context()) if secure else None
    step = "TLS" if secure else "connection"
    try:
        async with asyncio.timeout(visit.options.connect_timeout.total_seconds()):
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
        advice = Advice("nobody can tell who this server is", "tls", "give a context that checks certificates")
        return Finding("TLS", "warning", "the certificate is not checked", advice)
    days = int((ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) // 86_400)
    if days >= EXPIRES_SOON:
        return Finding("TLS", "ok", f"the certificate is trusted, and good for {days} days")
    advice = Advice("the certificate expires soon", "server", "tell the contact centre's administrator")
    return Finding("TLS", "warning", f"the certificate is good for {days} more days only", advice)


def _unreachable(step: str, place: str, error: OSError) -> Finding:
    if isinstance(error, ssl.SSLCertVerificationError):
        said = f"the certificate is not trusted: {error.verify_message}"
        return Finding(step, "wrong", said, _CERTIFICATE.get(error.verify_code, _UNTRUSTED))
    if isinstance(error, ssl.SSLError):
        advice = Advice("what listens there speaks no TLS", "url", "check the port; an http: address is without TLS")
        return Finding(step, "wrong", f"no TLS at {place}", advice)
    if isinstance(error, TimeoutError):
        advice = Advice(
            "nothing answers, not even to refuse", "url", "check host and port; a firewall may be in between"
        )
        return Finding(step, "wrong", f"{place} does not answer", advice)
    if isinstance(error, ConnectionRefusedError):
        advice = Advice("nobody listens there", "url", "check the port, and whether the server runs")
        return Finding(step, "wrong", f"{place} refuses", advice)
    advice = Advice("there is no way to this host", "url", "check this machine's network; a proxy may be needed")
    return Finding(step, "wrong", f"{place} cannot be reached", advice)


_UNTRUSTED: Final = Advice(
    "its issuer is not known here",
    "tls",
    "trust the issuer (a file with its certificate), or use the server's public name",
)
_CERTIFICATE: Final[dict[int, Advice]] = {  # OpenSSL's X509_V_ERR_…
    9: Advice("it is not valid yet", "server", "check this machine's clock"),
    10: Advice("it has expired", "server", "check this machine's clock, then tell the contact centre's administrator"),
    62: Advice("it is another host's", "url", "use the name that the certificate is for"),
    64: Advice("it is another host's", "url", "use the name that the certificate is for, not an IP address"),
}


# --- the interface ----------------------------------------------------------------------------------------------------


async def _interface(visit: _Visit) -> Finding | None:
    """Which version of the interface is there? Version 1 alone has no call that tells its version."""
    answer = await visit.ask(side_calls.version())
    if not isinstance(answer, Failure):
        return Finding("interface", "ok", f"v2, server version {answer}")
    if _speaks(answer):
        return Finding("interface", "ok", "v2")
    if answer.status != 404:
        raise _Stop(_failed(visit, "interface", answer))
    wanted, visit.endpoint = visit.endpoint.api, evolve(visit.endpoint, api="v1")
    old = await visit.ask(side_calls.availability())
    if isinstance(old, Failure) and not _speaks(old):
        raise _Stop(_failed(visit, "interface", old))
    if wanted == "v1":
        return Finding("interface", "ok", "v1")
    advice = Advice("this server has no v2", "api", "choose v1; it has no receipts, cases and push")
    return Finding("interface", "wrong", "v1 only", advice)


def _speaks(failure: Failure) -> bool:
    """A refusal in the interface's own words, or a gateway's: what it guards is there."""
    return failure.code is not None or failure.status in (401, 403)


async def _authorization(visit: _Visit) -> Finding | None:
    """Are tenant, app id and client id taken, in the form in which they are written?"""
    answer = await visit.ask(side_calls.availability())
    if isinstance(answer, Failure) and answer.code in (2001, 2002):
        visit.endpoint = evolve(visit.endpoint, quoted=not visit.endpoint.quoted)
        other = await visit.ask(side_calls.availability())
        if not isinstance(other, Failure):
            visit.availability = other
            form = "in quotes" if visit.endpoint.quoted else "without quotes"
            advice = Advice(f"this server wants the values {form}", "quoted", f"write them {form}")
            return Finding("authorization", "wrong", "the form of the header is not taken", advice)
    if isinstance(answer, Failure):
        raise _Stop(_failed(visit, "authorization", answer))
    visit.availability = answer
    return Finding("authorization", "ok", "tenant and app id are known")


async def _availability(visit: _Visit) -> Finding | None:
    """Would a chat be taken now?"""
    assert visit.availability is not None
    if not visit.availability.available:
        advice = Advice(
            "nobody would take a chat now", "scenario", "check its service hours, and whether agents are on"
        )
        return Finding("availability", "warning", "not available", advice)
    ewt = visit.availability.ewt
    wait = "" if ewt is None else f", estimated wait {ewt // 1_000} s"
    return Finding("availability", "ok", f"available{wait}")


async def _parameters(visit: _Visit) -> Finding | None:
    """What does the scenario ask for?"""
    answer = await visit.ask(side_calls.expected_parameters())
    if isinstance(answer, Failure):
        return _failed(visit, "parameters", answer)
    named = ", ".join(f"{one.name} ({one.type})" for one in answer)
    return Finding("parameters", "ok", f"expected when a chat is requested: {named or 'none'}")


async def _chat(visit: _Visit) -> Finding | None:
    """Does this customer have a chat? Looking creates none."""
    answer = await visit.ask(side_calls.active_chat())
    if isinstance(answer, Failure):
        if side_calls.says_no_chat(answer):
            return Finding("chat", "ok", "this client id has no chat; none was created")
        return _failed(visit, "chat", answer)
    return Finding("chat", "ok", f"this client id has a chat, {answer.state or 'of unknown state'}; it was left alone")


_STEPS: Final[tuple[_Step, ...]] = (_name, _connection, _interface, _authorization, _availability, _parameters, _chat)


# --- words ------------------------------------------------------------------------------------------------------------


def _failed(visit: _Visit, step: str, failure: Failure) -> Finding:
    if failure.kind != "http":
        return Finding(step, "wrong", _KINDS[failure.kind], advise(failure))
    said = f"HTTP status {failure.status}"
    if failure.code is not None:
        said += f", error {failure.code}"
    elif visit.leads_to and 300 <= (failure.status or 0) < 400:
        said += f", to {visit.leads_to}"
    return Finding(step, "wrong", said, advise(failure))


_KINDS: Final = {
    "unsent": "the request could not be sent",
    "timeout": "no answer in time",
    "cut": "the connection broke off",
    "unreadable": "the answer makes no sense",
}


def _place(endpoint: Endpoint) -> tuple[str, int]:
    parts = urlsplit(endpoint.url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _is_address(host: str) -> bool:
    with suppress(ValueError):
        return bool(ipaddress.ip_address(host))
    return False


def _origin(location: str) -> str:
    """Scheme and host only: the rest may hold the ids that were sent."""
    try:
        parts = urlsplit(location)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""
    except ValueError:
        return ""
