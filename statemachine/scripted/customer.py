"""One customer: executes steps with a session of the real client, and records what occurs in the chat."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Literal, TypeAlias

from attrs import frozen

from statemachine.adapters.protocols import Checkpoint, HandledEvent
from statemachine.client import ChatClient, ChatError, ChatSession, Options, Sending
from statemachine.codec.http import Endpoint
from statemachine.durations import format_duration
from statemachine.scripted import events, script
from statemachine.scripted.events import Listener, StepFailed
from statemachine.scripted.script import Occurrence, RestartStep, Script, ScriptStep

from ..core import Answered, DeliveryUpdate, Failure, Received, Session
from ..core.wire import File, FormShow, Location, Message, SecureFormShow, TimeoutWarning

_EXACT: Final = ("phase", "form", "message", "failure")
"""Occurrences with a name as value; the others are compared by substring."""
CLOSING_S: Final = 10.0
"""Seconds to wait for the end of a chat that the script left open, and for the last updates."""


Restart: TypeAlias = Callable[[RestartStep], Awaitable[None]]
"""Called at a restart step; it does not return."""


class StepObserver:
    """An `Observer` that passes the engine's steps to the customer of the session."""

    def __init__(self) -> None:
        self._customers: Final[dict[str, Customer]] = {}
        self._early: Final[dict[str, list[HandledEvent]]] = {}

    def add(self, customer: Customer) -> None:
        """Pass this customer's steps on from now on, and those of a stored chat that were taken before."""
        session_id = customer.chat.id
        self._customers[session_id] = customer
        for step in self._early.pop(session_id, ()):
            customer.stepped(step)

    def event_handled(self, step: HandledEvent) -> None:
        """See `Observer.event_handled`."""
        if (customer := self._customers.get(step.session_id)) is not None:
            customer.stepped(step)
        else:
            self._early.setdefault(step.session_id, []).append(step)

    def checkpoint(self, session_id: str, checkpoint: Checkpoint, number: int) -> None:
        """See `Observer.checkpoint`."""


