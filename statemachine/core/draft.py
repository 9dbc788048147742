"""The draft: a session while one step changes it, and what the step notes beside it.

A step may run many transitions (a batch of two hundred entries is one step), so the tables' actions write to a mutable
draft, and one session is built from it at the end.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Final

from .session import DedupeWindow, Item, ItemState, Session, wrong_instant
from .updates import Anomaly, AnomalyKind, DeliveryUpdate, Progression, Reason, TranscriptUpdate
from .wire import Entry

ANOMALIES: Final = 32
"""Anomalies that one step reports one by one; the rest is one with their number."""

_parts: Final = attrgetter(*Session.__match_args__[3:])
"""All fields after `now`, `ids` and `seq`."""


class Draft:
    """The fields of a session, mutable, and what a step notes that is not part of the session.

    Args:
        base: The session before the step.
        at: The time of the event in milliseconds; the draft's time is the later of it and the session's own.
        log: Where `explain` collects the transitions.

    Raises:
        TypeError: `at` is no `int`.
    """

    __slots__ = (
        *Session.__match_args__,
        *("base", "updates", "anomalies", "subject", "item"),
        *("end", "applying_end", "finish", "fresh", "reading", "past", "newest", "log"),
    )

    subject: Item
    item: ItemState
    """The item in focus, and its state: what the item machine works on."""
    opening: Any
    connection: Any
    history: Any
    """Of the state that the row names, whose fields its functions take for granted."""

    def __init__(self, base: Session, at: int, log: list[Any] | None = None) -> None:
        if type(at) is not int:
            raise wrong_instant(at)
        self.base = base
        self.now = at if at > base.now else base.now
        self.ids = base.ids
        self.seq = base.seq
        self.config = base.config
        self.chat = base.chat
        self.lifecycle = base.lifecycle
        self.opening = base.opening
        self.attention = base.attention
        self.connection = base.connection
        self.history = base.history
        self.presence = base.presence
        self.items = base.items
        self.ephemeral = base.ephemeral
        self.ephemeral_queue = base.ephemeral_queue
        self.participants = base.participants
        self.window = base.window
        self.updates: list[TranscriptUpdate] = []
        self.anomalies: tuple[Anomaly, ...] = ()
        self.end: Entry | None = None
        """The first terminal entry of the batch; applied after the last entry (design 10)."""
        self.applying_end = False
        """Whether that is happening now."""
        self.finish: tuple[str, int | None] | None = None
        """The server's text and the error code that go with the session's outcome, until its update is emitted."""
        self.fresh = False
        """Whether the batch brought an entry that was not known."""
        self.reading = False
        """Whether the entries being folded come from the history."""
        self.past = False
        """Whether entries are delivered as historic: no entry of the log was known."""
        self.newest = False
        """Whether the current entry is the last of the log (navigation aside)."""
        self.log = log

    def new_call(self, timeout: int) -> tuple[int, int]:
        """The id of a new command, and when it counts as unanswered: `timeout` milliseconds and a margin from now."""
        self.ids = number = self.ids + 1
        wait = timeout + self.config.answer_margin
        return number, self.now + (wait if wait > 0 else 1)

    def emit_delivery(
        self, item: Item, state: Progression, reason: Reason | None = None, code: int | None = None, party_id: str = ""
    ) -> None:
        """Emit a transcript update for the progress of one sent item."""
        self.seq = seq = self.seq + 1
        self.updates.append(DeliveryUpdate(seq, self.now, item.id, state, item.key, reason, code, party_id, item.note))

    def note_anomaly(self, kind: AnomalyKind, detail: str = "") -> None:
        """Count and report an unexpected input from the server; the session goes on."""
        window = self.window
        self.window = DedupeWindow(window.entries, window.batches, window.anomalies + 1, window.marks)
        left_out = self.window.anomalies - self.base.window.anomalies - ANOMALIES
        if left_out <= 0:
            self.anomalies = (*self.anomalies, Anomaly(self.now, kind, detail))
        else:
            more = Anomaly(self.now, "more_anomalies", f"{left_out} more")
            self.anomalies = (*self.anomalies[:ANOMALIES], more)

    def freeze(self) -> Session:
        """The session after this step; the session before, the same object, if nothing differs.

        The comparison is by value: a transition away and back may end in another record that equals the first (L5). A
        step that gave out an id or emitted an update differs for certain and is not compared.
        """
        base = self.base
        if (
            type(self.lifecycle) is type(base.lifecycle)  # it changes most often
            and self.ids == base.ids
            and self.seq == base.seq
            and self.now >= base.now  # only a restart goes back in time: later events must not wait for the old time
            and _parts(self) == _parts(base)
        ):
            return base
        return Session(
            self.now,
            self.ids,
            self.seq,
            self.config,
            self.chat,
            self.lifecycle,
            self.opening,
            self.attention,
            self.connection,
            self.history,
            self.presence,
            self.items,
            self.ephemeral,
            self.ephemeral_queue,
            self.participants,
            self.window,
        )
