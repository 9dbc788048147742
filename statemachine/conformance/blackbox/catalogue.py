"""The cases of the black box: for each fault of protocol.md section 8 that can be seen from outside, what provokes it.

A case is played on a `Stage`: it tells the program what to do, lets the centre do its part, and waits. What the program
does wrong is noted by the emulator's judge; a few things that only a case can know (it provoked them) it notes itself.
Where a batch that a client may choke on ends with the end of the chat, a client that lost the batch polls on: so the
loss shows whatever else the client shows of itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve, field, frozen

from statemachine.emulator.actions import (
    Conclude,
    JoinParty,
    LeaveParty,
    Raw,
    Say,
    SetStatus,
)
from statemachine.emulator.knobs import Fault, Knobs
from statemachine.emulator.steps import Scenario

from . import plays
from .plays import Play

__all__ = ["CASES", "SILENT", "Case"]

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


def _knobs(**more: Any) -> Knobs:
    return evolve(_QUICK, **more)


def _as(rule: str) -> dict[str, str]:
    return {"F1": rule, "F37": rule}


CASES: Final[tuple[Case, ...]] = (
    *(Case(name, ("F1",), f"the chat is over: {name}", plays.ends_with(act)) for name, act in plays.ENDS),
    Case("plain", ("F5",), "a whole chat without trouble", plays.plain(), orders=True),
    Case("errors", ("F3", "F5"), "a few errors on the poll, of every kind", plays.errors, seconds=25),
    Case("page", ("F5", "F24"), "a proxy's error page", plays.page, seconds=12),
    Case(
        "waiting-time",
        ("F6",),
        "a waiting time that is empty, missing, a number",
        plays.odd(
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
        plays.odd(
            "F7",
            plays.message(1, timestamp=1_700_000_000_000),
            plays.message(2, timestamp="1700000000000"),
            plays.message(3, timestamp=1_700_000_000),
            plays.message(4),
            plays.message(5, timestamp="soon"),
        ),
        reads_as=_as("F7"),
    ),
    Case(
        "new-state",
        ("F8",),
        "a chat that is being established",
        plays.new_state,
        _knobs(initial_state="establishing"),
        _as("F8"),
    ),
    Case(
        "new-values",
        ("F8",),
        "a state and a party type that nobody has heard of",
        plays.odd("F8", SetStatus("pondering"), JoinParty("ghost", type="hologram"), JoinParty("ada", type="msteams")),
        reads_as=_as("F8"),
    ),
    Case(
        "unknown-event",
        ("F9",),
        "an event of an unknown name",
        plays.odd("F9", Raw({"event": "chat_session_weather", "outlook": "mild"}), plays.message(1)),
        reads_as=_as("F9"),
    ),
    Case(
        "malformed-event",
        ("F9",),
        "entries that are broken",
        plays.odd(
            "F9",
            Raw({"event": 5}),
            Raw({}),
            Raw({"event": "chat_session_message", "msg": {"no": "text"}}),
            plays.message(1),
        ),
        reads_as=_as("F9"),
    ),
    *(
        Case(
            f"empty-{style}",
            ("F10",),
            f"no events, as {style}",
            plays.stays_quiet,
            _knobs(empty_style=style),
            _as("F10"),
        )
        for style in ("array", "no_body", "code_5511")
    ),
    Case("two-texts", ("F11",), "two texts have two ids", plays.two_texts, orders=True),
    Case(
        "says-after-restart", ("F11",), "an id is not used again after a restart", plays.says_after_restart, orders=True
    ),
    Case("lost-reply", ("F12",), "a text arrives and its answer is lost", plays.lost_reply, orders=True, seconds=20),
    Case(
        "lost-by-error",
        ("F12",),
        "a text arrives and is answered with an error",
        plays.lost_error,
        orders=True,
        seconds=20,
    ),
    Case("own-echo", ("F15",), "its own words come back", plays.own_echo, _knobs(own_echo=True), orders=True),
    Case(
        "history",
        ("F16",),
        "what it read before it was started again",
        plays.history,
        reads_as={"F15": "F16"},
        orders=True,
    ),
    Case("one-second", ("F18",), "three messages of one second", plays.one_second, reads_as=_as("F18")),
    Case("order", ("F19",), "six texts, one after the other", plays.order, orders=True),
    Case("scattered-errors", ("F20",), "single errors, each followed by a success", plays.scattered, seconds=40),
    Case(
        "long-hold",
        ("F21", "F23"),
        "nothing happens: polls are held for 15 s",
        plays.long_hold,
        _knobs(hold_ms=15_000),
        seconds=62,
    ),
    Case("foreground", ("F22",), "to the background and back", plays.foreground, _knobs(hold_ms=4_000), orders=True),
    Case(
        "error-first",
        ("F24",),
        "the answer to its first request is an error",
        plays.not_opened,
        _knobs(faults=(Fault("create", 5001), Fault("create", status=502, html=True))),
    ),
    Case("stages", ("F26",), "all that comes before an agent is there", plays.stages),
    Case(
        "refused",
        ("F27",),
        "the app id is refused",
        plays.refused,
        _knobs(faults=(Fault("create", 3000, times=1_000),)),
        seconds=14,
    ),
    Case(
        "first-text",
        ("F28",),
        "the chat cannot be opened at first",
        plays.first_text,
        _knobs(faults=(Fault("create", 5001),)),
        orders=True,
    ),
    Case("restart", ("F29", "F22"), "it is started again", plays.restart, seconds=10),
    Case("leaves", ("F30",), "the user leaves", plays.leaves, orders=True),
    Case("prompt", ("F31",), "a question of the scenario", plays.prompt, orders=True),
    Case("form", ("F31",), "a form is answered, and once more", plays.form, orders=True),
    Case(
        "types",
        ("F32",),
        "the user begins to type, and goes away",
        plays.types,
        _knobs(judge_typing_ms=20_000),
        orders=True,
        seconds=30,
    ),
    Case(
        "strangers",
        ("F33",),
        "parties come, go and speak without having been announced",
        plays.odd(
            "F33",
            LeaveParty("nobody"),
            Raw({"event": "chat_session_party_left"}),
            Say("I am new here.", party="stranger"),
            Raw({"event": "chat_session_typing"}),
        ),
        reads_as=_as("F33"),
    ),
    Case("instant", ("F34",), "polls are answered at once", plays.instant, _knobs(hold_ms=0)),
    Case(
        "second-chat",
        ("F37", "F1"),
        "a new chat after the end of the first",
        plays.second_chat,
        orders=True,
        seconds=14,
    ),
    Case(
        "after-the-end", ("F37",), "the user writes when the chat is over", plays.after_the_end, orders=True, seconds=14
    ),
    Case("whole-batch", ("F38",), "a batch of many things", plays.whole_batch, reads_as=_as("F38")),
)
