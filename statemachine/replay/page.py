"""The story as one self-contained page: everything inside, nothing from outside, and no script but its own."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib import resources
from typing import Any

__all__ = ["page", "viewer"]


def page(story: dict[str, Any]) -> str:
    """A story, to be read offline. Its texts are data; the page shows them as text."""
    return _page(str(story["title"]), story)


def viewer() -> str:
    """The same page with nothing in it yet: it reads the trace that is dropped on it."""
    from ..diagrams import lifecycle_outline

    return _page("A chat session's trace", {"lifecycle": lifecycle_outline()})


def _page(title: str, data: dict[str, Any]) -> str:
    style, script = _file("story.css"), _file("story.js")
    allowed = {"default-src": "none", "style-src": _hash(style), "script-src": _hash(script), "base-uri": "none"}
    policy = "; ".join(f"{kind} '{source}'" for kind, source in {**allowed, "form-action": "none"}.items())
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n{_file('story.html')}"
        f'<script type="application/json" id="story">{_data(data)}</script>\n<script>{script}</script>\n</html>\n'
    )


def _data(data: dict[str, Any]) -> str:
    """JSON that no text in it can break out of."""
    plain = json.dumps(data, separators=(",", ":"))  # ASCII
    return plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _file(name: str) -> str:
    return resources.files(__package__ or __name__).joinpath("static", name).read_text("utf-8")
