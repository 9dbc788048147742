"""The invariants of a simulation: the laws after each step, and the agreement of client, application and server.

The oracle sees both sides of the network. The client does not use it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from copy import deepcopy
from itertools import chain, takewhile
from typing import Any, Final, cast

from attrs import define, evolve, field, frozen

from statemachine import core
from statemachine.codec.wire import MAX_MALFORMED, decode_entry
from statemachine.conformance import laws
from statemachine.core import wire
from statemachine.core.session import TERMINAL, Session
from statemachine.core.wire import TRANSCRIPT_ENTRIES, Entry
from statemachine.emulator import names
from statemachine.emulator.chat import Chat
from statemachine.store.memory import MemoryStore

from .client import Client
from .coverage import Coverage
from .environment import Environment
from .second_device import SecondDevice
from .server import Server

_PASSING: Final = (wire.Signaling, wire.CobrowsingRequested)
"""Entries that a log need not contain, or that are delivered from it only while they matter."""

_EVERY: Final = 29
"""Some laws cost a hundred times the step itself: they are checked in one of so many steps."""


@frozen
class LawViolation:
    """A broken law. `seed` and `step` say where; `detail` says how."""

    seed: int
    step: int
    law: str
    detail: str


@define
class SessionLog:
    """The facts about one session of the client.

    Attributes:
        texts: (text, item id) of each text that the session accepted.
        events: Each event it was fed, and the session after it.
        delivered: The transcript updates that the application received, by `seq`.
        offered: Transcript entries of its batches and histories, each with the number of events until then.
        sent_ids: Text -> the item id it was sent under.
        former: The session before, whose dedupe window this one continues.
        ledger, inherited: What the laws keep beside a session, now and at its beginning.
    """

    session_id: str
    start: Session
    texts: list[tuple[str, str]] = field(factory=list[tuple[str, str]])
    events: list[tuple[core.Event, Session]] = field(factory=list[tuple[core.Event, Session]])
    delivered: dict[int, core.TranscriptUpdate] = field(factory=dict[int, core.TranscriptUpdate])
    counts: Counter[Entry] = field(factory=Counter[Entry])
    offered: list[tuple[int, Entry]] = field(factory=list[tuple[int, Entry]])
    sent_ids: dict[str, str] = field(factory=dict[str, str])
    former: SessionLog | None = None
    ledger: laws.Ledger = field(factory=laws.Ledger)
    inherited: laws.Ledger = field(init=False)
    store_lost: bool = False


@define(eq=False)
class Oracle:
    """Checks one run. `violation` is the first broken law, or None."""

    _env: Environment
    _server: Server
    _client: Client
    _device: SecondDevice
    _store: MemoryStore
    _coverage: Coverage | None = None
    violation: LawViolation | None = None
    sessions: list[SessionLog] = field(factory=list[SessionLog])
    latest_message: str = ""
    events: int = 0
    phases: Counter[str] = field(factory=Counter[str])
    is_stale: bool = False
    """The process that runs began with an old copy of its session: it must execute and deliver nothing."""

    @property
    def current(self) -> SessionLog:
        """The log of the session that runs now."""
        return self.sessions[-1]

    def fail(self, law: str, detail: str) -> None:
        """Note a violation. Only the first counts: the others may follow from it."""
        if self.violation is None:
            self.violation = LawViolation(self._env.choices.seed, self._env.schedule.step, law, detail)

    def has_delivered_of(self, chat_id: str) -> bool:
        """Whether the session has delivered anything of this chat."""
        return any(chat == chat_id.lower() for chat, *_ in self.current.ledger.delivered)

    # --- during the run -----------------------------------------------------------------------------------------------

    def begins(self, session_id: str, session: Session, continues: bool) -> None:
        """A new session. `continues`: with the dedupe window of the one before."""
        self.is_stale = False
        log = SessionLog(session_id, session, ledger=laws.Ledger(window=session.config.window))
        if continues:
            log.former = self.current
            log.ledger = deepcopy(self.current.ledger)
            log.ledger.finished = 0
            log.ledger.window = session.config.window
            log.counts.update(self.current.counts)
        log.inherited = deepcopy(log.ledger)
        self.sessions.append(log)
        self.latest_message = ""

    def accepted(self, text: str, item: str) -> None:
        """The session has accepted a text under this id."""
        if not self.is_stale:
            self.current.texts.append((text, item))

    def stepped(self, event: core.Event, before: Session, after: Session, outputs: Sequence[laws.Output]) -> None:
        """The session made one step."""
        if self.is_stale:
            return
        self.events += 1
        self.phases[after.phase] += 1
        log = self.current
        log.events.append((event, after))
        self._check(log, laws.StepResult(before, event, after, tuple(outputs)))
        reply = event.reply if isinstance(event, core.Answered) else None
        if not isinstance(reply, core.EventBatch | core.HistoryLog) or before.phase in ("idle", "requesting"):
            return
        is_history = isinstance(reply, core.HistoryLog)
        # L13 judges the entries of a history that a full window has forgotten.
        if after.chat.chat_id and not (is_history and (isinstance(after.lifecycle, TERMINAL) or log.ledger.is_full)):
            log.offered += [
                (len(log.events), entry)
                for entry in reply.entries
                if _is_kept(entry, is_history) and not (reply.incomplete and isinstance(entry, wire.Malformed))
            ]  # where a body was cut off, the rest of an entry is none

    def _check(self, log: SessionLog, step: laws.StepResult) -> None:
        if self._coverage is not None:
            self._coverage.record(step)
        try:
            for law in laws.STEP_LAWS if self.events % _EVERY == 0 else laws.QUICK_LAWS:
                law(step)
            for life_law in laws.LIFE_LAWS:
                life_law(step, log.ledger)
            lost = laws.missing_entries(step, log.ledger)
            if lost:
                self.fail("L13", f"read in the history and never delivered: {lost[0]}")
        except laws.BrokenLaw as broken:
            self.fail(broken.law, f"{type(step.event).__name__}: {broken}")

    def crashed(self, saved: Session | None) -> None:
        """The process died. `saved` is the session of its last durable save; the steps after it never happened."""
        self.is_stale = False
        log = self.current
        while log.events and log.events[-1][1] != saved:
            log.events.pop()
        log.ledger = _replayed(log, saved)
        ids = 0 if saved is None else saved.ids
        log.texts[:] = [(text, item) for text, item in log.texts if int(item.rpartition(":")[2]) <= ids]
        log.offered[:] = [(index, entry) for index, entry in log.offered if index <= len(log.events)]

    def aborted(self, command: core.Command, is_answered: bool) -> None:
        """The client aborts a call. `is_answered`: the server has handed out its answer."""
        over = self._client.session.outcome is not None and not self._client.driver.stopped
        if over and is_answered:
            self.fail("handed out", f"{type(command).__name__} was aborted at the end, and its answer lost")

    def executed(self, command: core.Command, open_polls: int) -> None:
        """The client executes a command while it has so many polls in flight."""
        session = self._client.session
        if self.is_stale:
            self.fail("stale store", f"{type(command).__name__} by a process with an old copy of its session")
        if isinstance(session.lifecycle, TERMINAL):
            self.fail("after the end", f"{type(command).__name__} while {session.phase}")
        if isinstance(command, core.Poll) and open_polls:
            self.fail("one poll", "a poll while another is in flight")
        if isinstance(command, core.Post) and isinstance(command.entry, wire.Message):
            text = command.entry.msg_text or ""
            if self.current.sent_ids.setdefault(text, command.item) != command.item:
                self.fail("own id", "a text was sent under a second id")

    def delivered(self, updates: Sequence[core.TranscriptUpdate]) -> None:
        """The application receives transcript updates."""
        if self.is_stale and updates:
            self.fail("stale store", "updates delivered by a process with an old copy of its session")
        for update in updates:
            if self.current.delivered.setdefault(update.seq, update) != update:
                self.fail("one seq", f"seq {update.seq} names two updates")
            if isinstance(update, core.Received):
                self._received(self.current, update)

    def _received(self, log: SessionLog, update: core.Received) -> None:
        entry = update.entry
        if isinstance(entry, wire.Message) and entry.msg_id and not update.own:
            self.latest_message = entry.msg_id
        log.counts[entry] += 1
        count = log.counts[entry]
        # An entry that the window has forgotten may come back; L13 says when.
        if log.ledger.most <= log.ledger.window and count > 1 and _is_datable(entry) and count > self._emitted(entry):
            self.fail("delivered once", f"{entry} delivered {count} times")

    def _emitted(self, entry: Entry) -> int:
        return sum(entry == one for chat in self._server.centre.chats.values() for _, one in _entries_of(chat))

    # --- at the end ---------------------------------------------------------------------------------------------------

    def closed(self, log: SessionLog, session: Session, live: bool) -> None:
        """A session is over or, if `live`, quiescent: check that client, application and server agree."""
        checks = [self._journal(log), self._texts(log)]
        if not log.store_lost:
            checks += [self._transcript(log, session, live), self._outcome(log, session)]
        for law, detail in chain.from_iterable(checks):
            self.fail(law, f"{log.session_id}: {detail}")

    def _updates(self, log: SessionLog) -> tuple[core.TranscriptUpdate, ...]:
        return self._store.journal(log.session_id, -1, 1_000_000)

    def _journal(self, log: SessionLog) -> Iterator[tuple[str, str]]:
        kept = {update.seq: update for update in self._updates(log)}
        if [update.seq for update in self._updates(log)] != sorted(kept):
            yield "journal", "seq does not strictly increase"
        if any(kept.get(seq) != update for seq, update in log.delivered.items()):
            yield "journal", "an update was delivered that is not in the journal"
        if kept.keys() - log.delivered and not self._env.faults.injected.total():
            yield "journal", "an update in the journal was never delivered"

    def _texts(self, log: SessionLog) -> Iterator[tuple[str, str]]:
        arrived = [text for chat in self._server.centre.chats.values() for text in _texts_of(chat)]
        counts = Counter(arrived)
        outcomes: dict[str, list[core.DeliveryUpdate]] = {}
        for update in self._updates(log):
            if isinstance(update, core.DeliveryUpdate):
                outcomes.setdefault(update.item, []).append(update)
        for text, item in log.texts:
            if counts[text] > 1:
                yield "arrived once", f"{text!r} arrived {counts[text]} times"
            if not log.store_lost:
                yield from _text(text, counts[text], outcomes.get(item, []))
        order = [text for text, _ in log.texts if counts[text]]
        if [text for text in dict.fromkeys(arrived) if text in set(order)] != order:
            yield "in order", "texts arrived in another order than they were sent"

    def _transcript(self, log: SessionLog, session: Session, live: bool) -> Iterator[tuple[str, str]]:
        received = self._received_ever(log)

        def is_missing(entry: Entry) -> bool:
            return _without_extra(entry) not in received and not _is_own(session, entry)

        for _, entry in log.offered:
            if is_missing(entry):
                yield "delivered", f"{entry} was offered and not delivered"
        if not live or log.ledger.is_full or any(isinstance(update, core.HistoryGap) for update in self._updates(log)):
            return
        chat = self._server.chat(session.chat.chat_id)
        entries = [] if chat is None else _entries_of(chat, self._env.knobs.history_omits)
        malformed = sum(isinstance(entry, wire.Malformed) for _, entry in entries)
        for direction, entry in entries:
            is_expected = direction == "to_client" and _is_kept(entry, True) and entry not in self._device.taken
            may_be_left_out = isinstance(entry, wire.Malformed) and malformed > MAX_MALFORMED
            if is_expected and is_missing(entry) and not may_be_left_out:
                yield "delivered", f"{entry} is in the server's log and was not delivered"

    def _received_ever(self, log: SessionLog) -> set[Entry]:
        """The entries that this session has delivered, and the sessions whose window it continues."""
        received = {_without_extra(one.entry) for one in self._updates(log) if isinstance(one, core.Received)}
        return received if log.former is None else received | self._received_ever(log.former)

    def _outcome(self, log: SessionLog, session: Session) -> Iterator[tuple[str, str]]:
        outcome = session.outcome
        if outcome is None or self._env.faults.injected["already ended"]:  # the client was told a false end
            return
        chat = self._server.chat(session.chat.chat_id)
        terminal = None if chat is None else chat.terminal
        has_end = chat is not None and any(one.event["event"] == names.END for one in chat.log)
        is_live = chat is not None and chat.live and not self._env.knobs.gone_heals
        if outcome in ("completed", "failed", "timed_out") and terminal != outcome:
            yield "outcome", f"{outcome}, but the server says {terminal}"
        if outcome == "ended" and is_live and not has_end:
            yield "outcome", "ended, but the server's chat is live and has no end entry"
        if outcome == "gone" and is_live and not _is_unanswered(log):
            yield "outcome", "gone, but the server's chat is live"
        if core.outbox(session):
            yield "outcome", "over, but it owes a command"


def _is_unanswered(log: SessionLog) -> bool:
    """The session ended by a denial that no answer to a poll contradicted in time: all were lost on their way."""
    end = next(at for at, (_, after) in enumerate(log.events) if after.outcome is not None)
    event, after = log.events[end]
    since = event.at - after.config.presence_timeout
    doubted = takewhile(lambda one: one[0].at >= since, reversed(log.events[:end]))
    return isinstance(event, core.Tick) and not any(
        isinstance(one, core.Answered) and isinstance(one.reply, core.EventBatch) for one, _ in doubted
    )


def _replayed(log: SessionLog, saved: Session | None) -> laws.Ledger:
    """The ledger after the steps up to the last save."""
    ledger, session = deepcopy(log.inherited), log.start
    for event, _ in log.events:
        step = laws.take_step(session, event)
        for law in laws.LIFE_LAWS:
            law(step, ledger)
        session = step.after
    assert saved is None or session == saved, "the log does not lead to the saved session"
    return ledger


_DELIVERY_STATES: Final = (("failed",), ("sent",), ("sent", "delivered"), ("sent", "delivered", "read"))


def _text(text: str, arrived: int, updates: list[core.DeliveryUpdate]) -> Iterator[tuple[str, str]]:
    states = tuple(update.state for update in updates)
    if states not in _DELIVERY_STATES:
        yield "outcome of each", f"{text!r}: {', '.join(states) or 'no update'}"
        return
    if states[0] == "sent" and arrived != 1:
        yield "sent means arrived", f"{text!r} is sent and arrived {arrived} times"
    if updates[0].reason in ("not_sent", "refused", "unreadable") and arrived:
        yield "not sent means not arrived", f"{text!r} failed as {updates[0].reason} and arrived"


def _entries_of(chat: Chat, omitted: Collection[str] = ()) -> list[tuple[str, Entry]]:
    return [(one.direction, decode_entry(one.event)) for one in chat.log if one.event.get("event") not in omitted]


def _texts_of(chat: Chat) -> Iterator[str]:
    for one in chat.log:
        if one.direction == "from_client":
            event = one.event
            if event["event"] == names.MESSAGE:
                yield str(event.get("msg_text", ""))
            elif event["event"] == names.FORM_DATA and isinstance(event.get("data"), dict):
                yield str(cast(dict[str, object], event["data"]).get("text", ""))


def _is_kept(entry: Entry, is_history: bool) -> bool:
    """Whether the transcript must have this entry, which came with a batch or with a history."""
    return isinstance(entry, TRANSCRIPT_ENTRIES) and not (is_history and isinstance(entry, _PASSING))


def _without_extra(entry: Any) -> Entry:
    """The entry without its unknown fields: two entries that differ only there count as one."""
    alike: Entry = evolve(entry, extra="") if hasattr(entry, "extra") else entry
    return alike


def _is_datable(entry: Any) -> bool:
    has_request = isinstance(entry, wire.FormShow | wire.SecureFormShow)
    return bool(getattr(entry, "msg_id", "")) or entry.timestamp is not None or has_request


def _is_own(session: Session, entry: Any) -> bool:
    party: str = getattr(entry, "party_id", "")
    origin = session.chat.origin
    msg_id: str = getattr(entry, "msg_id", "")
    if not party and isinstance(entry, wire.File):
        return True
    return party.lower() == session.chat.chat_id.lower() or (origin != "" and msg_id.startswith(f"{origin}:"))
