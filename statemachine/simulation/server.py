"""The simulated contact centre: the emulator's model, with a callback for each request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from statemachine.emulator.actions import Action
from statemachine.emulator.chat import Chat
from statemachine.emulator.model import Centre
from statemachine.emulator.wire import Answer, HttpRequest, HttpResponse

from .environment import Environment


class Server:
    """The server of one run, at the simulated time."""

    def __init__(self, environment: Environment) -> None:
        self._schedule: Final = environment.schedule
        self._on_response: Final[dict[int, Callable[[HttpResponse], None]]] = {}
        self.centre: Final = Centre(environment.knobs, environment.scenario)

    def request(self, ticket: int, request: HttpRequest, on_response: Callable[[HttpResponse], None]) -> None:
        """Handle a request. `ticket`: a number that no other request has."""
        self._on_response[ticket] = on_response
        self._respond(self.centre.request(self._schedule.now, ticket, request))

    def cut(self, ticket: int) -> None:
        """The connection of this request is broken."""
        self._respond(self.centre.cut(self._schedule.now, ticket))

    def tick(self) -> None:
        """Handle the deadlines that are due."""
        self._respond(self.centre.tick(self._schedule.now))

    def act(self, chat_id: str, *actions: Action) -> None:
        """Perform actions of agents in this chat, if there is one."""
        if self.chat(chat_id) is not None:
            self._respond(self.centre.act(self._schedule.now, chat_id, *actions))

    def chat(self, chat_id: str) -> Chat | None:
        """The chat with this id, in any case of letters."""
        return self.centre.chats.get(chat_id.lower())

    def latest_chat_id(self) -> str | None:
        """The id of the chat that was opened last."""
        return next(reversed(self.centre.chats), None)

    def log_size(self, chat_id: str) -> int:
        """The number of entries in this chat's log."""
        return len(self.centre.chats[chat_id.lower()].log)

    def _respond(self, answers: Sequence[Answer]) -> None:
        for ticket, response in answers:
            self._on_response[ticket](response)
