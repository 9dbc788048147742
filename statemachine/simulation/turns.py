"""Turning points: many a stage is over before anything has happened, so in some worlds much happens as it begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from statemachine.core.session import Lifecycle
from statemachine.emulator import actions

from .faults import ErrorFault, Fate

if TYPE_CHECKING:
    from .world import World

__all__ = ["Turns"]

_STAGES: Final[tuple[actions.Action, ...]] = (
    *(actions.SetStatus(state) for state in ("ivr", "queued", "connecting", "connected", "connected")),
    actions.JoinParty("ada"),
    actions.LeaveAll(),
)
_FATES: Final[tuple[Fate, ...]] = ("deliver", "response_lost", "request_lost", ErrorFault(5003, 400, html=True))
"""What may become of the entry with which the customer leaves."""
_AGAIN: Final = (0, 60, 3_000)
"""When the entries that were said at the turn come once more, in milliseconds after it."""


class Turns:
    """Looks at the client's session after each step of the world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stage: type[Lifecycle] | None = None
        self._favourite: Final = self._some_stage()
        self._acts: Final[tuple[Callable[[str], None], ...]] = (
            self._everything, self._end, self._leave, self._wander, self._hide, self._unheard,
        )  # fmt: skip

    def look(self) -> None:
        """Let something happen, where the stage is another one than before."""
        world, stage = self._world, type(self._world.session.lifecycle)
        chat_id = world.session.chat.chat_id or world.latest_chat() or ""
        if stage is self._stage or chat_id.lower() not in world.centre.chats:
            return
        self._stage = stage
        if world.faults.strikes("at the turn", 50.0):
            likely = (2, 1, 4, 4, 1, 0) if world.session.history.name == "reading" else (6, 3, 3, 2, 2, 2)
            for _ in range(1 + world.choices.amount("more at the turn", 1)):
                self._acts[world.choices.choose("what at the turn", likely)](chat_id)
            if world.choices.choose("to the favourite stage", (1, 1)):
                self.lead(chat_id)

    def lead(self, chat_id: str) -> None:
        """To the stage that this world loves best: it lasts, where else it would be passed through."""
        self._world.act(chat_id, self._favourite)

    def _some_stage(self) -> actions.Action:
        return _STAGES[self._world.choices.amount("to which stage", len(_STAGES) - 1)]

    def _everything(self, chat_id: str) -> None:
        """Whatever a person, the centre and another device can do without leading on to the next stage."""
        world, before = self._world, self._said(chat_id)
        receipt = (actions.SendDelivered(), actions.SendRead())[world.choices.amount("receipt", 1)]
        world.act(chat_id, *world.agents.everything(), receipt)
        world.push(self._said(chat_id) - before)
        if world.choices.choose("the customer too", (4, 1)) == 0:
            world.customer.everything()
            world.device.everything(chat_id)
        if world.choices.choose("echoes", (1, 2)):
            world.act(chat_id, *world.agents.echoes())
        for after in _AGAIN:
            world.agenda.later(world.now + after, lambda: world.push(self._said(chat_id) - before), of_client=True)

    def _said(self, chat_id: str) -> int:
        return len(self._world.centre.chats[chat_id.lower()].log)

    def _end(self, chat_id: str) -> None:
        if self._world.centre.chats[chat_id.lower()].live:
            self._world.agents.end(chat_id)

    def _leave(self, chat_id: str) -> None:
        """The customer goes, perhaps behind much that was said, and perhaps without an answer."""
        world, customer = self._world, self._world.customer
        last: tuple[Callable[[], None], ...] = (lambda: None, customer.say_two, customer.everything)
        last[world.choices.choose("before leaving", (1, 1, 1))]()
        world.network.next_leave = _FATES[world.choices.choose("fate of the leave", (3, 4, 3, 1))]
        how = world.choices.choose("leaves how", (4, 1, 1))
        if how != 1:
            customer.disconnect()
        if how != 0:
            customer.end()
        if world.choices.choose("everybody leaves", (2, 1)):
            world.act(chat_id, actions.LeaveAll())
        else:
            self._wander(chat_id)
        if world.choices.choose("has left elsewhere", (1, 2)):
            before = self._said(chat_id)
            if world.choices.choose("and is back in the queue", (2, 1)):
                world.act(chat_id, _STAGES[world.choices.amount("where it waits", 2)])
            world.act(chat_id, *world.agents.echoes())
            world.push(self._said(chat_id) - before)

    def _wander(self, chat_id: str) -> None:
        """The centre names one stage after the other."""
        world, before = self._world, self._said(chat_id)
        for _ in range(1 + world.choices.amount("wanders", 2)):
            world.act(chat_id, self._some_stage())
        world.push(self._said(chat_id) - before)

    def _unheard(self, chat_id: str) -> None:
        """Much is said, and the batch with it is lost: only the log tells of it."""
        self._world.network.lose_batch()
        self._world.act(chat_id, *self._world.agents.everything())

    def _hide(self, chat_id: str) -> None:
        self._world.customer.hide()
