"""The story: news as an application gets it, told line by line to somebody who sees a chat for the first time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final, TypeAlias

from statemachine import (
    Finished,
    HistoryGap,
    Level,
    LinkChanged,
    PhaseChanged,
    Progress,
    Received,
    RosterChanged,
    Transcript,
    TypingChanged,
)
from statemachine.codec.text import shown
from statemachine.replay.words import Names, duration_words, entry_words
from statemachine.wire import Message

from ..screen import PHASE_WIDTH, Piece, Screen, phase_style
from ..text import clipped, visible

__all__ = ["News", "Story"]

News: TypeAlias = Transcript | Level

_WHO: Final = 8
_INDENT: Final = 7 + PHASE_WIDTH + 2 + _WHO + 2
_BOT: Final = "bot"

_PHASES: Final[Mapping[str, tuple[str, str]]] = {
    "requesting": ("", ""),
    "establishing": ("opens the chat", "it has an id now"),
    "ivr": ("takes the chat", "no person is there yet"),
    "queued": ("puts you into the queue", "waiting for an agent"),
    "connecting": ("connects an agent", "one was found"),
    "connected": ("says connected", "the agent is about to join"),
    "agent_joined": ("", ""),
    "wrapping_up": ("", "the conversation is over, the chat open"),
    "ending": ("", ""),
}
"""Phase -> (what the centre does, what it means)."""
_OUTCOMES: Final[Mapping[str, str]] = {
    "ended": "closes the chat: it ended in good order",
    "completed": "completes the chat",
    "failed": "says that the chat has failed: no agent can be had",
    "refused": "refuses the chat",
    "gave_up": "does not answer: given up",
    "timed_out": "closes the chat: you were silent for too long",
    "gone": "does not know the chat any more (404)",
}
_AFTER: Final[Mapping[str, str]] = {"gone": ": a new one may be started"}
_PROGRESS: Final[Mapping[str, tuple[str, str]]] = {
    "sent": ("✓ sent", "the centre has it"),
    "delivered": ("✓ delivered", "on {who}'s screen"),
    "read": ("✓ read", "{who} saw it"),
    "failed": ("✗ not sent", "reported, never silently lost"),
}
_LINKS: Final[Mapping[str, tuple[str, str]]] = {
    "backing_off": ("trouble on the line", "waits, then catches up"),
    "blocked": ("refused", "the client waits for other credentials"),
    "polling": ("the line is good again", "all caught up"),
}


class Story:
    """Tells what happens, on a screen (none: it only keeps count)."""

    def __init__(self, screen: Screen | None) -> None:
        self._screen: Final = screen
        self._start: Final = time.monotonic()
        self._names: Final = Names()
        self._phase = ""
        self._roster: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._trouble = False
        self.transcript: list[tuple[str, str]] = []
        """(who, text), in the order of the story."""

    # --- lines ------------------------------------------------------------------------------------------------------

    def line(self, who: str, what: str, meaning: str = "", style: str = "") -> None:
        """One line: when, the phase, who, what, and what it means."""
        if self._screen is None:
            return
        pieces: list[Piece] = [
            (f"{time.monotonic() - self._start:5.1f}s ", "dim"),
            (f"{self._phase:<{PHASE_WIDTH}}  ", phase_style(self._phase)),
            (f"{clipped(visible(who), _WHO):<{_WHO}}  ", "bold"),
            (what, style),
        ]
        if meaning:
            pieces.append((f" · {meaning}", "dim"))
        self._screen.line(*pieces, indent=_INDENT)

    def title(self, text: str, about: str) -> None:
        """The head line."""
        if self._screen is not None:
            self._screen.line((text, "bold"), (f" · {about}", "dim"), indent=2)
            self._screen.line()

    def aside(self, text: str, style: str = "bold magenta") -> None:
        """Something that happens to the stage itself."""
        if self._screen is not None:
            self._screen.line((f"{time.monotonic() - self._start:5.1f}s ", "dim"), (text, style), indent=7)

    def does(self, what: str, phase: str, meaning: str = "") -> None:
        """The customer does something; the phase is this one then."""
        self._phase = phase
        self.line("you", what, meaning)

    def says(self, text: str, item: str = "", meaning: str = "") -> None:
        """The customer sends a text."""
        self._texts.setdefault(item, text)
        self.transcript.append(("you", text))
        self.line("you", f"“{text}”", meaning)

    def enters(self, phase: str) -> None:
        """The session is in this phase, which the news will tell in their turn."""

    def doubts(self, item: str) -> None:
        """The answer to a text did not come."""
        if item in self._texts:
            text = f"no answer: “{clipped(self._texts[item], 15)}”"
            self.line("client", text, "did it arrive? asks the history first", "yellow")

    # --- news -------------------------------------------------------------------------------------------------------

    def tell(self, news: News) -> None:
        """One piece of news."""
        match news:
            case PhaseChanged():
                self._tell_phase(news)
            case RosterChanged():
                self._tell_roster(news)
            case TypingChanged():
                for party in news.parties:
                    self.line(self._who(party), "types…")
            case LinkChanged():
                self._tell_link(news)
            case Received():
                self._tell_received(news)
            case Progress():
                self._tell_progress(news)
            case Finished():
                self._phase = news.phase
                said = f": “{news.text}”" if news.text else ""
                meaning = f"outcome {news.outcome}{_AFTER.get(news.outcome, '')}"
                self.line("centre", _OUTCOMES[news.outcome] + said, meaning)
            case HistoryGap():
                self.line("client", "something may be missing here", "the log does not reach back far enough")
            case _:
                pass

    def _tell_phase(self, news: PhaseChanged) -> None:
        before, self._phase = self._phase, news.phase
        if news.phase == "queued" and news.ewt is not None:
            what = "queue, still" if before == "queued" else "queue"
            self.line("centre", f"{what}: about {duration_words(news.ewt)} to wait", "its estimate")
        elif before == "warned" and news.phase in _PHASES:
            self.line("centre", "takes the warning back", "you answered in time")
        elif news.phase in _PHASES:
            what, meaning = _PHASES[news.phase]
            if what and news.phase != before:
                self.line("centre", what, meaning)

    def _tell_roster(self, news: RosterChanged) -> None:
        now = {party_id: name or kind for party_id, kind, name in news.parties}
        agents = {party_id for party_id, kind, _ in news.parties if kind != "scenario"}
        for party_id, name in now.items():
            if party_id not in self._roster and party_id in agents:
                transfer = any(name != other for other in self._roster.values())
                meaning = "a transfer: a second agent" if transfer else "now you talk to a person"
                self.line(_first(name), f"{name} joins", meaning)
        for party_id, name in self._roster.items():
            if party_id not in now:
                self.line(_first(name), f"{name} leaves", "that does not end the chat")
        self._roster = now

    def _tell_link(self, news: LinkChanged) -> None:
        trouble = news.state in ("backing_off", "blocked")
        if news.state in _LINKS and trouble != self._trouble:
            code = f" ({news.code})" if news.code else ""
            what, meaning = _LINKS[news.state]
            self.line("client", what + code, meaning, "yellow" if trouble else "")
        self._trouble = trouble

    def _tell_received(self, news: Received) -> None:
        who, what = entry_words(news.entry, self._names)
        party = getattr(news.entry, "party_id", "")
        who = self._who(party) if party else who
        if isinstance(news.entry, Message):
            what = f"“{shown(news.entry)}”"
            self.transcript.append((who, shown(news.entry)))
        meaning = "answer, or the chat is closed" if self._phase == "warned" and not party else ""
        self.line(who, what, "late" if news.late else meaning)

    def _tell_progress(self, news: Progress) -> None:
        text = self._texts.get(news.item)
        if text is None:  # no message: the end, a disconnect
            return
        what, meaning = _PROGRESS[news.state]
        who = self._who(news.party_id) if news.party_id else "somebody"
        reason = f" ({news.reason})" if news.reason else ""
        self.line("", f"{what}{reason}: “{clipped(text, 15)}”", meaning.format(who=who), "dim")

    def _who(self, party_id: str) -> str:
        """The first name of a party, as people call each other."""
        for known, name in self._roster.items():
            if known.lower() == party_id.lower():
                return _first(name)
        return _BOT


def _first(name: str) -> str:
    return name.partition(" ")[0]
