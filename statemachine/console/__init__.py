"""The agent console: a web page on which a person plays the contact centre, and a customer beside it.

It is a part to mount on the emulator: ``Emulator(parts={PREFIX: part})`` serves the page at ``/_console/``. It uses
the emulator's control API as any other tool does. Needs the extra ``http``.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from statemachine.console import customers, page

__all__ = ["PREFIX", "page_url", "part"]

PREFIX: Final = "/_console"


def page_url(url: str, token: str | None) -> str:
    """The address of the page on this server; beyond loopback with the token that it asks for."""
    return f"{url}{PREFIX}/{f'?token={token}' if token else ''}"


def part() -> web.Application:
    """The page, and the customers who chat from it."""
    app = web.Application()
    customers.install(app)
    app.add_routes(page.routes)
    return app
