"""DOT text to SVG and PNG, by graphviz-pure (Graphviz in one wheel, the same bytes everywhere), or an installed `dot`."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sysconfig
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


class NoRenderer(Exception):
    """Nothing that renders DOT is installed, or it failed."""


def render(text: str, dpi: int) -> tuple[str, bytes]:
    """SVG and PNG of a DOT text; `dpi`: pixels of the PNG per inch, 72 being the SVG's own size. Raises NoRenderer."""
    tool = renderer()
    if tool is None:
        raise NoRenderer("graphviz-pure renders the pictures: pip install 'chat-session-statemachine[diagrams]'")
    return run(tool, text, "svg").decode(), shrink(run(tool, text, "png", f"-Gdpi={dpi}"))


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


def shrink(png: bytes) -> bytes:
    """The same picture, packed as tightly as zlib can: what is committed stays in the history for ever."""
    chunks = list(_chunks(png))
    data = b"".join(body for kind, body in chunks if kind == b"IDAT")
    packed = zlib.compress(zlib.decompress(data), 9)
    before = [chunk for chunk in chunks if chunk[0] not in (b"IDAT", b"IEND")]
    return _SIGNATURE + b"".join(_chunk(*one) for one in (*before, (b"IDAT", packed), (b"IEND", b"")))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(png):
        (size,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        at += 12 + size


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
