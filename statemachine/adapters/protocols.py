"""What the driver needs from its surroundings: a clock, a transport, a store, and somebody to tell.

All of it is callbacks, so that an event loop, a thread and a simulator bind the same loop without change. Every call
and every callback of one driver happens in one thread. Instants are integer milliseconds since the epoch (UTC).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, Protocol, TypeAlias

from attrs import field, frozen

from ..core import Anomaly, Command, Event, Notification, Reply, Session, StatusUpdate, TranscriptUpdate

__all__ = [
    "Alarm",
    "Answer",
    "Archive",
    "Checkpoint",
    "Clock",
    "Done",
    "HandledEvent",
    "Listener",
    "Observer",
    "Save",
    "SavedStep",
    "Store",
    "Stored",
    "Transport",
]

Answer: TypeAlias = Callable[[Reply], None]
Done: TypeAlias = Callable[[BaseException | None], None]
"""Called once: with None when it is done for good, with the error when nothing was done."""


class Alarm(Protocol):
    """A callback that has not come yet."""

    def cancel(self) -> None:
        """The callback will not come any more. Harmless after it came."""


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> int:
        """The present. Never runs backwards while this clock exists."""
        ...

    def call_at(self, at: int, callback: Callable[[], None]) -> Alarm:
        """Call back at `at` or somewhat later; a moment that has passed means soon, never from within this call."""
        ...

    def jitter(self, earliest: int, latest: int) -> int:
        """A moment in this window, both ends included: many sessions that are due together shall not wake together."""
        ...


class Transport(Protocol):
    """Carries commands to the server and brings the replies back. It never raises: what goes wrong is a `Failure`."""

    def execute(self, command: Command, answer: Answer) -> None:
        """Begin this call. `answer` is called once when it is over, possibly from within; not needed after `abort`."""

    def abort(self, command_id: int) -> None:
        """Break off a call nobody waits for any more. Only ever asked for reads; unknown ids are ignored."""


@frozen
class Save:
    """One step of one session, to be made durable as a whole: the session, and the news that goes to its journal.

    `version` counts the saves of this session from 1; it must be the stored version plus one.
    """

    session_id: str
    version: int
    session: Session = field(repr=False)
    updates: tuple[TranscriptUpdate, ...] = field(default=(), repr=False)


@frozen
class Stored:
    """What a store holds of one session."""

    session: Session = field(repr=False)
    version: int


class Store(Protocol):
    """Keeps sessions, each with a journal of its transcript news and the application's cursor into it."""

    def save(self, save: Save, done: Done) -> None:
        """Make this step durable, then call `done`. The saves of one session are made, and done, in the order asked.

        The error is a `StaleSave` where the version does not follow the stored one: somebody else drives this session.
        """

    def load(self, session_id: str) -> Stored | None:
        """The session as last saved, or None where there is none."""
        ...

    def journal(self, session_id: str, after_seq: int, limit: int) -> tuple[TranscriptUpdate, ...]:
        """The next `limit` news with a `seq` above `after_seq`, in order of `seq`."""
        ...

    def ack(self, session_id: str, seq: int, done: Done) -> None:
        """The application has dealt with all news up to `seq`: the journal lets go of them.

        The cursor never moves back; to acknowledge what is not there yet is an error.
        """

    def cursor(self, session_id: str) -> int:
        """The highest `seq` acknowledged, 0 for none."""
        ...

    def sessions(self) -> tuple[str, ...]:
        """The ids of all sessions stored, sorted."""
        ...

    def close(self) -> None:
        """Finish what was asked, and let go of everything. Saves asked later are refused."""


class Archive(Store, Protocol):
    """A store that can look back, and forget."""

    def transcript(self, session_id: str, after_seq: int, limit: int) -> tuple[TranscriptUpdate, ...]:
        """As `journal`, with what was acknowledged and is kept all the same, where the store was told to keep it."""
        ...

    def purge(self, before: int, done: Done, *, unread: bool = False) -> None:
        """Remove what was over before this instant: sessions, and what is kept of news that was read.

        A session that lives stays. One with news that the application has not read stays too, unless `unread`. Whose
        session was removed begins anew with `seq` 1.
        """

    def forget(self, session_ids: Iterable[str], done: Done) -> None:
        """Remove these sessions, whatever their state, with all that is kept of them, for good and without a trace.

        Nobody may drive them any more: a save would bring them back, or fail. Ids that are not known are no error.
        """


@frozen
class SavedStep:
    """What one step has to tell, once it is saved. `session` is the session after it."""

    session: Session = field(repr=False)
    transcript: tuple[TranscriptUpdate, ...]
    levels: tuple[StatusUpdate, ...]
    anomalies: tuple[Anomaly, ...]


class Listener(Protocol):
    """Who owns a driver. What these raise stops the driver: the application's own code belongs behind the journal."""

    def told(self, update: SavedStep) -> None:
        """A step is saved, and its commands are on their way. Called only where there is something to tell."""

    def stopped(self, error: BaseException | None) -> None:
        """The driver does nothing any more: asked to (None), or because of this error. Called once, and last."""


@frozen
class HandledEvent:
    """An event that was handled, and what came of it: `after is before` where it changed nothing."""

    session_id: str
    event: Event
    before: Session = field(repr=False)
    after: Session = field(repr=False)
    outputs: tuple[Command | Notification, ...] = field(repr=False)


Checkpoint: TypeAlias = Literal["saved", "executed", "answered", "told"]


class Observer(Protocol):
    """Who looks over a driver's shoulder: traces, logs, tests. It must not feed the driver it looks at."""

    def stepped(self, step: HandledEvent) -> None:
        """An event was handled. Nothing is saved yet."""

    def moment(self, session_id: str, moment: Checkpoint, number: int) -> None:
        """A point at which the process may die. `number`: the version saved, the command's id, or the last `seq` told.

        saved: it is durable, and nothing of it was done yet. executed: the transport has the command. answered: its
        reply is here, and not yet handled. told: the listener has the news.
        """
