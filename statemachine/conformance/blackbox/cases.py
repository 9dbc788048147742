"""The scripts of the cases: orders to the client, actions of the centre, and waiting.

A batch that a client may fail on ends with the end of the chat. A client that lost the batch polls on, and that shows
the loss.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from statemachine.emulator.actions import (
    Action,
    Complete,
    DropChat,
    EndChat,
    Fail,
    InjectFault,
    Raw,
    Say,
    SetStatus,
    ShowForm,
    StartTyping,
    TimeOut,
)
from statemachine.emulator.knobs import Fault

from .context import CaseContext

CaseScript: TypeAlias = Callable[[CaseContext], Awaitable[None]]

# --- the five kinds of end ------------------------------------------------------------------------------------------

ENDS: Final[tuple[tuple[str, Action], ...]] = (
    ("ended", EndChat()),
    ("timed-out", TimeOut()),
    ("failed", Fail()),
    ("completed", Complete()),
    ("gone", DropChat()),
)


def ends_with(act: Action) -> CaseScript:
    async def script(case: CaseContext) -> None:
        await case.connected()
        await case.batch(act)
        await case.observe()

    return script


async def plain(case: CaseContext) -> None:
    await case.connected()
    await case.say("I need help")
    await case.batch(Say("With what?"))
    await case.must_poll_again("F5", "a message")
    await case.batch(EndChat())
    await case.observe()


# --- unusual entries ------------------------------------------------------------------------------------------------

_SAME_SECOND: Final = {"timestamp": "1900000000"}


def message(n: int, **more: object) -> Raw:
    return Raw({"event": "chat_session_message", "msg": f"word {n}", "msg_id": str(900 + n), "party_id": "p", **more})


def unusual(rule: str, *acts: Action) -> CaseScript:
    """These actions alone, to see whether the client goes on polling; then again in one batch with the chat's end."""

    async def script(case: CaseContext) -> None:
        await case.connected()
        await case.batch(*acts)
        await case.must_poll_again(rule, "such a batch")
        await case.batch(*acts, EndChat())
        await case.observe()

    return script


async def new_state(case: CaseContext) -> None:
    await case.opened()
    await case.must_poll_again("F8", "the state “establishing”")
    await case.batch(SetStatus("establishing"), SetStatus("pondering"), EndChat())
    await case.observe()


async def empty_answers(case: CaseContext) -> None:
    await case.opened()
    await case.must_poll_again("F10", "an empty answer", polls=3)
    await case.end()


async def one_second(case: CaseContext) -> None:
    await case.connected()
    await case.batch(message(1, **_SAME_SECOND))
    await case.delivered()
    await case.batch(message(2, **_SAME_SECOND), message(3, **_SAME_SECOND))
    await case.happens(lambda centre: "903" in case.receipts())
    missing = {"902", "903"} - case.receipts()
    if "901" in case.receipts() and missing:
        case.report("F18", f"acknowledges the first message of a second, but not {' and '.join(sorted(missing))}")
    await case.batch(EndChat())
    await case.observe()


async def whole_batch(case: CaseContext) -> None:
    """Receipts must name each message of a batch; the end is neither the first nor the last entry."""
    await case.connected()
    await case.batch(message(1), message(2), StartTyping(), message(3))
    await case.happens(lambda centre: {"901", "902", "903"} <= case.receipts())
    acknowledged = {"901", "902", "903"} & case.receipts()
    if acknowledged and len(acknowledged) < 3:
        case.report("F38", f"acknowledges only {', '.join(sorted(acknowledged))} of a batch of three messages")
    await case.batch(SetStatus("queued"), EndChat(), message(4))
    await case.observe()


# --- errors ---------------------------------------------------------------------------------------------------------

ERROR_PAGE: Final = Fault("poll", status=502, html=True)
POLL_ERRORS: Final = (Fault("poll", 5001), Fault("poll", 5509, 429), ERROR_PAGE, Fault("poll", drop=True))


def poll_errors(after: str, *faults: Fault) -> CaseScript:
    async def script(case: CaseContext) -> None:
        await case.connected()
        await case.act(*map(InjectFault, faults))
        await case.must_poll_again("F5", after, polls=len(faults) + 1)
        await case.end()

    return script


async def single_errors(case: CaseContext) -> None:
    """Single errors, each followed by a success."""
    await case.connected()
    for number in range(7):
        await case.act(InjectFault(Fault("poll", 5001)))
        if not await case.polls_again(2):
            case.report("F20", f"polls no more after {number + 1} single errors with successes between them")
            return
        await case.act(Say(f"Still here, {number}."))
    await case.end()


async def error_first(case: CaseContext) -> None:
    await case.requested()
    await case.observe()
    if case.chats():
        await case.end()


async def refused(case: CaseContext) -> None:
    await case.requested()
    await case.observe(2)


