"""The laws: properties of every session and every event, for any implementation of the engine.

Each law is a function of one step (`StepResult`: the session before, the event, the session after, the output), for an
`Engine`: the public functions of an implementation. Three laws check a whole trace and keep a `Ledger`. A broken law
raises `BrokenLaw`. `check_laws` checks all of them; call it after every step of a walk, a simulation or a replay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Final, TypeAlias

from attrs import define, evolve, field, fields, frozen

from .. import core
from ..codec import snapshot as codec_snapshot
from ..codec.records import encode_command, encode_update, to_json
from ..core import Answered, Command, DeliveryUpdate, Event, Finished, Received, Session, Tick, wire
from .results import short

Output: TypeAlias = Command | core.Notification
Reduce: TypeAlias = Callable[[Session, Event], tuple[Session, tuple[Output, ...]]]


class BrokenLaw(AssertionError):
    """A law does not hold for this step. `law`: its name."""

    def __init__(self, law: str, what: str) -> None:
        super().__init__(f"{law}: {what}")
        self.law: Final = law


def _snapshot(session: Session) -> object:
    return codec_snapshot.snapshot(session)


def _restore(data: object) -> Session:
    return codec_snapshot.restore(data)


@frozen
class Engine:
    """The functions under test; by default, this package's."""

    reduce: Reduce = core.reduce
    next_deadline: Callable[[Session], int | None] = core.next_deadline
    outbox: Callable[[Session], tuple[Command, ...]] = core.outbox
    wake_window: Callable[[Session], tuple[int, int] | None] = core.wake_window
    snapshot: Callable[[Session], object] = _snapshot
    restore: Callable[[object], Session] = _restore
    explain: Callable[[Session, Event], core.Explanation] | None = core.explain
    """None for an implementation without it; then L12 is not checked."""


DEFAULT_ENGINE: Final = Engine()


@frozen
class StepResult:
    """One step. `refused`: why the intent was illegal; then `after` is `before`, and `out` is empty."""

    before: Session
    event: Event
    after: Session
    out: tuple[Output, ...]
    refused: str = ""

    @property
    def commands(self) -> tuple[Command, ...]:
        return tuple(one for one in self.out if isinstance(one, Command))

    @property
    def updates(self) -> tuple[Received | DeliveryUpdate | Finished | core.HistoryGap, ...]:
        """The transcript updates."""
        return tuple(one for one in self.out if isinstance(one, Received | DeliveryUpdate | Finished | core.HistoryGap))

    @property
    def anomalies(self) -> tuple[core.Anomaly, ...]:
        return tuple(one for one in self.out if isinstance(one, core.Anomaly))


def take_step(session: Session, event: Event, engine: Engine = DEFAULT_ENGINE) -> StepResult:
    """Make one step. Only an intent may be refused: anything else that is raised is a bug."""
    try:
        after, out = engine.reduce(session, event)
    except core.IllegalIntent as refusal:
        if not isinstance(event, core.Intent):
            raise BrokenLaw("totality", f"{type(event).__name__} is no intent, and was refused") from None
        return StepResult(session, event, session, (), refusal.reason)
    return StepResult(session, event, after, out)


def _hold(law: str, holds: bool, what: str) -> None:
    if not holds:
        raise BrokenLaw(law, what)


def _json(output: Output) -> str:
    """As an observation has it."""
    return short(encode_command(output) if isinstance(output, Command) else encode_update(output))


# --- laws of one step -----------------------------------------------------------------------------------------------


def law_01_second_tick(step: StepResult, engine: Engine = DEFAULT_ENGINE) -> None:
    """L1: a second equal tick changes nothing.

    What was due has happened already.
    """
    at = max(step.after.now, step.event.at)
    once = take_step(step.after, Tick(at), engine)
    twice = take_step(once.after, Tick(at), engine)
    _hold("L1", twice.after is once.after and not twice.out, "a second equal tick changed something")


