"""Changes of stage: many stages are over before anything happens, so in some runs much happens as one begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import define, field

from statemachine.core.session import Lifecycle
from statemachine.emulator import actions
from statemachine.emulator.knobs import Fault

from .actors import Agents, Customer
from .client import Client
from .environment import Environment
from .network import Network
from .second_device import SecondDevice
from .server import Server

_STAGES: Final[tuple[actions.Action, ...]] = (
    *(actions.SetStatus(state) for state in ("ivr", "queued", "connecting", "connected", "connected")),
    actions.JoinParty("ada"),
    actions.LeaveAll(),
)
_LEAVE_FAULTS: Final = ("none", "response lost", "request lost", Fault(code=5003, status=400, html=True))
"""The faults of the entry with which the customer leaves."""
_PUSHES: Final = (0, 60, 3_000)
"""When the entries of a stage change are pushed again, in milliseconds after it."""


@define(eq=False)
class StageChanges:
    """Watches the stage of the client's session."""

    _env: Environment
    _server: Server
    _client: Client
    _network: Network
    _customer: Customer
    _agents: Agents
    _device: SecondDevice
    _stage: type[Lifecycle] | None = None
    _favourite: actions.Action = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._favourite = self._any_stage()

    def after_step(self) -> None:
        """Perhaps let something happen, if the last step changed the stage."""
        session, choices = self._client.session, self._env.choices
        stage = type(session.lifecycle)
        chat_id = session.chat.chat_id or self._server.latest_chat_id() or ""
        if stage is self._stage or self._server.chat(chat_id) is None:
            return
        self._stage = stage
        if self._env.faults.occurs("stage change", 50.0):
            weights = (2, 1, 4, 4, 1, 0) if session.history.name == "reading" else (6, 3, 3, 2, 2, 2)
            for _ in range(1 + choices.amount("more events at stage change", 1)):
                choices.pick("event at stage change", self._kinds(), weights)(chat_id)
            if choices.index("to the favourite stage", (1, 1)):
                self.to_favourite(chat_id)

    def _kinds(self) -> tuple[Callable[[str], None], ...]:
        return self._everything, self._end, self._leave, self._wander, self._hide, self._lose_batch

    def to_favourite(self, chat_id: str) -> None:
        """Lead the chat to the favourite stage of this run, so that it lasts."""
        self._server.act(chat_id, self._favourite)

    def _any_stage(self) -> actions.Action:
        return self._env.choices.pick("to which stage", _STAGES)

    def _push_since(self, chat_id: str, size: int) -> None:
        self._client.push(self._server.log_size(chat_id) - size)

    def _everything(self, chat_id: str) -> None:
        """All that people, the server and a second device can do without leading to another stage."""
        choices, before = self._env.choices, self._server.log_size(chat_id)
        receipt = choices.pick("receipt", (actions.SendDelivered(), actions.SendRead()))
        self._server.act(chat_id, *self._agents.everything(), receipt)
        self._push_since(chat_id, before)
        if choices.index("the customer too", (4, 1)) == 0:
            self._customer.everything()
            self._device.everything(chat_id)
        if choices.index("echoes", (1, 2)):
            self._server.act(chat_id, *self._agents.echoes())
        for delay in _PUSHES:
            self._env.schedule.after(delay, lambda: self._push_since(chat_id, before), of_client=True)

    def _end(self, chat_id: str) -> None:
        if self._server.centre.chats[chat_id.lower()].live:
            self._agents.end(chat_id)

    def _leave(self, chat_id: str) -> None:
        """The customer leaves, perhaps behind many unsent items, and perhaps without an answer."""
        choices, customer = self._env.choices, self._customer
        before_leaving = (lambda: None, customer.say_two, customer.everything)
        choices.pick("before leaving", before_leaving, (1, 1, 1))()
        self._network.leave_fault = choices.pick("fault of the leave", _LEAVE_FAULTS, (3, 4, 3, 1))
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
        for _ in range(1 + self._env.choices.amount("wanders", 2)):
            self._server.act(chat_id, self._any_stage())
        self._push_since(chat_id, before)

    def _lose_batch(self, chat_id: str) -> None:
        """Much happens, and the batch with it is lost: only the history has it."""
        self._network.lose_batch()
        self._server.act(chat_id, *self._agents.everything())

    def _hide(self, chat_id: str) -> None:
        self._customer.hide()
