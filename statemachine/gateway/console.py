"""The console of a gateway: a page that shows chats, phases, traffic and parked chats. It only reads, with a token.

The page itself holds no data and needs no token: it asks the API, as any other program does.
"""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files
from typing import Final

from aiohttp import web

from statemachine import pages
from statemachine.codec.body import json_text
from statemachine.diagrams import lifecycle_outline

PATH: Final = "/console"
_HEADERS: Final = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"}
_BODY: Final = """<div class="report">
<header><h1>Chat gateway</h1>
<form id="login"><label>Token <input id="token" type="password" autocomplete="off" size="30"></label>
<button id="use" class="button">Use</button></form><span id="state" role="status" class="soft"></span></header>
<main>
<section><h2>Chats <span id="count" class="soft"></span></h2><div id="chats"></div>
<h2>Webhooks</h2><div id="parked" class="soft"></div></section>
<section><h2>Phase</h2><p id="selected" class="soft">Select a chat to see its phase.</p>
<div id="picture"></div></section>
</main>
<h2>Traffic</h2>
<div class="wide"><table><thead><tr><th>time<th>client<th>update<th>content</thead>
<tbody id="traffic"></tbody></table></div>
</div>
<template id="outline">{outline}</template>
<noscript>This page needs JavaScript.</noscript>
"""


@cache
def page() -> str:
    """The page, self-contained."""
    own = files("statemachine.gateway") / "static"
    style, script = ((own / name).read_text("utf-8") for name in ("console.css", "console.js"))
    body = _BODY.replace("{outline}", escape(json_text(lifecycle_outline())))
    return pages.framed("Chat gateway", body, style=style, script=script, connect_src="'self'")


async def serve(_: web.Request) -> web.Response:
    """Answer with the page."""
    return web.Response(text=page(), content_type="text/html", charset="utf-8", headers=_HEADERS)
