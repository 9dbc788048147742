"""The scenes: what the centre does, what the customer does, and how it has to end.

The centre's side is a scenario of the emulator; the customer's a coroutine; both go at the same pace. Expectations are
checked against both sides: what the centre holds of the chat, and what the client told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from attrs import evolve, frozen

from statemachine.client import Options
from statemachine.emulator import AnswerTexts, Await, Fault, Knobs, Pause, Scenario
from statemachine.emulator.actions import (
    Action,
    Conclude,
    Connect,
    DropChat,
    Fail,
    InjectFault,
    JoinParty,
    LeaveAll,
    LeaveParty,
    Say,
    SendDelivered,
    SendRead,
    SetStatus,
    StartTyping,
    StopTyping,
    TimeOut,
    Warn,
)

from .customer import Customer

__all__ = ["SCENES", "Scene", "knobs"]

_TEXT: Final = ("chat_session_message",)
_QUICK: Final = Options(settle=timedelta(milliseconds=300), request_timeout=timedelta(seconds=3))
"""On loopback nothing is under way for ten seconds."""


@frozen
class Scene:
    """One scene. `phases`: some of those it goes through, in order. `agents`: who has to take part.

    `all_read`: every message has to be read. `failures`: calls that have to fail, at least.
    """

    name: str
    about: str
    scenario: Scenario
    play: Callable[[Customer], Awaitable[None]]
    outcome: str
    phases: tuple[str, ...]
    agents: tuple[str, ...] = ()
    all_read: bool = False
    failures: int = 0
    options: Options = _QUICK
    within: float = 60.0


_Steps = tuple[Action | Pause | Await | AnswerTexts, ...]

_GREETING: Final[_Steps] = (
    SetStatus("ivr"),
    Say("Welcome. One moment, please.", party="bot"),
    Pause(500),
    SetStatus("queued", ewt=30),
    Pause(700),
)
_ADA: Final[_Steps] = (
    SetStatus("connecting"),
    Pause(500),
    Connect("ada", "Ada", "Larsen"),
    Pause(200),
    SendDelivered(),
    Pause(300),
    SendRead(),
)
_SEEN: Final[_Steps] = (
    Pause(150),
    SendDelivered(),
    Pause(200),
    SendRead(),
    Pause(100),
    StartTyping(),
    Pause(500),
    StopTyping(),
)


# --- the whole chat -------------------------------------------------------------------------------------------------

_WHOLE: Final[_Steps] = (
    *_GREETING,
    SetStatus("queued", ewt=10),
    Pause(600),
    *_ADA,
    Say("Hello, this is Ada. I look for your order."),
    Await(_TEXT),
    *_SEEN,
    Say("It is in Oslo. Shall it go to another address?"),
    Pause(700),
    Warn("Are you still there?"),
    Await(_TEXT, timeout_ms=200_000, otherwise=(TimeOut(),)),
    *_SEEN,
    Say("My colleague Grace does that. I hand you over."),
    Pause(300),
    JoinParty("grace", "Grace", "Holm"),
    Pause(400),
    LeaveParty("ada"),
    Pause(300),
    Say("Grace here. Which address shall it be?"),
    Await(_TEXT),
    *_SEEN,
    Say("Done: it comes on Friday. Anything else?"),
)


async def _whole(customer: Customer) -> None:
    await customer.asks("Hello, where is my order 4711?")
    await customer.hears("I look for")
    await customer.says("Thank you!")
    await customer.sees("warned")
    await customer.pause(0.6)
    await customer.says("Sorry, yes. To my office, please.")
    await customer.hears("Which address")
    await customer.says("12 Harbour Street.")
    await customer.hears("Anything else")
    await customer.has("read", 4)
    await customer.pause(0.3)
    await customer.ends()


# --- endings --------------------------------------------------------------------------------------------------------

_SILENCE: Final[_Steps] = (
    *_GREETING,
    *_ADA,
    Say("Hello, this is Ada. How can I help you?"),
    Pause(1_500),
    Warn("Are you still there?"),
    Pause(2_000),
    TimeOut("The chat was closed because of inactivity."),
)
_NOBODY: Final[_Steps] = (
    *_GREETING,
    SetStatus("queued", ewt=120),
    Pause(1_200),
    Say("All our agents are away. Please try again tomorrow.", party="bot"),
    Fail(),
)
_LOST: Final[_Steps] = (
    *_GREETING,
    *_ADA,
    Say("Hello, this is Ada. How can I help you?"),
    Await(_TEXT),
    *_SEEN,
    Say("Let me see…"),
    Pause(1_000),
    DropChat(),
)


async def _waits(customer: Customer) -> None:
    await customer.asks("Hello, is anybody there?")


async def _talks(customer: Customer) -> None:
    await customer.asks("Hello, where is my order 4711?")
    await customer.hears("How can I help")
    await customer.says("It should have come on Monday.")


# --- a bad line -----------------------------------------------------------------------------------------------------

_BAD_LINE: Final[_Steps] = (
    *_GREETING,
    InjectFault(Fault("poll", status=502, html=True)),
    *_ADA,
    Say("Hello, this is Ada. I look for your order."),
    InjectFault(Fault("send", 5004, accepted=True)),
    Await(_TEXT),
    *_SEEN,
    Say("It is in Oslo. Do you hear me?"),
    InjectFault(Fault("poll", drop=True)),
    InjectFault(Fault("send", drop=True)),
    Await(_TEXT),
    *_SEEN,
    Say("Good. It comes on Friday."),
)


async def _insists(customer: Customer) -> None:
    await customer.asks("Hello, where is my order 4711?")
    await customer.hears("I look for")
    await customer.says("It should have come on Monday.", typing=0)
    await customer.hears("Do you hear me")
    await customer.says("Yes, I hear you.", typing=0)
    await customer.hears("on Friday")
    await customer.has("read", 3)
    await customer.ends()


_END: Final[_Steps] = (
    LeaveAll(),
    Pause(200),
    Say("Thank you for your visit.", party="bot"),
    Pause(200),
    Conclude(),
)


def _scene(name: str, about: str, script: _Steps) -> Scenario:
    return Scenario(name, about, script, on_end=_END)


SCENES: Final[dict[str, Scene]] = {
    scene.name: scene
    for scene in (
        Scene(
            "session",
            "a whole chat: queue, agent, receipts, a warning answered in time, a transfer, the end",
            _scene("session", "a whole chat", _WHOLE),
            _whole,
            "ended",
            ("requesting", "ivr", "queued", "connecting", "agent_joined", "warned", "agent_joined", "ending", "ended"),
            ("Ada Larsen", "Grace Holm"),
            all_read=True,
        ),
        Scene(
            "inactivity",
            "the customer falls silent: a warning, then the centre closes the chat",
            _scene("inactivity", "silence", _SILENCE),
            _waits,
            "timed_out",
            ("requesting", "queued", "agent_joined", "warned", "timed_out"),
            ("Ada Larsen",),
            all_read=True,
        ),
        Scene(
            "failed",
            "no agent can be had",
            _scene("failed", "nobody there", _NOBODY),
            _waits,
            "failed",
            ("requesting", "queued", "failed"),
        ),
        Scene(
            "lost",
            "the server forgets the chat in the middle of a sentence",
            _scene("lost", "forgotten", _LOST),
            _talks,
            "gone",
            ("requesting", "queued", "agent_joined", "gone"),
            ("Ada Larsen",),
            all_read=True,
        ),
        Scene(
            "flaky",
            "errors, a lost answer and a cut line; nothing is lost, nothing doubled",
            _scene("flaky", "a bad line", _BAD_LINE),
            _insists,
            "ended",
            ("requesting", "queued", "agent_joined", "ending", "ended"),
            ("Ada Larsen",),
            all_read=True,
            failures=4,
            options=evolve(_QUICK, receipts="off"),  # or receipts would meet the faults meant for texts
        ),
    )
}


def knobs(pace: float) -> Knobs:
    """The centre at this pace; it warns of inactivity only where a scene says so."""
    return Knobs(pace=pace, inactivity_timeout_ms=None)
