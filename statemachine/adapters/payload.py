"""The body of a request: none, JSON, or a file in a multipart form, whose progress is reported."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import stat
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeAlias

from statemachine.codec.http import HttpRequest

from ..logs import Logger
from .aiohttp_extra import aiohttp

_log: Final = Logger()

UploadProgress: TypeAlias = Callable[[int, int], None]
"""Called in the loop's thread as a file is read to be sent, with the bytes so far and the size."""


class UnreadablePayload(Exception):
    """The file or the values to send cannot be read. The text says why; it names no path."""


@asynccontextmanager
async def payload(
    request: HttpRequest, source: bytes | Path | None, uploaded: UploadProgress | None = None
) -> AsyncGenerator[bytes | aiohttp.FormData | None]:
    """The request's body, or the file `source` as the only part of a form.

    Raises UnreadablePayload for a file that cannot be read, also where that is found while it is sent. Files are opened
    and read in other threads.
    """
    if source is None:
        yield request.body
        return
    file = await asyncio.to_thread(_open, source, _Progress(uploaded))
    try:
        form = aiohttp.FormData(quote_fields=False)  # as browsers do: the name in UTF-8, not percent-encoded
        form.add_field("file", file, filename=_file_name(request.upload_name))
        try:
            yield form
        except Exception as error:
            if isinstance(file, _File) and file.failure:
                raise UnreadablePayload(file.failure) from error
            raise
    finally:
        await asyncio.shield(asyncio.to_thread(file.close))  # it waits for a read in progress


class _Progress:
    """Reports how far a file was read. Made in the loop's thread, used in others."""

    def __init__(self, uploaded: UploadProgress | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._uploaded = uploaded
        self._done = 0

    def add(self, count: int, size: int) -> None:
        """Count these bytes of a file of this size."""
        self._done += count
        if self._uploaded and count:
            self._loop.call_soon_threadsafe(_report, self._uploaded, self._done, size)


def _report(uploaded: UploadProgress, done: int, size: int) -> None:
    with _log.errors("upload_progress_failed"):  # SystemExit too would end the event loop
        uploaded(done, size)


class _Bytes(io.BytesIO):
    def __init__(self, data: bytes, progress: _Progress) -> None:
        super().__init__(data)
        self._progress = progress
        self._size = len(data)

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self._progress.add(len(data), self._size)
        return data


class _File(io.BufferedReader):
    """A regular file of a known size. `failure`: why it could not be read to its end, or ""."""

    def __init__(self, raw: io.FileIO, size: int, progress: _Progress) -> None:
        super().__init__(raw)
        self._progress = progress
        self._size = self._left = size
        self.failure = ""

    def read(self, size: int | None = -1, /) -> bytes:
        try:
            data = super().read(size)
            self._left -= len(data)
            is_at_end = not data if size is None or size < 0 else len(data) < size
            # The request has promised the whole size: without this error the server waits for the rest.
            if os.fstat(self.fileno()).st_size < self._size or (is_at_end and self._left > 0):
                raise OSError(errno.EIO, "it is shorter than it was, or than its size says")
        except OSError as error:
            self.failure = _why(error)
            raise
        self._progress.add(len(data), self._size)
        return data


def _open(source: bytes | Path, progress: _Progress) -> io.BufferedIOBase:
    """The file to read. Raises UnreadablePayload."""
    if isinstance(source, bytes):
        return _Bytes(source, progress)
    try:
        # Not blocking: to open a named pipe would wait for its other end.
        raw = io.FileIO(source, opener=lambda path, flags: os.open(path, flags | getattr(os, "O_NONBLOCK", 0)))
    except (OSError, ValueError) as error:
        raise UnreadablePayload(_why(error)) from error
    try:
        status = os.fstat(raw.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise UnreadablePayload("it is not a regular file")
        # Files that the system makes up (/proc) have size 0, and content or errors.
        if status.st_size == 0 and raw.read(1):
            raise UnreadablePayload("its size is not known")
        return _File(raw, status.st_size, progress)
    except BaseException as error:
        raw.close()
        if isinstance(error, OSError):
            raise UnreadablePayload(_why(error)) from error
        raise


def _why(error: OSError | ValueError) -> str:
    """Without the path, which may hold a customer's name."""
    text = error.strerror if isinstance(error, OSError) else None
    return text or "its path cannot be used"


def _file_name(name: str) -> str:
    printable = "".join(char for char in name if char.isprintable())
    return printable.encode(errors="replace").decode() or "file"
