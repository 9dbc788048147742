"""The cases of the black box: for each fault of protocol.md section 8 that can be seen from outside, what provokes it.

A case is played on a `Stage`: it tells the program what to do, lets the centre do its part, and waits. What the program
does wrong is noted by the emulator's judge; a few things that only a case can know (it provoked them) it notes itself.
Where a batch that a client may choke on ends with the end of the chat, a client that lost the batch polls on: so the
loss shows whatever else the client shows of itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from attrs import evolve, field, frozen

from statemachine.emulator.acts import (
    Act,
    Break,
    Complete,
    Conclude,
    End,
    Fail,
    Forget,
    JoinParty,
    LeaveParty,
    Raw,
    Say,
    SetStatus,
    ShowForm,
    TimeOut,
    Typing,
)
from statemachine.emulator.knobs import Fault, Knobs
from statemachine.emulator.rules import RULES, Rule
from statemachine.emulator.steps import Scenario

from .stage import Stage

__all__ = ["CASES", "INVISIBLE", "SILENT", "Case", "rule_of"]

Play = Callable[[Stage], Awaitable[None]]

_QUICK: Final = Knobs(hold_ms=1_500, drop_without_polls_ms=None, inactivity_timeout_ms=None)
SILENT: Final = Scenario("silent", "only what the case does", on_end=(Conclude(),))
"""What every chat goes through: nothing by itself."""


@frozen
class Case:
    """One case. `faults`: what it provokes; the first gives it its name.

    `reads_as`: a rule of the judge -> what it means here. A client that polls a dead chat in every other case too has
    only that fault, so this holds only for one that passes the plain cases of F1. `orders`: the program must do what it
    is told. `seconds`: about how long it takes.
    """

    name: str
    faults: tuple[str, ...]
    why: str
    play: Play = field(repr=False)
    knobs: Knobs = field(default=_QUICK, repr=False)
    reads_as: Mapping[str, str] = field(factory=dict[str, str])
    orders: bool = False
    seconds: float = 8.0

    @property
    def id(self) -> str:
        """Its name, behind its first fault."""
        return f"{self.faults[0]}/{self.name}"


_SEEN_HERE: Final = (
    Rule(
        "F6",
        "drops a status whose waiting time is empty, missing or a number",
        "connected or failed is missed; an empty waiting time is shown as 0 s",
        "ewt is optional, text or number; unknown is not 0",
        "API reference, chat_session_status: ewt; section 3.0",
    ),
    Rule(
        "F7",
        "drops an event for its timestamp",
        "messages are lost, or stand in the year 50 000",
        "seconds or milliseconds by magnitude, text or number, or none; never drop an event for its date",
        "API reference, timestamps in milliseconds and in seconds; section 3.0",
    ),
    Rule(
        "F8",
        "fails on a value it does not know",
        "the chat cannot be opened; the agent is never shown",
        "keep enums open: an unknown state or party type changes nothing",
        "API reference v1: establishing; section 2.1",
    ),
    Rule(
        "F9",
        "throws a batch away for one entry",
        "messages are lost",
        "isolate each entry; keep the unknown one as it is",
        "API reference, events: unknown ones are to be skipped; section 3.0",
    ),
    Rule(
        "F10",
        "takes an empty answer for a failure",
        "it crashes on a quiet chat",
        "an empty body, an empty list and code 5511 all say: no events",
        "API reference, error 5511; section 4",
    ),
    Rule(
        "F16",
        "takes the history for news",
        "every message and form appears twice",
        "merge the history by id and party; receipt only what is live",
        "section 5.1",
    ),
    Rule(
        "F18",
        "takes a second message of the same second for an old one",
        "the second message of a second is lost",
        "tell new from old by id; equal times keep their order",
        "section 5: the resolution is one second",
    ),
    Rule(
        "F19",
        "sends in another order than it was told",
        "a reordered transcript",
        "one ordered queue for each session and direction",
        "section 5: the order of sending",
    ),
    Rule(
        "F20",
        "gives a chat up after a number of errors in all",
        "a healthy session is declared dead",
        "count consecutive failures, and elapsed time; any success begins anew",
        "section 4.2",
    ),
    Rule(
        "F28",
        "loses the first text when the chat could not be opened at once",
        "the user's first message is silently lost",
        "the first text waits in the queue, and fails visibly",
        "API reference, Request Chat: 503; section 7",
    ),
    Rule(
        "F33",
        "stumbles over a party it does not know",
        "wrong names, lost batches",
        "tolerate unknown and repeated parties; compare ids without case",
        "API reference, chat_session_party_left; section 3.1",
    ),
    Rule(
        "F38",
        "regroups a batch, or keeps a part of it",
        "order and messages are lost",
        "handle all entries, in order",
        "API reference, Get New Chat Events: an ordered list; section 5",
    ),
)
_BEYOND: Final = {rule.number: rule for rule in _SEEN_HERE}

INVISIBLE: Final[dict[str, str]] = {
    "F2": "what the application is told, and is not",
    "F4": "two chats in one process: a program here has one",
    "F13": "what the screen shows of a message",
    "F14": "what is told of texts that were never sent",
    "F17": "what the screen shows of an old status",
    "F25": "which reason is shown",
    "F36": "how text is shown",
}
"""Faults that no server can see, and where they happen."""


def rule_of(number: str) -> Rule:
    """The rule of this number: the judge's own, or one that only a case can see broken."""
    return RULES.get(number) or _BEYOND[number]


