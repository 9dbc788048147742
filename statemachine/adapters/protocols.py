"""The protocols that the driver depends on: clock, transport, store, listener and observer.

All of them use callbacks, so that an event loop, a thread and a simulator can run the same driver. All calls and
callbacks of one driver happen in one thread. Times are integer milliseconds since the epoch (UTC).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, Protocol, TypeAlias, TypeVar

from attrs import field, frozen

from ..core import Anomaly, Command, Event, Notification, Reply, Session, StatusUpdate, TranscriptUpdate

T = TypeVar("T")

Answer: TypeAlias = Callable[[Reply], None]
Done: TypeAlias = Callable[[BaseException | None], None]
"""Called once: with None when it is done and durable, with the error when nothing was done."""


class Alarm(Protocol):
    """A scheduled callback."""

    def cancel(self) -> None:
        """Do not call back. No effect after the callback."""


class Clock(Protocol):
    """The source of time, in milliseconds since the epoch."""

    def now(self) -> int:
        """The present time. Runs backwards only where the wall clock was corrected; `Driver.clock_changed` says so."""
        ...

    def call_at(self, at: int, callback: Callable[[], None]) -> Alarm:
        """Call a function at a time or slightly later; for a past time, soon, but never from within this call.

        Args:
            at: The time, in milliseconds since the epoch.
            callback: The function.

        Returns:
            The alarm, to cancel it.
        """
        ...

    def jitter(self, earliest: int, latest: int) -> int:
        """A time between two: sessions that are due together should not all wake together.

        Args:
            earliest: In milliseconds since the epoch.
            latest: In milliseconds since the epoch.
        """
        ...


class Transport(Protocol):
    """Sends commands to the server and returns the replies. It never raises: every error is a `Failure`."""

    def execute(self, command: Command, answer: Answer) -> None:
        """Begin the call of a command.

        Args:
            command: Any that `reduce` returned.
            answer: Called once with its reply, possibly from within; not needed after `abort`.
        """

    def abort(self, command_id: int) -> None:
        """Cancel a call: its reply is not needed. Used for reads only.

        Args:
            command_id: Of the command; unknown ids are ignored.
        """


class Worker(Protocol):
    """Computes what takes long, while other sessions have their turn."""

    def begin(self, work: Callable[[], T], done: Callable[[], None]) -> Callable[[], T]:
        """Begin a computation.

        Args:
            work: The computation.
            done: Called afterwards, in the owner's thread.

        Returns:
            A function that gives the result, or raises what `work` has raised; it waits where it is called earlier.
        """
        ...


@frozen
class Save:
    """One step of one session, to be saved in one transaction: the session, and the updates for its journal.

    `session_id`: the session's name in the store. `session`: after the step. `updates`: for the journal. `version`
    counts the saves of this session from 1; it must be the stored version plus one.
    """

    session_id: str
    version: int
    session: Session = field(repr=False)
    updates: tuple[TranscriptUpdate, ...] = field(default=(), repr=False)


@frozen
class Stored:
    """A `session` as stored. `version`: the number of its saves."""

    session: Session = field(repr=False)
    version: int


class TakenOver(Exception):
    """Another process drives this session now. A `Store` raises it: the driver stops, and that is no fault."""


class Store(Protocol):
    """Keeps sessions, each with a journal of its transcript updates and the application's cursor into it.

    `session_id`: the session's name. `done`: called once, with None or the error, when the request is done.
    """

    def save(self, save: Save, done: Done) -> None:
        """Make a step durable. The saves of one session are made in the order asked.

        Args:
            save: The step.
            done: Called afterwards with the error, or None: a `StaleSave` where the version does not follow the stored
                one, for another driver has this session.
        """

    def load(self, session_id: str) -> Stored | None:
        """The session as last saved, or None where there is none.

        Args:
            session_id: Of the session.
        """
        ...

    def journal(self, session_id: str, after_seq: int, limit: int) -> tuple[TranscriptUpdate, ...]:
        """The next transcript updates, in order of `seq`.

        Args:
            session_id: Of the session.
            after_seq: Only updates with a `seq` above this one.
            limit: At most so many.
        """
        ...

    def ack(self, session_id: str, seq: int, done: Done) -> None:
        """Acknowledge updates: the journal may drop them.

        The cursor never moves back. A `seq` beyond the journal is an error.

        Args:
            session_id: Of the session.
            seq: Of the last of them; all before it are acknowledged too.
            done: Called with the error, or None.
        """

    def cursor(self, session_id: str) -> int:
        """The highest `seq` acknowledged, 0 for none.

        Args:
            session_id: Of the session.
        """
        ...

    def sessions(self) -> tuple[str, ...]:
        """The ids of all sessions stored, sorted."""
        ...

    def close(self) -> None:
        """Finish all requests, and release all resources. Later saves are refused."""


class Archive(Store, Protocol):
    """A store that keeps transcripts, and can delete. `session_id`, `done`: as for `Store`."""

    def transcript(self, session_id: str, after_seq: int, limit: int) -> tuple[TranscriptUpdate, ...]:
        """The updates of `journal`, with acknowledged ones too, where the store keeps them.

        Args:
            session_id: Of the session.
            after_seq: Only updates with a `seq` above this one.
            limit: At most so many.
        """
        ...

    def purge(self, before: int, done: Done, *, unread: bool = False) -> None:
        """Delete the sessions that ended before a time, and the acknowledged updates older than it.

        Active sessions stay. A new session under the same id begins with `seq` 1.

        Args:
            before: The time, in milliseconds since the epoch.
            done: Called with the error, or None.
            unread: Also delete ended sessions with unacknowledged updates.
        """

    def cookies(self, session_id: str) -> str:
        """The customer's cookies as last kept, "" for none. They may identify the customer: never log them.

        Args:
            session_id: Of the session.
        """
        ...

    def keep_cookies(self, session_id: str, cookies: str, done: Done) -> None:
        """Keep cookies with a stored session, until it is purged or forgotten; none where it is not stored.

        Args:
            session_id: Of the session.
            cookies: As `cookies` is to return them.
            done: Called with the error, or None.
        """

    def clock_changed(self, since: int, until: int, by: int, done: Done) -> None:
        """The wall clock was moved: what was saved meanwhile gets the right time.

        Concerns the ages that `purge` goes by, not the times in sessions and updates.

        Args:
            since: The first of the wrong times, in milliseconds since the epoch.
            until: The last of them.
            by: Milliseconds to add to them.
            done: Called with the error, or None.
        """

    def forget(self, session_ids: Iterable[str], done: Done) -> None:
        """Delete sessions in any state, with all their data, permanently.

        No driver may run them any more: a save would create them again, or fail.

        Args:
            session_ids: Unknown ids are no error.
            done: Called with the error, or None.
        """


@frozen
class SavedStep:
    """The updates of one saved step: `transcript`, `statuses`, `anomalies`. `session`: after the step."""

    session: Session = field(repr=False)
    transcript: tuple[TranscriptUpdate, ...]
    statuses: tuple[StatusUpdate, ...]
    anomalies: tuple[Anomaly, ...]


class Listener(Protocol):
    """The owner of a driver. An exception stops the driver, so application code must not run in these methods."""

    def saved(self, step: SavedStep) -> None:
        """A step is saved, and its commands are executed. Called only for steps with updates or anomalies.

        Args:
            step: With its updates.
        """

    def finished(self) -> None:
        """The session is over, and no call in flight can bring more updates. Called at most once."""

    def stopped(self, error: BaseException | None) -> None:
        """The driver has stopped. Called once, and last.

        Args:
            error: The reason; None: it was asked to.
        """


@frozen
class HandledEvent:
    """An `event` of the session `session_id`, the sessions before and after it, and its `outputs`.

    `after is before` where it changed nothing.
    """

    session_id: str
    event: Event
    before: Session = field(repr=False)
    after: Session = field(repr=False)
    outputs: tuple[Command | Notification, ...] = field(repr=False)


Checkpoint: TypeAlias = Literal["saved", "executed", "answered", "published"]


class Observer(Protocol):
    """Sees each step of a driver: traces, metrics, tests. It must not call the driver."""

    def event_handled(self, step: HandledEvent) -> None:
        """An event was handled. Nothing is saved yet.

        Args:
            step: The event, and the session before and after it.
        """

    def checkpoint(self, session_id: str, checkpoint: Checkpoint, number: int) -> None:
        """A session has reached a point at which a crash is of interest.

        saved: the step is durable, and nothing of it was carried out. executed: the transport has the command.
        answered: its reply has arrived, and is not handled yet. published: the listener has the updates.

        Args:
            session_id: Of the session.
            checkpoint: The point.
            number: The version, the command's id, or the last `seq`.
        """
