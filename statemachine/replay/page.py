"""The story as one self-contained page: no external resources, and no script but its own."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from ..pages import framed


def page(story: dict[str, Any]) -> str:
    """The page of a story, for reading offline. Texts are data, never markup."""
    return _page(str(story["title"]), story, _file("story.js"))


def empty_page(hidden: bool) -> str:
    """The page without a story: dropped files are sent to the viewer, which returns their story."""
    script = _file("story.js") + _file("viewer.js")
    return _page("A chat session's story", {"hidden": hidden}, script, connect_src="'self'")


def _page(title: str, data: dict[str, Any], script: str, **allowed: str) -> str:
    body = f'{_file("story.html")}<script type="application/json" id="story">{_data(data)}</script>\n'
    return framed(title, body, style=_file("story.css"), script=script, **allowed)


def _data(data: dict[str, Any]) -> str:
    """JSON that no text in it can break out of."""
    plain = json.dumps(data, separators=(",", ":"))  # ASCII
    return plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _file(name: str) -> str:
    return resources.files("statemachine.replay").joinpath("static", name).read_text("utf-8")