# --- the end, in its five forms -------------------------------------------------------------------------------------


def _ends_with(*acts: Act) -> Play:
    async def play(stage: Stage) -> None:
        await stage.connected()
        await stage.batch(*acts)
        await stage.watch()

    return play


def _plain() -> Play:
    async def play(stage: Stage) -> None:
        await stage.connected()
        await stage.say("I need help")
        await stage.batch(Say("With what?"))
        await stage.goes_on_polling("F5", "a message")
        await stage.batch(End())
        await stage.watch()

    return play


_TIME: Final = {"timestamp": "1900000000"}
_ENDS: Final[tuple[tuple[str, Act], ...]] = (
    ("ended", End()),
    ("timed-out", TimeOut()),
    ("failed", Fail()),
    ("completed", Complete()),
    ("gone", Forget()),
)


# --- what a client may choke on -------------------------------------------------------------------------------------


def _message(n: int, **more: object) -> Raw:
    return Raw({"event": "chat_session_message", "msg": f"word {n}", "msg_id": str(900 + n), "party_id": "p", **more})


def _odd(rule: str, *acts: Act) -> Play:
    """These in one batch with the end of the chat; first alone, so that a loop that dies of them is seen as well."""

    async def play(stage: Stage) -> None:
        await stage.connected()
        await stage.batch(*acts)
        await stage.goes_on_polling(rule, "such a batch")
        await stage.batch(*acts, End())
        await stage.watch()

    return play


async def _new_state(stage: Stage) -> None:
    await stage.opened()
    await stage.goes_on_polling("F8", "the state “establishing”")
    await stage.batch(SetStatus("establishing"), SetStatus("pondering"), End())
    await stage.watch()


async def _stays_quiet(stage: Stage) -> None:
    await stage.opened()
    await stage.goes_on_polling("F10", "an empty answer", polls=3)
    await stage.act(End())
    await stage.watch()


async def _one_second(stage: Stage) -> None:
    await stage.connected()
    await stage.batch(_message(1, **_TIME))
    await stage.handed_over()
    await stage.batch(_message(2, **_TIME), _message(3, **_TIME))
    await stage.comes(lambda centre: "903" in stage.receipted())
    missing = {"902", "903"} - stage.receipted()
    if "901" in stage.receipted() and missing:
        stage.note("F18", f"receipts the first message of a second, and not {' and '.join(sorted(missing))}")
    await stage.batch(End())
    await stage.watch()


async def _whole_batch(stage: Stage) -> None:
    """All of a batch, in its order: receipts tell of each; the end stands neither first nor last in it."""
    await stage.connected()
    await stage.batch(_message(1), _message(2), Typing(), _message(3))
    await stage.comes(lambda centre: {"901", "902", "903"} <= stage.receipted())
    told = {"901", "902", "903"} & stage.receipted()
    if told and len(told) < 3:
        stage.note("F38", f"receipts {', '.join(sorted(told))} of a batch of three messages")
    await stage.batch(SetStatus("queued"), End(), _message(4))
    await stage.watch()


