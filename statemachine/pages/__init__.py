"""What the pages share: a style sheet, a script, and the frame of a page that needs nothing from elsewhere."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

_FOLDER: Final = files("statemachine.pages")
STYLE: Final[Traversable] = _FOLDER / "page.css"
SCRIPT: Final[Traversable] = _FOLDER / "page.js"

_NEVER: Final = {"base-uri": "'none'", "form-action": "'none'"}


def framed(title: str, body: str, *, style: str = "", script: str = "", **allowed: str) -> str:
    """One self-contained page with the shared style sheet, and with the shared script before a script of its own.

    Args:
        title: Its title, as text.
        body: The content of `body`, as HTML.
        style: More style sheet.
        script: More script; without one, the page has none.
        allowed: More sources, as in `connect_src="'self'"`; nothing else is loaded.
    """
    style = STYLE.read_text("utf-8") + style
    script = script and SCRIPT.read_text("utf-8") + script
    more = {name.replace("_", "-"): source for name, source in allowed.items()}
    scripts = {"script-src": _hash(script)} if script else {}
    rules = {"default-src": "'none'", "style-src": _hash(style), **scripts, **more, **_NEVER}
    policy = "; ".join(f"{kind} {source}" for kind, source in rules.items())
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n{body}"
        + (f"<script>{script}</script>\n" if script else "")
        + "</body>\n</html>\n"
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
