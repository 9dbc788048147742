"""One simulated run: a client, a server and the network between them, on simulated time.

The client is the real driver with a virtual clock and store. Its commands become real HTTP requests by the real codec.
The server is the emulator's model. There is no thread, no event loop and no real clock: time advances to the earliest
of delivery, alarm, the server's deadline and action of a person.

A run has two stages. In the first, faults occur. Then they stop, and the run must become quiescent within a bounded
time: this finds sessions that are stuck for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from attrs import evolve

from statemachine.adapters.driver import Driver
from statemachine.codec.http import Endpoint
from statemachine.core import Carryover, Reattach, RequestChat
from statemachine.core.session import Idle, Session, carry_over, new_session
from statemachine.emulator.actions import DropChat

from .actors import Agents, Customer, is_over
from .allowed import ViolationFilter
from .choices import Tape
from .client import Client
from .coverage import Coverage
from .environment import draw_environment
from .network import Network
from .observer import DriverObserver
from .oracle import LawViolation, Oracle
from .quiescence import Quiescence
from .second_device import SecondDevice
from .server import Server
from .stages import StageChanges
from .virtual import Crash, VirtualClock, VirtualStore

_QUIESCENT_WITHIN: Final = 900_000
"""Limit on the time from the last fault to quiescence, in simulated milliseconds."""
_HEAL_EVERY: Final = 30_000
"""How often a healthy application renews its credentials and looks at its chat."""
_QUIESCENT_STEPS: Final = 20_000
_SESSIONS: Final = 3


class Simulator:
    """One run.

    Args:
        seed: Determines the whole run.
        steps: The length of the stage with faults.
        tape: Choices to repeat, instead of those of the seed.
        only: Labels of the faults to enable, instead of a random selection.
        coverage: Counts what the run reaches.
    """

    def __init__(
        self,
        seed: int,
        steps: int = 200,
        *,
        tape: Tape | None = None,
        only: Sequence[str] | None = None,
        coverage: Coverage | None = None,
    ) -> None:
        self.steps: Final = steps
        self.only: Final = None if only is None else tuple(only)
        self.environment: Final = draw_environment(seed, tape, only)
        environment = self.environment
        self._schedule: Final = environment.schedule
        self._choices: Final = environment.choices
        self._faults: Final = environment.faults
        endpoint = Endpoint("https://chat.example", "tenant.example", "app", "client-1", environment.config.api)
        server = self._server = Server(environment)
        client = self.client = Client(environment, server)
        device = self._device = SecondDevice(environment, server, evolve(endpoint, quoted=False))
        self.store: Final = VirtualStore(environment)
        self.oracle: Final = Oracle(environment, server, client, device, self.store, coverage)
        network = self._network = Network(environment, server, client, self.oracle, endpoint)
        customer = self._customer = Customer(environment, client, self.oracle)
        agents = self._agents = Agents(environment, server, client)
        self._stages: Final = StageChanges(environment, server, client, network, customer, agents, device)
        self._quiescence: Final = Quiescence(environment, server, client, network)
        self._judge: Final = ViolationFilter(environment, server, client, network, customer, device, self.oracle)
        self._observer: DriverObserver
        self._clock_stands_since: int | None = None

    @property
    def violation(self) -> LawViolation | None:
        """The first law that was broken, or None."""
        return self.oracle.violation

    def run(self) -> LawViolation | None:
        """Run both stages. Returns the first law that was broken, or None."""
        if self._faults.occurs("second device first", 15.0):
            self._open_on_second_device()
        self._begin(None, bool(self._choices.index("begins by reattaching", (2, 1))))
        self._schedule.after(1_000, self._customer_acts)
        self._schedule.after(1_500, self._agents_act)
        while self._schedule.step < self.steps and self.violation is None and self._advance():
            pass
        if self.violation is None:
            self._heal()
        return self.violation

    def _open_on_second_device(self) -> None:
        self._device.open()
        for _ in range(self._choices.amount("actions before", 6)):
            self._schedule.now += 2_000
            self._server.tick()
            self._agents.act()
        chat_id = self._server.latest_chat_id()
        if chat_id is not None and self._choices.index("everything before", (1, 3)):
            self._stages.to_favourite(chat_id)
            self._server.act(chat_id, *self._agents.everything())
            self._device.act(chat_id)

    # --- steps --------------------------------------------------------------------------------------------------------

    def _advance(self, until: int | None = None) -> bool:
        """Advance to the earliest action and run it. False if there is none, or none `until` then."""
        due, next_due = self._server.centre.next_deadline(), self._schedule.due
        first = min((at for at in (due, next_due) if at is not None), default=None)
        if first is None or (until is not None and first > until):
            return False
        if due is not None and due == first:
            self._schedule.now = max(self._schedule.now, due)
            self._guarded(self._server.tick)
        else:
            action = self._schedule.next()
            if action is None:
                return True
            self._guarded(action)
        if self.client.is_up:
            self._guarded(self._stages.after_step)
        self._schedule.step += 1
        self._judge.after_step()
        self._inject_faults()
        return True

    def _guarded(self, action: Callable[[], object]) -> None:
        """Run an action in which the client's process may die."""
        try:
            action()
        except Crash:
            self._crash()
        if self.client.is_up and self._observer.is_stopped:
            is_expected = "store fails" in self._faults.injected or self.oracle.is_stale
            if self._observer.stopped_by is not None and not is_expected:
                self.oracle.fail("driver", f"stopped by {self._observer.stopped_by!r}")
            self._crash()

    def _inject_faults(self) -> None:
        if self.client.is_up and self._faults.occurs("crash between", 0.1):
            self._crash()
        if self._faults.occurs("adapter asleep", 0.05):
            self._sleep()
        if self._faults.occurs("clock set back", 0.05):
            self.client.offset -= self._choices.pick("set back by", (100, 5_000, 60_000), (2, 2, 1))
        if self.client.is_up and not self._schedule.is_asleep and self._faults.occurs("clock jumps", 0.1):
            self._guarded(self._jump)
        if self._faults.occurs("server restarts", 0.1):
            self._restart_server()

    def _jump(self) -> None:
        """The clock of the client's machine is corrected, and its process notices."""
        by = self._choices.pick("jumps by", (5_000, -5_000, 86_400_000, -86_400_000, 50 * 365 * 86_400_000))
        self.client.offset += by
        self.client.driver.clock_changed(by)

    def _sleep(self) -> None:
        """The client's machine sleeps. Some clocks stand still meanwhile."""
        duration = self._choices.pick("sleeps", (5_000, 60_000, 600_000, 3 * 3_600_000), (4, 3, 2, 1))
        if not self._schedule.is_asleep and self._faults.occurs("clock stands still", 5.0):
            self._clock_stands_since = self._schedule.now
        self._schedule.sleep(self._schedule.now + duration)
        self._schedule.at(self._schedule.asleep_until, self._wake)

    def _wake(self) -> None:
        """The machine continues, unless it was put to sleep for longer."""
        if not self._schedule.is_asleep:
            if self._clock_stands_since is not None:
                self.client.offset -= self._schedule.now - self._clock_stands_since
                self._clock_stands_since = None
            self._schedule.wake()

    def _restart_server(self) -> None:
        """The server goes down and comes back, with its chats or without them."""
        down = self._choices.pick("server down for", (1_000, 10_000, 90_000), (3, 2, 1))
        self._network.server_restarts(self._schedule.now + down)
        if self._choices.index("chats survive", (2, 1)):
            for chat in [chat for chat in self._server.centre.chats.values() if chat.live]:
                self._server.act(chat.chat_id, DropChat())

    def _customer_acts(self) -> None:
        if not self._faults.on:
            return
        self._schedule.after(self._customer.wait(), self._customer_acts)
        if self.client.is_up and not self._schedule.is_asleep:
            if self._faults.occurs("pushed entries", 50.0 if is_over(self.client.session) else 2.0):
                self._guarded(self.client.push)
            if is_over(self.client.session) or isinstance(self.client.session.lifecycle, Idle):
                self._begin_again()
            else:
                self._customer.act()

    def _agents_act(self) -> None:
        if self._faults.on:
            self._schedule.after(self._agents.wait(), self._agents_act)
            self._agents.act()
            chat_id = self._server.latest_chat_id()
            if chat_id is not None:
                self._device.act(chat_id)

    # --- sessions and processes ---------------------------------------------------------------------------------------

    def _begin(self, after: Carryover | None, reattach: bool = False) -> None:
        """Begin a new session in a process that runs."""
        number = len(self.oracle.sessions) + 1
        session_id, origin = f"session-{number}", f"origin-{number}"
        session = new_session(self.client.now(), self.environment.config)
        self.oracle.begins(session_id, session, continues=after is not None)
        self._start(session_id, session, 0)
        self._guarded(self._customer.before_it_begins)
        if not self.client.is_up:
            return
        event: Reattach | RequestChat
        if reattach:
            chat_id = self._server.latest_chat_id() if self._choices.index("reattach by name", (1, 1)) else None
            event = Reattach(self.client.now(), origin, chat_id, after)
        else:
            text = self._customer.new_text() if self._choices.index("first text", (1, 1)) else None
            event = RequestChat(self.client.now(), origin, {}, "555", None, text, text, after)
        self._guarded(partial(self._open, event))

    def _open(self, event: RequestChat | Reattach) -> None:
        if self.client.feed(event) is None:  # the process has died, or its store has failed, before it could begin
            return
        if isinstance(event, RequestChat) and event.text is not None:
            self.oracle.accepted(event.text, self.client.session.items[0].id)
        self._customer.while_opening()
        if self._faults.occurs("end while opening"):
            self._customer.end()

    def _begin_again(self) -> None:
        """Perhaps begin another session after the end of the last."""
        if len(self.oracle.sessions) >= _SESSIONS or not self._choices.index("comes again", (1, 1)):
            return
        session = self.client.session
        if self.client.driver.saved is not session or self.oracle.is_stale:  # an old copy has no end
            return
        continues = self._choices.index("after the last", (1, 1)) and session.chat.origin != ""
        before = carry_over(session) if continues else None
        self.client.driver.abandon()
        self._drop_process()
        self._begin(before, bool(self._choices.index("reattaches", (1, 1))))

    def _start(self, session_id: str, session: Session, version: int) -> None:
        """Start a process with this session."""
        self._observer = DriverObserver(self._faults, self.oracle)
        self.client.runs(
            Driver(
                session_id,
                session,
                version,
                clock=VirtualClock(self.environment, self.client),
                transport=self._network,
                store=self.store,
                listener=self._observer,
                observers=(self._observer,),
            )
        )
        self._guarded(self.client.driver.start)

    def _drop_process(self) -> None:
        self._schedule.process_died()
        self.store.process_died()
        self._network.process_died()

    def _crash(self) -> None:
        """The process dies; the store and the server remain."""
        self.client.is_up = False
        self.client.acted_at = self._schedule.now
        self._drop_process()
        stored = self.store.newest(self.oracle.current.session_id)
        self.oracle.crashed(stored.session if stored is not None else None)
        down = self._choices.pick("down for", (0, 1_000, 40_000, 900_000, 5 * 3_600_000), (4, 4, 3, 1, 1))
        self._schedule.after(down, partial(self._restart, self._schedule.process))

    def _restart(self, process: int) -> None:
        if self.client.is_up or process != self._schedule.process:
            return
        if self._schedule.is_asleep:  # no process starts on a machine that sleeps, nor reads a clock that stands still
            self._schedule.at(self._schedule.asleep_until, partial(self._restart, process))
            return
        self.client.acted_at = self._schedule.now
        step = self._choices.pick("clock step", (100, 5_000, 86_400_000), (1, 2, 1))
        if self._faults.occurs("clock steps back", 4.0):
            self.client.offset -= step
        elif self._faults.occurs("clock steps forward", 4.0):
            self.client.offset += step
        log = self.oracle.current
        stored, newest = self.store.load(log.session_id), self.store.newest(log.session_id)
        if stored is None or newest is None:
            self._begin(None)
        elif stored.version < newest.version:
            self.oracle.is_stale = True
            self._start(log.session_id, stored.session, stored.version)
        elif self._faults.occurs("store lost", 2.0):
            log.store_lost = True
            self._begin(None, reattach=True)
        else:
            self._start(log.session_id, stored.session, stored.version)

    # --- healing ------------------------------------------------------------------------------------------------------

    def _heal(self) -> None:
        """Stop all faults; the application does its part. The run must become quiescent."""
        self._faults.on = False
        self._schedule.heal()
        self._wake()
        self._ensure_process()
        last = self._schedule.step + _QUIESCENT_STEPS
        until, next_heal = self._schedule.now + _QUIESCENT_WITHIN, self._schedule.now
        while self.violation is None and self._schedule.now <= until and self._schedule.step <= last:
            if self._schedule.now >= next_heal:
                next_heal = self._schedule.now + _HEAL_EVERY
                self._guarded(self._customer.heal)
                self._ensure_process()
            if self._quiescence.is_reached():
                break
            if not self._advance(next_heal):
                self._schedule.now = next_heal
        if self.violation is None:
            self._quiescence.check(self.oracle, self.store)

    def _ensure_process(self) -> None:
        if not self.client.is_up:
            self._restart(self._schedule.process)
