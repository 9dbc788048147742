"""An agent that a test controls."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol, TypeVar

from statemachine.emulator import Centre, Chat, actions
from statemachine.emulator.actions import Action
from statemachine.emulator.http import Emulator

T = TypeVar("T")


class RunningCentre(Protocol):
    """What an agent needs of its contact centre."""

    @property
    def emulator(self) -> Emulator:
        """The emulator behind it."""
        ...

    @property
    def queues(self) -> dict[str, str]:
        """By chat id, the queue to which a chat was transferred."""
        ...

    async def until(self, wanted: Callable[[Centre], bool]) -> None:
        """Wait until this is true of the centre. Raises TimeoutError."""
        ...

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run this in the loop of the emulator."""
        ...


class Agent:
    """An agent with one chat at a time. Each method returns when it has taken effect; clients receive it by poll."""

    def __init__(self, centre: RunningCentre, name: str, queue: str | None) -> None:
        self._centre: Final = centre
        self._chat: Chat | None = None
        self._texts_taken: dict[str, int] = {}
        self.name: Final = name
        self.queue: Final = queue

    @property
    def chat(self) -> Chat:
        """The chat this agent is in. Raises RuntimeError before ``accept``."""
        if self._chat is None:
            raise RuntimeError(f"{self.name} has no chat: await accept() first")
        return self._chat

    async def accept(self, client_id: str | None = None) -> Chat:
        """Take the chat that has waited longest, of this client if one is named; wait for one if there is none.

        Raises TimeoutError.
        """
        await self._centre.until(lambda centre: self._waiting(centre, client_id) is not None)
        found = self._waiting(self._centre.emulator.centre, client_id)
        assert found is not None, "no other task runs between the two"
        self._chat = found
        first, _, last = self.name.partition(" ")
        await self.act(actions.SetStatus("connecting"), actions.Connect(self.name, first, last))
        return found

    async def wait_for_text(self, text: str = "") -> str:
        """Wait for the client's next text (that contains ``text``) and return it; each text is returned once.

        Raises TimeoutError.
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
        """Send a message."""
        await self.act(actions.Say(text, self.name))

    async def typing(self, is_typing: bool = True) -> None:
        """Start or stop typing."""
        await self.act(actions.StartTyping(self.name) if is_typing else actions.StopTyping(self.name))

    async def read(self) -> None:
        """Receipts for the client's latest message: delivered, and read."""
        await self.act(actions.SendDelivered(party=self.name), actions.SendRead(party=self.name))

    async def send_file(self, name: str, content: bytes, content_type: str = "application/octet-stream") -> None:
        """Send a file; a picture where its type says so."""
        kind = "image" if content_type.startswith("image/") else "attachment"
        await self.act(actions.ShareFile(name, content, self.name, kind, content_type))

    async def show_form(self, name: str, timeout_s: int | None = None) -> None:
        """Show a form; "" is a plain prompt."""
        await self.act(actions.ShowForm(name, timeout=timeout_s))

    async def transfer(self, *, to: Agent | None = None, queue: str | None = None) -> None:
        """Hand the chat over: to a colleague, who joins before this agent leaves, or back to a queue.

        Raises ValueError unless exactly one is given.
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
        """The inactivity warning; None: the centre's own text."""
        await self.act(actions.Warn(text))

    async def time_out(self, text: str | None = None) -> None:
        """End the chat by the inactivity timeout."""
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
        """Any actions of ``statemachine.emulator.actions``, in one batch."""
        await self._centre.run(self._centre.emulator.act(self.chat.chat_id, *several))

    def _waiting(self, centre: Centre, client_id: str | None) -> Chat | None:
        queues = self._centre.queues
        for chat in centre.chats.values():
            mine = self.queue is None or queues.get(chat.chat_id) == self.queue
            if chat.live and mine and chat.on_duty() is None and client_id in (None, chat.key.client_id):
                return chat
        return None
