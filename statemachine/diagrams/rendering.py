"""Mermaid text to SVG and PNG, by mermaidx (real Mermaid, no browser)."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any, Final

PAPER: Final = "#ffffff"
"""Rendered pictures bring their own background: arcs drawn in black vanish on a dark page."""
GREY: Final = "rgba(232,232,232, 0.8)"
"""Mermaid's paper for labels, replaced by ours, so that a label hides the arc that it interrupts.

Not by a style sheet: given one, mermaidx measures letters of another size than it draws.
"""
SETTINGS: Final = f"{PAPER} for {GREY}"
"""Whatever beside the text decides what a picture looks like."""

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


class NoRenderer(Exception):
    """mermaidx is not installed."""


def render(text: str, scale: float) -> tuple[str, bytes]:
    """SVG and PNG of a Mermaid text; `scale`: pixels of the PNG per unit of the SVG. Raises NoRenderer."""
    try:
        import mermaidx as untyped
    except ImportError:
        raise NoRenderer("mermaidx renders the pictures: pip install 'chat-session-statemachine[diagrams]'") from None
    mermaidx: Any = untyped
    svg = str(mermaidx.render(text).svg()).rstrip() + "\n"
    svg = svg.replace("background-color: transparent", f"background-color: {PAPER}").replace(GREY, PAPER)
    png = mermaidx.svg_to_png(svg, width=round(scale * _width(svg)), background=PAPER)
    return svg, shrink(bytes(png))


def _width(svg: str) -> float:
    found = re.search(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+) ', svg)
    return float(found[1]) if found else 1000.0


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
