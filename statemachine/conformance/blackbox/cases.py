"""The scripts of the cases: orders to the client, actions of the centre, and waiting.

A batch that a client may fail on ends with the end of the chat. A client that lost the batch polls on, and that shows
the loss.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias

from statemachine.emulator import names
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
from statemachine.emulator.shapes import Event
from statemachine.files import write_private

from .context import GREETING, CaseContext, NotReady

CaseScript: TypeAlias = Callable[[CaseContext], Awaitable[None]]

# --- the five kinds of end ------------------------------------------------------------------------------------------

ENDS: Final[tuple[tuple[str, Action], ...]] = (
    ("ended", EndChat()),
    ("timed-out", TimeOut()),
    ("failed", Fail()),
    ("completed", Complete()),
    ("gone", DropChat()),
)


async def opens(case: CaseContext) -> None:
    await case.opened()
    await case.act(EndChat())


def ends_with(act: Action) -> CaseScript:
    async def script(case: CaseContext) -> None:
        await case.connected()
        await case.quiet()
        await case.batch(act)
        await case.observe()

    return script


async def plain(case: CaseContext) -> None:
    await case.connected()
    await case.say("I need help")
    await case.batch(Say("With what?"))
    await case.must_poll_again("F5", "a message")
    await case.end()


async def tells_the_end(case: CaseContext) -> None:
    await case.connected()
    case.need_reports("over")
    await case.batch(EndChat())
    if not await case.reports(lambda: bool(case.reported("over"))):
        case.report("F2", f"the chat ended, and no `over` was reported within {case.options.timeout_s:.0f} s")


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


async def markup(case: CaseContext) -> None:
    await case.connected()
    case.need_reports("shown")
    await case.batch(Say("less is more", markup="<b>less</b> is <i>more</i>"))
    if not await case.reports(lambda: any("more" in text for text in case.reported("shown"))):
        raise NotReady("did not report the message as shown")
    for text in case.reported("shown"):
        if "<b>" in text:
            case.report("F36", f"shows {text!r}")
    await case.act(EndChat())


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
    await case.happens(lambda centre: {"902", "903"} <= case.receipts())  # they may overtake each other
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
    words = await shown_words(case, 3)
    if words and words != ["word 1", "word 2", "word 3"]:
        case.report("F38", f"shows {', '.join(words)} of a batch of word 1, word 2, word 3")
    await case.batch(message(4), SetStatus("queued"), EndChat(), message(5))
    if words:
        await shows_before_the_end(case, "word 4")
    await case.observe()


async def shown_words(case: CaseContext, number: int) -> list[str]:
    """The words that the client shows, once it has shown so many or the time is over; it may send receipts before."""

    def words() -> list[str]:
        return [text for text in case.reported("shown") if text.startswith("word ")]

    if words():
        await case.reports(lambda: len(words()) >= number)
    return words()


async def shows_before_the_end(case: CaseContext, text: str) -> None:
    """A text that came in one batch with the end, and before it, is shown before the user is told of the end."""
    if not await case.reports(lambda: text in case.reported("shown")):
        case.report("F38", f"does not show {text}, which came in one batch with the end and before it")
        return
    order = ["over" if "over" in one else one.get("shown") for one in case.client.reports]
    if "over" in order[: order.index(text)]:
        case.report("F38", f"shows {text} after it reports the end, which came later in the same batch")


# --- errors ---------------------------------------------------------------------------------------------------------

ERROR_PAGES: Final = (Fault("poll", status=502, html=True), Fault("poll", status=200, html=True))
_MORE: Final = "One moment."
POLL_ERRORS: Final = (Fault("poll", 5001), Fault("poll", 5509, 429), Fault("poll", drop=True))


def poll_errors(rule: str, after: str, *faults: Fault) -> CaseScript:
    async def script(case: CaseContext) -> None:
        await case.connected()
        await case.batch(*map(InjectFault, faults), Say(_MORE))
        await case.must_poll_again(rule, after, polls=len(faults) + 1)
        await case.act(EndChat())
        await case.delivered()
        await case.observe(0.1)
        times, text = max((case.client.reports.count({"shown": one, "by": "agent"}), one) for one in (GREETING, _MORE))
        if times > 1:
            case.report("F16", f"shows {text!r} {times} times: live, and from the history after errors")

    return script


_SINGLE_ERRORS: Final = 6


async def single_errors(case: CaseContext) -> None:
    """Single errors, each followed by a success."""
    await case.connected()
    for number in range(1, _SINGLE_ERRORS + 1):
        await case.batch(InjectFault(Fault("poll", 5001)), Say(f"Still here, {number}."))
        after = f"{number} single errors with successes between them"
        await case.must_poll_again("F20" if number > 1 else "F5", after)
    await case.act(EndChat())


async def storm(case: CaseContext) -> None:
    """Errors, for as long as a client that backs off makes a few polls."""
    await case.connected()
    await case.batch(InjectFault(Fault("poll", 5001, times=1_000)), Say("One moment."))
    await asyncio.sleep(_STORM_S)
    case.chat.faults.clear()
    await case.must_poll_again("F5", "many errors")
    await case.act(EndChat())


_STORM_S: Final = 6


async def error_first(case: CaseContext) -> None:
    await case.requested()
    await asyncio.sleep(_STORM_S)
    await case.emulator.set_knobs({"faults": ()})
    if await case.happens(lambda centre: any(chat.held is not None for chat in case.chats())):
        await case.act(EndChat())
        await case.observe(0.1)


async def refused(case: CaseContext) -> None:
    await case.requested()
    await case.observe()


_FIRST: Final = "my first words"


async def first_text(case: CaseContext) -> None:
    await case.order("start")
    await case.order("say", text=_FIRST)
    if await case.happens(lambda centre: bool(case.chats())) and not await case.happens(
        lambda centre: _FIRST in case.texts()
    ):
        case.report("F28", f"opened a chat after an error, but {_FIRST!r}, ordered before, never arrived")


async def never_opened(case: CaseContext) -> None:
    await case.order("start")
    await case.order("say", text=_FIRST)
    await case.require(lambda centre: bool(case.emulator.traffic.requests), "sent no request")
    if not (case.declares("over") or case.declares("failed")):
        case.need_reports("over")
    if not await case.reports(lambda: bool(case.reported("over")) or _FIRST in case.reported("failed")):
        within = f"within {case.options.timeout_s:.0f} s"
        case.report("F28", f"no chat could be opened, and neither `over` nor `failed` was reported {within}")


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
    await case.say("after")
    await case.end()


def lost_answer(fault: Fault) -> CaseScript:
    """A text arrives, but its answer is lost or replaced by an error."""

    async def script(case: CaseContext) -> None:
        await case.connected()
        await case.quiet()  # the fault must not hit the receipts of the greeting
        await case.act(InjectFault(fault))
        await case.say("only once")
        await case.observe()
        sent = [(msg_id, text) for chat in case.chats() for msg_id, text in chat.texts_received if text == "only once"]
        if len(sent) > 1:
            ids = " and ".join(repr(msg_id) for msg_id, _ in sent[:3])
            case.report("F12", f"a text that was ordered once arrived {len(sent)} times, with the ids {ids}")
        await case.act(EndChat())

    return script


async def refused_text(case: CaseContext) -> None:
    await case.connected()
    case.need_reports("failed")
    await case.quiet()
    await case.act(InjectFault(Fault("send", 5003, times=1_000)))
    await case.order("say", text="unwelcome")
    await _sent_or_reported(case, "F13", "unwelcome", "was refused")
    await case.act(EndChat())


async def waiting_text(case: CaseContext) -> None:
    """A text that cannot be sent before the chat ends."""
    await case.connected()
    case.need_reports("failed")
    await case.quiet()
    await case.act(InjectFault(Fault("send", 5001, times=1_000)))
    await case.order("say", text="the last word")
    await case.observe(0.1)
    await case.batch(EndChat())
    await _sent_or_reported(case, "F14", "the last word", "was never accepted before the chat ended")


async def _sent_or_reported(case: CaseContext, rule: str, text: str, fate: str) -> None:
    if not await case.reports(lambda: text in case.reported("failed") or text in case.texts()):
        within = f"within {case.options.timeout_s:.0f} s"
        case.report(rule, f"the text {text!r} {fate}, and no `failed` was reported {within}")


async def file(case: CaseContext) -> None:
    """A file with bytes of all kinds, and a name that must be quoted."""
    await case.connected()
    content = bytes(range(256)) * 40
    path = Path(case.folder) / 'my "photo" ü.png'
    write_private(path, content)
    await case.order("send_file", path=str(path))
    files = case.emulator.centre.files
    await case.require(lambda centre: bool(files), "uploaded no file")
    stored = next(iter(files.values())).content
    if stored != content:
        case.report("upload", f"uploaded {len(stored):,} bytes, not the {len(content):,} of the file")
    if await case.happens(lambda centre: bool(_announced(case))):
        kind = _announced(case)[0].get("file_type")
        if kind not in ("image", "attachment"):
            case.report("upload", f"announced the file with the type {kind!r}")
    else:
        case.report("upload", f"uploaded a file, and did not announce it within {case.options.timeout_s:.0f} s")
    await case.act(EndChat())


def _announced(case: CaseContext) -> list[Event]:
    return [entry.event for entry in case.chat.log if entry.event["event"] == names.FILE]


async def own_echo(case: CaseContext) -> None:
    await case.connected()
    await case.say("my own words")
    await case.handled()
    await case.observe(0.2)
    if {"shown": "my own words", "by": "agent"} in case.client.reports:
        case.report("F33", "shows its own text as the agent's")
    await case.act(EndChat())


async def history(case: CaseContext) -> None:
    await case.connected()
    await case.batch(Say("You have seen this."))
    await case.quiet()
    await case.restart()
    await case.must_poll_again("F5", "the history")
    await case.observe(0.3)
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
    await case.observe(0.5)


async def prompt(case: CaseContext) -> None:
    await case.opened()
    await case.batch(Say("What is your name?", party="bot"), ShowForm("", request_id="prompt-1"))
    await case.handled()
    await case.order("say", text="Ann")
    await case.observe(0.3)
    await case.act(EndChat())


async def form(case: CaseContext) -> None:
    await case.connected()
    await case.batch(ShowForm("survey_form", request_id="survey-1"))
    await case.handled()
    for helpful in ("yes", "no"):
        await case.order("answer_form", form="survey-1", data={"helpful": helpful})
        await case.observe(0.2)
    for text in case.texts()[:1]:  # no text was ordered
        case.report("F31", f"sends the answer of a form as a message too: {text!r}")
    await case.act(EndChat())


async def types(case: CaseContext) -> None:
    await case.connected()
    await case.order("typing")
    await asyncio.sleep(24)
    await case.act(EndChat())


async def after_the_end(case: CaseContext) -> None:
    await case.connected()
    await case.quiet()
    await case.batch(EndChat())
    await case.observe(0.2)
    await case.order("say", text="too late")
    await case.order("end")
    await case.observe()


# --- polling --------------------------------------------------------------------------------------------------------


_THREE_HOLDS_S: Final = 46


async def long_hold(case: CaseContext) -> None:
    await case.opened()
    await asyncio.sleep(_THREE_HOLDS_S)
    await case.act(EndChat())
    await case.delivered()


async def foreground(case: CaseContext) -> None:
    await case.opened()
    for _ in range(3):
        await case.order("background")
        await case.order("foreground")
        await asyncio.sleep(0.3)
    await case.must_poll_again("F5", "the return to the foreground")
    await case.observe(0.2)
    await case.act(EndChat())


async def stages(case: CaseContext) -> None:
    await case.opened()
    for state in ("ivr", "queued", "connecting", "connected"):
        await case.act(SetStatus(state))
        await case.handled()
        await case.order("start")
        await case.observe(0.1)
    await case.act(EndChat())


async def instant_answers(case: CaseContext) -> None:
    await case.opened()
    await case.observe(0.2)
    await case.act(EndChat())


async def restart(case: CaseContext) -> None:
    await case.opened()
    await case.restart()
    await case.must_poll_again("F5", "a restart", polls=3)
    await case.act(EndChat())


async def second_chat(case: CaseContext) -> None:
    """After the end a new chat begins: nothing may go to the old one."""
    await case.connected()
    await case.quiet()
    await case.batch(EndChat())
    await case.observe(0.1)
    await case.order("start")
    await case.require(lambda centre: len(case.chats()) > 1, "opened no second chat")
    await case.order("say", text="again")
    await case.observe()
    await case.act(EndChat())
