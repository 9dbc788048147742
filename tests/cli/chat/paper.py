"""A screen that can be watched."""

from __future__ import annotations

import asyncio
import io


class Paper(io.StringIO):
    """What is written, in UTF-8."""

    encoding = "utf-8"

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def write(self, text: str) -> int:
        self._changed.set()
        return super().write(text)

    async def shows(self, words: str) -> None:
        """Wait for these words."""
        async with asyncio.timeout(30):
            while words not in self.getvalue():
                self._changed.clear()
                await self._changed.wait()
