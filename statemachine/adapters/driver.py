"""The loop that drives a session, for any clock, transport and store.

For each event: call `reduce`; if the session must be saved (`must_save`), save it and its updates in one transaction;
only after all saves so far, give the commands of this step to the transport, in order, and the updates to the listener.
Commands in flight that the session no longer owes are aborted where `can_abort` says so; all others may finish. One
alarm is armed for the session's next deadline. The session decides; this module knows no phase, no retry and no
threshold.

The session in memory is ahead of the saved one while saves are in progress; commands and updates never are. A failed
save therefore stops the driver: what was not saved was not done, and the stored session is the one to continue with.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import blake2b
from typing import Final, TypeAlias

from attrs import define, field

from ..core import (
    READS,
    Anomaly,
    Answered,
    ClockChanged,
    Command,
    Config,
    Event,
    EventBatch,
    Failure,
    HistoryLog,
    Notification,
    Post,
    PostEphemeral,
    Reply,
    Restarted,
    Session,
    Tick,
    TranscriptUpdate,
    Upload,
    can_abort,
    changes,
    must_save,
    new_session,
    outbox,
    reduce,
    wake_window,
)
from ..core.session import DEFAULT_CONFIG
from ..logs import Logger, error_values
from .protocols import (
    Alarm,
    Checkpoint,
    Clock,
    Done,
    HandledEvent,
    Listener,
    Observer,
    Save,
    SavedStep,
    Store,
    TakenOver,
    Transport,
    Worker,
)

_QUEUED: Final = (Post, PostEphemeral, Upload)
"""Commands that are still sent while the driver stops: they carry what the customer has sent."""

LONG: Final = 250
"""Entries of an answer that are folded at once; longer ones beside the event loop, where there is a worker."""

LOG_LINES: Final = 10
"""Log lines about one chat that a server can cause in a minute."""


class DriverStopped(Exception):
    """This driver accepts no more events. `__cause__` is the error that stopped it, if any."""


def label(session_id: str) -> str:
    """The name of a session in logs, a hash: the id itself may hold a phone number."""
    return blake2b(session_id.encode(errors="surrogatepass"), digest_size=6).hexdigest()


def chat_log(session_id: str) -> Logger:
    """The log lines of one session."""
    return Logger(LOG_LINES, session=label(session_id))


_Reduced: TypeAlias = tuple[Session, tuple[Command | Notification, ...]]


@define(eq=False)
class _Step:
    """A step until its save is done. `outputs`: of `reduce`; `waiting`: called when the save is done.

    `version`: of its save; None: it is not saved by itself, and waits only for the saves before it.
    """

    version: int | None
    before: Session = field(repr=False)
    after: Session = field(repr=False)
    outputs: tuple[Command | Notification, ...]
    waiting: list[Done]
    saved: bool


class Driver:
    """Drives one session. All calls and callbacks in one thread; `listener` and `transport` may call `feed` any time.

    Args:
        session_id: The session's name in the store.
        session: As stored, or a new one.
        version: Of the stored session, 0 for one never saved.
        clock, transport, store, listener: See the protocols of these names.
        observers: See each step.
        worker: Computes long steps; None: all are computed at once.
        log: Where log lines about this chat go.
    """

    def __init__(
        self,
        session_id: str,
        session: Session,
        version: int = 0,
        *,
        clock: Clock,
        transport: Transport,
        store: Store,
        listener: Listener,
        observers: Sequence[Observer] = (),
        worker: Worker | None = None,
        log: Logger | None = None,
    ) -> None:
        self._id = session_id
        self._worker = worker
        self._log = log or chat_log(session_id)
        self._session = self._saved = session
        # The session of the last save; None before the first: an old copy of a session is then refused at its start.
        self._stored: Session | None = None
        self._loaded = version > 0
        self._running = False
        self._version = version
        self._clock = clock
        self._transport = transport
        self._store = store
        self._listener = listener
        self._observers = observers
        self._steps: deque[_Step] = deque()
        # A step that is being computed: its event, and the function that gives its result.
        self._long: tuple[Event, Callable[[], _Reduced]] | None = None
        self._in_flight: dict[int, Command] = {}
        self._alarm: Alarm | None = None
        self._window: tuple[int, int] | None = None
        self._settling = False
        self._finished = False
        self._stopping = False
        self._stopped = False
        self._error: BaseException | None = None

    def __repr__(self) -> str:
        return f"<Driver {label(self._id)}, phase={self._session.phase!r}, version={self._version}>"

    @classmethod
    def open(
        cls,
        session_id: str,
        config: Config = DEFAULT_CONFIG,
        *,
        clock: Clock,
        transport: Transport,
        store: Store,
        listener: Listener,
    ) -> Driver:
        """The driver of a stored session, or of a new one.

        Args:
            session_id: Of the session.
            config: Of a new session.
            clock: As for the class.
            transport: As for the class.
            store: As for the class.
            listener: As for the class.

        Raises:
            StoreError: The store cannot be read.
        """
        stored = store.load(session_id)
        session, version = (stored.session, stored.version) if stored else (new_session(clock.now(), config), 0)
        return cls(session_id, session, version, clock=clock, transport=transport, store=store, listener=listener)

    @property
    def session(self) -> Session:
        """The session as it is now, saved or not."""
        return self._session

    @property
    def saved(self) -> Session:
        """The session as of the last step carried out: the listener has all updates up to here."""
        return self._saved

    @property
    def version(self) -> int:
        """The version of the last save, done or in progress; the next one has the following."""
        return self._version

    @property
    def stopped(self) -> bool:
        """The driver does nothing any more."""
        return self._stopped

    @property
    def error(self) -> BaseException | None:
        """The error that stopped the driver; None while it runs, or after `stop`."""
        return self._error

    def start(self) -> None:
        """Begin. A stored session continues with `Restarted`."""
        now = self._clock.now()
        self._running = True
        if self._loaded:
            self._supervise(Restarted(now))
        else:
            self._arm()

    def clock_changed(self, by: int) -> None:
        """The clock was moved. A stored session that was not started yet follows at its start.

        Args:
            by: Milliseconds, positive where it was put forward.
        """
        if self._running and not self._stopping and not self._stopped:
            self._supervise(ClockChanged(self._clock.now(), by))

    def feed(self, event: Event, saved: Done | None = None) -> Session:
        """Handle an event now.

        Args:
            event: Any that `reduce` takes.
            saved: Called once the session is durable up to here, or with the error that prevents it.

        Returns:
            The session after it.

        Raises:
            IllegalIntent: It is not possible now; nothing has changed.
            DriverStopped: The driver has stopped.
        """
        if self._stopping or self._stopped:
            raise DriverStopped("this session is not driven any more") from self._error
        self._running = True
        return self._step(event, saved)

    def stop(self, *, drain: bool = False) -> None:
        """Release the session without ending it. `Listener.stopped` is called when nothing is in progress any more.

        Items in the queue are still sent, one after the other, until a deadline is due or the queue is empty. May be
        repeated.

        Args:
            drain: Wait for the reads in flight, which are withdrawn otherwise: a server may keep a withdrawn poll for a
                while, and give it events that nobody receives.
        """
        if self._stopping or self._stopped:
            return
        self._stopping = True
        self._disarm()
        if not drain:
            self._abort_reads()
        self._halt_when_idle()

    def cut_reads(self) -> None:
        """Give all reads in flight the failure `cut`: another process may have the session now."""
        for command in [*self._in_flight.values()]:
            if isinstance(command, READS):
                self._transport.abort(command.id)
                self._answered(command.id, Failure("cut"))

    def abandon(self) -> None:
        """Stop at once. Commands in flight stay in the stored session's outbox; `Restarted` settles them."""
        self._halt(None)

    # --- one step -----------------------------------------------------------------------------------------------------

    def _step(self, event: Event, saved: Done | None) -> Session:
        self._finish_long()
        if self._stopped:
            raise DriverStopped("this session is not driven any more") from self._error
        return self._take(event, reduce(self._session, event), saved)

    def _begin_long(self, worker: Worker, event: Event) -> None:
        """Compute a long step beside the event loop. The session's next event waits for it: the order stays."""
        self._finish_long()
        if not self._stopped:
            self._long = event, worker.begin(partial(reduce, self._session, event), self._finish_long)

    def _finish_long(self) -> None:
        """Take the result of the long step, if there is one."""
        if self._long is None:
            return
        (event, result), self._long = self._long, None
        try:
            self._take(event, result(), None)
        except Exception as error:
            self._halt(error)
        self._finish()
        self._halt_when_idle()

    def _take(self, event: Event, reduced: _Reduced, saved: Done | None) -> Session:
        before, (after, outputs) = self._session, reduced
        if self._observers:
            handled = HandledEvent(self._id, event, before, after, outputs)
            self._observe(lambda observer: observer.event_handled(handled))
        if after is before:
            self._arm()
            if saved:
                self._when_saved(saved)
            return after
        self._session = after
        # A caller that waits for the save gets one: `Background` changes nothing but the connection.
        is_saved = saved is not None or self._stored is None or must_save(self._stored, after)
        version = self._version + 1 if is_saved else None
        step = _Step(version, before, after, outputs, [saved] if saved else [], not is_saved)
        self._steps.append(step)
        self._arm()
        if version is None:
            self._settle()
        else:
            self._save(step, version)
        return after

    def _save(self, step: _Step, version: int) -> None:
        self._version, self._stored = version, step.after
        done = partial(self._save_done, step)
        try:
            self._store.save(Save(self._id, version, step.after, _transcript(step)), done)
        except Exception as error:  # a store that breaks its promise is a save that failed
            done(error)

    def _supervise(self, event: Event) -> None:
        """Handle an event that has no caller. An error would be lost in the event loop, so it stops the driver."""
        try:
            self._step(event, None)
        except Exception as error:
            self._halt(error)

    def _when_saved(self, saved: Done) -> None:
        if self._steps:
            self._steps[-1].waiting.append(saved)
        else:
            saved(None)

    def _save_done(self, step: _Step, error: BaseException | None) -> None:
        if self._stopped:
            return
        if error:
            self._halt(error)
            return
        step.saved = True
        self._settle()

    def _settle(self) -> None:
        """Carry out saved steps, in order. Not re-entrant: a transport may answer, and a store save, at once."""
        if self._settling:
            return
        self._settling = True
        try:
            while self._steps and self._steps[0].saved:
                self._carry_out(self._steps.popleft())
        except Exception as error:
            self._halt(error)
        finally:
            self._settling = False
        self._finish()
        self._halt_when_idle()

    def _carry_out(self, step: _Step) -> None:
        self._saved = step.after
        if step.version is not None:
            self._checkpoint("saved", step.version)
        for saved in step.waiting:
            saved(None)
        self._withdraw()
        for command in step.outputs:
            # A later step whose save is in progress may have withdrawn it.
            if isinstance(command, Command) and (self._session is step.after or command.id in self._owed()):
                self._execute(command)
        self._publish(step)

    def _owed(self) -> frozenset[int]:
        return frozenset(command.id for command in outbox(self._session))

    # --- commands and their answers -----------------------------------------------------------------------------------

    def _execute(self, command: Command) -> None:
        if self._stopped or (self._stopping and not isinstance(command, _QUEUED)):
            # It was never sent. Answered now, it is not in doubt after a restart.
            self._answered(command.id, Failure("unsent"))
            return
        self._in_flight[command.id] = command
        self._transport.execute(command, partial(self._answered, command.id))
        self._checkpoint("executed", command.id)

    def _withdraw(self) -> None:
        """Abort the calls in flight that the session owes no more, and whose answers have no effect."""
        calls = [*self._in_flight.values()]
        owed = self._owed() if calls else frozenset[int]()
        for command in calls:
            if command.id not in owed and can_abort(self._session, command):
                self._abort(command)

    def _abort_reads(self) -> None:
        """Abort all reads in flight. A post may have arrived, so it may finish."""
        for command in [*self._in_flight.values()]:
            if isinstance(command, READS):
                self._abort(command)

    def _abort(self, command: Command) -> None:
        del self._in_flight[command.id]
        self._transport.abort(command.id)

    def _answered(self, command_id: int, reply: Reply) -> None:
        if self._stopped:
            return
        self._in_flight.pop(command_id, None)
        self._checkpoint("answered", command_id)
        # Handled also when the session no longer awaits it: the server's events in it must not be lost.
        answered = Answered(self._clock.now(), command_id, reply)
        if self._worker and isinstance(reply, EventBatch | HistoryLog) and len(reply.entries) > LONG:
            self._begin_long(self._worker, answered)
        else:
            self._supervise(answered)
            self._finish()
            self._halt_when_idle()

    # --- the alarm ----------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        if self._stopping:
            return
        window = wake_window(self._session)
        if window == self._window:
            return
        self._disarm()
        if window:
            self._window = window
            self._alarm = self._clock.call_at(self._clock.jitter(*window), self._ring)

    def _disarm(self) -> None:
        if self._alarm:
            self._alarm.cancel()
        self._alarm = self._window = None

    def _ring(self) -> None:
        self._alarm = self._window = None
        if not self._stopping and not self._stopped:
            self._supervise(Tick(self._clock.now()))

    # --- listener and observers ---------------------------------------------------------------------------------------

    def _publish(self, step: _Step) -> None:
        if self._stopped:  # by an answer that came at once; the journal has the updates
            return
        transcript, statuses = _transcript(step), changes(step.before, step.after)
        anomalies = tuple(one for one in step.outputs if isinstance(one, Anomaly))
        for anomaly in anomalies:
            self._log.warning("anomaly", kind=anomaly.kind, detail=anomaly.detail)
        if transcript or statuses or anomalies:
            self._listener.saved(SavedStep(step.after, transcript, statuses, anomalies))
        if transcript:
            self._checkpoint("published", transcript[-1].seq)

    def _checkpoint(self, checkpoint: Checkpoint, number: int) -> None:
        if self._observers:
            self._observe(lambda observer: observer.checkpoint(self._id, checkpoint, number))

    def _observe(self, call: Callable[[Observer], None]) -> None:
        for observer in self._observers:
            with self._log.errors("observer_failed"):
                call(observer)

    def _finish(self) -> None:
        """Call `Listener.finished` once, when the session is over and no call in flight can bring late updates."""
        if self._finished or self._saved.outcome is None or self._steps or self._long or self._stopped:
            return
        if not all(isinstance(command, Upload) for command in self._in_flight.values()):
            return
        self._finished = True
        try:
            self._listener.finished()
        except Exception as error:
            self._halt(error)

    # --- the end ------------------------------------------------------------------------------------------------------

    def _halt_when_idle(self) -> None:
        """After `stop`, and with nothing in progress: halt."""
        if self._stopping and not self._steps and not self._in_flight and not self._settling and self._long is None:
            self._halt(None)

    def _halt(self, error: BaseException | None) -> None:
        if self._stopped:
            return
        self._stopped = self._stopping = True
        self._error = error
        self._long = None
        self._disarm()
        waiting = [saved for step in self._steps for saved in step.waiting]
        self._steps.clear()
        calls: list[Callable[[], None]] = [self._abort_reads]
        reason = error or DriverStopped("stopped before this was known to be saved")
        calls += [partial(saved, reason) for saved in waiting]
        calls.append(partial(self._listener.stopped, error))
        if isinstance(error, TakenOver):
            self._log.info("chat_taken_over")
        elif error:
            self._log.error("driver_stopped", **error_values(error))
        for call in calls:
            self._last(call)

    def _last(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # the other callers still have to be called
            self._log.error("driver_stop_failed", **error_values(error))


def _transcript(step: _Step) -> tuple[TranscriptUpdate, ...]:
    return tuple(one for one in step.outputs if isinstance(one, TranscriptUpdate))
