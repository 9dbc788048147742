"""Changes of stage: many stages are over before anything happens, so in some runs much happens as one begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from statemachine.core.session import Lifecycle
from statemachine.emulator import actions

from .actors import Agents, Customer
from .client import Client
from .environment import Environment
from .faults import ErrorFault
from .network import Network
from .second_device import SecondDevice
from .server import Server

__all__ = ["StageChanges"]

_STAGES: Final[tuple[actions.Action, ...]] = (
    *(actions.SetStatus(state) for state in ("ivr", "queued", "connecting", "connected", "connected")),
    actions.JoinParty("ada"),
    actions.LeaveAll(),
)
_LEAVE_FAULTS: Final = ("none", "response lost", "request lost", ErrorFault(5003, 400, html=True))
"""The faults of the entry with which the customer leaves."""
_PUSHES: Final = (0, 60, 3_000)
"""When the entries of a stage change are pushed again, in milliseconds after it."""


class StageChanges:
    """Watches the stage of the client's session."""

    def __init__(
        self,
        environment: Environment,
        server: Server,
        client: Client,
        network: Network,
        customer: Customer,
        agents: Agents,
        device: SecondDevice,
    ) -> None:
        self._schedule: Final = environment.schedule
        self._choices: Final = environment.choices
        self._faults: Final = environment.faults
        self._server: Final = server
        self._client: Final = client
        self._network: Final = network
        self._customer: Final = customer
        self._agents: Final = agents
        self._device: Final = device
        self._stage: type[Lifecycle] | None = None
        self._favourite: Final = self._any_stage()
        self._events: Final[tuple[Callable[[str], None], ...]] = (
            self._everything, self._end, self._leave, self._wander, lambda chat_id: customer.hide(), self._lose_batch,
        )  # fmt: skip

    def after_step(self) -> None:
        """Perhaps let something happen, if the last step changed the stage."""
        session, choices = self._client.session, self._choices
        stage = type(session.lifecycle)
        chat_id = session.chat.chat_id or self._server.latest_chat_id() or ""
        if stage is self._stage or self._server.chat(chat_id) is None:
            return
        self._stage = stage
        if self._faults.occurs("stage change", 50.0):
            weights = (2, 1, 4, 4, 1, 0) if session.history.name == "reading" else (6, 3, 3, 2, 2, 2)
            for _ in range(1 + choices.amount("more at the turn", 1)):
                choices.pick("what at the turn", self._events, weights)(chat_id)
            if choices.index("to the favourite stage", (1, 1)):
                self.to_favourite(chat_id)

    def to_favourite(self, chat_id: str) -> None:
        """Lead the chat to the favourite stage of this run, so that it lasts."""
        self._server.act(chat_id, self._favourite)

    def _any_stage(self) -> actions.Action:
        return self._choices.pick("to which stage", _STAGES)

    def _push_since(self, chat_id: str, size: int) -> None:
        self._client.push(self._server.log_size(chat_id) - size)

    def _everything(self, chat_id: str) -> None:
        """All that people, the server and a second device can do without leading to another stage."""
        choices, before = self._choices, self._server.log_size(chat_id)
        receipt = choices.pick("receipt", (actions.SendDelivered(), actions.SendRead()))
        self._server.act(chat_id, *self._agents.everything(), receipt)
        self._push_since(chat_id, before)
        if choices.index("the customer too", (4, 1)) == 0:
            self._customer.everything()
            self._device.everything(chat_id)
        if choices.index("echoes", (1, 2)):
            self._server.act(chat_id, *self._agents.echoes())
        for delay in _PUSHES:
            self._schedule.after(delay, lambda: self._push_since(chat_id, before), of_client=True)

    def _end(self, chat_id: str) -> None:
        if self._server.centre.chats[chat_id.lower()].live:
            self._agents.end(chat_id)

    def _leave(self, chat_id: str) -> None:
        """The customer leaves, perhaps behind many unsent items, and perhaps without an answer."""
        choices, customer = self._choices, self._customer
        before_leaving = (lambda: None, customer.say_two, customer.everything)
        choices.pick("before leaving", before_leaving, (1, 1, 1))()
        self._network.leave_fault = choices.pick("fate of the leave", _LEAVE_FAULTS, (3, 4, 3, 1))
        how = choices.index("leaves how", (4, 1, 1))
        if how != 1:
            customer.disconnect()
        if how != 0:
            customer.end()
        if choices.index("everybody leaves", (2, 1)):
            self._server.act(chat_id, actions.LeaveAll())
        else:
            self._wander(chat_id)
        if choices.index("has left elsewhere", (1, 2)):
            before = self._server.log_size(chat_id)
            if choices.index("and is back in the queue", (2, 1)):
                self._server.act(chat_id, choices.pick("where it waits", _STAGES[:3]))
            self._server.act(chat_id, *self._agents.echoes())
            self._push_since(chat_id, before)

    def _wander(self, chat_id: str) -> None:
        """The server reports one stage after the other."""
        before = self._server.log_size(chat_id)
        for _ in range(1 + self._choices.amount("wanders", 2)):
            self._server.act(chat_id, self._any_stage())
        self._push_since(chat_id, before)

    def _lose_batch(self, chat_id: str) -> None:
        """Much happens, and the batch with it is lost: only the history has it."""
        self._network.lose_batch()
        self._server.act(chat_id, *self._agents.everything())
