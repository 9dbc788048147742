"""A store that forgets with the process: for tests, for simulations, and for chats that need not survive it."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import Final

from attrs import Factory, define

from statemachine.adapters.protocols import Done, Save, Stored
from statemachine.core.news import Transcript

from .errors import StaleSave, StoreClosed, StoreError

__all__ = ["MemoryStore"]

_seq: Final = attrgetter("seq")


@define
class _Kept:
    stored: Stored
    journal: list[Transcript] = Factory(list["Transcript"])
    cursor: int = 0


class MemoryStore:
    """Keeps everything in this process. `done` is called before `save` and `ack` return."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._closed = False

    def save(self, save: Save, done: Done) -> None:
        """See `Store.save`."""
        done(self._save(save))

    def _save(self, save: Save) -> StoreError | None:
        if self._closed:
            return StoreClosed("the store is closed")
        kept = self._kept.get(save.session_id)
        version = kept.stored.version if kept else 0
        if save.version != version + 1:
            return StaleSave(version, save.version)
        journal = kept.journal if kept else []
        last = journal[-1].seq if journal else 0
        for news in save.news:
            if news.seq <= last:
                return StoreError(f"news {news.seq} cannot follow news {last}")
            last = news.seq
        stored = Stored(save.session, save.version)
        if kept is None:
            kept = self._kept[save.session_id] = _Kept(stored)
        kept.stored = stored
        kept.journal.extend(save.news)
        return None

    def load(self, session_id: str) -> Stored | None:
        """See `Store.load`."""
        kept = self._kept.get(session_id)
        return kept.stored if kept else None

    def journal(self, session_id: str, after_seq: int, limit: int) -> tuple[Transcript, ...]:
        """See `Store.journal`."""
        kept = self._kept.get(session_id)
        if kept is None:
            return ()
        start = bisect_right(kept.journal, after_seq, key=_seq)
        return tuple(kept.journal[start : start + limit])

    def ack(self, session_id: str, seq: int, done: Done) -> None:
        """See `Store.ack`."""
        done(self._ack(session_id, seq))

    def _ack(self, session_id: str, seq: int) -> StoreError | None:
        if self._closed:
            return StoreClosed("the store is closed")
        kept = self._kept.get(session_id)
        last = kept.journal[-1].seq if kept and kept.journal else 0
        if seq > last:
            return StoreError(f"news {seq} cannot be acknowledged: the last is {last}")
        if kept:
            kept.cursor = max(kept.cursor, seq)
        return None

    def cursor(self, session_id: str) -> int:
        """See `Store.cursor`."""
        kept = self._kept.get(session_id)
        return kept.cursor if kept else 0

    def sessions(self) -> tuple[str, ...]:
        """See `Store.sessions`."""
        return tuple(sorted(self._kept))

    def close(self) -> None:
        """See `Store.close`. What was stored can still be read."""
        self._closed = True
