"""Files on their way to the contact centre: streamed to the disk, deleted when their item is sent or has failed.

A file's name consists of digests of its client id and idempotency key: a repeated upload is the same file, and the
delivery update finds it.
"""

from __future__ import annotations

import asyncio
import secrets
from hashlib import blake2b
from pathlib import Path
from typing import Final

from aiohttp import web

from statemachine.client import ChatSession, Sending
from statemachine.core import DeliveryUpdate
from statemachine.core.session import Item
from statemachine.files import open_private, private_folder

from .problems import Problem

PIECE_TIMEOUT_S: Final = 30.0
"""For each piece of an upload."""


def is_unsent(item: Item) -> bool:
    """Whether this item is still to be sent."""
    return item.state.name in ("uploading", "pending", "sending", "in_doubt")


class Uploads:
    """The folder of the files. `limit`: bytes of one; `at_once`: further uploads wait."""

    def __init__(self, folder: Path, limit: int, at_once: int) -> None:
        """Raises OSError."""
        private_folder(folder)
        self._folder: Final = folder
        self._limit: Final = limit
        self._turns: Final = asyncio.Semaphore(at_once)
        for torn in folder.glob("*.part"):
            torn.unlink()

    async def send(
        self, request: web.Request, chat: ChatSession, name: str, image: bool | None, key: str | None
    ) -> Sending:
        """Receive the file of this request, and queue it. Raises Problem, and as `ChatSession.send_file`."""
        key = key or f"upload-{secrets.token_hex(16)}"
        path = self._path(chat.client_id, key)
        async with self._turns:
            await self._receive(request, path)
        try:
            return await chat.send_file(path, name=name, image=image, key=key)
        finally:
            if not any(item.key == key and is_unsent(item) for item in chat.session.items):  # refused, or sent before
                path.unlink(missing_ok=True)

    async def _receive(self, request: web.Request, path: Path) -> None:
        if request.content_length is not None and request.content_length > self._limit:
            raise self._too_large()
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        try:
            with open_private(part, "x") as file:
                size = 0
                while piece := await _piece(request):
                    size += len(piece)
                    if size > self._limit:
                        raise self._too_large()
                    await asyncio.to_thread(file.write, piece)
            _keep(part, path)
        finally:
            part.unlink(missing_ok=True)

    def _too_large(self) -> Problem:
        return Problem(413, "too_large", f"a file has at most {self._limit} bytes: send a smaller one")

    def delivered(self, client_id: str, update: DeliveryUpdate) -> None:
        """Delete the file of an item that is sent or has failed."""
        if update.key and update.state in ("sent", "failed"):
            self._path(client_id, update.key).unlink(missing_ok=True)

    def forget(self, client_id: str) -> None:
        """Delete the files of this client."""
        for path in self._folder.glob(f"{_digest(client_id)}-*"):
            path.unlink(missing_ok=True)

    def purge(self, before: float) -> None:
        """Delete the files of uploads that were never queued, because the gateway was killed: older than this (s)."""
        for path in self._folder.iterdir():
            if path.stat().st_mtime < before:
                path.unlink(missing_ok=True)

    def _path(self, client_id: str, key: str) -> Path:
        return self._folder / f"{_digest(client_id)}-{_digest(key)}"


def _keep(part: Path, path: Path) -> None:
    """An existing file is the same one, perhaps under way already."""
    if not path.exists():
        part.replace(path)


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=12).hexdigest()


async def _piece(request: web.Request) -> bytes:
    """The next piece of the body, empty at its end. Raises Problem."""
    try:
        async with asyncio.timeout(PIECE_TIMEOUT_S):
            return await request.content.readany()
    except TimeoutError:
        raise Problem(408, "slow_body", f"no piece arrived within {PIECE_TIMEOUT_S:.0f} seconds") from None
