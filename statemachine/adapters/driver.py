"""The one loop that drives a session, whatever the clock, the network and the store are made of.

For each event: `reduce`; if the session changed, save it together with its news in one transaction; only when that is
done, hand exactly the owed commands of this step to the transport, in order, and then tell the news. Commands in flight
that the session no longer owes are withdrawn: reads are aborted, everything else is left to finish. One alarm is armed
for the session's next deadline. What to do is the session's decision alone: nothing here knows a phase, a retry or a
threshold.

The session in memory runs ahead of the saved one while saves are under way; commands and news never do. A save that
fails therefore ends the driver: what was not saved was not done, and the stored session is the one to go on with.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import blake2b
from typing import Final

from attrs import define, field
from structlog import get_logger

from ..core import (
    READS,
    Anomaly,
    Answered,
    Command,
    Event,
    Failure,
    Notification,
    Post,
    PostEphemeral,
    Reply,
    Restarted,
    Session,
    Tick,
    TranscriptUpdate,
    Upload,
    changes,
    outbox,
    reduce,
    wake_window,
)
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
    Transport,
)

__all__ = ["Driver", "DriverStopped", "label"]

_log = get_logger(__name__)


_QUEUED: Final = (Post, PostEphemeral, Upload)
"""What the customer has said and done, for which it is worth waiting when the process is stopped."""


class DriverStopped(Exception):
    """This driver takes no more events. `__cause__` is the error that stopped it, where it was one."""


def label(session_id: str) -> str:
    """What stands for a session in logs: the id itself may hold a phone number."""
    return blake2b(session_id.encode(errors="surrogatepass"), digest_size=6).hexdigest()


@define(eq=False)
class _Step:
    """What waits for its save. `owed` and `told` are what `reduce` returned."""

    version: int
    before: Session = field(repr=False)
    after: Session = field(repr=False)
    owed: tuple[Command, ...]
    transcript: tuple[TranscriptUpdate, ...]
    anomalies: tuple[Anomaly, ...]
    waiting: list[Done]
    saved: bool = False


class Driver:
    """Drives one session. All calls and callbacks in one thread; `listener` and `transport` may `feed` at any time.

    `version` is that of the stored session, 0 for one never saved.
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
    ) -> None:
        self._id = session_id
        self._session = self._saved = session
        self._loaded = version > 0
        self._version = version
        self._clock = clock
        self._transport = transport
        self._store = store
        self._listener = listener
        self._observers = observers
        self._steps: deque[_Step] = deque()
        self._in_flight: dict[int, Command] = {}
        self._alarm: Alarm | None = None
        self._window: tuple[int, int] | None = None
        self._settling = False
        self._stopping = False
        self._stopped = False
        self._error: BaseException | None = None

    @property
    def session(self) -> Session:
        """The session as it is now, saved or not."""
        return self._session

    @property
    def saved(self) -> Session:
        """The session as of the last save that is done: what the listener has been told about."""
        return self._saved

    @property
    def version(self) -> int:
        """Of the session as it is now: what the next save follows."""
        return self._version

    @property
    def stopped(self) -> bool:
        """Nothing happens any more."""
        return self._stopped

    @property
    def error(self) -> BaseException | None:
        """What stopped the driver, or None: it runs, or was asked to stop."""
        return self._error

    def start(self) -> None:
        """Begin. For a session that was stored, time goes on from now."""
        if self._loaded:
            self._supervise(Restarted(self._clock.now()))
        else:
            self._arm()

    def feed(self, event: Event, saved: Done | None = None) -> Session:
        """Handle this event now, and return the session after it.

        `saved` is called once all that has happened up to here is durable, or with the error that prevents it. Raises
        IllegalIntent (nothing has moved) and DriverStopped.
        """
        if self._stopping or self._stopped:
            raise DriverStopped("this session is not driven any more") from self._error
        return self._step(event, saved)

    def stop(self) -> None:
        """Let go of the session without ending it. The listener hears `stopped` when nothing is under way any more.

        Reads are withdrawn, so no news comes in any more; what the customer has in the queue still goes out, one after
        the other, until a deadline is due or nothing is left. Harmless when repeated.
        """
        if self._stopping or self._stopped:
            return
        self._stopping = True
        self._disarm()
        self._withdraw(frozenset())
        self._rest()

    def abandon(self) -> None:
        """Stop at once. What is in flight is in the stored session's outbox: `Restarted` will see to it."""
        self._halt(None)

    # --- one step -----------------------------------------------------------------------------------------------------

    def _step(self, event: Event, saved: Done | None) -> Session:
        before = self._session
        after, outputs = reduce(before, event)
        self._look(event, before, after, outputs)
        if after is before:
            self._arm()
            if saved:
                self._when_saved(saved)
            return after
        self._session = after
        self._version += 1
        step = _Step(
            self._version,
            before,
            after,
            tuple(one for one in outputs if isinstance(one, Command)),
            tuple(one for one in outputs if isinstance(one, TranscriptUpdate)),
            tuple(one for one in outputs if isinstance(one, Anomaly)),
            [saved] if saved else [],
        )
        self._steps.append(step)
        self._arm()
        self._save(step)
        return after

    def _save(self, step: _Step) -> None:
        done = partial(self._save_done, step)
        try:
            self._store.save(Save(self._id, step.version, step.after, step.transcript), done)
        except Exception as error:  # a store that breaks its promise is a save that failed
            done(error)

    def _supervise(self, event: Event) -> None:
        """An event nobody waits for: an error here would be lost in an event loop, and the session silently dead."""
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
        """Do what saved steps ask for, in order. Not re-entrant: a transport may answer, and a store save, at once."""
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
        self._rest()

    def _carry_out(self, step: _Step) -> None:
        self._saved = step.after
        self._moment("saved", step.version)
        for saved in step.waiting:
            saved(None)
        self._withdraw(self._owed())
        for command in step.owed:
            if command.id in self._owed():  # a later step, on its way to the disk, may have withdrawn it
                self._execute(command)
        self._tell(step)

    def _owed(self) -> frozenset[int]:
        return frozenset(command.id for command in outbox(self._session))

    # --- commands and their answers -----------------------------------------------------------------------------------

    def _execute(self, command: Command) -> None:
        if self._stopped or (self._stopping and not isinstance(command, _QUEUED)):
            # The plain truth: it never left. Said now, it does not come back as a doubt after a restart.
            self._answered(command.id, Failure("unsent"))
            return
        self._in_flight[command.id] = command
        self._transport.execute(command, partial(self._answered, command.id))
        self._moment("executed", command.id)

    def _withdraw(self, owed: frozenset[int]) -> None:
        """Abort the reads in flight that are not `owed`. A post may have arrived: it is left to finish."""
        for command in [one for one in self._in_flight.values() if one.id not in owed and isinstance(one, READS)]:
            del self._in_flight[command.id]
            self._transport.abort(command.id)

    def _answered(self, command_id: int, reply: Reply) -> None:
        if self._stopped:
            return
        self._in_flight.pop(command_id, None)
        self._moment("answered", command_id)
        # Handed on even if nobody awaits it any more: the server's events in it are not to be lost.
        self._supervise(Answered(self._clock.now(), command_id, reply))
        self._rest()

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

    # --- telling ------------------------------------------------------------------------------------------------------

    def _tell(self, step: _Step) -> None:
        if self._stopped:  # by an answer that came at once; the journal has the news
            return
        levels = changes(step.before, step.after)
        for anomaly in step.anomalies:
            _log.warning("anomaly", session=label(self._id), kind=anomaly.kind, detail=anomaly.detail)
        if step.transcript or levels or step.anomalies:
            self._listener.told(SavedStep(step.after, step.transcript, levels, step.anomalies))
        if step.transcript:
            self._moment("told", step.transcript[-1].seq)

    # --- who looks on -------------------------------------------------------------------------------------------------

    def _look(self, event: Event, before: Session, after: Session, outputs: tuple[Command | Notification, ...]) -> None:
        if not self._observers:
            return
        step = HandledEvent(self._id, event, before, after, outputs)
        for observer in self._observers:
            try:
                observer.stepped(step)
            except Exception as error:  # a trace that cannot be written ends no chat
                self._blind(error)

    def _moment(self, moment: Checkpoint, number: int) -> None:
        for observer in self._observers:
            try:
                observer.moment(self._id, moment, number)
            except Exception as error:
                self._blind(error)

    def _blind(self, error: Exception) -> None:
        _log.error("observer_failed", session=label(self._id), error=type(error).__name__)

    # --- the end ------------------------------------------------------------------------------------------------------

    def _rest(self) -> None:
        """SubmittedIntent to stop, and nothing under way: stopped."""
        if self._stopping and not self._steps and not self._in_flight and not self._settling:
            self._halt(None)

    def _halt(self, error: BaseException | None) -> None:
        if self._stopped:
            return
        self._stopped = self._stopping = True
        self._error = error
        self._disarm()
        waiting = [saved for step in self._steps for saved in step.waiting]
        self._steps.clear()
        calls: list[Callable[[], None]] = [partial(self._withdraw, frozenset())]
        reason = error or DriverStopped("stopped before this was known to be saved")
        calls += [partial(saved, reason) for saved in waiting]
        calls.append(partial(self._listener.stopped, error))
        if error:
            _log.error("driver_stopped", session=label(self._id), error=type(error).__name__)
        for call in calls:
            self._last(call)

    def _last(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # the others are still to be told
            _log.error("driver_stop_failed", session=label(self._id), error=type(error).__name__)
