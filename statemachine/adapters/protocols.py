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
        """Call `callback` at `at` or slightly later; for a past time, soon, but never from within this call."""
        ...

    def jitter(self, earliest: int, latest: int) -> int:
        """A time from `earliest` to `latest`: sessions that are due together should not all wake together."""
        ...


class Transport(Protocol):
    """Sends commands to the server and returns the replies. It never raises: every error is a `Failure`."""

    def execute(self, command: Command, answer: Answer) -> None:
        """Begin the call of this `command`.

        `answer` is called once with its reply, possibly from within; not needed after `abort`.
        """

    def abort(self, command_id: int) -> None:
        """Cancel the call of `command_id`: its reply is not needed. Used for reads only; unknown ids are ignored."""


class Worker(Protocol):
    """Computes what takes long, while other sessions have their turn."""

    def begin(self, work: Callable[[], T], done: Callable[[], None]) -> Callable[[], T]:
        """Begin to compute `work`; call `done` afterwards, in the owner's thread.

        The function returned gives the result, or raises what `work` has raised; it waits where it is called earlier.
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


class Store(Protocol):
    """Keeps sessions, each with a journal of its transcript updates and the application's cursor into it.

    `session_id`: the session's name. `done`: called once, with None or the error, when the request is done.
    """

    def save(self, save: Save, done: Done) -> None:
        """Make this step (`save`) durable, then call `done`. The saves of one session are made in the order asked.

        The error is a `StaleSave` where the version does not follow the stored one: another driver has this session.
        """

    def load(self, session_id: str) -> Stored | None:
        """The session as last saved, or None where there is none."""
        ...

    def journal(self, session_id: str, after_seq: int, limit: int) -> tuple[TranscriptUpdate, ...]:
        """The next `limit` updates with a `seq` above `after_seq`, in order of `seq`."""
        ...

    def ack(self, session_id: str, seq: int, done: Done) -> None:
        """Acknowledge all updates up to `seq`: the journal may drop them.

        The cursor never moves back. A `seq` beyond the journal is an error.
        """

    def cursor(self, session_id: str) -> int:
        """The highest `seq` acknowledged, 0 for none."""
        ...

    def sessions(self) -> tuple[str, ...]:
        """The ids of all sessions stored, sorted."""
        ...

    def close(self) -> None:
        """Finish all requests, and release all resources. Later saves are refused."""


class Archive(Store, Protocol):
    """A store that keeps transcripts, and can delete. `session_id`, `done`: as for `Store`."""

    def transcript(self, session_id: str, after_seq: int, limit: int) -> tuple[TranscriptUpdate, ...]:
        """As `journal(session_id, after_seq, limit)`, with acknowledged updates too, where the store keeps them."""
        ...

    def purge(self, before: int, done: Done, *, unread: bool = False) -> None:
        """Delete the sessions that ended before the time `before` (ms), and the acknowledged updates older than it.

        Active sessions stay. Ended ones with unacknowledged updates stay too, unless `unread`. A new session under the
        same id begins with `seq` 1.
        """

    def cookies(self, session_id: str) -> str:
        """The customer's cookies as last kept, "" for none. They may identify the customer: never log them."""
        ...

    def keep_cookies(self, session_id: str, cookies: str, done: Done) -> None:
        """Keep these `cookies` with a stored session, until it is purged or forgotten; none where it is not stored."""

    def clock_changed(self, since: int, until: int, by: int, done: Done) -> None:
        """The wall clock was moved by `by`: what was saved with a time from `since` to `until` is `by` later.

        Concerns the ages that `purge` goes by, not the times in sessions and updates.
        """

    def forget(self, session_ids: Iterable[str], done: Done) -> None:
        """Delete the sessions of these `session_ids`, in any state, with all their data, permanently.

        No driver may run them any more: a save would create them again, or fail. Unknown ids are no error.
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
        """This `step` is saved, and its commands are executed. Called only for steps with updates or anomalies."""

    def finished(self) -> None:
        """The session is over, and no call in flight can bring more updates. Called at most once."""

    def stopped(self, error: BaseException | None) -> None:
        """The driver has stopped: as requested, or because of this `error`. Called once, and last."""


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
        """An event was handled (`step`). Nothing is saved yet."""

    def checkpoint(self, session_id: str, checkpoint: Checkpoint, number: int) -> None:
        """A `checkpoint` of the session `session_id`: a point at which a crash is of interest.

        `number`: the version, the command's id, or the last `seq`.

        saved: the step is durable, and nothing of it was carried out. executed: the transport has the command.
        answered: its reply has arrived, and is not handled yet. published: the listener has the updates.
        """