def law_02_due_first(step: StepResult, engine: Engine = DEFAULT_ENGINE) -> None:
    """L2: an event at t is the same as a tick at t, then the event; only commands withdrawn again are missing.

    So it does not matter whether a tick or the event comes first, and an adapter need not read the clock before it.
    Not for `Restarted`, before which time stood still, nor for `ClockChanged`.
    """
    if isinstance(step.event, core.Restarted | core.ClockChanged):
        return
    first = take_step(step.before, Tick(step.event.at), engine)
    if first.after is step.before and not first.out:  # nothing was due: the same step would be made again
        return
    second = take_step(first.after, step.event, engine)
    _hold("L2", bool(second.refused) == bool(step.refused), "a tick before the intent decides whether it is legal")
    if step.refused:
        return
    _hold("L2", second.after == step.after, "a tick before the event gives another session")
    standing = {c.id for c in engine.outbox(second.after)}
    apart = tuple(c for c in (*first.commands, *second.commands) if c.id in standing)
    _hold("L2", apart == step.commands, "a tick before the event gives other commands")
    _hold("L2", first.updates + second.updates == step.updates, "a tick before the event gives other updates")
    _hold("L2", first.anomalies + second.anomalies == step.anomalies, "a tick before the event gives other anomalies")


def law_03_early_tick(step: StepResult, engine: Engine = DEFAULT_ENGINE) -> None:
    """L3: a tick before the next deadline changes nothing: waking early is harmless."""
    due = engine.next_deadline(step.after)
    early = step.after.now + 10**9 if due is None else due - 1
    ticked = take_step(step.after, Tick(early), engine)
    _hold("L3", ticked.after is step.after and not ticked.out, "an early tick changed something")


def law_04_deadline_ahead(step: StepResult, engine: Engine = DEFAULT_ENGINE) -> None:
    """L4: after a step, the next deadline is none, or in the future; the wake window begins with it.

    Otherwise an adapter spins, or sleeps past a deadline.
    """
    due, window = engine.next_deadline(step.after), engine.wake_window(step.after)
    _hold("L4", due is None or due > step.after.now, f"deadline {due} is not after {step.after.now}")
    if due is None:
        _hold("L4", window is None, "there is a time to wake, but no deadline")
    else:
        begin, end = window or (None, 0)
        _hold("L4", begin == due <= end, f"deadline {due}, but the time to wake is from {begin} to {end}")


def law_05_restore(step: StepResult, engine: Engine = DEFAULT_ENGINE) -> None:
    """L5: a restored session takes the same step.

    By induction, any trace: a process may die between any two events.
    """
    twin = engine.restore(engine.snapshot(step.before))
    _hold("L5", twin == step.before, "a restored session is not equal to the original")
    again = take_step(twin, step.event, engine)
    _hold("L5", again.refused == step.refused, "after restoring, the refusal differs")
    _hold("L5", (again.after, again.out) == (step.after, step.out), "after restoring, the step differs")


def law_06_outbox(step: StepResult, engine: Engine = DEFAULT_ENGINE) -> None:
    """L6: the commands returned are exactly those that are new in the outbox, by id, before all updates.

    So an adapter executes what it gets, and the outbox after a crash is the same list.
    """
    before = engine.outbox(step.before)
    new = tuple(c for c in engine.outbox(step.after) if c not in before)
    _hold("L6", step.commands == new, "the returned commands are not those new in the outbox")
    _hold("L6", step.out[: len(new)] == new, "commands do not come first")
    _hold("L6", list(step.commands) == sorted(step.commands, key=lambda c: c.id), "commands are not in order of id")
    for command in engine.outbox(step.after):
        for known in before:
            if known.id == command.id and known != command:
                raise BrokenLaw("L6", f"owed command {command.id} was {_json(known)}, and is {_json(command)}")


def law_07_one_poll(step: StepResult, engine: Engine = DEFAULT_ENGINE) -> None:
    """L7: at most one poll, one history request and one post of the queue are owed.

    A second poll is refused (5509), and one of the two loses events; a second post overtakes the first.
    """
    owed = engine.outbox(step.after)
    for kind in (core.Poll, core.ReadHistory, core.Post):
        some = [c for c in owed if isinstance(c, kind)]
        if len(some) > 1:
            raise BrokenLaw("L7", f"owed at once: {', '.join(map(_json, some))}")


