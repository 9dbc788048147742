"""What is done in the cases: the program is told something, the centre does its part, and then it is waited.

Where a batch that a client may choke on ends with the end of the chat, a client that lost the batch polls on: so the
loss shows whatever else the client shows of itself.
"""

from __future__ import annotations

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

from .stage import Stage

__all__ = ["Play"]

Play: TypeAlias = Callable[[Stage], Awaitable[None]]

# --- the end, in its five forms -------------------------------------------------------------------------------------


def ends_with(*acts: Action) -> Play:
    async def play(stage: Stage) -> None:
        await stage.connected()
        await stage.batch(*acts)
        await stage.watch()

    return play


def plain() -> Play:
    async def play(stage: Stage) -> None:
        await stage.connected()
        await stage.say("I need help")
        await stage.batch(Say("With what?"))
        await stage.goes_on_polling("F5", "a message")
        await stage.batch(EndChat())
        await stage.watch()

    return play


_TIME: Final = {"timestamp": "1900000000"}
ENDS: Final[tuple[tuple[str, Action], ...]] = (
    ("ended", EndChat()),
    ("timed-out", TimeOut()),
    ("failed", Fail()),
    ("completed", Complete()),
    ("gone", DropChat()),
)


# --- what a client may choke on -------------------------------------------------------------------------------------


def message(n: int, **more: object) -> Raw:
    return Raw({"event": "chat_session_message", "msg": f"word {n}", "msg_id": str(900 + n), "party_id": "p", **more})


def odd(rule: str, *acts: Action) -> Play:
    """These in one batch with the end of the chat; first alone, so that a loop that dies of them is seen as well."""

    async def play(stage: Stage) -> None:
        await stage.connected()
        await stage.batch(*acts)
        await stage.goes_on_polling(rule, "such a batch")
        await stage.batch(*acts, EndChat())
        await stage.watch()

    return play


async def new_state(stage: Stage) -> None:
    await stage.opened()
    await stage.goes_on_polling("F8", "the state “establishing”")
    await stage.batch(SetStatus("establishing"), SetStatus("pondering"), EndChat())
    await stage.watch()


async def stays_quiet(stage: Stage) -> None:
    await stage.opened()
    await stage.goes_on_polling("F10", "an empty answer", polls=3)
    await stage.act(EndChat())
    await stage.watch()


async def one_second(stage: Stage) -> None:
    await stage.connected()
    await stage.batch(message(1, **_TIME))
    await stage.handed_over()
    await stage.batch(message(2, **_TIME), message(3, **_TIME))
    await stage.comes(lambda centre: "903" in stage.receipted())
    missing = {"902", "903"} - stage.receipted()
    if "901" in stage.receipted() and missing:
        stage.note("F18", f"receipts the first message of a second, and not {' and '.join(sorted(missing))}")
    await stage.batch(EndChat())
    await stage.watch()


async def whole_batch(stage: Stage) -> None:
    """All of a batch, in its order: receipts tell of each; the end stands neither first nor last in it."""
    await stage.connected()
    await stage.batch(message(1), message(2), StartTyping(), message(3))
    await stage.comes(lambda centre: {"901", "902", "903"} <= stage.receipted())
    told = {"901", "902", "903"} & stage.receipted()
    if told and len(told) < 3:
        stage.note("F38", f"receipts {', '.join(sorted(told))} of a batch of three messages")
    await stage.batch(SetStatus("queued"), EndChat(), message(4))
    await stage.watch()


# --- errors ---------------------------------------------------------------------------------------------------------


async def errors(stage: Stage) -> None:
    await stage.connected()
    await stage.act(*(InjectFault(fault) for fault in _TROUBLE))
    await stage.goes_on_polling("F5", "a few errors", polls=len(_TROUBLE) + 1)
    await stage.act(EndChat())
    await stage.watch()


_TROUBLE: Final = (
    Fault("poll", 5001),
    Fault("poll", 5509, 429),
    Fault("poll", status=502, html=True),
    Fault("poll", drop=True),
)


async def page(stage: Stage) -> None:
    await stage.connected()
    await stage.act(InjectFault(Fault("poll", status=502, html=True)))
    await stage.goes_on_polling("F5", "an error page")
    await stage.act(EndChat())
    await stage.watch()


async def scattered(stage: Stage) -> None:
    """One error in between, again and again, each followed by a success."""
    await stage.connected()
    for number in range(7):
        await stage.act(InjectFault(Fault("poll", 5001)))
        if not await stage.polls_more(2):
            stage.note("F20", f"polls no more after {number + 1} single errors with successes in between")
            return
        await stage.act(Say(f"Still here, {number}."))
    await stage.act(EndChat())
    await stage.watch()


async def not_opened(stage: Stage) -> None:
    """The first try to open a chat is answered with an error body."""
    await stage.asked()
    await stage.watch()
    if stage.opened_any():
        await stage.act(EndChat())
        await stage.watch()


async def refused(stage: Stage) -> None:
    await stage.asked()
    await stage.watch(2 * stage.manner.quiet_s)


async def first_text(stage: Stage) -> None:
    await stage.tell("start")
    await stage.say("my first words", arrives=False)
    if await stage.comes(lambda centre: stage.opened_any()) and not await stage.comes(
        lambda centre: "my first words" in stage.texts()
    ):
        stage.note("F28", "opened a chat in the end, and never sent the text that it was given before")


