"""The viewer: a page on loopback. Files dropped on it are replayed here; the page receives and shows their story.

The same code makes every story. (A page without this server would need the engine, its tables and all texts a second
time in JavaScript: about 2,000 lines and 280 KB.) Nothing leaves this machine. A saved story is a self-contained page.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler

from ..codec.body import MAX_BODY
from ..emulator.control.common import answer, refusal
from ..serving.addresses import host_name, is_cross_site, is_loopback
from ..serving.server import HttpServer
from .capture import BadCapture, read_capture, redacted
from .page import empty_page, page
from .run import play
from .story import story

Files: TypeAlias = list[tuple[str, bytes]]

_MOST_FILES: Final = 100
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"}


@asynccontextmanager
async def viewing(hidden: bool = False) -> AsyncGenerator[str]:
    """The viewer while the block runs, and its address. `hidden`: message texts are never shown."""
    app = web.Application(client_max_size=2 * MAX_BODY, middlewares=[_at_home])
    app[_HIDDEN] = hidden
    app.add_routes([web.get("/", _empty), web.post("/story", _story), web.post("/page", _page)])
    server = HttpServer("127.0.0.1", 0)
    listener = await server.bind(app)
    try:
        await listener.start_serving()
        yield f"{server.url}/"
    finally:
        await server.close()


_HIDDEN: Final = web.AppKey("hidden", bool)


@web.middleware
async def _at_home(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Accept requests of this machine only, and not from pages of other sites in its browser."""
    if is_cross_site(request) or not is_loopback(host_name(request.host)):
        raise refusal(403, "use the address that statemachine replay --open printed")
    return await handler(request)


async def _empty(request: web.Request) -> web.Response:
    return _html(empty_page(hidden=request.app[_HIDDEN]))


async def _story(request: web.Request) -> web.Response:
    """The story of the files of a form, as JSON."""
    return answer(await _read_story(request))


async def _page(request: web.Request) -> web.Response:
    """The same as a page to keep."""
    return _html(page(await _read_story(request)))


def _html(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/html", charset="utf-8", headers=_HEADERS)


async def _read_story(request: web.Request) -> dict[str, Any]:
    """Refuses with 400 and the reason."""
    try:
        form = await request.post()
    except web.HTTPRequestEntityTooLarge:
        raise refusal(413, f"larger than {MAX_BODY // 1_000_000} MB") from None
    files = [(one.filename, one.file.read()) for one in form.getall("file", []) if isinstance(one, web.FileField)]
    if not 0 < len(files) <= _MOST_FILES:
        raise refusal(400, f"expected 1 to {_MOST_FILES} files")
    try:
        return await asyncio.to_thread(_replay_files, files, request.app[_HIDDEN] or bool(form.get("hidden")))
    except BadCapture as error:
        raise refusal(400, str(error)) from None


def _replay_files(files: Files, hidden: bool) -> dict[str, Any]:
    capture = read_capture(files)
    return story(play(redacted(capture) if hidden else capture), ", ".join(name for name, _ in files))
