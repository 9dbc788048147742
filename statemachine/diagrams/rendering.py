"""Mermaid text to SVG and PNG, by mermaidx (real Mermaid, no browser)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any, Final

PAPER: Final = "#ffffff"
"""Rendered pictures bring their own background: arcs drawn in black vanish on a dark page."""
CSS: Final = f".edgeLabel, .edgeLabel p {{ background-color: {PAPER} !important; }}"
"""Labels hide the arc that they interrupt."""
SETTINGS: Final = f"{PAPER} {CSS}"
"""Whatever else than the text decides what a picture looks like."""

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


class NoRenderer(Exception):
    """mermaidx is not installed."""


def render(text: str, scale: float) -> tuple[str, bytes]:
    """SVG and PNG of a Mermaid text; `scale`: pixels of the PNG per unit of the SVG. Raises NoRenderer."""
    try:
        import mermaidx
    except ImportError:
        raise NoRenderer("mermaidx renders the pictures: pip install 'chat-session-statemachine[diagrams]'") from None
    drawing: Any = mermaidx.render(text, css=CSS)
    svg = str(drawing.svg()).replace("background-color: transparent", f"background-color: {PAPER}", 1)
    return svg.rstrip() + "\n", shrink(bytes(drawing.png(scale=scale, background=PAPER)))


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
