"""The API of the wire over aiohttp: translates requests and replies, and applies the network knobs."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Final

from aiohttp import web

from statemachine.emulator.cross_origin import allowance, preflight
from statemachine.emulator.driver import CentreDriver
from statemachine.emulator.errors import ApiError, error_response
from statemachine.emulator.identity import claimed
from statemachine.emulator.wire import DROPPED, HttpRequest, HttpResponse, RealTime
from statemachine.serving.server import REQUEST_TIMEOUT_S, break_off

# The bytes that a multipart body may have beyond its file.
_ENVELOPE_BYTES: Final = 128 * 1024

INERT: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Uploaded files are served under the origin of the control API: no browser may run them there."""


class WireApi:
    """Serves every path of the API."""

    def __init__(self, driver: CentreDriver) -> None:
        self._driver = driver
        self._numbers = count(1)

    @property
    def largest_body(self) -> int:
        """Bytes that a request body may have."""
        return self._driver.centre.knobs.upload_limit_bytes + _ENVELOPE_BYTES

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; a held poll takes as long as its hold."""
        if (allowed := preflight(request)) is not None:
            return allowed
        driver, number = self._driver, next(self._numbers)
        real_time = driver.real_clock.now()
        try:
            body, refused = await self._body(request), None
        except web.HTTPRequestEntityTooLarge:
            too_large = ApiError(5501) if request.path.endswith("/files") else ApiError(5003, 413)
            body, refused = b"", too_large
        except TimeoutError:
            body, refused = b"", ApiError(5003, 408, "The body did not come")
        wire = _wire_request(request, body)
        driver.received(number, wire)
        try:
            reply = (
                error_response(driver.centre.knobs, refused) if refused else await self._reply(number, wire, real_time)
            )
        except asyncio.CancelledError:
            driver.replied(number, DROPPED)
            raise
        driver.replied(number, reply)
        driver.centre.left(number, driver.real_clock.now())
        if reply.status == 0:
            break_off(request)
            return web.Response(status=500)  # it is not sent
        return web.Response(
            status=reply.status, headers=[*reply.headers, *(INERT | allowance(request)).items()], body=reply.body
        )

    async def _body(self, request: web.Request) -> bytes:
        """Raises HTTPRequestEntityTooLarge, before anything is read where the length is known; TimeoutError."""
        if (request.content_length or 0) > self.largest_body:
            raise web.HTTPRequestEntityTooLarge(self.largest_body, request.content_length or 0)
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            return await request.read()

    async def _reply(self, number: int, request: HttpRequest, real_time: RealTime) -> HttpResponse:
        """The model's reply, delayed or lost as the network knobs say."""
        driver = self._driver
        knobs = driver.centre.selection.of_app(claimed(request).app_id).knobs
        requests = driver.traffic.count(request)
        if knobs.network_delay_ms:
            await self._sleep(knobs.network_delay_ms)
        if _is_nth(knobs.network_cut_every, requests):
            return DROPPED
        reply = await driver.request(number, request, real_time)
        if _is_nth(knobs.network_drop_reply_every, requests):
            driver.cut(number)
            return DROPPED
        if knobs.network_bytes_per_s:
            await self._sleep(len(reply.body) * 1000 // knobs.network_bytes_per_s)
        return reply

    async def _sleep(self, ms: int) -> None:
        """Sleep by the centre's clock; a stopped clock delays nothing."""
        await asyncio.sleep(self._driver.clock.real_s(self._driver.now() + ms) or 0)


def _is_nth(every: int, number: int) -> bool:
    return every > 0 and number % every == 0


def _wire_request(request: web.Request, body: bytes) -> HttpRequest:
    query, headers = tuple(request.query.items()), tuple(request.headers.items())
    return HttpRequest(request.method, request.rel_url.raw_path, query, headers, body)
