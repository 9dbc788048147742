"""The cases of the black box: one or more for each fault of protocol.md section 8 that a server can observe.

The emulator's judge records what the client does wrong. A few faults only the case can recognize, and reports itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve, field, frozen

from statemachine.emulator.actions import Conclude, JoinParty, LeaveParty, Raw, Say, SetStatus
from statemachine.emulator.knobs import Fault, Knobs
from statemachine.emulator.steps import Scenario

from . import cases
from .cases import CaseScript, message, unusual

_QUICK: Final = Knobs(hold_ms=1_500, drop_without_polls_ms=None, inactivity_timeout_ms=None)
_NO_CAUSE: Final = evolve(_QUICK, judge_grace_ms=0)
"""For a client that was given no cause to send anything: nothing can have been on its way."""
_ONE_ORDER: Final = evolve(_QUICK, judge_end_gap_ms=30_000)
"""For a client that gets one order: two actions are too many, however far apart."""
SILENT: Final = Scenario("silent", "only what the case does", on_end=(Conclude(),))
"""The scenario of every chat: it does nothing by itself."""


@frozen
class HttpCase:
    """One case.

    Attributes:
        faults: The faults that it provokes. The first one begins its id.
        knobs: Settings of its emulator.
        reads_as: Rule of the judge -> rule that is broken in this case. It holds only for a client that passes the
            plain cases of F1: one that polls a dead chat in every case has only that fault.
        orders: Whether the client must obey orders.
        seconds: About how long it takes.
    """

    name: str
    faults: tuple[str, ...]
    why: str
    script: CaseScript = field(repr=False)
    knobs: Knobs = field(default=_QUICK, repr=False, kw_only=True)
    reads_as: Mapping[str, str] = field(factory=dict[str, str], kw_only=True)
    orders: bool = field(default=False, kw_only=True)
    seconds: float = field(default=16.0, kw_only=True)

    @property
    def id(self) -> str:
        """The first fault and the name."""
        return f"{self.faults[0]}/{self.name}"


def _knobs(**changes: Any) -> Knobs:
    return evolve(_QUICK, **changes)


def _batch(fault: str, name: str, why: str, script: CaseScript, knobs: Knobs = _QUICK) -> HttpCase:
    """A case with a batch that the client may fail on: it misses the end, which the judge sees as F1 or F37."""
    return HttpCase(name, (fault,), why, script, knobs=knobs, reads_as={"F1": fault, "F37": fault})


def _unusual(fault: str, name: str, why: str, *acts: Any) -> HttpCase:
    return _batch(fault, name, why, unusual(fault, *acts))


def _ordered(fault: str, name: str, why: str, script: CaseScript, **more: Any) -> HttpCase:
    """A case whose client must obey orders."""
    return HttpCase(name, (fault,), why, script, orders=True, **more)


def _status(**ewt: object) -> Raw:
    return Raw({"event": "chat_session_status", "state": "queued", **ewt})


_TIMES: Final = (
    message(1, timestamp=1_700_000_000_000),
    message(2, timestamp="1700000000000"),
    message(3, timestamp=1_700_000_000),
    message(4),
    message(5, timestamp="soon"),
)
SMOKE: Final = HttpCase("opens", ("F5",), "the client opens a chat and polls it", cases.opens)
"""Without this nothing can be judged."""
# fmt: off
CASES: Final[tuple[HttpCase, ...]] = (
    *(HttpCase(name, ("F1", "F37"), f"the chat is over: {name}", cases.ends_with(act), knobs=_NO_CAUSE, seconds=34) for name, act in cases.ENDS),
    _ordered("F2", "tells-the-end", "the user is told that the chat is over", cases.tells_the_end, seconds=4),
    _ordered("F5", "plain", "a whole chat without trouble", cases.plain),
    HttpCase("errors", ("F3", "F5", "F16"), "several polls fail, each in another way", cases.poll_errors("F5", "a few errors", *cases.POLL_ERRORS), seconds=20),
    HttpCase("storm", ("F3", "F5"), "polls fail for a while", cases.storm, seconds=14),
    HttpCase("page", ("F24", "F5"), "a proxy answers with pages, one of them with status 200", cases.poll_errors("F24", "error pages", *cases.ERROR_PAGES), seconds=14),
    _unusual("F6", "waiting-time", "the waiting time is empty, missing, or a number", _status(ewt=""), _status(), _status(ewt=30)),
    _unusual("F7", "timestamps", "times in seconds and in milliseconds, as text, as numbers, and none", *_TIMES),
    _batch("F8", "new-state", "a chat begins as establishing", cases.new_state, _knobs(initial_state="establishing")),
    _unusual("F8", "new-values", "a state and a party type that no document names", SetStatus("pondering"), JoinParty("ghost", type="hologram"), JoinParty("ada", type="msteams")),
    _unusual("F9", "unknown-event", "an event with an unknown name", Raw({"event": "chat_session_weather", "outlook": "mild"}), message(1)),
    _unusual("F9", "malformed-event", "malformed entries", Raw({"event": 5}), Raw({}), Raw({"event": "chat_session_message", "msg": {"no": "text"}}), message(1)),
    *(_batch("F10", f"empty-{style}", f"no events, sent as {style}", cases.empty_answers, _knobs(empty_style=style)) for style in ("array", "no_body", "code_5511")),
    _ordered("F11", "two-texts", "two texts have two ids", cases.two_texts),
    _ordered("F11", "says-after-restart", "an id is not used again after a restart", cases.says_after_restart),
    _ordered("F12", "lost-reply", "a text arrives, but its answer is lost", cases.lost_answer(Fault("send", drop=True, accepted=True)), seconds=35),
    _ordered("F12", "lost-by-error", "a text arrives, but is answered with an error", cases.lost_answer(Fault("send", 5004, accepted=True)), seconds=35),
    _ordered("F13", "refused-text", "the server refuses a text", cases.refused_text),
    _ordered("F14", "waiting-text", "the chat ends before a text could be sent", cases.waiting_text),
    HttpCase("own-echo", ("F15", "F33"), "the client's own messages come back", cases.own_echo, knobs=_knobs(own_echo=True), orders=True),
    _ordered("F16", "history", "the history after a restart", cases.history, reads_as={"F15": "F16"}),
    _batch("F18", "one-second", "three messages in one second", cases.one_second),
    _ordered("F19", "order", "six texts, one after the other", cases.order),
    HttpCase("scattered-errors", ("F20", "F5"), "single errors, each followed by a success", cases.single_errors, seconds=30),
    HttpCase("long-hold", ("F21", "F23"), "nothing happens: polls are held for 15 s", cases.long_hold, knobs=_knobs(hold_ms=15_000, judge_aborts=2), seconds=50),
    HttpCase("foreground", ("F22", "F5"), "to the background and back", cases.foreground, orders=True, knobs=_knobs(hold_ms=4_000, judge_aborts=0)),  # a client may break off its poll on its way to the background
    HttpCase("error-first", ("F24", "F3"), "the first requests are answered with errors", cases.error_first, knobs=_knobs(faults=(Fault("create", status=502, html=True), Fault("create", 5001, times=1_000)))),
    HttpCase("stages", ("F26",), "all stages before an agent joins", cases.stages, knobs=_knobs(hold_ms=3_000)),
    HttpCase("refused", ("F27",), "the app id is refused", cases.refused, knobs=_knobs(faults=(Fault("create", 3000, times=1_000),)), seconds=31),
    _ordered("F28", "first-text", "the chat cannot be opened at first", cases.first_text, knobs=_knobs(faults=(Fault("create", 5001),))),
    _ordered("F28", "never-opened", "no chat can be opened at all", cases.never_opened, knobs=_knobs(faults=(Fault("create", 3000, times=1_000),))),
    HttpCase("restart", ("F29", "F22", "F5"), "the client is restarted", cases.restart),
    _ordered("F30", "leaves", "the user ends the chat", cases.user_ends, knobs=_ONE_ORDER),
    _ordered("F31", "prompt", "a question of the scenario", cases.prompt, knobs=_ONE_ORDER),
    _ordered("F31", "form", "a form is answered twice", cases.form),
    _ordered("F32", "types", "the user begins to type, and goes away", cases.types, knobs=_knobs(judge_typing_ms=20_000), seconds=30),
    _unusual("F33", "strangers", "parties that never joined leave, write and type", LeaveParty("nobody"), Raw({"event": "chat_session_party_left"}), Say("I am new here.", party="stranger"), Raw({"event": "chat_session_typing"})),
    _ordered("F36", "markup", "a message with markup", cases.markup, seconds=4),
    HttpCase("instant", ("F34",), "polls are answered at once", cases.instant_answers, knobs=_knobs(hold_ms=0)),
    HttpCase("second-chat", ("F37", "F1"), "a new chat after the end of the first", cases.second_chat, orders=True, knobs=_NO_CAUSE, seconds=36),
    _ordered("F37", "after-the-end", "the user writes after the chat is over", cases.after_the_end, knobs=_NO_CAUSE, seconds=38),
    _batch("F38", "whole-batch", "a batch of many entries", cases.whole_batch),
    _ordered("upload", "file", "the user sends a file", cases.file),
)
# fmt: on
