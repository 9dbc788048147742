"""The control API below ``/_control``: one module for each concern, with its routes.

A new concern is a module with ``routes``, and its name in ``_CONCERNS``. JSON in, JSON out; an impossible request is
answered ``{"error": "…"}``. ``guard`` checks every request, also those to mounted parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler

from statemachine.emulator.control import chats, feed, scenarios, settings, verdict
from statemachine.emulator.control.common import EMULATOR, ControlledEmulator
from statemachine.emulator.control.guard import CONTROL, check_host, guard
from statemachine.serving.addresses import is_loopback

__all__ = ["EMULATOR", "Part", "mount"]

_CONCERNS: Final = (chats.routes, feed.routes, verdict.routes, settings.routes, scenarios.routes)

Part: TypeAlias = Callable[[], web.Application]
"""Makes an application to be mounted beside the control API; its handlers find the emulator at ``app[EMULATOR]``."""


def mount(app: web.Application, emulator: ControlledEmulator, parts: Mapping[str, Part], host: str) -> None:
    """Put the control API and the ``parts`` (by path prefix) before everything else of ``app``.

    If `host`, the address of the server, is loopback, then foreign names of it are refused on every path.
    """

    @web.middleware
    async def host_is_known(request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_loopback(host):
            check_host(request, emulator.names)
        return await handler(request)

    async def close_feed(_: web.Application) -> None:
        emulator.feed.readers.close()

    app.middlewares.insert(0, host_is_known)
    app.on_shutdown.append(close_feed)
    for prefix, part in {CONTROL: _control, **parts}.items():
        mounted = part()
        mounted[EMULATOR] = emulator
        mounted.middlewares.insert(0, guard)
        app.add_subapp(prefix, mounted)


def _control() -> web.Application:
    app = web.Application()
    for routes in _CONCERNS:
        app.add_routes(routes)
    return app
