"""A world: one client, one centre and the line between them, under an integer clock and one door for choice.

The client is the real driver with a virtual clock, transport and store; commands become real HTTP requests by the real
codec; the centre is the emulator's pure model. There is no thread, no event loop and no wall clock: time jumps to the
earliest of delivery, alarm, the centre's deadline and somebody's act.

A run has two stages. In the first, faults strike. Then the world heals, and must come to rest within a bounded time:
safety and "stuck for ever" need different oracles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from attrs import evolve

from statemachine.adapters.driver import Driver
from statemachine.adapters.protocols import Stored
from statemachine.codec.http import Endpoint
from statemachine.codec.wire import decode_entry
from statemachine.core.commands import Command
from statemachine.core.derived import outbox
from statemachine.core.events import Carryover, Event, Incoming, Reattach, RequestChat, Tick
from statemachine.core.reduce import reduce
from statemachine.core.session import Config, Idle, Session, carry_over, new_session
from statemachine.core.updates import TranscriptUpdate
from statemachine.emulator.actions import Action, DropChat
from statemachine.emulator.model import Centre
from statemachine.emulator.names import FORM_DATA
from statemachine.emulator.wire import Answer
from statemachine.store.memory import MemoryStore

from .agenda import Agenda
from .bindings import Crash, Onlooker, VirtualClock, VirtualStore
from .choices import Choices, Tape
from .device import Device
from .faults import Faults
from .network import Network
from .oracle import Oracle, Violation
from .people import Agents, Customer, is_over
from .reach import Reach
from .rest import is_at_rest, judge_rest
from .scenery import draw_config, draw_knobs, draw_scenario
from .turns import Turns

__all__ = ["EPOCH", "World"]

EPOCH: Final = 1_700_000_000_000
_REST_WITHIN: Final = 900_000
"""How long a healed world may take to come to rest, in milliseconds of its own time."""
_AGAIN: Final = 30_000
"""How often a healthy application brings new credentials and looks at its chat."""
_REST_STEPS: Final = 20_000
_SESSIONS: Final = 3


class World:
    """One run. `violation` is the first law that was broken, or None."""

    def __init__(
        self,
        seed: int,
        steps: int = 200,
        *,
        tape: Tape | None = None,
        only: Sequence[str] | None = None,
        reach: Reach | None = None,
    ) -> None:
        self.seed: Final = seed
        self.steps: Final = steps
        self.step = 0
        self.agenda: Final = Agenda(EPOCH)
        self.choices: Final = Choices(seed, tape)
        self.only: Final = None if only is None else tuple(only)
        self.faults: Final = Faults(self.choices, only)
        self.config: Final[Config] = draw_config(self.choices)
        self.knobs: Final = draw_knobs(self.choices, self.faults)
        self.centre: Final = Centre(self.knobs, draw_scenario(self.choices))
        self.oracle: Final = Oracle(self, reach)
        endpoint = Endpoint("https://chat.example", "tenant.example", "app", "client-1", self.config.api)
        self.network: Final = Network(self, endpoint)
        self.device: Final = Device(self, evolve(endpoint, quoted=False))
        self.customer: Final = Customer(self)
        self.agents: Final = Agents(self)
        self._turns: Final = Turns(self)
        self.acted_at = 0
        self.paused_at = 0
        """When somebody acted last while no poll was to be made."""
        self.driver: Driver
        self._onlooker: Onlooker
        self.offset = 0
        self._rows: Final = MemoryStore()
        self._copies: Final[dict[str, list[Stored]]] = {}
        self._up = False
        self._stands_still_since: int | None = None

    # --- what the parts of the world use ------------------------------------------------------------------------------

    @property
    def violation(self) -> Violation | None:
        """The first law that was broken, or None."""
        return self.oracle.violation

    @property
    def now(self) -> int:
        """The time of the world, in milliseconds."""
        return self.agenda.now

    @property
    def session(self) -> Session:
        """The client's session now."""
        return self.driver.session

    def is_polling(self) -> bool:
        """Whether the client runs, and means to have a poll in flight."""
        return not self.driver.stopped and self.session.connection.name == "polling"

    def is_awaited(self, command: Command) -> bool:
        """Whether the session still waits for the answer to this command, after what is due has happened."""
        return command in outbox(reduce(self.session, Tick(self.client_now()))[0])

    def client_now(self) -> int:
        """The time on the client's machine."""
        return self.now + self.offset

    def deliver(self, answers: Sequence[Answer]) -> None:
        """Bring the centre's answers on their way."""
        for ticket, response in answers:
            (self.network.respond if ticket > 0 else self.device.answered)(ticket, response)

    def act(self, chat_id: str, *acts: Action) -> None:
        """Somebody at the centre does something."""
        if chat_id.lower() in self.centre.chats:
            self.deliver(self.centre.act(self.now, chat_id, *acts))

    def push(self, count: int | None = None) -> None:
        """A notification brings the latest entries of the log, whatever else is under way."""
        chat = self.centre.chats.get(self.session.chat.chat_id.lower())
        if chat is not None and chat.log and count != 0:
            latest = chat.log[-(count or (1, 2, 4, 40)[self.choices.choose("pushed", (2, 2, 2, 2))]) :]
            # Not an answer that somebody else gave: later it would pass for one of the client's own.
            heard = [one.event for one in latest if (one.direction, one.event.get("event")) != ("to_client", FORM_DATA)]
            self.feed(Incoming(self.client_now(), tuple(map(decode_entry, heard))))

    def feed(self, event: Event) -> Session | None:
        """The application hands an intent to the driver; None while the process is down."""
        if not self._up or self.driver.stopped:
            return None
        self.acted_at = self.now
        if self.session.connection.name == "paused":
            self.paused_at = self.now
        return self.driver.feed(event)

    def stored(self, session_id: str) -> Stored | None:
        """What the disk holds of a session."""
        return self._rows.load(session_id)

    def journal(self, session_id: str) -> tuple[TranscriptUpdate, ...]:
        """Everything in the journal of a session."""
        return self._rows.journal(session_id, -1, 1_000_000)

    # --- the run ------------------------------------------------------------------------------------------------------

    def run(self) -> Violation | None:
        """Both stages. Returns the first law that was broken, or None."""
        if self.faults.strikes("second device first", 15.0):
            self._precede()
        self._begin(None, bool(self.choices.choose("begins by looking", (2, 1))))
        self.agenda.later(self.now + 1_000, self._customer_acts)
        self.agenda.later(self.now + 1_500, self._agents_act)
        while self.step < self.steps and self.violation is None and self._advance():
            pass
        if self.violation is None:
            self._heal()
        return self.violation

    def _precede(self) -> None:
        """The chat was there before this client: another device has opened it."""
        self.device.open()
        for _ in range(self.choices.amount("said before", 6)):
            self.agenda.now += 2_000
            self.deliver(self.centre.tick(self.now))
            self.agents.act()
        chat_id = self.latest_chat()
        if chat_id is not None and self.choices.choose("everything before", (1, 3)):
            self._turns.lead(chat_id)
            self.act(chat_id, *self.agents.everything())
            self.device.act(chat_id)

    def _advance(self, until: int | None = None) -> bool:
        """Go to the earliest thing that happens, and let it happen. False if there is none, or none `until` then."""
        due, next_due = self.centre.next_deadline(), self.agenda.due
        first = min((at for at in (due, next_due) if at is not None), default=None)
        if first is None or (until is not None and first > until):
            return False
        if due is not None and due == first:
            self.agenda.now = max(self.now, due)
            self._guarded(lambda: self.deliver(self.centre.tick(self.now)))
        else:
            todo = self.agenda.next()
            if todo is None:
                return True
            self._guarded(todo)
        if self._up:
            self._guarded(self._turns.look)
        self.step += 1
        self.oracle.judged()
        self._mishaps()
        return True

    def _guarded(self, todo: Callable[[], None]) -> None:
        try:
            todo()
        except Crash:
            self._crash()
        if self._up and self._onlooker.is_stopped:
            known = "store fails" in self.faults.injected or self.oracle.is_ghost
            if self._onlooker.stopped_by is not None and not known:
                self.oracle.fail("driver", f"stopped by {self._onlooker.stopped_by!r}")
            self._crash()

    def _mishaps(self) -> None:
        if self._up and self.faults.strikes("crash between", 0.1):
            self._crash()
        if self.faults.strikes("adapter asleep", 0.05):
            self._sleep()
        if self.faults.strikes("clock set back", 0.05):
            self.offset -= (100, 5_000, 60_000)[self.choices.choose("set back by", (2, 2, 1))]
        if self.faults.strikes("server restarts", 0.1):
            self._restart_server()

    def _sleep(self) -> None:
        """The client's machine sleeps. Some clocks stand still meanwhile."""
        nap = (5_000, 60_000, 600_000, 3 * 3_600_000)[self.choices.choose("sleeps", (4, 3, 2, 1))]
        if not self.agenda.is_asleep and self.faults.strikes("clock stands still", 5.0):
            self._stands_still_since = self.now
        self.agenda.sleep(self.now + nap)
        self.agenda.later(self.agenda.asleep_until, self._wake)

    def _restart_server(self) -> None:
        """The centre goes down and comes back, with its chats or without them."""
        down = (1_000, 10_000, 90_000)[self.choices.choose("server down for", (3, 2, 1))]
        self.network.server_restarts(self.now + down)
        if self.choices.choose("chats survive", (2, 1)):
            for chat in [chat for chat in self.centre.chats.values() if chat.live]:
                self.act(chat.chat_id, DropChat())

    def _wake(self) -> None:
        """The machine goes on, unless it has been put to sleep for longer."""
        if not self.agenda.is_asleep:
            if self._stands_still_since is not None:
                self.offset -= self.now - self._stands_still_since
                self._stands_still_since = None
            self.agenda.wake()

    def _customer_acts(self) -> None:
        if not self.faults.on:
            return
        self.agenda.later(self.now + self.customer.plan(), self._customer_acts)
        if self._up and not self.agenda.is_asleep:
            if self.faults.strikes("pushed entries", 50.0 if is_over(self.session) else 2.0):
                self._guarded(self.push)
            if is_over(self.session) or isinstance(self.session.lifecycle, Idle):
                self._again()
            else:
                self.customer.act()

    def _agents_act(self) -> None:
        if self.faults.on:
            self.agenda.later(self.now + self.agents.plan(), self._agents_act)
            self.agents.act()
            chat_id = self.latest_chat()
            if chat_id is not None:
                self.device.act(chat_id)

    # --- sessions and processes ---------------------------------------------------------------------------------------

    def _begin(self, after: Carryover | None, reattach: bool = False) -> None:
        """A new session, in a process that runs."""
        number = len(self.oracle.books) + 1
        session_id = f"session-{number}"
        session = new_session(self.client_now(), self.config)
        self.oracle.begins(session_id, session, chained=after is not None)
        self._drive(session_id, session, 0)
        origin = f"origin-{number}"
        self._guarded(self.customer.before_it_begins)
        if not self._up:
            return
        if reattach:
            named = self.latest_chat() if self.choices.choose("reattach by name", (1, 1)) else None
            self._guarded(lambda: self._opened(Reattach(self.client_now(), origin, named, after)))
            return
        text = self.customer.first_text() if self.choices.choose("first text", (1, 1)) else None
        self._guarded(lambda: self._opened(RequestChat(self.client_now(), origin, {}, "555", None, text, text, after)))

    def _opened(self, event: RequestChat | Reattach) -> None:
        if self.feed(event) is None:  # the process has died, or its store has failed, before it could begin
            return
        if isinstance(event, RequestChat) and event.text is not None:
            self.oracle.accepted(event.text, self.session.items[0].id)
        self.customer.at_once()
        if self.faults.strikes("end while opening"):
            self.customer.end()

    def latest_chat(self) -> str | None:
        """The chat that was opened last."""
        return next(reversed(self.centre.chats), None)

    def _again(self) -> None:
        """The customer comes back after the end."""
        if len(self.oracle.books) >= _SESSIONS or not self.choices.choose("comes again", (1, 1)):
            return
        if self.driver.saved is not self.session or self.oracle.is_ghost:  # an old copy knows of no end
            return
        begun = self.session.chat.origin != ""
        before = carry_over(self.session) if self.choices.choose("after the last", (1, 1)) and begun else None
        self.driver.abandon()
        self.agenda.died()
        self.network.died()
        self._begin(before, bool(self.choices.choose("reattaches", (1, 1))))

    def _store(self) -> VirtualStore:
        return VirtualStore(self, self._rows, self._copies)

    def _drive(self, session_id: str, session: Session, version: int) -> None:
        self._up = True
        self._onlooker = Onlooker(self)
        self.driver = Driver(
            session_id,
            session,
            version,
            clock=VirtualClock(self),
            transport=self.network,
            store=self._store(),
            listener=self._onlooker,
            observers=(self._onlooker,),
        )
        self._guarded(self.driver.start)

    def _crash(self) -> None:
        """The process dies, and with it everything but the disk and what the centre knows."""
        self._up = False
        self.agenda.died()
        self.acted_at = self.now
        self.network.died()
        stored = self.stored(self.oracle.book.session_id)
        self.oracle.crashed(*(stored.session, stored.version) if stored is not None else (None, 0))
        down = (0, 1_000, 40_000, 900_000, 5 * 3_600_000)[self.choices.choose("down for", (4, 4, 3, 1, 1))]
        self.agenda.later(self.now + down, partial(self._restart, self.agenda.life))

    def _restart(self, life: int) -> None:
        if self._up or life != self.agenda.life:
            return
        if self.agenda.is_asleep:  # on a machine that sleeps no process starts, nor reads a clock that stands still
            self.agenda.later(self.agenda.asleep_until, partial(self._restart, life))
            return
        self.acted_at = self.now
        step = (100, 5_000, 86_400_000)[self.choices.choose("clock step", (1, 2, 1))]
        if self.faults.strikes("clock steps back", 4.0):
            self.offset -= step
        elif self.faults.strikes("clock steps forward", 4.0):
            self.offset += step
        book = self.oracle.book
        stored, newest = self._store().load(book.session_id), self.stored(book.session_id)
        if stored is None or newest is None:
            self._begin(None)
        elif stored.version < newest.version:
            self.oracle.is_ghost = True
            self._drive(book.session_id, stored.session, stored.version)
        elif self.faults.strikes("store lost", 2.0):
            book.store_lost = True
            self._begin(None, reattach=True)
        else:
            self._drive(book.session_id, stored.session, stored.version)

    # --- healing ------------------------------------------------------------------------------------------------------

    def _heal(self) -> None:
        """No fault any more, the application does its part: the world must come to rest."""
        self.faults.on = False
        self.agenda.heal()
        self._wake()
        if not self._up:
            self._restart(self.agenda.life)
        last = self.step + _REST_STEPS
        until, again = self.now + _REST_WITHIN, self.now
        while self.violation is None and self.now <= until and self.step <= last:
            if self.now >= again:
                again = self.now + _AGAIN
                self._guarded(self.customer.heal)
                if not self._up:
                    self._restart(self.agenda.life)
            if is_at_rest(self):
                break
            if not self._advance(again):
                self.agenda.now = again
        if self.violation is None:
            judge_rest(self)
