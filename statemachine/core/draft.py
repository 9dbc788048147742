"""The draft: a session while one step changes it.

A step may move several machines (a batch of two hundred entries is one step), so the rows' functions write to a draft.
It is a session in all but its class: it has the same slots, forbids no writing, and *becomes* the next session at the
end, by taking the frozen class. So a step copies fourteen fields once, and not again. What is no part of a session
(what the step has to tell, where it stands) is in its scratch, which is left behind.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from .record import opened
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
    Participants,
    Session,
)
from .updates import Anomaly, DeliveryUpdate, Outcome, Progression, Reason, Received, TranscriptUpdate
from .wire import Entry

_parts: Final = attrgetter(
    "window",
    "lifecycle",
    "connection",
    "items",
    "history",
    "participants",
    "ephemeral",
    "ephemeral_queue",
    "attention",
    "chat",
)
"""What a step may change beside its counters, on a draft and on a session; compared by identity where that will do."""


class StepContext:
    """What a step notes that is no part of the session."""

    __slots__ = (
        "anomalies",
        "base",
        "finish",
        "fresh",
        "item",
        "log",
        "newest",
        "past",
        "reading",
        "subject",
        "terminal",
        "updates",
    )

    base: Session
    """The session before."""
    updates: list[TranscriptUpdate]
    anomalies: list[Anomaly]
    item: ItemState
    subject: Item
    """The item in focus, and its state: what the item machine works on."""
    terminal: tuple[type[Any], Any] | None
    """The first terminal signal of this step, with its payload; applied after the last entry (D2.10)."""
    finish: tuple[str, Outcome, str, int | None] | None
    """The outcome of the session, until it is told."""
    fresh: bool
    """Whether the batch brought anything that was not known."""
    reading: bool
    """Whether the entries being folded come from the history."""
    past: bool
    """Whether they are told as the past: nothing of the log was known."""
    newest: bool
    """Whether the entry in hand is the last of the log (navigation aside)."""
    log: list[Any] | None
    """Where `explain` collects the moves."""


if TYPE_CHECKING:

    class _Open:
        now: int
        ids: int
        seq: int
        config: Config
        chat: Chat
        lifecycle: Lifecycle
        attention: Attention
        connection: Connection
        history: History
        items: tuple[Item, ...]
        ephemeral: Ephemeral
        ephemeral_queue: EphemeralQueue
        participants: Participants
        window: DedupeWindow
        context: StepContext

else:
    _Open = opened(Session)


class Draft(_Open):
    """A session's fields, open to change. `open_draft` makes one."""

    __slots__ = ()

    def next_id(self) -> int:
        """The next number of the session's one counter: for a command, or for a message."""
        self.ids = number = self.ids + 1
        return number

    def emit(self, entry: Entry, *, own: bool = False, historic: bool = False, late: bool = False) -> None:
        """Transcript news: an entry."""
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
        """Transcript news: the outcome of one thing sent."""
        self.seq = seq = self.seq + 1
        self.context.updates.append(
            DeliveryUpdate(seq, self.now, item.id, state, item.key, reason, code, party_id, item.note)
        )

    def note_anomaly(self, kind: str, detail: str = "") -> None:
        """Something odd from outside was survived."""
        seen = self.window
        self.window = DedupeWindow(seen.entries, seen.batches, seen.anomalies + 1, seen.marks)
        self.context.anomalies.append(Anomaly(self.now, kind, detail))


def open_draft(session: Session, at: int) -> Draft:
    """A draft of `session`, at the later of its own now and `at`."""
    d = Draft()
    now = session.now
    d.now = at if at > now else now
    d.ids = session.ids
    d.seq = session.seq
    d.config = session.config
    d.chat = session.chat
    d.lifecycle = session.lifecycle
    d.attention = session.attention
    d.connection = session.connection
    d.history = session.history
    d.items = session.items
    d.ephemeral = session.ephemeral
    d.ephemeral_queue = session.ephemeral_queue
    d.participants = session.participants
    d.window = session.window
    d.context = scratch = StepContext()
    scratch.base = session
    scratch.updates = []
    scratch.anomalies = []
    scratch.terminal = scratch.finish = scratch.log = None
    scratch.fresh = scratch.reading = scratch.past = scratch.newest = False
    return d


def freeze(d: Draft) -> Session:
    """The session after this step, which the draft becomes; the one before, the very same, when nothing differs.

    By value, for a move away and back may end in another record like the one before (L5). What has given out an id or
    told something differs for sure, and is not compared.
    """
    base = d.context.base
    if (
        d.ids == base.ids
        and d.seq == base.seq
        and d.now >= base.now  # back in time goes only a restart: what comes then must not wait for the old time
        and d.lifecycle.name == base.lifecycle.name  # what changes most, and costs no call to compare
        and _parts(d) == _parts(base)
    ):
        return base
    session: Any = d
    del session.context
    session.__class__ = Session
    return session  # type: ignore[no-any-return]