# --- sending --------------------------------------------------------------------------------------------------------


async def two_texts(stage: Stage) -> None:
    await stage.connected()
    await stage.say("one")
    await stage.say("two")
    await stage.act(EndChat())


async def says_after_restart(stage: Stage) -> None:
    await stage.connected()
    await stage.say("before")
    await stage.restart()
    await stage.until(lambda centre: stage.chat.held is not None and not stage.chat.held.cut, "polled no more")
    await stage.say("after")
    await stage.act(EndChat())
    await stage.watch()


async def lost_reply(stage: Stage) -> None:
    await stage.connected()
    await stage.watch(stage.manner.quiet_s / 2)  # receipts of the greeting are not what is to fail
    await stage.act(InjectFault(Fault("send", drop=True, accepted=True)))
    await stage.say("only once")
    await stage.watch(2 * stage.manner.quiet_s)
    await stage.act(EndChat())


async def lost_error(stage: Stage) -> None:
    await stage.connected()
    await stage.watch(stage.manner.quiet_s / 2)  # receipts of the greeting are not what is to fail
    await stage.act(InjectFault(Fault("send", 5004, accepted=True)))
    await stage.say("only once")
    await stage.watch(2 * stage.manner.quiet_s)
    await stage.act(EndChat())


async def own_echo(stage: Stage) -> None:
    await stage.connected()
    await stage.say("my own words")
    await stage.took()
    await stage.watch(stage.manner.quiet_s / 2)
    await stage.act(EndChat())


async def history(stage: Stage) -> None:
    await stage.connected()
    await stage.batch(Say("You have seen this."))
    await stage.watch(stage.manner.quiet_s / 2)
    await stage.restart()
    await stage.watch()
    await stage.act(EndChat())


async def order(stage: Stage) -> None:
    await stage.connected()
    texts = [f"part {number}" for number in range(1, 7)]
    for text in texts:
        await stage.say(text, arrives=False)
    await stage.comes(lambda centre: len(stage.texts()) >= len(texts))
    arrived = [text for text in stage.texts() if text in texts]
    if arrived != [text for text in texts if text in arrived]:
        stage.note("F19", f"sent {', '.join(arrived)}")
    await stage.act(EndChat())


async def leaves(stage: Stage) -> None:
    await stage.connected()
    await stage.tell("end")
    await stage.comes(lambda centre: not stage.chat.live)
    await stage.watch()


async def prompt(stage: Stage) -> None:
    await stage.opened()
    await stage.batch(Say("What is your name?", party="bot"), ShowForm("", request_id="prompt-1"))
    await stage.took()
    await stage.tell("say", text="Ann")
    await stage.watch()
    await stage.act(EndChat())


async def form(stage: Stage) -> None:
    await stage.connected()
    await stage.batch(ShowForm("survey_form", request_id="survey-1"))
    await stage.took()
    await stage.tell("answer_form", form="survey-1", data={"helpful": "yes"})
    await stage.watch(stage.manner.quiet_s / 2)
    await stage.tell("answer_form", form="survey-1", data={"helpful": "no"})
    await stage.watch(stage.manner.quiet_s / 2)
    await stage.act(EndChat())


async def types(stage: Stage) -> None:
    await stage.connected()
    await stage.tell("typing")
    await stage.watch(24)
    await stage.act(EndChat())


async def after_the_end(stage: Stage) -> None:
    await stage.connected()
    await stage.batch(EndChat())
    await stage.watch()
    await stage.tell("say", text="too late")
    await stage.tell("end")
    await stage.watch()


# --- polling --------------------------------------------------------------------------------------------------------


async def long_hold(stage: Stage) -> None:
    await stage.opened()
    await stage.watch(52)
    await stage.act(EndChat())
    await stage.watch()


async def foreground(stage: Stage) -> None:
    await stage.opened()
    for _ in range(3):
        await stage.tell("background")
        await stage.tell("foreground")
        await stage.watch(0.3)
    await stage.watch()
    await stage.act(EndChat())


async def stages(stage: Stage) -> None:
    await stage.opened()
    for state in ("ivr", "queued", "connecting", "connected"):
        await stage.act(SetStatus(state))
        await stage.took()  # a chat asked for between two polls harms nobody
        await stage.tell("start")
        await stage.watch(stage.manner.quiet_s / 3)
    await stage.act(EndChat())


async def instant(stage: Stage) -> None:
    await stage.opened()
    await stage.watch()
    await stage.act(EndChat())


async def restart(stage: Stage) -> None:
    await stage.opened()
    await stage.restart()
    await stage.watch()
    given = stage.client_id or next(iter(stage.emulator.traffic.requests)).client_id
    others = {key.client_id for key in stage.emulator.traffic.requests if key.client_id != given}
    if others:
        stage.note("F29", f"calls itself {', '.join(sorted(others))[:80]}, and not as it was told")
    await stage.act(EndChat())


async def second_chat(stage: Stage) -> None:
    """After the end a new chat begins: nothing may go to the old one."""
    await stage.connected()
    await stage.batch(EndChat())
    await stage.watch(stage.manner.quiet_s / 2)
    await stage.tell("start")
    await stage.comes(lambda centre: len(stage.chats()) > 1)
    await stage.tell("say", text="again")
    await stage.watch()
    await stage.act(EndChat())
