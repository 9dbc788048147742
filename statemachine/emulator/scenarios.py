"""The catalogue of scenarios: ways a session goes (protocol.md 2.3), as data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from statemachine.emulator import names
from statemachine.emulator.acts import (
    Break,
    CancelSecureForm,
    Conclude,
    Connect,
    Deliver,
    Fail,
    Forget,
    JoinParty,
    LeaveAll,
    LeaveParty,
    MarkRead,
    NotTyping,
    Say,
    SetCase,
    SetStatus,
    ShowForm,
    ShowSecureForm,
    TimeOut,
    Typing,
    Warn,
)
from statemachine.emulator.knobs import Fault, Knobs
from statemachine.emulator.steps import Await, Listen, Pause, Scenario, Step

_TEXT: Final = (names.MESSAGE,)

_GREETING: Final[tuple[Step, ...]] = (
    SetStatus("ivr"),
    Say("Welcome. Please wait, we are looking for an agent.", party="bot"),
    Pause(1_000),
)
_QUEUE: Final[tuple[Step, ...]] = (SetStatus("queued", ewt=30), Pause(2_000))
_ADA: Final[tuple[Step, ...]] = (
    SetStatus("connecting"),
    Pause(1_500),
    Connect("ada"),
    Pause(500),
    Say("Hello, this is Ada. How can I help you?"),
    Listen(),
)
_CONNECTED: Final[tuple[Step, ...]] = _GREETING + _QUEUE + _ADA

_ANSWER: Final[tuple[Step, ...]] = (
    Deliver(),
    Pause(300),
    MarkRead(),
    Pause(200),
    Typing(),
    Pause(1_500),
    NotTyping(),
    Say("You said: {text}"),
)
_FAREWELL: Final[tuple[Step, ...]] = (
    LeaveAll(),
    Pause(300),
    Say("Thank you for your visit. Goodbye.", party="bot"),
    Pause(300),
    Conclude(),
)


def _grace() -> tuple[Step, ...]:
    """A second agent, as after a transfer."""
    return (JoinParty("grace", "Grace", "Holm"), Pause(500), LeaveParty("ada"), Pause(500))


def _by_queue() -> tuple[Step, ...]:
    """Back to the queue, then a second agent (2.3, step 6b)."""
    return (
        LeaveParty("ada"),
        SetStatus("queued", ewt=10),
        Pause(2_000),
        SetStatus("connecting"),
        Pause(1_000),
        Connect("grace", "Grace", "Holm"),
        Pause(500),
    )


def plain(knobs: Knobs) -> Scenario:
    """Greeting, queue, one agent who answers everything."""
    return Scenario("plain", "one agent who answers every text", _CONNECTED, _ANSWER, _FAREWELL)


def demo(knobs: Knobs) -> Scenario:
    """Plain, then an inactivity warning to be answered in time, a transfer and an end by the centre."""
    script: tuple[Step, ...] = (
        *_CONNECTED,
        Await(_TEXT, earlier=True),
        Pause(6_000),
        Warn(),
        Await(_TEXT, timeout_ms=60_000, otherwise=(TimeOut(),)),
        Pause(4_000),
        Say("I am handing you over to a colleague."),
        *(_by_queue() if knobs.transfer == "queue" else _grace()),
        Say("Hello, this is Grace. Is there anything else?"),
        Await(_TEXT, timeout_ms=60_000),
        Pause(4_000),
        Say("Then I wish you a good day."),
        Pause(500),
        *_FAREWELL,
    )
    return Scenario("demo", "plain, an inactivity warning, a transfer, an end", script, _ANSWER, _FAREWELL)


def inactivity(knobs: Knobs) -> Scenario:
    """The agent's client never answers: warning, then timeout, whatever is sent in between."""
    script: tuple[Step, ...] = (*_CONNECTED, Pause(5_000), Warn(), Pause(5_000), TimeOut())
    return Scenario("inactivity", "a warning, then the inactivity timeout", script, _ANSWER, _FAREWELL)


def failed(knobs: Knobs) -> Scenario:
    """No agents: a message to be read, and status failed."""
    script: tuple[Step, ...] = (*_GREETING, *_QUEUE, Say("All our agents are away.", party="bot"), Fail())
    return Scenario("failed", "no agent is found", script, on_disconnect=_FAREWELL)


