"""The emulated contact centre for tests, and its agents."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from typing import Any, Final, Self, TypeVar

from statemachine.durations import parse_duration
from statemachine.emulator import Centre, Chat, Knobs, Scenario, Violation, actions
from statemachine.emulator.actions import Action
from statemachine.emulator.clock import Clock
from statemachine.emulator.http import Emulator
from statemachine.emulator.knobs import from_settings
from statemachine.emulator.traffic import Exchange

T = TypeVar("T")


class Agent:
    """An agent with one chat at a time; `EmulatedCentre.agent` gives it.

    Each method returns when it has taken effect; clients receive it by poll.
    """

    def __init__(self, centre: EmulatedCentre, name: str, queue: str | None) -> None:
        self._centre: Final = centre
        self._chat: Chat | None = None
        self._texts_taken: dict[str, int] = {}
        self.name: Final = name
        self.queue: Final = queue

    @property
    def chat(self) -> Chat:
        """The chat this agent is in.

        Raises:
            RuntimeError: The agent has accepted none.
        """
        if self._chat is None:
            raise RuntimeError(f"{self.name} has no chat: await accept() first")
        return self._chat

    def __repr__(self) -> str:
        return f"<Agent {self.name!r}, chat={self._chat.chat_id if self._chat else None!r}>"

    async def accept(self, client_id: str | None = None) -> Chat:
        """Take the chat that has waited longest; wait for one if there is none.

        Args:
            client_id: Only a chat of this customer; None: of any.

        Returns:
            The chat.

        Raises:
            TimeoutError: None came in time.
        """
        await self._centre.until(lambda centre: self._waiting(centre, client_id) is not None)
        found = self._waiting(self._centre.emulator.centre, client_id)
        assert found is not None, "no other task runs between the two"
        self._chat = found
        first, _, last = self.name.partition(" ")
        await self.act(actions.SetStatus("connecting"), actions.Connect(self.name, first, last))
        return found

    async def wait_for_text(self, text: str = "") -> str:
        """Wait for the client's next text; each is returned once.

        Args:
            text: Only a text that contains this.

        Returns:
            The whole text.

        Raises:
            TimeoutError: None came in time.
        """
        chat = self.chat

        def place() -> int | None:
            taken = self._texts_taken.get(chat.chat_id, 0)
            texts = enumerate(chat.texts_received)
            return next((number for number, (_, said) in texts if number >= taken and text in said), None)

        await self._centre.until(lambda _: place() is not None)
        number = place()
        assert number is not None
        self._texts_taken[chat.chat_id] = number + 1
        return chat.texts_received[number][1]

    async def say(self, text: str) -> None:
        """Send a text.

        Args:
            text: Plain text.
        """
        await self.act(actions.Say(text, self.name))

    async def typing(self, is_typing: bool = True) -> None:
        """Start or stop typing.

        Args:
            is_typing: False: stop.
        """
        await self.act(actions.StartTyping(self.name) if is_typing else actions.StopTyping(self.name))

    async def read(self) -> None:
        """Receipts for the client's latest message: delivered, and read."""
        await self.act(actions.SendDelivered(party=self.name), actions.SendRead(party=self.name))

    async def send_file(self, name: str, content: bytes, content_type: str = "application/octet-stream") -> None:
        """Send a file.

        Args:
            name: Of the file.
            content: Its bytes.
            content_type: It is shown as a picture where this says so.
        """
        kind = "image" if content_type.startswith("image/") else "attachment"
        await self.act(actions.ShareFile(name, content, self.name, kind, content_type))

    async def show_form(self, name: str, timeout_s: int | None = None) -> None:
        """Show a form.

        Args:
            name: Of the form; "" is a plain prompt.
            timeout_s: Seconds for which it is shown; None: no limit.
        """
        await self.act(actions.ShowForm(name, timeout=timeout_s))

    async def transfer(self, *, to: Agent | None = None, queue: str | None = None) -> None:
        """Hand the chat over, to a colleague or back to a queue.

        Args:
            to: A colleague, who joins before this agent leaves.
            queue: The name of a queue.

        Raises:
            ValueError: Both are given, or none.
        """
        if (to is None) == (queue is None):
            raise ValueError("transfer needs either to=another agent or queue=the name of a queue")
        chat = self.chat
        if to is not None:
            first, _, last = to.name.partition(" ")
            to._chat = chat
            await self.act(actions.JoinParty(to.name, first, last), actions.LeaveParty(self.name))
        elif queue is not None:
            self._centre.queues[chat.chat_id] = queue
            await self.act(actions.LeaveParty(self.name), actions.SetStatus("queued"))
        self._chat = None

    async def leave(self) -> None:
        """Leave the conversation; the chat stays open."""
        await self.act(actions.LeaveParty(self.name))
        self._chat = None

    async def warn(self, text: str | None = None) -> None:
        """Send the inactivity warning.

        Args:
            text: None: the centre's own.
        """
        await self.act(actions.Warn(text))

    async def time_out(self, text: str | None = None) -> None:
        """End the chat by the inactivity timeout.

        Args:
            text: None: the centre's own.
        """
        await self.act(actions.TimeOut(text))

    async def end(self) -> None:
        """End the chat normally."""
        await self.act(actions.EndChat())

    async def fail(self) -> None:
        """End the chat as failed."""
        await self.act(actions.Fail())

    async def drop_chat(self) -> None:
        """The server loses the chat: 404 from now on."""
        await self.act(actions.DropChat())

    async def act(self, *several: Action) -> None:
        """Carry out actions of ``statemachine.emulator.actions`` in one batch.

        Args:
            several: In this order.
        """
        await self._centre.run(self._centre.emulator.act(self.chat.chat_id, *several))

    def _waiting(self, centre: Centre, client_id: str | None) -> Chat | None:
        queues = self._centre.queues
        for chat in centre.chats.values():
            mine = self.queue is None or queues.get(chat.chat_id) == self.queue
            if chat.live and mine and chat.on_duty() is None and client_id in (None, chat.key.client_id):
                return chat
        return None


