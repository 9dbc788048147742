"""A store that forgets with the process: for tests, for simulations, and for chats that need not survive it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from functools import partial
from operator import attrgetter
from typing import Final

from attrs import Factory, define

from statemachine.adapters.protocols import Done, Save, Stored

from ..core import TranscriptUpdate
from .errors import StaleSave, StoreClosed, StoreError, check_ack, check_order

__all__ = ["MemoryStore"]

_seq: Final = attrgetter("seq")


@define
class _Kept:
    """`journal`: also what was acknowledged, where transcripts are kept."""

    stored: Stored
    journal: list[TranscriptUpdate] = Factory(list["TranscriptUpdate"])
    cursor: int = 0

    @property
    def last(self) -> int:
        """The last `seq` there ever was: what is acknowledged may be gone from the journal."""
        return self.journal[-1].seq if self.journal else self.cursor

    def after(self, seq: int) -> int:
        """The place in the journal of what comes after this `seq`."""
        return bisect_right(self.journal, seq, key=_seq)


class MemoryStore:
    """Keeps everything in this process. `done` is called before what it is for returns.

    `transcript`: keep news after it was acknowledged, until it is purged or forgotten.
    """

    def __init__(self, *, transcript: bool = False) -> None:
        self._transcript = transcript
        self._kept: dict[str, _Kept] = {}
        self._closed = False

    def save(self, save: Save, done: Done) -> None:
        """See `Store.save`."""
        _do(partial(self._save, save), done)

    def _save(self, save: Save) -> None:
        self._open()
        kept = self._kept.get(save.session_id)
        version = kept.stored.version if kept else 0
        if save.version != version + 1:
            raise StaleSave(version, save.version)
        stored = Stored(save.session, save.version)
        if kept is None:
            kept = _Kept(stored)
        check_order(kept.last, save.updates)
        kept.stored = stored
        kept.journal.extend(save.updates)
        self._kept[save.session_id] = kept

    def load(self, session_id: str) -> Stored | None:
        """See `Store.load`."""
        kept = self._kept.get(session_id)
        return kept.stored if kept else None

    def journal(self, session_id: str, after_seq: int, limit: int) -> tuple[TranscriptUpdate, ...]:
        """See `Store.journal`."""
        return self.transcript(session_id, max(after_seq, self.cursor(session_id)), limit)

    def transcript(self, session_id: str, after_seq: int, limit: int) -> tuple[TranscriptUpdate, ...]:
        """See `Archive.transcript`."""
        kept = self._kept.get(session_id)
        if kept is None:
            return ()
        start = kept.after(after_seq)
        return tuple(kept.journal[start : start + limit])

    def ack(self, session_id: str, seq: int, done: Done) -> None:
        """See `Store.ack`."""
        _do(partial(self._ack, session_id, seq), done)

    def _ack(self, session_id: str, seq: int) -> None:
        self._open()
        kept = self._kept.get(session_id)
        check_ack(kept.last if kept else 0, seq)
        if kept and seq > kept.cursor:
            kept.cursor = seq
            if not self._transcript:
                del kept.journal[: kept.after(seq)]

    def cursor(self, session_id: str) -> int:
        """See `Store.cursor`."""
        kept = self._kept.get(session_id)
        return kept.cursor if kept else 0

    def sessions(self) -> tuple[str, ...]:
        """See `Store.sessions`."""
        return tuple(sorted(self._kept))

    def purge(self, before: int, done: Done, *, unread: bool = False) -> None:
        """See `Archive.purge`."""
        _do(partial(self._purge, before, unread), done)

    def _purge(self, before: int, unread: bool) -> None:
        self._open()
        for session_id, kept in list(self._kept.items()):
            session = kept.stored.session
            if session.outcome is not None and session.now < before and (unread or kept.last <= kept.cursor):
                del self._kept[session_id]
            read = kept.after(kept.cursor)
            kept.journal[:read] = [update for update in kept.journal[:read] if update.at >= before]

    def forget(self, session_ids: Iterable[str], done: Done) -> None:
        """See `Archive.forget`."""
        _do(partial(self._forget, tuple(session_ids)), done)

    def _forget(self, session_ids: tuple[str, ...]) -> None:
        self._open()
        for session_id in session_ids:
            self._kept.pop(session_id, None)

    def close(self) -> None:
        """See `Store.close`. What was stored can still be read."""
        self._closed = True

    def _open(self) -> None:
        if self._closed:
            raise StoreClosed("the store is closed")


def _do(work: Callable[[], None], done: Done) -> None:
    try:
        work()
    except StoreError as error:
        done(error)
    else:
        done(None)