def law_08_terminal(step: StepResult, engine: Engine = DEFAULT_ENGINE) -> None:
    """L8: a session that is over stays over, owes nothing and has no deadline."""
    if step.before.outcome is not None:
        same = (step.before.phase, step.before.outcome) == (step.after.phase, step.after.outcome)
        _hold("L8", same, f"{step.before.phase} was left for {step.after.phase}")
    if step.after.outcome is not None:
        _hold("L8", engine.outbox(step.after) == (), "a session that is over owes a command")
        _hold("L8", engine.next_deadline(step.after) is None, "a session that is over has a deadline")


def law_10_input(step: StepResult, engine: Engine = DEFAULT_ENGINE) -> None:
    """L10: the same events give the same observations, and the input session is unchanged."""
    image = deepcopy(step.before)
    again = take_step(step.before, step.event, engine)
    _hold("L10", step.before == image, "reduce changed its input session")
    _hold("L10", (again.after, again.out) == (step.after, step.out), "the same input gives another output")


def law_11_order(step: StepResult, engine: Engine = DEFAULT_ENGINE) -> None:
    """L11: an event that is not later than the session's now happens at now.

    A clock that is set back delays and reorders nothing. Not for `Restarted` and
    `ClockChanged`, which set it.
    """
    if isinstance(step.event, core.Restarted | core.ClockChanged):
        return
    session = step.after
    tied = take_step(session, evolve(step.event, at=session.now), engine)
    earlier = take_step(session, evolve(step.event, at=session.now - 60_000), engine)
    _hold("L11", (tied.after, tied.out) == (earlier.after, earlier.out), "an earlier clock gives another output")
    _hold("L11", tied.after.now == session.now, "an event of the same instant moved the clock")


def law_12_rows(step: StepResult, engine: Engine = DEFAULT_ENGINE) -> None:
    """L12: `explain` and `reduce` agree, and each transition ends in the target of its row."""
    if engine.explain is None:
        return
    explained = engine.explain(step.before, step.event)
    _hold(
        "L12",
        (explained.rejected is not None) == bool(step.refused),
        "explain and reduce disagree on whether the intent is legal",
    )
    if step.refused:
        return
    _hold("L12", (*explained.commands, *explained.updates) == step.out, "explain and reduce disagree on the outcome")
    for machine in _SINGLE_MACHINES:
        at = getattr(step.before, machine).name
        for move in explained.moves:
            if move.machine == machine:
                _hold("L12", move.source == at, f"{machine} is {at}, but the row taken is one of {move.source}")
                at = move.target
        _hold("L12", at == getattr(step.after, machine).name, f"{machine} is not where its last row led")


_SINGLE_MACHINES: Final = tuple(
    one.name
    for one in fields(Session)
    if isinstance(getattr(getattr(core.new_session(0), one.name), "name", None), str)
)
"""The machines of which a session has exactly one."""

STEP_LAWS: Final = (
    law_01_second_tick,
    law_02_due_first,
    law_03_early_tick,
    law_04_deadline_ahead,
    law_05_restore,
    law_06_outbox,
    law_07_one_poll,
    law_08_terminal,
    law_10_input,
    law_11_order,
    law_12_rows,
)
QUICK_LAWS: Final = tuple(
    law for law in STEP_LAWS if law not in (law_05_restore, law_10_input, law_11_order, law_12_rows)
)
"""The laws that take less than a hundred times the step itself."""


# --- laws of a whole trace ------------------------------------------------------------------------------------------


Key: TypeAlias = tuple[str, ...]
RANK: Final = {"sent": 1, "delivered": 2, "read": 3, "failed": 4}


_MARKS: Final = 3
"""Places of a window without an entry: two marks of the log's beginning, and the key itself."""


@frozen
class Delivery:
    """An entry's first update. `least`, `most`: the entries that a window had stored by then."""

    least: int
    most: int
    update: Received | DeliveryUpdate