def lost(knobs: Knobs) -> Scenario:
    """The server forgets the chat in the middle of the conversation."""
    script: tuple[Step, ...] = (*_CONNECTED, Await(_TEXT, 10_000, earlier=True), Pause(3_000), Forget())
    return Scenario("lost", "the server forgets the chat: 404 with 5005", script, _ANSWER, _FAREWELL)


def flaky(knobs: Knobs) -> Scenario:
    """Errors of every kind around a plain conversation; nothing is lost."""
    script: tuple[Step, ...] = (
        *_GREETING,
        Break(Fault("poll", 5001, retry_after_s=1)),
        *_QUEUE,
        Break(Fault("poll", 5509, 429)),
        *_ADA,
        Break(Fault("poll", drop=True)),
        Break(Fault("send", 5000)),
        Await(_TEXT, earlier=True),
        Break(Fault("poll", status=502, html=True)),
        Break(Fault("send", drop=True)),
        Await(_TEXT, earlier=True),
        Break(Fault("poll", 5500)),
        Break(Fault("send", 5004, accepted=True)),
    )
    return Scenario("flaky", "failing calls, a cut, an error page; nothing lost", script, _ANSWER, _FAREWELL)


def survey(knobs: Knobs) -> Scenario:
    """A survey after the conversation: the client has to keep polling after its disconnect."""
    after: tuple[Step, ...] = (
        LeaveAll(),
        Pause(300),
        ShowForm("survey_form", timeout=60),
        Await((names.FORM_DATA, names.FORM_CANCEL), timeout_ms=60_000),
        Say("Thank you for your answers.", party="bot"),
        Pause(300),
        Conclude(),
    )
    return Scenario("survey", "a survey form after the client's disconnect", _CONNECTED, _ANSWER, after)


def queue_transfer(knobs: Knobs) -> Scenario:
    """The first agent sends the client back to the queue, a second one takes over."""
    script: tuple[Step, ...] = (
        *_CONNECTED,
        Await(_TEXT, earlier=True),
        Pause(3_000),
        *_by_queue(),
        Say("Hello, this is Grace. I take over."),
    )
    return Scenario("queue-transfer", "a transfer through the queue", script, _ANSWER, _FAREWELL)


def forms(knobs: Knobs) -> Scenario:
    """A plain prompt, a named form and a secure form, then the usual agent."""
    answers = (names.FORM_DATA, names.FORM_CANCEL)
    script: tuple[Step, ...] = (
        SetStatus("ivr"),
        Say("What is your order number?", party="bot"),
        ShowForm("", timeout=600),
        Await((*_TEXT, *answers), timeout_ms=600_000),
        ShowForm("contact_form", timeout=300),
        Await(answers, timeout_ms=300_000),
        SetCase("C-1001"),
        *_QUEUE,
        *_ADA,
        ShowSecureForm("payment"),
        Await((names.SECURE_FORM_DATA, names.SECURE_FORM_CANCEL), 60_000, otherwise=(CancelSecureForm(),)),
        Say("Thank you, that is all I need."),
    )
    return Scenario("forms", "a prompt, a named form, a secure form", script, _ANSWER, _FAREWELL)


def silent(knobs: Knobs) -> Scenario:
    """Nothing happens but what somebody does by hand, not even at the client's end."""
    return Scenario("silent", "only what acts say", on_end=())


SCENARIOS: Final[dict[str, Callable[[Knobs], Scenario]]] = {
    "plain": plain,
    "demo": demo,
    "inactivity": inactivity,
    "failed": failed,
    "lost": lost,
    "flaky": flaky,
    "survey": survey,
    "queue-transfer": queue_transfer,
    "forms": forms,
    "silent": silent,
}


def scenario_named(name: str, knobs: Knobs) -> Scenario:
    """The scenario of this name. Raises ValueError that lists the names."""
    if name not in SCENARIOS:
        raise ValueError(f"no scenario {name!r}; there are {', '.join(SCENARIOS)}")
    return SCENARIOS[name](knobs)
