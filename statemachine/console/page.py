"""The page and its parts, as they lie in ``static/``: plain HTML, CSS and ES modules, and nothing from elsewhere.

Texts of chats are hostile. The page sets them as text only, and the browser enforces it: no script and no style
but our files, no string may become markup (trusted types), no frame around us.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

from aiohttp import web

from statemachine import pages
from statemachine.diagrams import lifecycle_outline
from statemachine.emulator.control.common import answer

POLICY: Final = (
    "default-src 'none'; script-src {here}; style-src {here}; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""`here`: the page's own path. The wire serves the files that customers upload under the same origin."""
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_TYPES: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_OWN: Final = (files("statemachine.console") / "static").iterdir()
_FILES: Final = {one.name: one for one in (*_OWN, pages.STYLE, pages.SCRIPT)}
"""All files of the page; any other path does not exist."""

routes = web.RouteTableDef()


@routes.get("")
async def without_slash(_: web.Request) -> web.Response:
    """The page's links are relative."""
    return web.Response(status=308, headers={"Location": "_console/"})


@routes.get("/")
async def index(request: web.Request) -> web.Response:
    """The page."""
    return _file(request, "index.html")


@routes.get("/lifecycle.json")
async def lifecycle(_: web.Request) -> web.Response:
    """Boxes and arcs of the lifecycle's picture, from the table itself."""
    return answer(lifecycle_outline())


@routes.get("/{name}")
async def file(request: web.Request) -> web.Response:
    """A style sheet, a module, a picture."""
    name = request.match_info["name"]
    if name not in _FILES:
        raise web.HTTPNotFound
    return _file(request, name)


def _here(request: web.Request) -> str:
    """The page's path as a source of a policy, which has no form for IPv6 addresses."""
    if not re.fullmatch(r"[\w.-]+(:\d+)?", request.host):
        return "'self'"
    return f"{request.scheme}://{request.host}{request.path.rpartition('/')[0]}/"


def _file(request: web.Request, name: str) -> web.Response:
    kind = _TYPES[name.rpartition(".")[2]]
    headers = {**_HEADERS, "Content-Security-Policy": POLICY.format(here=_here(request))}
    return web.Response(text=_FILES[name].read_text("utf-8"), content_type=kind, charset="utf-8", headers=headers)
