"""The body of a request: none, JSON, or a file in a multipart form, whose progress is reported."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

from statemachine.codec.http import HttpRequest

try:
    import aiohttp
except ModuleNotFoundError as missing:  # pragma: no cover - tested in a process of its own
    raise ModuleNotFoundError(
        "HTTP needs aiohttp: pip install 'chat-session-statemachine[http]'", name=missing.name
    ) from None


UploadProgress: TypeAlias = Callable[[int, int], None]
"""Called in the loop's thread as a file is read to be sent, with the bytes so far and the size."""


@asynccontextmanager
async def payload(
    request: HttpRequest, source: bytes | Path | None, uploaded: UploadProgress | None = None
) -> AsyncGenerator[bytes | aiohttp.FormData | None]:
    """The request's body, or the file `source` as the only part of a form. Raises LookupError for a missing file."""
    if source is None:
        yield request.body
        return
    with _open(source, uploaded) as file:
        form = aiohttp.FormData(quote_fields=False)  # as browsers do: the name in UTF-8, not percent-encoded
        form.add_field("file", file, filename=_file_name(request.upload_name))
        yield form


class _Progress:
    """Reports how far a file was read. aiohttp reads files in other threads."""

    def __init__(self, size: int, uploaded: UploadProgress | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._size = size
        self._uploaded = uploaded
        self._done = 0

    def add(self, count: int) -> None:
        """Count these bytes."""
        self._done += count
        if self._uploaded and count:
            self._loop.call_soon_threadsafe(self._uploaded, self._done, self._size)


class _Bytes(io.BytesIO):
    def __init__(self, data: bytes, progress: _Progress) -> None:
        super().__init__(data)
        self._progress = progress

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self._progress.add(len(data))
        return data


class _File(io.BufferedReader):
    def __init__(self, raw: io.FileIO, progress: _Progress) -> None:
        super().__init__(raw)
        self._progress = progress

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self._progress.add(len(data))
        return data


def _open(source: bytes | Path, uploaded: UploadProgress | None) -> io.BufferedIOBase:
    if isinstance(source, bytes):
        return _Bytes(source, _Progress(len(source), uploaded))
    try:
        raw = io.FileIO(source)
    except OSError as error:
        raise LookupError(f"the file cannot be read: {error.strerror}") from error
    return _File(raw, _Progress(os.fstat(raw.fileno()).st_size, uploaded))


def _file_name(name: str) -> str:
    printable = "".join(char for char in name if char.isprintable())
    return printable.encode(errors="replace").decode() or "file"