@define
class Ledger:
    """The output of a trace so far, across the sessions that follow one another."""

    command: int = 0
    seq: int = 0
    finished: int = 0
    posts: dict[str, core.Post] = field(factory=dict[str, core.Post])
    """Item id -> its first post."""
    progress: dict[str, str] = field(factory=dict[str, str])
    delivered: dict[Key, Delivery] = field(factory=dict[Key, "Delivery"])
    least: int = 0
    most: int = 0
    window: int = core.Config().window

    def add(self, key: Key, update: Received | DeliveryUpdate) -> None:
        self.delivered[key] = Delivery(self.least, self.most, update)

    @property
    def is_full(self) -> bool:
        """Whether a window of this size may have evicted anything."""
        return self.most > self.window - _MARKS

    def may_have_forgotten(self, key: Key) -> bool:
        """Whether a window of this size may have evicted this key."""
        return self.most - self.delivered[key].most > self.window - _MARKS

    def may_know(self, key: Key | None) -> bool:
        """Whether such a window may still contain this key."""
        return key in self.delivered and self.least - self.delivered[key].least <= self.window

    def follow(self, session: Session) -> None:
        """A following session has begun; its first step, the request, is not in the trace."""
        self.finished, self.seq, self.command = 0, session.seq, session.ids


def _posted(entry: object) -> object:
    """The part of an entry that a retry must not change. A file may lose its message id (protocol.md 10, row 18)."""
    return evolve(entry, msg_id="") if isinstance(entry, wire.File) else entry


def law_09_numbers(step: StepResult, ledger: Ledger) -> None:
    """L9: command ids and `seq` strictly increase; an item keeps its id for ever, and its outcomes come in order.

    Ids tell answers apart, and `seq` is the application's cursor: one that came twice is a lost or a doubled message.
    """
    for command in step.commands:
        _hold("L9", command.id > ledger.command, f"command id {command.id} after {ledger.command}")
        ledger.command = command.id
        if isinstance(command, core.Post):
            first = ledger.posts.setdefault(command.item, command)
            if _posted(first.entry) != _posted(command.entry):
                raise BrokenLaw("L9", f"{command.item} was {_json(first)}, and is {_json(command)}")
    for one in step.updates:
        _hold("L9", one.seq == ledger.seq + 1, f"seq {one.seq} after {ledger.seq}")
        ledger.seq = one.seq
        if isinstance(one, DeliveryUpdate):
            before = ledger.progress.get(one.item, "")
            forward = RANK[one.state] > RANK.get(before, 0) and not (before and one.state == "failed")
            _hold("L9", forward, f"{one.item} is {one.state} after {before}")
            ledger.progress[one.item] = one.state
        if isinstance(one, Finished):
            ledger.finished += 1
            _hold("L9", ledger.finished == 1, "the outcome of the session was reported twice")
    _hold("L9", not step.updates or step.after.seq == ledger.seq, "the session's seq is not that of its last update")


def key_of(session: Session, entry: object) -> Key | None:
    """The key by which two entries are the same; None where they have no id."""
    chat = session.chat.chat_id.lower()
    if isinstance(entry, wire.FormShow | wire.SecureFormShow):
        return chat, type(entry).__name__, entry.form_request_id
    if getattr(entry, "msg_id", "") in ("", "null"):
        return None
    if isinstance(entry, wire.CobrowsingRequested):
        return chat, type(entry).__name__, entry.msg_id
    if isinstance(entry, wire.Message | wire.File | wire.Location | wire.Signaling):
        party = entry.party_id.lower()
        is_ours = isinstance(entry, wire.File) or entry.msg_id.startswith(f"{session.chat.origin}:")
        return chat, "own" if (party == chat if party else is_ours) else "other", entry.msg_id
    return None


def law_13_told_once(step: StepResult, ledger: Ledger) -> None:
    """L13: each transcript entry is delivered once, despite repeated polls, replays and the history.

    Checked for entries with an id; without one, two equal entries and one repeated entry look the same. Own items count
    as delivered when they are sent: they never come back as updates. An entry that the window has evicted may come back
    (twice is better than lost), from the log only behind an entry that the window lacks: the log is ordered.
    """
    for one in step.updates:
        if isinstance(one, DeliveryUpdate) and one.state in ("sent", "delivered", "read"):
            ours = (step.after.chat.chat_id.lower(), "own", one.item)
            if ours not in ledger.delivered:  # a receipt does not renew it
                ledger.add(ours, one)
        if isinstance(one, Received):
            key = key_of(step.after, one.entry)
            if key is not None:
                if key in ledger.delivered and not _may_come_back(step, key, ledger):
                    before = ledger.delivered[key].update
                    raise BrokenLaw("L13", f"delivered twice: {_json(before)}, then {_json(one)}")
                ledger.add(key, one)
            ledger.least += 1
    ledger.most += _at_most(step)