class EmulatedCentre:
    """A contact centre at ``url``, on a free port of this machine, while its block runs.

    It runs in a thread of its own, so fixtures of any scope may hold it, in ``with`` or ``async with``. Its coroutines
    may be awaited in any loop of asyncio; ``call`` waits for one where there is no loop.

    Args:
        scenario: The script of its chats; the default leaves everything to ``agent``.
        knobs: Its behaviour, as ``statemachine emulate --knobs`` lists it.
        speed: Of its clock; 0: it changes only by ``advance``.
        timeout_s: How long agents wait for a client, in real seconds, before they raise TimeoutError.
    """

    def __init__(
        self,
        scenario: str | Scenario = "silent",
        knobs: Knobs | Mapping[str, object] | None = None,
        *,
        speed: float = 1.0,
        timeout_s: float = 10.0,
    ) -> None:
        settings = knobs if isinstance(knobs, Knobs) else from_settings(knobs or {})
        self.emulator: Final = Emulator(scenario, settings, clock=Clock(speed))
        # How long agents wait for a client before they raise TimeoutError; real seconds.
        self.timeout_s: Final = timeout_s
        # By chat id, where a chat was transferred to.
        self.queues: Final[dict[str, str]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<EmulatedCentre {self.url!r}, {len(self.chats)} chats>"

    @property
    def url(self) -> str:
        """The base address for your client, without a slash at the end."""
        return self.emulator.url

    @property
    def chats(self) -> list[Chat]:
        """Every chat so far, oldest first."""
        return list(self.emulator.centre.chats.values())

    def agent(self, name: str = "agent", *, queue: str | None = None) -> Agent:
        """A new agent.

        Args:
            name: As customers see it.
            queue: Accept only chats that were transferred to this queue.
        """
        return Agent(self, name, queue)

    def violations(self, client_id: str | None = None) -> list[Violation]:
        """The faults of clients, oldest first.

        Args:
            client_id: Only those of this customer; None: all.
        """
        found = list(self.emulator.centre.violations)
        return [one for one in found if client_id in (None, one.client.client_id)]

    def requests(self, client_id: str | None = None) -> list[Exchange]:
        """The latest requests of clients, with their answers; oldest first.

        Args:
            client_id: Only those of this customer; None: all.
        """
        found = list(self.emulator.traffic.latest.values())
        return [one for one in found if client_id in (None, one.client.client_id)]

    async def advance(self, duration: str) -> None:
        """Move the centre's clock. Clients get time to poll again.

        Args:
            duration: Such as ``"10m"``.
        """
        await self.run(self.emulator.advance(parse_duration(duration)))

    async def set_knobs(self, **settings: object) -> None:
        """Change knobs while chats run.

        Args:
            settings: Values by the knob's name.
        """
        await self.run(self.emulator.set_knobs(settings))

    async def until(self, wanted: Callable[[Centre], bool]) -> None:
        """Wait until a condition holds.

        Args:
            wanted: Evaluated at each change of the centre.

        Raises:
            TimeoutError: It did not hold in time.
        """
        await self.run(self.emulator.until(wanted, self.timeout_s))

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the centre's thread, from any loop of asyncio.

        Args:
            work: The coroutine.

        Returns:
            Its result.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            work.close()
            raise RuntimeError(
                "this is no loop of asyncio: use centre.call, with trio as "
                "await trio.to_thread.run_sync(lambda: centre.call(agent.accept()))"
            ) from None
        return await asyncio.wrap_future(self._submit(work))

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine and wait for it: ``centre.call(agent.accept())``. For tests without a loop.

        Args:
            work: The coroutine.

        Returns:
            Its result.
        """
        return self._submit(work).result()

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        if self._loop is None:
            work.close()
            raise RuntimeError("the centre does not run: use it inside its `with` block")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()

    def __enter__(self) -> Self:
        self._loop = loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="emulated centre", daemon=True)
        self._thread.start()
        try:
            self.call(self.emulator.__aenter__())
        except BaseException:
            self._stop(loop)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None:
            self.call(self.emulator.__aexit__())
            self._stop(self._loop)

    def _stop(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = None
        loop.call_soon_threadsafe(loop.stop)
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        loop.close()
