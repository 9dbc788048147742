"""The draft: a session while one step changes it, and what the step notes beside it.

A step may run many transitions (a batch of two hundred entries is one step), so the tables' actions write to a mutable
draft, and one session is built from it at the end. What is not part of the session is in the step's context.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Final

from attrs import define

from .session import (
    Attention,
    Chat,
    Config,
    Connection,
    DedupeWindow,
    Ephemeral,
    EphemeralQueue,
    History,
    Item,
    ItemState,
    Lifecycle,
    Opening,
    Participants,
    Presence,
    Session,
    wrong_instant,
)
from .updates import Anomaly, DeliveryUpdate, Progression, Reason, Received, TranscriptUpdate
from .wire import Entry

_parts: Final = attrgetter(*Session.__match_args__[3:])
"""All fields after `now`, `ids` and `seq`."""


class StepContext:
    """What a step notes that is not part of the session."""

    subject: Item
    item: ItemState
    """The item in focus, and its state: what the item machine works on."""
    end: Entry | None = None
    """The first terminal entry of the batch; applied after the last entry (D2.10)."""
    applying_end: bool = False
    """Whether that is happening now."""
    finish: tuple[str, int | None] | None = None
    """The server's text and the error code that go with the session's outcome, until its update is emitted."""
    fresh: bool = False
    """Whether the batch brought an entry that was not known."""
    reading: bool = False
    """Whether the entries being folded come from the history."""
    past: bool = False
    """Whether entries are delivered as historic: no entry of the log was known."""
    newest: bool = False
    """Whether the current entry is the last of the log (navigation aside)."""
    log: list[Any] | None = None
    """Where `explain` collects the transitions."""

    def __init__(self, base: Session) -> None:
        self.base = base  # the session before the step
        self.updates: list[TranscriptUpdate] = []
        self.anomalies: list[Anomaly] = []


@define(eq=False)
class Draft:
    """The fields of a session, mutable, and the context of the step."""

    context: StepContext
    now: int
    ids: int
    seq: int
    config: Config
    chat: Chat
    lifecycle: Lifecycle
    opening: Opening
    attention: Attention
    connection: Connection
    history: History
    presence: Presence
    items: tuple[Item, ...]
    ephemeral: Ephemeral
    ephemeral_queue: EphemeralQueue
    participants: Participants
    window: DedupeWindow

    def next_id(self) -> int:
        """The next number of the session's one counter: for a command, or for a message."""
        self.ids = number = self.ids + 1
        return number

    def emit(self, entry: Entry, *, own: bool = False, historic: bool = False, late: bool = False) -> None:
        """Emit a transcript update for an entry."""
        self.seq = seq = self.seq + 1
        self.context.updates.append(Received(seq, self.now, entry, own, historic, late))

    def emit_delivery(
        self,
        item: Item,
        state: Progression,
        *,
        reason: Reason | None = None,
        code: int | None = None,
        party_id: str = "",
    ) -> None:
        """Emit a transcript update for the progress of one sent item."""
        self.seq = seq = self.seq + 1
        self.context.updates.append(
            DeliveryUpdate(seq, self.now, item.id, state, item.key, reason, code, party_id, item.note)
        )

    def note_anomaly(self, kind: str, detail: str = "") -> None:
        """Count and report an unexpected input from the server; the session goes on."""
        window = self.window
        self.window = DedupeWindow(window.entries, window.batches, window.anomalies + 1, window.marks)
        self.context.anomalies.append(Anomaly(self.now, kind, detail))


def open_draft(session: Session, at: int) -> Draft:
    """A draft of `session`, at the later of its own `now` and `at`. Raises TypeError for an `at` that is no `int`."""
    if type(at) is not int:
        raise wrong_instant(at)
    now = session.now
    return Draft(
        StepContext(session),
        at if at > now else now,
        session.ids,
        session.seq,
        session.config,
        session.chat,
        session.lifecycle,
        session.opening,
        session.attention,
        session.connection,
        session.history,
        session.presence,
        session.items,
        session.ephemeral,
        session.ephemeral_queue,
        session.participants,
        session.window,
    )


def freeze(d: Draft) -> Session:
    """The session after this step; the session before, the same object, if nothing differs.

    The comparison is by value: a transition away and back may end in another record that equals the first (L5). A step
    that gave out an id or emitted an update differs for certain and is not compared.
    """
    base = d.context.base
    if (
        d.ids == base.ids
        and d.seq == base.seq
        and d.now >= base.now  # only a restart goes back in time: later events must not wait for the old time
        and d.lifecycle.name == base.lifecycle.name  # the field that changes most often, compared without a call
        and _parts(d) == _parts(base)
    ):
        return base
    return Session(
        d.now,
        d.ids,
        d.seq,
        d.config,
        d.chat,
        d.lifecycle,
        d.opening,
        d.attention,
        d.connection,
        d.history,
        d.presence,
        d.items,
        d.ephemeral,
        d.ephemeral_queue,
        d.participants,
        d.window,
    )