def _at_most(step: StepResult) -> int:
    """The most entries that a step adds to a window; an own file has two keys."""
    event = step.event
    carrier = event.reply if isinstance(event, Answered) else event
    came = len(carrier.entries) if isinstance(carrier, core.EventBatch | core.Incoming) else 0
    received = sum(isinstance(one, Received) for one in step.updates)
    return max(came, received) + 2 * sum(isinstance(one, DeliveryUpdate) for one in step.updates)


_WITHOUT_ID: Final = (wire.Message, wire.File, wire.Location, wire.TimeoutWarning, wire.Unknown, wire.Malformed)
"""Transcript entries that may lack an id: a window compares their content."""


def _may_come_back(step: StepResult, key: Key, ledger: Ledger) -> bool:
    if not ledger.may_have_forgotten(key):
        return False
    reply = step.event.reply if isinstance(step.event, Answered) else None
    if not isinstance(reply, core.HistoryLog):
        return True
    keys = [key_of(step.after, entry) for entry in reply.entries]
    before = zip(keys[: keys.index(key)], reply.entries, strict=False)
    return any(ledger.may_know(one) or (one is None and isinstance(entry, _WITHOUT_ID)) for one, entry in before)


def law_14_nothing_dropped(step: StepResult, ledger: Ledger) -> None:
    """L14: no entry of a batch is dropped: it is delivered at once or was before, also after the end of the session.

    Checked for entries of others with an id, once the chat is known. The server does not hand out a batch twice, and
    may have handed this one out before the client knew of the end. Follows L13, which keeps the ledger.
    """
    event = step.event
    carrier = event.reply if isinstance(event, Answered) else event
    if step.refused or not step.before.chat.chat_id or not isinstance(carrier, core.EventBatch | core.Incoming):
        return
    for entry in carrier.entries:
        key = key_of(step.before, entry)
        if key is not None and key[1] != "own" and key not in ledger.delivered:
            raise BrokenLaw("L14", f"never delivered: {short(to_json(entry, core.Entry))}")


LIFE_LAWS: Final = (law_09_numbers, law_13_told_once, law_14_nothing_dropped)


def check_laws(step: StepResult, ledger: Ledger, engine: Engine = DEFAULT_ENGINE) -> None:
    """Check every law for one step. Raises `BrokenLaw`."""
    for law in STEP_LAWS:
        law(step, engine)
    for life_law in LIFE_LAWS:
        life_law(step, ledger)


def missing_entries(step: StepResult, ledger: Ledger, engine: Engine = DEFAULT_ENGINE) -> list[Key]:
    """The other half of L13: entries of an awaited history that were never delivered; empty for a correct engine.

    Only for a complete and ordered log. Signals in an old log are not delivered. Once the window may have evicted
    entries, all before the first entry that it certainly contains count as delivered.
    """
    event = step.event
    awaited = {c.id for c in engine.outbox(step.before) if isinstance(c, core.ReadHistory)}
    if not isinstance(event, Answered) or event.command not in awaited or step.after.outcome is not None:
        return []
    entries: tuple[core.Entry, ...] = event.reply.entries if isinstance(event.reply, core.HistoryLog) else ()
    told = [entry for entry in entries if not isinstance(entry, wire.Signaling | wire.CobrowsingRequested)]
    keys = [key for key in (key_of(step.after, entry) for entry in told) if key is not None]
    return [key for key in keys[_reach(keys, ledger) :] if key not in ledger.delivered and not _failed(key, ledger)]


def _failed(key: Key, ledger: Ledger) -> bool:
    """An own item reported as unknown: it may have arrived."""
    return key[1] == "own" and ledger.progress.get(key[2]) == "failed"


def _reach(keys: Sequence[Key], ledger: Ledger) -> int:
    """The index in a log from which a window must know every entry."""
    if not ledger.is_full:
        return 0
    sure = (key in ledger.delivered and key[1] == "other" and not ledger.may_have_forgotten(key) for key in keys)
    return next((index for index, held in enumerate(sure) if held), len(keys))
