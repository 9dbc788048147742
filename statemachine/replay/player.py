"""The player feeds captured traffic to `reduce` and writes one timeline row for each entry or call.

The player answers in place of the server where the capture has no answer. Calls that the engine makes and the captured
client did not (its receipts; a history read again after a poll that failed) are answered at once: receipts are
accepted, the history is what came so far. Everything that the capture does show is answered as it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from attrs import define, evolve, field, frozen

from .. import core
from ..core import Anomaly, Answered, Command, Entry, Event, EventBatch, Incoming, Session, Tick, TranscriptUpdate
from ..core.wire import File, Location, Malformed, Message, MessageDelivered, MessageRead, Unknown
from .words import PartyNames, entry_words, wire_name

UPLOADED: Final = "captured:"
"""Prefix of the reference to a file that was uploaded in the capture; the file id follows."""

FOREVER: Final = 10**14
"""Milliseconds, longer than any capture: in a replay, calls time out only where the captured ones did."""
_TICKS: Final = 1_000
"""Limit of deadlines between two events of a capture."""


@frozen
class TimelineRow:
    """One entry or call.

    `at`: milliseconds since the epoch, or None. `event`: the name of the entry on the wire, or of the call. `what`: the
    same for people. `phase`: the phase afterwards. `commands`: the engine's commands. `notes`: anomalies. `quiet`:
    nothing changed. `between`: the step of an entry of a batch other than the last, see `Replay.deliver`.
    """

    at: int | None
    event: str
    who: str
    what: str
    phase: str
    commands: tuple[Command, ...] = ()
    notes: tuple[str, ...] = ()
    quiet: bool = False
    between: ReplayedStep | None = field(default=None, repr=False)


@frozen
class TranscriptLine:
    """A message, file or location.

    `item`: the engine's id, where the captured client sent it. `row`: its timeline row.
    """

    type: str
    text: str
    own: bool
    party: str
    msg_id: str
    time: int | None
    late: bool = False
    historic: bool = False
    item: str = ""
    row: int = 0


@frozen
class ReplayedStep:
    """One call of `reduce`. `row`: its timeline row; `gap`: it reported a `HistoryGap`."""

    row: int
    event: Event
    before: Session
    after: Session
    gap: bool = False


@frozen
class StepOutputs:
    """The outputs of one or more steps."""

    commands: tuple[Command, ...] = ()
    updates: tuple[TranscriptUpdate, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()

    @classmethod
    def of(cls, out: Iterable[Command | core.Notification]) -> StepOutputs:
        """The outputs of one step, sorted out."""
        found = tuple(out)
        return cls(
            tuple(one for one in found if isinstance(one, core.COMMANDS)),
            tuple(one for one in found if isinstance(one, core.TRANSCRIPT)),
            tuple(one for one in found if isinstance(one, Anomaly)),
        )

    def __add__(self, other: StepOutputs) -> StepOutputs:
        return StepOutputs(
            self.commands + other.commands, self.updates + other.updates, self.anomalies + other.anomalies
        )


@define(eq=False)
class Replay:
    """One session that a capture is fed to, and the result.

    `chat_id`: "" where none is known. `clock`: the capture has times of arrival. `forms`: the format of each file.
    `left_out`: number of calls of other chats. `unread`: of calls not recorded whole.
    """

    session: Session
    chat_id: str = ""
    clock: bool = False
    forms: tuple[str, ...] = ()
    left_out: int = 0
    unread: int = 0
    events: int = 0
    """Number of entries read; `unknown` and `malformed` are among them."""
    unknown: int = 0
    malformed: int = 0
    rows: list[TimelineRow] = field(factory=list[TimelineRow])
    steps: list[ReplayedStep] = field(factory=list[ReplayedStep])
    """Every call of `reduce`."""
    transcript: list[TranscriptLine] = field(factory=list[TranscriptLine])
    anomalies: list[Anomaly] = field(factory=list[Anomaly])
    progress: dict[str, str] = field(factory=dict[str, str])
    """Item -> sent, delivered, read or failed."""
    log: list[Entry] = field(factory=list[Entry])
    ready: dict[str, core.Reply] = field(factory=dict[str, core.Reply])
    """Item -> how the capture says its post was answered, until the engine makes that post."""
    items: dict[str, str] = field(factory=dict[str, str])
    """Message id in the capture -> item."""
    reads_history: bool = False
    """The capture shows a reading of the history that is still to come."""
    names: PartyNames = field(init=False)
    _places: dict[int, int] = field(init=False, factory=dict[int, int])
    """Entry of the batch at play -> the row that it is going to have."""

    def __attrs_post_init__(self) -> None:
        self.names = PartyNames(self.chat_id)

    # --- steps ------------------------------------------------------------------------------------------------------

    def feed(self, event: Event) -> StepOutputs:
        """Feed all ticks that are due before this event, the event, then the answers that the capture does not have.

        Raises IllegalIntent.
        """
        result = StepOutputs()
        for _ in range(_TICKS):
            due = core.next_deadline(self.session)
            if due is None or due > event.at:
                break
            result += self._settled(self.step(Tick(due)))
        return result + self._settled(self.step(event))

    def step(self, event: Event) -> StepOutputs:
        """One call of `reduce`, and nothing else. Raises IllegalIntent."""
        before = self.session
        self._places = {id(entry): len(self.rows) + place for place, entry in enumerate(live_entries(event))}
        self.session, out = core.reduce(before, event)
        result = StepOutputs.of(out)
        gap = any(isinstance(update, core.HistoryGap) for update in result.updates)
        self.steps.append(ReplayedStep(len(self.rows), event, before, self.session, gap))
        self.anomalies += result.anomalies
        self._note_sent(before, event.at)
        for update in result.updates:
            self._note_update(update)
        return result

    def settle(self) -> StepOutputs:
        """Answer the commands for which the capture has no answer."""
        return self._settled(StepOutputs(core.outbox(self.session)))

    def _settled(self, result: StepOutputs) -> StepOutputs:
        waiting = list(result.commands)
        while waiting:
            command = waiting.pop(0)
            reply = self._own_reply(command)
            if reply is not None:
                more = self.step(Answered(self.session.now, command.id, reply))
                result += more
                waiting += more.commands
        return result

    def _own_reply(self, command: Command) -> core.Reply | None:
        match command:
            case core.PostEphemeral():
                return EventBatch()
            case core.ReadHistory():
                return None if self.reads_history else core.HistoryLog(tuple(self.log))
            case core.Upload():
                return core.FileUploaded(command.ref.removeprefix(UPLOADED) or "unknown")
            case core.Post():
                return self.ready.pop(command.item, None)
            case _:
                return None

    def owed(self, *kinds: type[Command]) -> Command | None:
        """The oldest command of these kinds that is owed."""
        return next((one for one in core.outbox(self.session) if isinstance(one, kinds)), None)

    def skip_pause(self, *kinds: type[Command]) -> Command | None:
        """The same, after skipping the pauses before it."""
        for _ in range(_TICKS):
            found = self.owed(*kinds)
            due = core.next_deadline(self.session)
            if found is not None or due is None or due >= FOREVER:
                return found
            self._settled(self.step(Tick(due)))
        return None

    # --- the transcript ---------------------------------------------------------------------------------------------

    def _note_sent(self, before: Session, at: int) -> None:
        """Note the items that the captured client queued."""
        known = {item.id for item in before.items}
        for item in self.session.items:
            sent = File("", file_name=item.name or item.ref) if item.ref else item.entry
            if item.id not in known and isinstance(sent, Message | File | Location):
                self._note_line(sent, at if self.clock else None, own=True, item=item.id)

    def _note_update(self, update: TranscriptUpdate) -> None:
        if isinstance(update, core.DeliveryUpdate):
            self.progress[update.item] = update.state
        elif isinstance(update, core.Received) and isinstance(update.entry, Message | File | Location):
            time = update.entry.timestamp or (update.at if self.clock else None)
            row = self._places.get(id(update.entry), len(self.rows))
            self._note_line(update.entry, time, own=update.own, late=update.late, historic=update.historic, row=row)

    def _note_line(self, e: Message | File | Location, time: int | None, own: bool, **rest: Any) -> None:
        match e:
            case Message():
                kind, text = "text", e.text
            case File():
                kind, text = "file", e.file_name or e.file_id
            case _:
                kind, text = "location", f"{e.latitude}, {e.longitude}"
        party = self.chat_id if own else e.party_id
        msg_id = "" if rest.get("item") else e.msg_id
        rest.setdefault("row", len(self.rows))
        self.transcript.append(TranscriptLine(kind, text, own, party, msg_id, time, **rest))

    # --- entries ----------------------------------------------------------------------------------------------------

    def deliver(
        self, entries: tuple[Entry, ...], at: int, answer: Command | None, result: StepOutputs | None = None
    ) -> None:
        """Feed one batch and write a row for each entry.

        A batch is one event for the engine. The phases between its entries come from a second session that receives
        the entries one by one; the commands and the last row come from the engine's own step.

        Args:
            answer: the command that the batch answers.
            result: the outputs of steps before, for the same rows.
        """
        known = tuple(map(self.as_ours, entries))
        before = self.session
        event = Incoming(at, known) if answer is None else Answered(at, answer.id, EventBatch(known))
        result = (result or StepOutputs()) + self.feed(event)
        if before.outcome is None:
            self.log += known
        late = () if before.outcome is None else ("came after the end",)
        self.batch_rows(before, entries, known, at, result, late)

    def batch_rows(
        self,
        before: Session,
        entries: tuple[Entry, ...],
        known: tuple[Entry, ...],
        at: int,
        result: StepOutputs,
        notes: tuple[str, ...] = (),
    ) -> None:
        """Write the rows of a batch. `entries` are shown; the engine received `known` and answered with `result`."""
        shadow, last = before, len(entries) - 1
        whole = tuple(a for a in result.anomalies if a.kind == "repeated_batch")
        for index, (entry, ours) in enumerate(zip(entries, known, strict=True)):
            event, earlier = Incoming(at, (ours,)), shadow
            shadow, out = core.reduce(shadow, event) if last else (self.session, result.anomalies)
            odd = tuple(a for a in StepOutputs.of(out).anomalies if a.kind != "repeated_batch")
            final = index == last
            self.entry_row(
                entry,
                at if self.clock else None,
                self.session.phase if final else shadow.phase,
                commands=result.commands if final else (),
                notes=(*anomaly_words((*odd, *whole) if final else odd), *notes),
                between=None if final else ReplayedStep(len(self.rows), event, earlier, shadow),
            )
        self._at_the_last_row(len(self.rows) - len(entries))

    def _at_the_last_row(self, first: int) -> None:
        """Assign the step of a whole batch to its last row; the ticks before it stay with its first row."""
        for place in reversed(range(len(self.steps))):
            step = self.steps[place]
            if step.row < first or isinstance(step.event, Tick):
                break
            self.steps[place] = evolve(step, row=len(self.rows) - 1)

    def entry_row(self, entry: Entry, at: int | None, phase: str, by_client: bool = False, **rest: Any) -> None:
        """The row of one entry."""
        self.count((entry,))
        self.names.learn(entry)
        who, what = entry_words(entry, self.names, by_client)
        time = getattr(entry, "timestamp", None) if at is None else at
        self.rows.append(TimelineRow(time, wire_name(entry) or "malformed", who, what, phase, **rest))

    def count(self, entries: Iterable[Entry]) -> None:
        """Count entries that were read."""
        for entry in entries:
            self.events += 1
            self.unknown += isinstance(entry, Unknown)
            self.malformed += isinstance(entry, Malformed)

    def as_ours(self, entry: Entry) -> Entry:
        """The entry with the engine's message id instead of the captured client's."""
        if isinstance(entry, MessageDelivered | MessageRead):
            item = self.items.get(entry.ref_msg_id)
            return evolve(entry, ref_msg_id=item) if item else entry
        if isinstance(entry, Message | File | Location) and (isinstance(entry, File) or self._is_own(entry)):
            item = self.items.get(entry.msg_id)
            return evolve(entry, msg_id=item) if item else entry
        return entry

    def _is_own(self, entry: Message | Location) -> bool:
        return bool(self.chat_id) and entry.party_id.lower() == self.chat_id.lower()


def live_entries(event: Event) -> tuple[Entry, ...]:
    """The server events of an event, without those of a history."""
    if isinstance(event, Incoming):
        return event.entries
    return event.reply.entries if isinstance(event, Answered) and isinstance(event.reply, EventBatch) else ()


_SHORT: Final = {"unknown_entry": "unknown", "malformed_entry": "malformed"}
"""Anomalies whose detail is in the row itself."""


def anomaly_words(anomalies: Iterable[Anomaly]) -> tuple[str, ...]:
    """Anomalies for people."""
    return tuple(_SHORT.get(a.kind) or (f"{a.kind}: {a.detail}" if a.detail else a.kind) for a in anomalies)