# --- errors ---------------------------------------------------------------------------------------------------------


async def _errors(stage: Stage) -> None:
    await stage.connected()
    await stage.act(*(Break(fault) for fault in _TROUBLE))
    await stage.goes_on_polling("F5", "a few errors", polls=len(_TROUBLE) + 1)
    await stage.act(End())
    await stage.watch()


_TROUBLE: Final = (
    Fault("poll", 5001),
    Fault("poll", 5509, 429),
    Fault("poll", status=502, html=True),
    Fault("poll", drop=True),
)


async def _page(stage: Stage) -> None:
    await stage.connected()
    await stage.act(Break(Fault("poll", status=502, html=True)))
    await stage.goes_on_polling("F5", "an error page")
    await stage.act(End())
    await stage.watch()


async def _scattered(stage: Stage) -> None:
    """One error in between, again and again, each followed by a success."""
    await stage.connected()
    for number in range(7):
        await stage.act(Break(Fault("poll", 5001)))
        if not await stage.polls_more(2):
            stage.note("F20", f"polls no more after {number + 1} single errors with successes in between")
            return
        await stage.act(Say(f"Still here, {number}."))
    await stage.act(End())
    await stage.watch()


async def _not_opened(stage: Stage) -> None:
    """The first try to open a chat is answered with an error body."""
    await stage.asked()
    await stage.watch()
    if stage.opened_any():
        await stage.act(End())
        await stage.watch()


async def _refused(stage: Stage) -> None:
    await stage.asked()
    await stage.watch(2 * stage.manner.quiet_s)


async def _first_text(stage: Stage) -> None:
    await stage.tell("start")
    await stage.say("my first words", arrives=False)
    if await stage.comes(lambda centre: stage.opened_any()) and not await stage.comes(
        lambda centre: "my first words" in stage.texts()
    ):
        stage.note("F28", "opened a chat in the end, and never sent the text that it was given before")


# --- sending --------------------------------------------------------------------------------------------------------


async def _two_texts(stage: Stage) -> None:
    await stage.connected()
    await stage.say("one")
    await stage.say("two")
    await stage.act(End())


async def _says_after_restart(stage: Stage) -> None:
    await stage.connected()
    await stage.say("before")
    await stage.restart()
    await stage.until(lambda centre: stage.chat.held is not None and not stage.chat.held.cut, "polled no more")
    await stage.say("after")
    await stage.act(End())
    await stage.watch()


async def _lost_reply(stage: Stage) -> None:
    await stage.connected()
    await stage.act(Break(Fault("send", drop=True, accepted=True)))
    await stage.say("only once")
    await stage.watch(2 * stage.manner.quiet_s)
    await stage.act(End())


async def _lost_error(stage: Stage) -> None:
    await stage.connected()
    await stage.act(Break(Fault("send", 5004, accepted=True)))
    await stage.say("only once")
    await stage.watch(2 * stage.manner.quiet_s)
    await stage.act(End())


async def _own_echo(stage: Stage) -> None:
    await stage.connected()
    await stage.say("my own words")
    await stage.took()
    await stage.watch(stage.manner.quiet_s / 2)
    await stage.act(End())


async def _history(stage: Stage) -> None:
    await stage.connected()
    await stage.batch(Say("You have seen this."))
    await stage.watch(stage.manner.quiet_s / 2)
    await stage.restart()
    await stage.watch()
    await stage.act(End())


async def _order(stage: Stage) -> None:
    await stage.connected()
    texts = [f"part {number}" for number in range(1, 7)]
    for text in texts:
        await stage.say(text, arrives=False)
    await stage.comes(lambda centre: len(stage.texts()) >= len(texts))
    arrived = [text for text in stage.texts() if text in texts]
    if arrived != [text for text in texts if text in arrived]:
        stage.note("F19", f"sent {', '.join(arrived)}")
    await stage.act(End())


async def _leaves(stage: Stage) -> None:
    await stage.connected()
    await stage.tell("end")
    await stage.comes(lambda centre: not stage.chat.live)
    await stage.watch()


async def _prompt(stage: Stage) -> None:
    await stage.opened()
    await stage.batch(Say("What is your name?", party="bot"), ShowForm("", request_id="prompt-1"))
    await stage.took()
    await stage.tell("say", text="Ann")
    await stage.watch()
    await stage.act(End())


