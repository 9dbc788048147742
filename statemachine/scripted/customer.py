"""One customer who goes through a script, with a session of the real client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from statemachine.adapters.protocols import HandledEvent
from statemachine.client import ChatError, ChatSession, Sending
from statemachine.codec.text import shown
from statemachine.emulator.durations import written
from statemachine.scripted.result import Failed, Result, StepResult
from statemachine.scripted.script import (
    AnswerForm,
    CancelForm,
    Deed,
    Expect,
    Happening,
    Pause,
    Repeat,
    Say,
    Script,
    SendFile,
    SendLocation,
    Start,
    Stats,
    Step,
    WaitFor,
)

from ..client import ChatClient
from ..core import DeliveryUpdate, Finished, Received, Session
from ..core.wire import File, FormShow, Location, Message, SecureFormShow, TimeoutWarning

__all__ = ["Customer", "Watcher"]

_EXACT: Final = ("phase", "form", "message")
"""Happenings whose value is a name; the others are compared by what they contain."""
GOODBYE_S: Final = 10.0
"""How long the end of a chat that the script left open is waited for."""


class Watcher:
    """Tells each customer what every step of their engine changed: no phase is too short to be noticed."""

    def __init__(self) -> None:
        self.customers: Final[dict[str, Customer]] = {}

    def stepped(self, step: HandledEvent) -> None:
        """See `Observer.stepped`."""
        if (customer := self.customers.get(step.session_id)) is not None:
            customer.stepped(step.before, step.after)

    def moment(self, session_id: str, moment: str, number: int) -> None:
        """See `Observer.moment`."""


class Customer:
    """``tell``: called with each step that is done."""

    def __init__(self, chat: ChatSession, script: Script, result: Result, tell: Callable[[StepResult], None]) -> None:
        self._chat: Final = chat
        self._script: Final = script
        self._result: Final = result
        self._tell: Final = tell
        self._happened: dict[Happening, list[str]] = {}
        self._passed: dict[Happening, int] = {}
        """How much of each kind an earlier wait has dealt with."""
        self._changed = asyncio.Event()
        self._said: dict[str, float] = {}
        self._latest = ""
        self._unread = ""
        self._over = False

    @classmethod
    async def come(
        cls, client: ChatClient, watcher: Watcher, script: Script, result: Result, tell: Callable[[StepResult], None]
    ) -> Customer:
        """A customer with no chat yet. Raises ChatError."""
        parameters = dict(script.parameters) or None
        chat = await client.session(result.client_id, start=False, parameters=parameters)
        customer = cls(chat, script, result, tell)
        watcher.customers[chat.id] = customer
        return customer

    async def go(self) -> None:
        """Take every step, until one fails; whatever happens, leave no chat open behind."""
        began = time.monotonic()
        following: asyncio.Task[None] | None = None
        try:
            for step in self._script.steps:
                done = await self._take(step)
                if following is None:
                    following = asyncio.create_task(self._follow())
                if not done:
                    break
        finally:
            await self._say_goodbye()
            if following is not None:
                following.cancel()
                await asyncio.wait([following])
            self._result.outcome = self._chat.outcome
            self._result.seconds = time.monotonic() - began

    async def _say_goodbye(self) -> None:
        if self._chat.outcome is not None or self._chat.phase == "idle":
            return
        self._result.ended_by_us = True
        try:
            await self._chat.end()
            async with asyncio.timeout(GOODBYE_S):
                await self._until(lambda: self._chat.outcome is not None)
        except (ChatError, Failed, TimeoutError):
            pass  # nobody waits for it

    # --- what happens -------------------------------------------------------------------------------------------------

    def stepped(self, before: Session, after: Session) -> None:
        """A step of the engine."""
        if before.phase != after.phase:
            self._result.phases.append(after.phase)
            self._note("phase", after.phase)
        if before.participants is not after.participants:
            known, here = _names(before), _names(after)
            for party_id, name in here.items():
                if party_id not in known:
                    self._note("joined", name)
            for party_id, name in known.items():
                if party_id not in here:
                    self._note("left", name)
            typed = {one.party_id for one in before.participants.typists}
            for one in after.participants.typists:
                if one.party_id not in typed:
                    self._note("typing", here.get(one.party_id.lower(), ""))
        self._changed.set()

    async def _follow(self) -> None:
        async for update in self._chat.updates():
            if isinstance(update, Received):
                self._received(update)
            elif isinstance(update, DeliveryUpdate):
                self._progress(update)
            elif isinstance(update, Finished):
                self._result.outcome = update.outcome
            self._changed.set()
        self._over = True
        self._changed.set()

    def _received(self, update: Received) -> None:
        entry = update.entry
        if update.own:
            return
        if isinstance(entry, Message):
            self._result.heard += 1
            self._unread = entry.msg_id or self._unread
            self._note("says", shown(entry))
        elif isinstance(entry, File):
            self._note("file", entry.file_name)
        elif isinstance(entry, Location):
            self._note("location", f"{entry.latitude}, {entry.longitude}")
        elif isinstance(entry, TimeoutWarning):
            self._note("warning", entry.msg)
        elif isinstance(entry, FormShow):
            self._note("form", entry.form_name)
        elif isinstance(entry, SecureFormShow):
            self._note("form", entry.form_id)

    def _progress(self, update: DeliveryUpdate) -> None:
        if update.state == "sent" and (said := self._said.pop(update.item, None)) is not None:
            self._result.sent_ms.append(round((time.monotonic() - said) * 1000))
        if update.item == self._latest:
            self._note("message", update.state)

    def _note(self, kind: Happening, value: str) -> None:
        self._happened.setdefault(kind, []).append(value)

    # --- waiting ------------------------------------------------------------------------------------------------------

    async def _until(self, wanted: Callable[[], bool]) -> None:
        """Wait for this. Raises Failed where the chat is over and all of it is told."""
        while not wanted():
            if self._over:
                raise Failed(f"the chat was over before ({self._chat.outcome})")
            self._changed.clear()
            await self._changed.wait()

    async def _within(self, ms: int, wanted: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(ms / 1000):
                await self._until(wanted)
        except TimeoutError:
            raise Failed(f"not within {written(ms)}; {self._situation()}") from None

    def _situation(self) -> str:
        agents = len(self._agents())
        return (
            f"the phase is {self._chat.phase}, {agents} {'agent is' if agents == 1 else 'agents are'} there, "
            f"{self._result.heard} texts came"
        )

    def _agents(self) -> list[str]:
        return [one.display_name for one in self._chat.session.participants.parties if one.type != "scenario"]

    # --- steps --------------------------------------------------------------------------------------------------------

    async def _take(self, step: Step) -> bool:
        if isinstance(step, Repeat):
            for _ in range(step.times):
                for one in step.steps:
                    if not await self._take(one):
                        return False
            return True
        began = time.monotonic()
        problem, more = "", tuple[Step, ...]()
        try:
            more = await self._do(step)
        except (Failed, ChatError, OSError) as error:
            problem = str(error)
        done = StepResult(step.line, step.words, time.monotonic() - began, problem)
        self._result.steps.append(done)
        self._tell(done)
        if problem:
            return False
        for one in more:
            if not await self._take(one):
                return False
        return True

    async def _do(self, step: Step) -> tuple[Step, ...]:
        """Do it; what it leads to."""
        chat = self._chat
        match step:
            case Start():
                if text := self._filled(step.text):
                    self._sent(await chat.send(text, new_chat=True))
                else:
                    await chat.request()
            case Say():
                self._sent(await chat.send(self._filled(step.text)))
            case Pause():
                await asyncio.sleep(step.ms / 1000)
            case WaitFor():
                return await self._wait_for(step)
            case Expect():
                await self._within(step.within, lambda: self._stands(step.standing))
            case AnswerForm():
                await chat.answer_form(await self._form(step.form, step.within), step.data)
            case CancelForm():
                await chat.cancel_form(await self._form(step.form or None, step.within))
            case SendFile():
                await chat.send_file(step.path or step.content, name=step.name)
            case SendLocation():
                await chat.send_location(step.latitude, step.longitude, url=step.url)
            case Deed():
                await self._deed(step)
            case Repeat():
                raise AssertionError("unrolled before")
        return ()

    async def _deed(self, step: Deed) -> None:
        if step.name != "mark_read":
            await getattr(self._chat, step.name)()
        elif self._unread:
            await self._chat.mark_read(self._unread)

    def _filled(self, text: str) -> str:
        return text.replace("{n}", str(self._result.number))

    def _sent(self, sending: Sending) -> None:
        if sending.id:
            self._said[sending.id] = time.monotonic()
            self._latest = sending.id
            self._passed["message"] = len(self._happened.get("message", ()))

    async def _wait_for(self, step: WaitFor) -> tuple[Step, ...]:
        kind = step.happening
        try:
            await self._within(step.within, lambda: self._find(step) is not None)
        except Failed:
            if step.otherwise is None:
                raise
            return step.otherwise
        found = self._find(step)
        assert found is not None
        self._passed[kind] = found + 1
        return ()

    def _find(self, step: WaitFor) -> int | None:
        """Where in the list of such happenings the one waited for is."""
        happened = self._happened.get(step.happening, [])
        for index in range(self._passed.get(step.happening, 0), len(happened)):
            if any(_matches(step.happening, wanted, happened[index]) for wanted in step.values):
                return index
        return None

    def _stands(self, wanted: Stats) -> bool:
        chat = self._chat
        forms = sorted(form.name for form in chat.session.participants.forms if not form.answer)
        return (
            (wanted.phase is None or chat.phase in wanted.phase)
            and (wanted.outcome is None or chat.outcome in wanted.outcome)
            and (wanted.agents is None or sorted(self._agents()) == sorted(wanted.agents))
            and (wanted.forms is None or forms == sorted(wanted.forms))
        )

    async def _form(self, name: str | None, within: int) -> str:
        """Id of the open form of this name, or of the latest one; waits for it."""

        def found() -> list[str]:
            forms = self._chat.session.participants.forms
            return [form.id for form in forms if not form.answer and name in (None, form.name)]

        await self._within(within, lambda: bool(found()))
        return found()[-1]


def _names(session: Session) -> dict[str, str]:
    return {party.id.lower(): party.display_name or party.type for party in session.participants.parties}


def _matches(kind: Happening, wanted: str, value: str) -> bool:
    if not wanted:
        return True
    return wanted == value if kind in _EXACT else wanted.casefold() in value.casefold()
