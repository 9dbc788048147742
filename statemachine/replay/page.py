"""The story as one self-contained page: no external resources, and no script but its own."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib import resources
from typing import Any, Final

_NEVER: Final = {"base-uri": "'none'", "form-action": "'none'"}


def page(story: dict[str, Any]) -> str:
    """The page of a story, for reading offline. Texts are data, never markup."""
    return _page(str(story["title"]), story, _scripts("story.js"))


def empty_page(hidden: bool) -> str:
    """The page without a story: dropped files are sent to the viewer, which returns their story."""
    script = _scripts("story.js", "viewer.js")
    return _page("A chat session's story", {"hidden": hidden}, script, **{"connect-src": "'self'"})


def _page(title: str, data: dict[str, Any], script: str, **allowed: str) -> str:
    style = _file("story.css")
    rules = {"default-src": "'none'", "style-src": _hash(style), "script-src": _hash(script), **allowed}
    policy = "; ".join(f"{kind} {source}" for kind, source in {**rules, **_NEVER}.items())
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n{_file('story.html')}"
        f'<script type="application/json" id="story">{_data(data)}</script>\n<script>{script}</script>\n</html>\n'
    )


def _scripts(*names: str) -> str:
    return _file("lifecycle.js", "statemachine.diagrams") + "".join(map(_file, names))


def _data(data: dict[str, Any]) -> str:
    """JSON that no text in it can break out of."""
    plain = json.dumps(data, separators=(",", ":"))  # ASCII
    return plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _file(name: str, package: str = "statemachine.replay") -> str:
    return resources.files(package).joinpath("static", name).read_text("utf-8")