async def _form(stage: Stage) -> None:
    await stage.connected()
    await stage.batch(ShowForm("survey_form", request_id="survey-1"))
    await stage.took()
    await stage.tell("answer_form", form="survey-1", data={"helpful": "yes"})
    await stage.watch(stage.manner.quiet_s / 2)
    await stage.tell("answer_form", form="survey-1", data={"helpful": "no"})
    await stage.watch(stage.manner.quiet_s / 2)
    await stage.act(End())


async def _types(stage: Stage) -> None:
    await stage.connected()
    await stage.tell("typing")
    await stage.watch(24)
    await stage.act(End())


async def _after_the_end(stage: Stage) -> None:
    await stage.connected()
    await stage.batch(End())
    await stage.watch()
    await stage.tell("say", text="too late")
    await stage.tell("end")
    await stage.watch()


# --- polling --------------------------------------------------------------------------------------------------------


async def _long_hold(stage: Stage) -> None:
    await stage.opened()
    await stage.watch(52)
    await stage.act(End())
    await stage.watch()


async def _foreground(stage: Stage) -> None:
    await stage.opened()
    for _ in range(3):
        await stage.tell("background")
        await stage.tell("foreground")
        await stage.watch(0.3)
    await stage.watch()
    await stage.act(End())


async def _stages(stage: Stage) -> None:
    await stage.opened()
    for state in ("ivr", "queued", "connecting", "connected"):
        await stage.act(SetStatus(state))
        await stage.tell("start")
        await stage.watch(stage.manner.quiet_s / 3)
    await stage.act(End())


async def _instant(stage: Stage) -> None:
    await stage.opened()
    await stage.watch()
    await stage.act(End())


async def _restart(stage: Stage) -> None:
    await stage.opened()
    await stage.restart()
    await stage.watch()
    given = stage.client_id or next(iter(stage.emulator.traffic.requests)).client_id
    others = {key.client_id for key in stage.emulator.traffic.requests if key.client_id != given}
    if others:
        stage.note("F29", f"calls itself {', '.join(sorted(others))[:80]}, and not as it was told")
    await stage.act(End())


async def _second_chat(stage: Stage) -> None:
    """After the end a new chat begins: nothing may go to the old one."""
    await stage.connected()
    await stage.batch(End())
    await stage.watch(stage.manner.quiet_s / 2)
    await stage.tell("start")
    await stage.comes(lambda centre: len(stage.chats()) > 1)
    await stage.tell("say", text="again")
    await stage.watch()
    await stage.act(End())


def _knobs(**more: Any) -> Knobs:
    return evolve(_QUICK, **more)


def _as(rule: str) -> dict[str, str]:
    return {"F1": rule, "F37": rule}


