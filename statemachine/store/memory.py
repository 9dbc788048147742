"""A store in memory: for tests, for simulations, and for chats that need not survive the process."""

from __future__ import annotations

import json
import zlib
from bisect import bisect_right
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from operator import attrgetter
from typing import Final

from attrs import Factory, define, field

from statemachine.adapters.protocols import Done, Save, Stored
from statemachine.codec.snapshot import restore, snapshot

from ..core import Session, TranscriptUpdate
from .errors import StaleSave, StoreClosed, StoreError, check_ack, check_order

_seq: Final = attrgetter("seq")


@define
class _Kept:
    """`journal`: with acknowledged updates too, where transcripts are kept.

    `session`: once it has ended, its packed snapshot, which takes less than half of the memory (tests/client/ended.py);
    `saved_at`: of the last save; `ages`: the time of each update in the journal, both by the present clock.
    """

    session: Session | bytes
    version: int
    saved_at: int
    journal: list[TranscriptUpdate] = Factory(list["TranscriptUpdate"])
    ages: list[int] = Factory(list[int])
    cookies: str = field(default="", repr=False)
    cursor: int = 0
    last: int = 0
    """The last `seq` ever saved; the journal may have dropped acknowledged updates."""

    @property
    def over(self) -> bool:
        """Whether the session has ended."""
        return isinstance(self.session, bytes)

    def index_after(self, seq: int) -> int:
        """The index in the journal of the first update after this `seq`."""
        return bisect_right(self.journal, seq, key=_seq)


class MemoryStore:
    """Keeps everything in this process. `done` is called before the request returns.

    Args:
        transcript: Keep acknowledged updates until they are purged or forgotten.
    """

    def __init__(self, *, transcript: bool = False) -> None:
        self._transcript = transcript
        self._kept: dict[str, _Kept] = {}
        self._closed = False

    def __repr__(self) -> str:
        return f"<MemoryStore, {len(self._kept)} chats>"

    def save(self, save: Save, done: Done) -> None:
        """See `Store.save`."""
        with _answering(done):
            self._check_open()
            kept = self._kept.get(save.session_id)
            version = kept.version if kept else 0
            if save.version != version + 1:
                raise StaleSave(version, save.version)
            if kept is None:
                kept = _Kept(save.session, 0, save.session.now)
            check_order(kept.last, save.updates)
            kept.session = save.session if save.session.outcome is None else _packed(save.session)
            kept.version, kept.saved_at = save.version, save.session.now
            kept.last = save.updates[-1].seq if save.updates else kept.last
            kept.journal.extend(save.updates)
            kept.ages.extend(update.at for update in save.updates)
            self._kept[save.session_id] = kept

    def load(self, session_id: str) -> Stored | None:
        """See `Store.load`."""
        kept = self._kept.get(session_id)
        if kept is None:
            return None
        session = kept.session
        return Stored(_unpacked(session) if isinstance(session, bytes) else session, kept.version)

    def journal(self, session_id: str, after_seq: int, limit: int) -> tuple[TranscriptUpdate, ...]:
        """See `Store.journal`."""
        return self.transcript(session_id, max(after_seq, self.cursor(session_id)), limit)

    def transcript(self, session_id: str, after_seq: int, limit: int) -> tuple[TranscriptUpdate, ...]:
        """See `Archive.transcript`."""
        kept = self._kept.get(session_id)
        if kept is None:
            return ()
        start = kept.index_after(after_seq if self._transcript else max(after_seq, kept.cursor))
        return tuple(kept.journal[start : start + limit])

    def ack(self, session_id: str, seq: int, done: Done) -> None:
        """See `Store.ack`."""
        with _answering(done):
            self._check_open()
            kept = self._kept.get(session_id)
            check_ack(kept.last if kept else 0, seq)
            if kept and seq > kept.cursor:
                kept.cursor = seq
                read = 0 if self._transcript else kept.index_after(seq)
                if 2 * read >= len(kept.journal):  # to delete moves the rest: rarer deletions cost a constant for each
                    del kept.journal[:read], kept.ages[:read]

    def cursor(self, session_id: str) -> int:
        """See `Store.cursor`."""
        kept = self._kept.get(session_id)
        return kept.cursor if kept else 0

    def sessions(self) -> tuple[str, ...]:
        """See `Store.sessions`."""
        return tuple(sorted(self._kept))

    def purge(self, before: int, done: Done, *, unread: bool = False) -> None:
        """See `Archive.purge`."""
        with _answering(done):
            self._check_open()
            for session_id, kept in list(self._kept.items()):
                if kept.over and kept.saved_at < before and (unread or kept.last <= kept.cursor):
                    del self._kept[session_id]
                read = kept.index_after(kept.cursor)
                left = [n for n, at in enumerate(kept.ages) if n >= read or at >= before]
                kept.journal[:] = [kept.journal[n] for n in left]
                kept.ages[:] = [kept.ages[n] for n in left]

    def cookies(self, session_id: str) -> str:
        """See `Archive.cookies`."""
        kept = self._kept.get(session_id)
        return kept.cookies if kept else ""

    def keep_cookies(self, session_id: str, cookies: str, done: Done) -> None:
        """See `Archive.keep_cookies`."""
        with _answering(done):
            self._check_open()
            if kept := self._kept.get(session_id):
                kept.cookies = cookies

    def clock_changed(self, since: int, until: int, by: int, done: Done) -> None:
        """See `Archive.clock_changed`."""
        with _answering(done):
            for kept in self._kept.values():
                kept.saved_at = _moved(kept.saved_at, since, until, by)
                kept.ages[:] = [_moved(at, since, until, by) for at in kept.ages]

    def forget(self, session_ids: Iterable[str], done: Done) -> None:
        """See `Archive.forget`."""
        with _answering(done):
            self._check_open()
            for session_id in session_ids:
                self._kept.pop(session_id, None)

    def close(self) -> None:
        """See `Store.close`. What was stored can still be read."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosed("the store is closed")


def _packed(session: Session) -> bytes:
    return zlib.compress(json.dumps(snapshot(session), separators=(",", ":")).encode())


def _unpacked(data: bytes) -> Session:
    return restore(json.loads(zlib.decompress(data)))


def _moved(at: int, since: int, until: int, by: int) -> int:
    return at + by if since <= at <= until else at


@contextmanager
def _answering(done: Done) -> Generator[None]:
    """Call `done` at the end of the block, with its `StoreError` if it raised one."""
    try:
        yield
    except StoreError as error:
        done(error)
    else:
        done(None)
