"""What is kept of customers, in the store and in traces: removed in both."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial

from attrs import frozen

from statemachine.adapters.protocols import Archive, Done
from statemachine.adapters.traces import TraceFiles

from .errors import BadSetting

__all__ = ["Keeping", "traces_in"]


def traces_in(folder: str | os.PathLike[str], limit: float) -> TraceFiles:
    """Traces in this directory. Raises BadSetting."""
    try:
        return TraceFiles(folder, limit=limit)
    except OSError as error:
        raise BadSetting(f"trace: {os.fspath(folder)} cannot be used: {error.strerror}") from None


@frozen
class Keeping:
    """All that outlives a process. Both raise a `StoreError` or OSError, which say what could not be removed."""

    archive: Archive
    traces: TraceFiles | None

    async def purge(self, before: int, *, unread: bool) -> None:
        """Remove what was over before this instant (ms), see `Archive.purge`."""
        await _done(partial(self.archive.purge, before, unread=unread))
        if self.traces:
            await asyncio.to_thread(self.traces.purge, before)

    async def forget(self, session_id: str) -> None:
        """Remove all there is of this session."""
        await _done(partial(self.archive.forget, [session_id]))
        if self.traces:
            self.traces.forget(session_id)


async def _done(ask: Callable[[Done], None]) -> None:
    """Wait until the store has done this. Raises what it answers."""
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def done(error: BaseException | None) -> None:
        if answer.done():  # whoever waited was cancelled
            return
        if error is None:
            answer.set_result(None)
        else:
            answer.set_exception(error)

    ask(done)
    await answer
