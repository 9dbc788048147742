"""Who knows what must hold: the laws after every step, and what the client, its application and the centre agree on.

The oracle sees both sides of the line. Nothing here is known to the client; what a client can know is in the engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final, cast

from attrs import define, evolve, field, frozen

from statemachine.codec.wire import decode_entry
from statemachine.conformance import laws
from statemachine.core.commands import Command, Poll, Post
from statemachine.core.derived import outbox
from statemachine.core.events import Answered, Event, EventBatch, HistoryLog
from statemachine.core.session import TERMINAL, Session
from statemachine.core.updates import DeliveryUpdate, HistoryGap, Notification, Received, TranscriptUpdate
from statemachine.core.wire import (
    TRANSCRIPT_ENTRIES,
    CobrowsingRequested,
    Entry,
    File,
    FormShow,
    Message,
    SecureFormShow,
    Signaling,
)
from statemachine.emulator import names
from statemachine.emulator.chat import Chat

from .excuses import excuses
from .reach import Reach

if TYPE_CHECKING:
    from .world import World

__all__ = ["Book", "Oracle", "Violation"]

_PASSING: Final = (Signaling, CobrowsingRequested)
"""Entries that a log need not hold, or that are told of it only while they matter."""


_DEEP_EVERY: Final = 29
"""Some laws cost a hundred times the step itself: they are tried on a sample."""
_DEEP: Final = (laws.law_05_restore, laws.law_10_input, laws.law_11_order, laws.law_12_rows)
_QUICK: Final = tuple(law for law in laws.STEP_LAWS if law not in _DEEP)


@frozen
class Violation:
    """A law that was broken. `seed` and `step` say where; `detail` says how."""

    seed: int
    step: int
    law: str
    detail: str


@define
class Book:
    """What is known of one session. `texts`: (text, item id) as accepted; `log`: every event it was fed, and saved."""

    session_id: str
    config: Any
    start: Session
    texts: list[tuple[str, str]] = field(factory=list[tuple[str, str]])
    log: list[tuple[Event, bool]] = field(factory=list[tuple[Event, bool]])
    told: dict[int, TranscriptUpdate] = field(factory=dict[int, TranscriptUpdate])
    counts: Counter[Entry] = field(factory=Counter[Entry])
    offered: list[tuple[int, Entry]] = field(factory=list[tuple[int, Entry]])
    ids: dict[str, str] = field(factory=dict[str, str])
    former: Book | None = None
    ledger: laws.Ledger = field(factory=laws.Ledger)
    inherited: laws.Ledger = field(init=False)
    store_lost: bool = False

    def news_of(self, item: str) -> list[DeliveryUpdate]:
        """What was told about one item, in order."""
        found = [self.told[seq] for seq in sorted(self.told)]
        return [one for one in found if isinstance(one, DeliveryUpdate) and one.item == item]


class Oracle:
    """Watches one world. The first thing that is wrong stays in `violation`."""

    def __init__(self, world: World, reach: Reach | None = None) -> None:
        self._world = world
        self._reach = reach
        self.violation: Violation | None = None
        self.books: Final[list[Book]] = []
        self.latest_message = ""
        self.events = 0
        self.phases: Final[Counter[str]] = Counter()
        self.is_ghost = False
        """The process that runs began with an old copy of its session: it must do nothing and tell nothing."""
        self._judged = 0

    @property
    def book(self) -> Book:
        """Of the session that runs now."""
        return self.books[-1]

    def fail(self, law: str, detail: str) -> None:
        """Something is wrong. Only the first counts: the rest may follow from it."""
        if self.violation is None:
            self.violation = Violation(self._world.seed, self._world.step, law, detail)

    # --- what happens -------------------------------------------------------------------------------------------------

    def begins(self, session_id: str, session: Session, chained: bool) -> None:
        """A new session; `chained`: it takes over the window of the one before."""
        self.is_ghost = False
        book = Book(session_id, session.config, session, ledger=laws.Ledger(window=session.config.window))
        if chained:
            book.former = self.book
            book.ledger = deepcopy(self.book.ledger)
            book.ledger.finished = 0
            book.ledger.window = session.config.window
            book.counts.update(self.book.counts)
        book.inherited = deepcopy(book.ledger)
        self.books.append(book)
        self.latest_message = ""

    def accepted(self, text: str, item: str) -> None:
        """The session has taken a text, under this id."""
        if not self.is_ghost:
            self.book.texts.append((text, item))

    def stepped(self, event: Event, before: Session, after: Session, outputs: Sequence[Command | Notification]) -> None:
        """One step of the session."""
        if self.is_ghost:
            return
        self.events += 1
        self.phases[after.phase] += 1
        book = self.book
        book.log.append((event, after is not before))
        self._check(book, laws.Step(before, event, after, tuple(outputs)))
        reply = event.reply if isinstance(event, Answered) else None
        if (
            isinstance(reply, EventBatch | HistoryLog)
            and after.chat.chat_id
            and before.phase not in ("idle", "requesting")
        ):
            # What a log holds beyond the reach of a full window is not judged here, but by L13.
            beyond = isinstance(reply, HistoryLog) and (isinstance(after.lifecycle, TERMINAL) or book.ledger.is_full)
            for entry in () if beyond else reply.entries:
                if isinstance(entry, TRANSCRIPT_ENTRIES) and not (
                    isinstance(entry, _PASSING) and isinstance(reply, HistoryLog)
                ):
                    book.offered.append((len(book.log), entry))

    def _check(self, book: Book, step: laws.Step) -> None:
        if self._reach is not None:
            self._reach.saw(step)
        try:
            for law in _QUICK if self.events % _DEEP_EVERY else laws.STEP_LAWS:
                law(step)
            for life_law in laws.LIFE_LAWS:
                life_law(step, book.ledger)
            lost = laws.missing(step, book.ledger)
            if lost:
                self.fail("L13", f"read in the history and never told: {lost[0]}")
        except laws.BrokenLaw as broken:
            self.fail(broken.law, f"{type(step.event).__name__}: {broken}")

    def crashed(self, saved: Session | None, version: int) -> None:
        """The process died; `version` saves of its session are durable. What was not saved never happened."""
        self.is_ghost = False
        book = self.book
        changed = 0
        for index, (_, changes) in enumerate(book.log):
            changed += changes
            if changed > version:
                del book.log[index:]
                break
        book.ledger = _replayed(book, saved)
        ids = 0 if saved is None else saved.ids
        book.texts[:] = [(text, item) for text, item in book.texts if int(item.rpartition(":")[2]) <= ids]
        book.offered[:] = [(index, entry) for index, entry in book.offered if index <= len(book.log)]

    def executed(self, command: Command, open_polls: int) -> None:
        """The client makes a call."""
        session = self._world.session
        if self.is_ghost:
            self.fail("stale store", f"{type(command).__name__} by a process with an old copy of its session")
        if isinstance(session.lifecycle, TERMINAL):
            self.fail("after the end", f"{type(command).__name__} while {session.phase}")
        if isinstance(command, Poll) and open_polls:
            self.fail("one poll", "a poll while another is under way")
        if isinstance(command, Post) and isinstance(command.entry, Message):
            text = command.entry.msg_text or ""
            if self.book.ids.setdefault(text, command.item) != command.item:
                self.fail("own id", "a text was sent under a second id")

    def told(self, updates: Sequence[TranscriptUpdate]) -> None:
        """The application is told."""
        if self.is_ghost and updates:
            self.fail("stale store", "news told by a process with an old copy of its session")
        book = self.book
        for one in updates:
            if book.told.setdefault(one.seq, one) != one:
                self.fail("one seq", f"seq {one.seq} names two things")
            if isinstance(one, Received):
                self._received(book, one)

    def _received(self, book: Book, update: Received) -> None:
        entry = update.entry
        if isinstance(entry, Message) and entry.msg_id and not update.own:
            self.latest_message = entry.msg_id
        book.counts[entry] += 1
        if book.ledger.most > book.ledger.window:  # what was forgotten may come back; L13 says when
            return
        if book.counts[entry] > 1 and _datable(entry) and book.counts[entry] > self._emitted(entry):
            self.fail("told once", f"{entry} told {book.counts[entry]} times")

    def _emitted(self, entry: Entry) -> int:
        return sum(entry == one for chat in self._world.centre.chats.values() for _, one in _log_of(chat))

    # --- in the end ---------------------------------------------------------------------------------------------------

    def judged(self) -> None:
        """What the centre itself has seen the client do wrong, as far as no fault explains it."""
        violations = self._world.centre.violations
        for found in violations[self._judged :]:
            if min(found.tickets) > 0 and not excuses(self._world, found):
                self.fail(found.rule, found.message)
        self._judged = len(violations)

    def closed(self, book: Book, session: Session, live: bool) -> None:
        """A session is over, or has come to rest (`live`): everything must add up."""
        for law, detail in (
            *self._journal(book),
            *self._texts(book),
            *(() if book.store_lost else self._transcript(book, session, live)),
            *(() if book.store_lost else self._outcome(session)),
        ):
            self.fail(law, f"{book.session_id}: {detail}")

    def _journal(self, book: Book) -> Iterator[tuple[str, str]]:
        journal = self._world.journal(book.session_id)
        seqs = [one.seq for one in journal]
        if seqs != sorted(set(seqs)):
            yield "journal", "seq does not strictly increase"
        kept = {one.seq: one for one in journal}
        if any(kept.get(seq) != one for seq, one in book.told.items()):
            yield "journal", "something was told that is not in the journal"
        if any(one.seq not in book.told for one in journal) and not self._world.faults.injected.total():
            yield "journal", "something in the journal was never told"

    def _texts(self, book: Book) -> Iterator[tuple[str, str]]:
        arrived = [text for chat in self._world.centre.chats.values() for text in _texts_of(chat)]
        counts = Counter(arrived)
        outcomes = _outcomes(self._world.journal(book.session_id))
        for text, item in book.texts:
            if book.store_lost:
                if counts[text] > 1:
                    yield "arrived once", f"{text!r} arrived {counts[text]} times"
            else:
                yield from _text(text, counts[text], outcomes.get(item, []))
        order = [text for text, _ in book.texts if counts[text]]
        if [text for text in dict.fromkeys(arrived) if text in set(order)] != order:
            yield "in order", "texts arrived in another order than they were said"

    def _transcript(self, book: Book, session: Session, live: bool) -> Iterator[tuple[str, str]]:
        journal = self._world.journal(book.session_id)
        told = self._told_ever(book)
        for _, entry in book.offered:
            if _told_apart(entry) not in told and not _is_own(session, entry):
                yield "told", f"{entry} was offered and not told"
        if not live or book.ledger.is_full or any(isinstance(one, HistoryGap) for one in journal):
            return
        chat = self._world.centre.chats.get(session.chat.chat_id.lower())
        omitted = self._world.knobs.history_omits
        for direction, entry in _log_of(chat, omitted) if chat is not None else ():
            update = (
                direction == "to_client" and isinstance(entry, TRANSCRIPT_ENTRIES) and not isinstance(entry, _PASSING)
            )
            taken = entry in self._world.device.taken
            if update and not taken and _told_apart(entry) not in told and not _is_own(session, entry):
                yield "told", f"{entry} stands in the log and was not told"

    def _told_ever(self, book: Book) -> set[Entry]:
        """What this session, and those whose window it took over, have told."""
        told = {_told_apart(one.entry) for one in self._world.journal(book.session_id) if isinstance(one, Received)}
        return told if book.former is None else told | self._told_ever(book.former)

    def _outcome(self, session: Session) -> Iterator[tuple[str, str]]:
        outcome = session.outcome
        if outcome is None or self._world.faults.injected["over already"]:  # so it was told
            return
        chat = self._world.centre.chats.get(session.chat.chat_id.lower())
        terminal = chat.terminal if chat is not None else None
        end_arrived = chat is not None and any(e.event["event"] == names.END for e in chat.log)
        if outcome in ("completed", "failed", "timed_out") and terminal != outcome:
            yield "outcome", f"{outcome}, but the centre says {terminal}"
        lives = chat is not None and chat.live and not self._world.knobs.gone_heals
        if outcome == "ended" and lives and not end_arrived:
            yield "outcome", "ended, but the centre's chat lives and was never told to end"
        if outcome == "gone" and lives:
            yield "outcome", "gone, but the chat lives"
        if outbox(session):
            yield "outcome", "over, but something is owed"


def _replayed(book: Book, saved: Session | None) -> laws.Ledger:
    """The life up to the last save, lived again: what came after it never happened."""
    ledger, session = deepcopy(book.inherited), book.start
    for event, _ in book.log:
        step = laws.take(session, event)
        for law in laws.LIFE_LAWS:
            law(step, ledger)
        session = step.after
    assert saved is None or session == saved, "the log does not lead to what was saved"
    return ledger


def _outcomes(journal: Sequence[TranscriptUpdate]) -> dict[str, list[DeliveryUpdate]]:
    found: dict[str, list[DeliveryUpdate]] = {}
    for one in journal:
        if isinstance(one, DeliveryUpdate):
            found.setdefault(one.item, []).append(one)
    return found


_COURSES: Final = (
    ("failed",),
    ("sent",),
    ("sent", "delivered"),
    ("sent", "delivered", "read"),
)


def _text(text: str, arrived: int, updates: list[DeliveryUpdate]) -> Iterator[tuple[str, str]]:
    if arrived > 1:
        yield "arrived once", f"{text!r} arrived {arrived} times"
    course = tuple(one.state for one in updates)
    if course not in _COURSES:
        yield "outcome of each", f"{text!r}: {', '.join(course) or 'nothing was told'}"
        return
    if course[0] == "sent" and arrived != 1:
        yield "sent means arrived", f"{text!r} is sent and arrived {arrived} times"
    if updates[0].reason in ("not_sent", "refused") and arrived:
        yield "not sent means not arrived", f"{text!r} failed as {updates[0].reason} and arrived"


def _log_of(chat: Chat, omitted: Collection[str] = ()) -> list[tuple[str, Entry]]:
    return [(one.direction, decode_entry(one.event)) for one in chat.log if one.event.get("event") not in omitted]


def _texts_of(chat: Chat) -> Iterator[str]:
    for one in chat.log:
        if one.direction == "from_client":
            event = one.event
            if event["event"] == names.MESSAGE:
                yield str(event.get("msg_text", ""))
            elif event["event"] == names.FORM_DATA and isinstance(event.get("data"), dict):
                yield str(cast(dict[str, object], event["data"]).get("text", ""))


def _told_apart(entry: Any) -> Entry:
    """What of an entry tells it from another: nobody knows what else it may carry."""
    alike: Entry = evolve(entry, extra="") if hasattr(entry, "extra") else entry
    return alike


def _datable(entry: Any) -> bool:
    has_request = isinstance(entry, FormShow | SecureFormShow)
    return bool(getattr(entry, "msg_id", "")) or entry.timestamp is not None or has_request


def _is_own(session: Session, entry: Any) -> bool:
    party: str = getattr(entry, "party_id", "")
    origin = session.chat.origin
    msg_id: str = getattr(entry, "msg_id", "")
    if not party and isinstance(entry, File):
        return True
    return party.lower() == session.chat.chat_id.lower() or (origin != "" and msg_id.startswith(f"{origin}:"))
