"""DOT text to SVG and PNG: by graphviz-pure, which writes the same bytes everywhere, or by an installed `dot`."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Final

DARK: Final = "<style>@media (prefers-color-scheme: dark) { svg { filter: invert(1) hue-rotate(180deg) } }</style>\n"
"""Pictures follow a dark page: light and dark change places, and the hues stay."""


class NoRenderer(Exception):
    """Nothing that renders DOT is installed, or it failed."""


def render(text: str, dpi: int) -> tuple[str, bytes]:
    """SVG and PNG of a DOT text; `dpi`: pixels of the PNG per inch, 72 being the SVG's own size. Raises NoRenderer."""
    return svg(text), run(_installed(), text, "png", f"-Gdpi={dpi}")


def svg(text: str) -> str:
    """A DOT text as SVG, which follows dark pages. Raises NoRenderer."""
    return run(_installed(), text, "svg").decode().replace('<g id="graph0"', f'{DARK}<g id="graph0"', 1)


def _installed() -> str:
    tool = renderer()
    if tool is None:
        raise NoRenderer("graphviz-pure renders the pictures: pip install 'chat-session-statemachine[diagrams]'")
    return tool


def renderer() -> str | None:
    """The command that renders DOT."""
    own = Path(sysconfig.get_path("scripts")) / "graphviz-pure"
    return shutil.which(str(own)) or shutil.which("graphviz-pure") or shutil.which("dot")


def run(tool: str, text: str, form: str, *options: str) -> bytes:
    """What a renderer makes of a DOT text. Raises NoRenderer where it fails."""
    done = subprocess.run([tool, f"-T{form}", *options], input=text.encode(), capture_output=True, check=False)
    if done.returncode or not done.stdout:
        raise NoRenderer(f"{tool} cannot render this: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