class Customer:
    """One customer of a chat.

    Args:
        chat: The session; where it has a chat already, call `resume`.
        listener: Receives what happens.
        number: Replaces ``{n}`` in texts.
        pace: Factor for pauses.
    """

    def __init__(self, chat: ChatSession, listener: Listener, number: int = 1, pace: float = 1.0) -> None:
        self._chat: Final = chat
        self._listener: Final = listener
        self._number: Final = number
        self._pace: Final = pace
        self._occurred: dict[Occurrence, list[str]] = {}
        self._passed: dict[Occurrence, int] = {}
        """How many of each kind earlier waits have consumed."""
        self._changed: Final = asyncio.Event()
        self._follower: asyncio.Task[None] | None = None
        self._latest = ""
        self._unread = ""

    @property
    def chat(self) -> ChatSession:
        """The session."""
        return self._chat

    def resume(self, latest: str) -> None:
        """Go on with the chat of another process. ``latest``: the item of the customer's latest text."""
        self._latest = latest
        self._read_updates()

    def _read_updates(self) -> None:
        if self._follower is None or self._follower.done():
            self._follower = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """End a chat that is open, read the last updates, and stop. Waits up to `CLOSING_S` seconds for each."""
        if self._follower is None:
            return
        with suppress(ChatError, StepFailed, TimeoutError):
            async with asyncio.timeout(CLOSING_S):
                if self._chat.outcome is None and self._chat.phase != "idle":
                    self._listener(events.ChatLeftOpen())
                    await self._chat.end()
                    await self._until(lambda: self._chat.outcome is not None)
        if self._chat.outcome is not None:
            await asyncio.wait([self._follower], timeout=CLOSING_S)
        await self.stop()

    async def stop(self) -> None:
        """Read no more updates; the chat stays as it is."""
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.wait([self._follower])

    # --- what occurs --------------------------------------------------------------------------------------------------

    def stepped(self, step: HandledEvent) -> None:
        """The engine handled an event: no phase is too short to be noticed."""
        before, after = step.before, step.after
        if before.phase != after.phase:
            self._note("phase", after.phase)
        if isinstance(step.event, Answered) and isinstance(step.event.reply, Failure):
            self._note("failure", str(step.event.reply.code or ""))
        if before.participants is not after.participants:
            self._note_participants(before, after)
        self._listener(step)
        self._changed.set()

    def _note_participants(self, before: Session, after: Session) -> None:
        known, present = _names(before), _names(after)
        for party_id in present.keys() - known.keys():
            self._note("joined", present[party_id])
        for party_id in known.keys() - present.keys():
            self._note("left", known[party_id])
        typists = {one.party_id for one in before.participants.typists}
        for one in after.participants.typists:
            if one.party_id not in typists:
                self._note("typing", present.get(one.party_id.lower(), ""))

    async def _follow(self) -> None:
        try:
            async for update in self._chat.updates():
                if isinstance(update, Received) and not update.own:
                    self._received(update)
                elif isinstance(update, DeliveryUpdate) and update.item == self._latest:
                    self._note("message", update.state)
                self._listener(update)
                self._changed.set()
        except ChatError as error:
            self._listener(events.UpdatesFailed(str(error)))
        finally:
            self._changed.set()

    def _received(self, update: Received) -> None:
        match update.entry:
            case Message() as message:
                self._unread = message.msg_id or self._unread
                self._note("says", message.text)
            case File(file_name=name):
                self._note("file", name)
            case Location(latitude=latitude, longitude=longitude):
                self._note("location", f"{latitude}, {longitude}")
            case TimeoutWarning(msg=text):
                self._note("warning", text)
            case FormShow(form_name=name) | SecureFormShow(form_id=name):
                self._note("form", name)
            case _:
                pass

    def _note(self, kind: Occurrence, value: str) -> None:
        self._occurred.setdefault(kind, []).append(value)

    # --- waits --------------------------------------------------------------------------------------------------------

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait for this. Raises StepFailed where the chat is over and all its updates were delivered."""
        while not condition():
            if self._follower is not None and self._follower.done():
                raise StepFailed(f"the chat was over before ({self._chat.outcome})")
            self._changed.clear()
            await self._changed.wait()

    async def _within(self, ms: int, condition: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(ms / 1000):
                await self._until(condition)
        except TimeoutError:
            raise StepFailed(f"not within {format_duration(ms)}; {self._situation()}") from None

    def _situation(self) -> str:
        agents = len(self._agents())
        present = f"{agents} {'agent is' if agents == 1 else 'agents are'} present"
        return f"the phase is {self._chat.phase}, {present}, {len(self._occurred.get('says', ()))} texts were received"

    def _agents(self) -> list[str]:
        return [one.display_name for one in self._chat.session.participants.parties if one.type != "scenario"]

    # --- steps --------------------------------------------------------------------------------------------------------

    async def run(self, steps: Sequence[ScriptStep], restart: Restart | None = None) -> bool:
        """Execute these steps until one fails; whether none did. `restart`: awaited at a restart step."""
        for step in steps:
            more = await self._reported(step, restart)
            if more is None or not await self.run(more):
                return False
        return True

    async def _reported(self, step: ScriptStep, restart: Restart | None) -> tuple[ScriptStep, ...] | None:
        """As `execute`; None where the step has failed."""
        began = time.monotonic()
        problem, more = "", tuple[ScriptStep, ...]()
        try:
            if restart is not None and isinstance(step, RestartStep):
                await restart(step)
            else:
                more = await self.execute(step)
        except (StepFailed, ChatError, OSError) as error:
            problem = str(error)
        if not isinstance(step, script.RepeatStep):
            self._listener(
                events.StepExecuted(step, events.StepResult(step.line, step.words, time.monotonic() - began, problem))
            )
        return None if problem else more

    async def execute(self, step: ScriptStep) -> tuple[ScriptStep, ...]:
        """Execute a step; returns the steps that are due because of it: repeated ones, or those of ``otherwise``.

        Raises ChatError, OSError for a file that cannot be read, and StepFailed.
        """
        chat = self._chat
        match step:
            case script.StartStep(text=""):
                await chat.request()
                self._read_updates()
            case script.StartStep(text=text):
                await self._say(text, new_chat=True)
                self._read_updates()
            case script.SayStep(text=text):
                await self._say(text)
            case script.PauseStep(ms=ms):
                await asyncio.sleep(ms * self._pace / 1000)
            case script.WaitStep():
                return await self._wait_for(step)
            case script.ExpectStep():
                await self._within(step.within, lambda: self._is_met(step))
            case script.AnswerFormStep():
                sending = await chat.answer_form(await self._form(step.form, step.within), step.data)
                self._sent("form", sending, f"form answered: {', '.join(step.data)}")
            case script.CancelFormStep():
                await chat.cancel_form(await self._form(step.form or None, step.within))
            case script.FileStep():
                sending = await chat.send_file(step.path or step.content, name=step.name)
                self._sent("file", sending, step.name)
            case script.LocationStep():
                sending = await chat.send_location(step.latitude, step.longitude, url=step.url)
                self._sent("location", sending, f"{step.latitude}, {step.longitude}")
            case script.CallStep(name="mark_read"):
                if self._unread:
                    await chat.mark_read(self._unread)
            case script.CallStep(name=name):
                await getattr(chat, name)()
            case script.RepeatStep(steps=steps, times=times):
                return steps * times
            case _:
                raise AssertionError(f"restart needs a process: {step.words}")
        return ()

    async def _say(self, text: str, *, new_chat: bool = False) -> None:
        filled = text.replace("{n}", str(self._number))
        sending = await self._chat.send(filled, new_chat=new_chat)
        self._latest = sending.id
        self._passed["message"] = len(self._occurred.get("message", ()))
        self._sent("text", sending, filled)

    def _sent(self, kind: Literal["text", "file", "location", "form"], sending: Sending, text: str) -> None:
        self._listener(events.EntrySent(kind, sending.id, text))

    async def _wait_for(self, step: script.WaitStep) -> tuple[ScriptStep, ...]:
        try:
            await self._within(step.within, lambda: self._find(step) is not None)
        except StepFailed:
            if step.otherwise is None:
                raise
            return step.otherwise
        found = self._find(step)
        assert found is not None
        self._passed[step.occurrence] = found + 1
        return ()

    def _find(self, step: script.WaitStep) -> int | None:
        """The index of the first occurrence that this waits for."""
        kind = step.occurrence
        occurred = self._occurred.get(kind, [])
        for index in range(self._passed.get(kind, 0), len(occurred)):
            if any(_matches(kind, expected, occurred[index]) for expected in step.values):
                return index
        return None

    def _is_met(self, step: script.ExpectStep) -> bool:
        forms = sorted(form.name for form in self._chat.session.participants.forms if not form.answer)
        return (
            (step.phase is None or self._chat.phase in step.phase)
            and (step.outcome is None or self._chat.outcome in step.outcome)
            and (step.agents is None or sorted(self._agents()) == sorted(step.agents))
            and (step.forms is None or forms == sorted(step.forms))
        )

    async def _form(self, name: str | None, within: int) -> str:
        """Id of the open form of this name or id, or of the latest one; waits for it."""

        def found() -> list[str]:
            forms = self._chat.session.participants.forms
            return [form.id for form in forms if not form.answer and name in (None, form.name, form.id)]

        await self._within(within, lambda: bool(found()))
        return found()[-1]


@frozen
class Job:
    """The script of one customer, and the server."""

    script: Script
    endpoint: Endpoint
    options: Options
    client_id: str
    number: int
    pace: float


async def run_steps(
    job: Job,
    client: ChatClient,
    observer: StepObserver,
    listener: Listener,
    first: int = 0,
    latest: str = "",
    restart: Restart | None = None,
) -> None:
    """Run the script's steps from ``first`` on until one fails, and end a chat that is left open. Raises ChatError.

    ``latest``: the item of the customer's latest text, where another process sent it. ``restart``: awaited at each
    restart step; it does not return.
    """
    parameters = dict(job.script.parameters) or None
    chat = await client.session(job.client_id, start=False, parameters=parameters)
    customer = Customer(chat, listener, job.number, job.pace)
    observer.add(customer)
    if first:
        customer.resume(latest)
    try:
        await customer.run(job.script.steps[first:], restart)
    finally:
        await customer.close()


def _names(session: Session) -> dict[str, str]:
    return {party.id.lower(): party.display_name or party.type for party in session.participants.parties}


def _matches(kind: Occurrence, expected: str, value: str) -> bool:
    if not expected:
        return True
    return expected == value if kind in _EXACT else expected.casefold() in value.casefold()
