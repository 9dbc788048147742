"""Deletes customers' data, in the store and in the traces."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from attrs import frozen

from statemachine.adapters.aio import settle
from statemachine.adapters.protocols import Archive, Done
from statemachine.adapters.traces import TraceFiles

from .arguments import path
from .errors import BadSetting, NotSaved


def traces_in(folder: str | os.PathLike[str], limit: float) -> TraceFiles:
    """Traces in this directory. Raises BadSetting."""
    name = path("trace", folder, "a directory (str or PathLike)")
    try:
        return TraceFiles(name, limit=limit)
    except (OSError, ValueError) as error:  # ValueError: a NUL character
        raise BadSetting(f"trace: {name!r} cannot be used: {getattr(error, 'strerror', error)}") from None


@frozen
class Retention:
    """The data that outlives a process. `within`: how long to wait for the store.

    Both methods raise a `StoreError` or OSError, which say what could not be deleted, or NotSaved.
    """

    archive: Archive
    traces: TraceFiles | None
    within: timedelta

    async def purge(self, before: int, *, unread: bool) -> None:
        """Delete what ended before this time (ms), see `Archive.purge`."""
        await self._done(partial(self.archive.purge, before, unread=unread))
        if self.traces:
            await asyncio.to_thread(self.traces.purge, before)

    async def forget(self, session_id: str) -> None:
        """Delete all data of this session."""
        await self._done(partial(self.archive.forget, [session_id]))
        if self.traces:
            self.traces.forget(session_id)

    async def _done(self, ask: Callable[[Done], None]) -> None:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        ask(partial(settle, answer))
        try:
            async with asyncio.timeout(self.within.total_seconds()):
                await answer
        except TimeoutError:
            raise NotSaved(
                f"the store has not deleted this within {self.within}; it may still do so: repeat it"
            ) from None
