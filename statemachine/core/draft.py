"""The draft: one step's scratch copy of a session.

A step may move several machines (a batch of two hundred entries is one step), so the rows' functions write to a draft,
and one frozen session is built at the end, or none at all when nothing differs. The draft never leaves `reduce`.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Final

from .news import Anomaly, Outcome, Progress, Progression, Reason, Received, Transcript
from .session import (
    Asides,
    Attention,
    Chat,
    Config,
    Courtesy,
    History,
    Item,
    ItemState,
    Lifecycle,
    Link,
    Room,
    Seen,
    Session,
)
from .wire import Entry

_parts: Final = attrgetter(
    "seen", "lifecycle", "link", "items", "history", "room", "courtesy", "asides", "attention", "chat"
)
"""What a step may change beside its counters, on a draft and on a session; compared by identity where that will do."""


class Draft:
    """A session's fields, open to change, and what the step has to tell."""

    __slots__ = (
        "anomalies",
        "asides",
        "attention",
        "base",
        "chat",
        "config",
        "courtesy",
        "finish",
        "fresh",
        "history",
        "ids",
        "item",
        "items",
        "lifecycle",
        "link",
        "log",
        "newest",
        "news",
        "now",
        "past",
        "reading",
        "room",
        "seen",
        "seq",
        "subject",
        "terminal",
    )

    base: Session
    now: int
    ids: int
    seq: int
    config: Config
    chat: Chat
    lifecycle: Lifecycle
    attention: Attention
    link: Link
    history: History
    items: tuple[Item, ...]
    courtesy: Courtesy
    asides: Asides
    room: Room
    seen: Seen
    news: list[Transcript]
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

    def __init__(self, session: Session, at: int) -> None:
        """A draft of `session`, at the later of its own now and `at`."""
        self.base = session
        now = session.now
        self.now = at if at > now else now
        self.ids = session.ids
        self.seq = session.seq
        self.config = session.config
        self.chat = session.chat
        self.lifecycle = session.lifecycle
        self.attention = session.attention
        self.link = session.link
        self.history = session.history
        self.items = session.items
        self.courtesy = session.courtesy
        self.asides = session.asides
        self.room = session.room
        self.seen = session.seen
        self.news = []
        self.anomalies = []
        self.terminal = None
        self.finish = None
        self.fresh = False
        self.reading = False
        self.past = False
        self.newest = False
        self.log = None

    def next_id(self) -> int:
        """The next number of the session's one counter: for a command, or for a message."""
        self.ids = number = self.ids + 1
        return number

    def tell(self, entry: Entry, *, own: bool = False, historic: bool = False, late: bool = False) -> None:
        """Transcript news: an entry."""
        self.seq = seq = self.seq + 1
        self.news.append(Received(seq, self.now, entry, own, historic, late))

    def progress(
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
        self.news.append(Progress(seq, self.now, item.id, state, item.key, reason, code, party_id, item.note))

    def odd(self, kind: str, detail: str = "") -> None:
        """Something odd from outside was survived."""
        seen = self.seen
        self.seen = Seen(seen.told, seen.batches, seen.anomalies + 1, seen.marks)
        self.anomalies.append(Anomaly(self.now, kind, detail))

    def freeze(self) -> Session:
        """The session after this step: the very same object when nothing differs.

        By value, for a move away and back may end in another record like the one before (L5). What has given out an id
        or told something differs for sure, and is not compared.
        """
        base = self.base
        if (
            self.ids == base.ids
            and self.seq == base.seq
            and self.lifecycle.name == base.lifecycle.name  # what changes most, and costs no call to compare
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
            self.attention,
            self.link,
            self.history,
            self.items,
            self.courtesy,
            self.asides,
            self.room,
            self.seen,
        )
