"""The simulated client: the driver's process on a machine whose clock may be wrong."""

from __future__ import annotations

from attrs import define, field

from statemachine.adapters.driver import Driver
from statemachine.codec.wire import decode_entry
from statemachine.core import Command, Event, IllegalIntent, Incoming, Tick, outbox, reduce
from statemachine.core.session import Session
from statemachine.emulator.names import FORM_DATA

from .environment import Environment
from .server import Server


@define(eq=False)
class Client:
    """The client of one run. Its driver is replaced when its process is restarted."""

    _env: Environment
    _server: Server
    driver: Driver = field(init=False)
    has_begun: bool = False
    is_up: bool = False
    """Whether its process runs."""
    offset: int = 0
    """The error of its clock in milliseconds."""
    acted_at: int = 0
    paused_at: int = 0
    """When the application acted last while polling was paused."""

    def runs(self, driver: Driver) -> None:
        """A process with this driver begins."""
        self.driver = driver
        self.has_begun = self.is_up = True

    @property
    def session(self) -> Session:
        """The session now."""
        return self.driver.session

    def now(self) -> int:
        """The time on its machine."""
        return self._env.schedule.now + self.offset

    def is_polling(self) -> bool:
        """Whether it runs, and its state is to have a poll in flight."""
        return not self.driver.stopped and self.session.connection.name == "polling"

    def is_awaited(self, command: Command) -> bool:
        """Whether the session still waits for the answer to this command, after its due deadlines are handled."""
        return command in outbox(reduce(self.session, Tick(self.now()))[0])

    def feed(self, event: Event) -> Session | None:
        """Feed an event of the application to the driver. None while the process is down."""
        if not self.is_up or self.driver.stopped:
            return None
        self.acted_at = self._env.schedule.now
        if self.session.connection.name == "paused":
            self.paused_at = self.acted_at
        return self.driver.feed(event)

    def try_feed(self, event: Event) -> Session | None:
        """The same. None also where the intent is illegal now."""
        try:
            return self.feed(event)
        except IllegalIntent:
            return None

    def push(self, count: int | None = None) -> None:
        """Feed the latest entries of the chat's log, as a push notification does."""
        chat = self._server.chat(self.session.chat.chat_id)
        if chat is not None and chat.log and count != 0:
            latest = chat.log[-(count or self._env.choices.pick("pushed", (1, 2, 4, 40), (2, 2, 2, 2))) :]
            # Not an answer to a form by another device: later it would pass for one of the client's own.
            sent = [one.event for one in latest if (one.direction, one.event.get("event")) != ("to_client", FORM_DATA)]
            self.feed(Incoming(self.now(), tuple(map(decode_entry, sent))))
