"""Unpack compressed answers within bounds; aiohttp would unpack all of them, in any encoding it knows."""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

__all__ = ["ENCODINGS", "MAX_EXPANSION", "MAX_UNPACKED", "ExpandedTooFar", "inflated"]

ENCODINGS: Final = "gzip, deflate"
"""The content encodings that are asked for."""
MAX_EXPANSION: Final = 100
"""Bytes of JSON that one byte of the wire may become. Chats become 5 to 20 times as long; gzip can do 1,032."""
MAX_UNPACKED: Final = 256 * 1024
"""Bytes of JSON that may come of any answer, however small: a text of the same letter is honest."""
_PIECE: Final = 64 * 1024


class ExpandedTooFar(Exception):
    """The rest of the answer was not unpacked."""


async def inflated(chunks: AsyncIterator[bytes], encoding: str, *, limited: bool) -> AsyncGenerator[bytes]:
    """The content of a body, in pieces.

    Args:
        chunks: The body as received.
        encoding: Its `Content-Encoding`; one that was not asked for is not unpacked.
        limited: Whether the limits of expansion apply.

    Raises:
        ExpandedTooFar: After the last piece within the limits.
        zlib.error: It cannot be unpacked.
    """
    unpacker = None
    received = unpacked = 0
    async for chunk in chunks:
        if encoding not in ("gzip", "deflate"):
            yield chunk
            continue
        received += len(chunk)
        if unpacker is None:
            is_raw = encoding == "deflate" and chunk[0] & 0xF != 8  # some servers leave zlib's header out
            unpacker = zlib.decompressobj(-zlib.MAX_WBITS if is_raw else zlib.MAX_WBITS | 32)
        most = max(MAX_UNPACKED, MAX_EXPANSION * received)
        while chunk:
            piece = unpacker.decompress(chunk, _PIECE)
            chunk = unpacker.unconsumed_tail
            unpacked += len(piece)
            if limited and unpacked > most:
                yield piece[: most - unpacked]
                raise ExpandedTooFar
            yield piece