async def first_text(case: CaseContext) -> None:
    await case.order("start")
    await case.order("say", text="my first words")
    if await case.happens(lambda centre: bool(case.chats())) and not await case.happens(
        lambda centre: "my first words" in case.texts()
    ):
        case.report("F28", "opened a chat in the end, but never sent the text that it was given before")


# --- sending --------------------------------------------------------------------------------------------------------


async def two_texts(case: CaseContext) -> None:
    await case.connected()
    await case.say("one")
    await case.say("two")
    await case.act(EndChat())


async def says_after_restart(case: CaseContext) -> None:
    await case.connected()
    await case.say("before")
    await case.restart()
    await case.require(lambda centre: case.chat.held is not None and not case.chat.held.cut, "polled no more")
    await case.say("after")
    await case.end()


def lost_answer(fault: Fault) -> CaseScript:
    """A text arrives, but its answer is lost or replaced by an error."""

    async def script(case: CaseContext) -> None:
        await case.connected()
        await case.observe(0.5)  # the fault must not hit the receipts of the greeting
        await case.act(InjectFault(fault))
        await case.say("only once")
        await case.observe(2)
        await case.act(EndChat())

    return script


async def own_echo(case: CaseContext) -> None:
    await case.connected()
    await case.say("my own words")
    await case.handled()
    await case.observe(0.5)
    await case.act(EndChat())


async def history(case: CaseContext) -> None:
    await case.connected()
    await case.batch(Say("You have seen this."))
    await case.observe(0.5)
    await case.restart()
    await case.observe()
    await case.act(EndChat())


async def order(case: CaseContext) -> None:
    await case.connected()
    texts = [f"part {number}" for number in range(1, 7)]
    for text in texts:
        await case.order("say", text=text)
    await case.happens(lambda centre: len(case.texts()) >= len(texts))
    arrived = [text for text in case.texts() if text in texts]
    if arrived != [text for text in texts if text in arrived]:
        case.report("F19", f"sent {', '.join(arrived)}")
    await case.act(EndChat())


async def user_ends(case: CaseContext) -> None:
    await case.connected()
    await case.order("end")
    await case.happens(lambda centre: not case.chat.live)
    await case.observe()


async def prompt(case: CaseContext) -> None:
    await case.opened()
    await case.batch(Say("What is your name?", party="bot"), ShowForm("", request_id="prompt-1"))
    await case.handled()
    await case.order("say", text="Ann")
    await case.observe()
    await case.act(EndChat())


async def form(case: CaseContext) -> None:
    await case.connected()
    await case.batch(ShowForm("survey_form", request_id="survey-1"))
    await case.handled()
    for helpful in ("yes", "no"):
        await case.order("answer_form", form="survey-1", data={"helpful": helpful})
        await case.observe(0.5)
    await case.act(EndChat())


async def types(case: CaseContext) -> None:
    await case.connected()
    await case.order("typing")
    await asyncio.sleep(24)
    await case.act(EndChat())


async def after_the_end(case: CaseContext) -> None:
    await case.connected()
    await case.batch(EndChat())
    await case.observe()
    await case.order("say", text="too late")
    await case.order("end")
    await case.observe()


# --- polling --------------------------------------------------------------------------------------------------------


async def long_hold(case: CaseContext) -> None:
    await case.opened()
    await asyncio.sleep(52)
    await case.end()


async def foreground(case: CaseContext) -> None:
    await case.opened()
    for _ in range(3):
        await case.order("background")
        await case.order("foreground")
        await asyncio.sleep(0.3)
    await case.observe()
    await case.act(EndChat())


async def stages(case: CaseContext) -> None:
    await case.opened()
    for state in ("ivr", "queued", "connecting", "connected"):
        await case.act(SetStatus(state))
        await case.handled()  # requesting a chat between two polls is harmless
        await case.order("start")
        await case.observe(1 / 3)
    await case.act(EndChat())


async def instant_answers(case: CaseContext) -> None:
    await case.opened()
    await case.observe()
    await case.act(EndChat())


async def restart(case: CaseContext) -> None:
    await case.opened()
    await case.restart()
    await case.observe()
    given = case.client_id or next(iter(case.emulator.traffic.requests)).client_id
    others = {key.client_id for key in case.emulator.traffic.requests if key.client_id != given}
    if others:
        case.report("F29", f"uses the client id {', '.join(sorted(others))[:80]}, not the one it was given")
    await case.act(EndChat())


async def second_chat(case: CaseContext) -> None:
    """After the end a new chat begins: nothing may go to the old one."""
    await case.connected()
    await case.batch(EndChat())
    await case.observe(0.5)
    await case.order("start")
    await case.happens(lambda centre: len(case.chats()) > 1)
    await case.order("say", text="again")
    await case.observe()
    await case.act(EndChat())