CASES: Final[tuple[Case, ...]] = (
    *(Case(name, ("F1",), f"the chat is over: {name}", _ends_with(act)) for name, act in _ENDS),
    Case("plain", ("F5",), "a whole chat without trouble", _plain(), orders=True),
    Case("errors", ("F3", "F5"), "a few errors on the poll, of every kind", _errors, seconds=25),
    Case("page", ("F5", "F24"), "a proxy's error page", _page, seconds=12),
    Case(
        "waiting-time",
        ("F6",),
        "a waiting time that is empty, missing, a number",
        _odd(
            "F6",
            *(
                Raw({"event": "chat_session_status", "state": "queued", **ewt})
                for ewt in ({"ewt": ""}, {}, {"ewt": 30})
            ),
        ),
        reads_as=_as("F6"),
    ),
    Case(
        "timestamps",
        ("F7",),
        "times in seconds and milliseconds, as text, as numbers, and none",
        _odd(
            "F7",
            _message(1, timestamp=1_700_000_000_000),
            _message(2, timestamp="1700000000000"),
            _message(3, timestamp=1_700_000_000),
            _message(4),
            _message(5, timestamp="soon"),
        ),
        reads_as=_as("F7"),
    ),
    Case(
        "new-state",
        ("F8",),
        "a chat that is being established",
        _new_state,
        _knobs(initial_state="establishing"),
        _as("F8"),
    ),
    Case(
        "new-values",
        ("F8",),
        "a state and a party type that nobody has heard of",
        _odd("F8", SetStatus("pondering"), JoinParty("ghost", type="hologram"), JoinParty("ada", type="msteams")),
        reads_as=_as("F8"),
    ),
    Case(
        "unknown-event",
        ("F9",),
        "an event of an unknown name",
        _odd("F9", Raw({"event": "chat_session_weather", "outlook": "mild"}), _message(1)),
        reads_as=_as("F9"),
    ),
    Case(
        "malformed-event",
        ("F9",),
        "entries that are broken",
        _odd(
            "F9", Raw({"event": 5}), Raw({}), Raw({"event": "chat_session_message", "msg": {"no": "text"}}), _message(1)
        ),
        reads_as=_as("F9"),
    ),
    *(
        Case(f"empty-{style}", ("F10",), f"no events, as {style}", _stays_quiet, _knobs(empty_style=style), _as("F10"))
        for style in ("array", "no_body", "code_5511")
    ),
    Case("two-texts", ("F11",), "two texts have two ids", _two_texts, orders=True),
    Case("says-after-restart", ("F11",), "an id is not used again after a restart", _says_after_restart, orders=True),
    Case("lost-reply", ("F12",), "a text arrives and its answer is lost", _lost_reply, orders=True, seconds=20),
    Case(
        "lost-by-error", ("F12",), "a text arrives and is answered with an error", _lost_error, orders=True, seconds=20
    ),
    Case("own-echo", ("F15",), "its own words come back", _own_echo, _knobs(own_echo=True), orders=True),
    Case(
        "history", ("F16",), "what it read before it was started again", _history, reads_as={"F15": "F16"}, orders=True
    ),
    Case("one-second", ("F18",), "three messages of one second", _one_second, reads_as=_as("F18")),
    Case("order", ("F19",), "six texts, one after the other", _order, orders=True),
    Case("scattered-errors", ("F20",), "single errors, each followed by a success", _scattered, seconds=40),
    Case(
        "long-hold",
        ("F21", "F23"),
        "nothing happens: polls are held for 15 s",
        _long_hold,
        _knobs(hold_ms=15_000),
        seconds=62,
    ),
    Case("foreground", ("F22",), "to the background and back", _foreground, _knobs(hold_ms=4_000), orders=True),
    Case(
        "error-first",
        ("F24",),
        "the answer to its first request is an error",
        _not_opened,
        _knobs(faults=(Fault("create", 5001), Fault("create", status=502, html=True))),
    ),
    Case("stages", ("F26",), "all that comes before an agent is there", _stages),
    Case(
        "refused",
        ("F27",),
        "the app id is refused",
        _refused,
        _knobs(faults=(Fault("create", 3000, times=1_000),)),
        seconds=14,
    ),
    Case(
        "first-text",
        ("F28",),
        "the chat cannot be opened at first",
        _first_text,
        _knobs(faults=(Fault("create", 5001),)),
        orders=True,
    ),
    Case("restart", ("F29", "F22"), "it is started again", _restart, seconds=10),
    Case("leaves", ("F30",), "the user leaves", _leaves, orders=True),
    Case("prompt", ("F31",), "a question of the scenario", _prompt, orders=True),
    Case("form", ("F31",), "a form is answered, and once more", _form, orders=True),
    Case(
        "types",
        ("F32",),
        "the user begins to type, and goes away",
        _types,
        _knobs(judge_typing_ms=20_000),
        orders=True,
        seconds=30,
    ),
    Case(
        "strangers",
        ("F33",),
        "parties come, go and speak without having been announced",
        _odd(
            "F33",
            LeaveParty("nobody"),
            Raw({"event": "chat_session_party_left"}),
            Say("I am new here.", party="stranger"),
            Raw({"event": "chat_session_typing"}),
        ),
        reads_as=_as("F33"),
    ),
    Case("instant", ("F34",), "polls are answered at once", _instant, _knobs(hold_ms=0)),
    Case("second-chat", ("F37", "F1"), "a new chat after the end of the first", _second_chat, orders=True, seconds=14),
    Case("after-the-end", ("F37",), "the user writes when the chat is over", _after_the_end, orders=True, seconds=14),
    Case("whole-batch", ("F38",), "a batch of many things", _whole_batch, reads_as=_as("F38")),
)
