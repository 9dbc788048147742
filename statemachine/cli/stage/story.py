"""The story: news as an application gets it, told line by line to somebody who sees a chat for the first time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final, TypeAlias

from statemachine.codec.text import shown
from statemachine.replay.words import Names, duration_words, entry_words

from ...core import (
    ConnectionChanged,
    DeliveryUpdate,
    Finished,
    HistoryGap,
    PhaseChanged,
    Received,
    RosterChanged,
    StatusUpdate,
    TranscriptUpdate,
    TypingChanged,
)
from ...core.wire import Message
from ..screen import PHASE_WIDTH, Piece, Screen, phase_style
from ..text import clipped, visible

__all__ = ["Story", "Update"]

Update: TypeAlias = TranscriptUpdate | StatusUpdate

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

    def tell(self, updates: Update) -> None:
        """One piece of news."""
        match updates:
            case PhaseChanged():
                self._tell_phase(updates)
            case RosterChanged():
                self._tell_roster(updates)
            case TypingChanged():
                for party in updates.parties:
                    self.line(self._who(party), "types…")
            case ConnectionChanged():
                self._emit_connection(updates)
            case Received():
                self._tell_received(updates)
            case DeliveryUpdate():
                self._tell_progress(updates)
            case Finished():
                self._phase = updates.phase
                said = f": “{updates.text}”" if updates.text else ""
                meaning = f"outcome {updates.outcome}{_AFTER.get(updates.outcome, '')}"
                self.line("centre", _OUTCOMES[updates.outcome] + said, meaning)
            case HistoryGap():
                self.line("client", "something may be missing here", "the log does not reach back far enough")
            case _:
                pass

    def _tell_phase(self, update: PhaseChanged) -> None:
        before, self._phase = self._phase, update.phase
        if update.phase == "queued" and update.ewt is not None:
            what = "queue, still" if before == "queued" else "queue"
            self.line("centre", f"{what}: about {duration_words(update.ewt)} to wait", "its estimate")
        elif before == "warned" and update.phase in _PHASES:
            self.line("centre", "takes the warning back", "you answered in time")
        elif update.phase in _PHASES:
            what, meaning = _PHASES[update.phase]
            if what and update.phase != before:
                self.line("centre", what, meaning)

    def _tell_roster(self, updates: RosterChanged) -> None:
        now = {party_id: name or kind for party_id, kind, name in updates.parties}
        agents = {party_id for party_id, kind, _ in updates.parties if kind != "scenario"}
        for party_id, name in now.items():
            if party_id not in self._roster and party_id in agents:
                transfer = any(name != other for other in self._roster.values())
                meaning = "a transfer: a second agent" if transfer else "now you talk to a person"
                self.line(_first(name), f"{name} joins", meaning)
        for party_id, name in self._roster.items():
            if party_id not in now:
                self.line(_first(name), f"{name} leaves", "that does not end the chat")
        self._roster = now

    def _emit_connection(self, update: ConnectionChanged) -> None:
        trouble = update.state in ("backing_off", "blocked")
        if update.state in _LINKS and trouble != self._trouble:
            code = f" ({update.code})" if update.code else ""
            what, meaning = _LINKS[update.state]
            self.line("client", what + code, meaning, "yellow" if trouble else "")
        self._trouble = trouble

    def _tell_received(self, update: Received) -> None:
        who, what = entry_words(update.entry, self._names)
        party = getattr(update.entry, "party_id", "")
        who = self._who(party) if party else who
        if isinstance(update.entry, Message):
            what = f"“{shown(update.entry)}”"
            self.transcript.append((who, shown(update.entry)))
        meaning = "answer, or the chat is closed" if self._phase == "warned" and not party else ""
        self.line(who, what, "late" if update.late else meaning)

    def _tell_progress(self, update: DeliveryUpdate) -> None:
        text = self._texts.get(update.item)
        if text is None:  # no message: the end, a disconnect
            return
        what, meaning = _PROGRESS[update.state]
        who = self._who(update.party_id) if update.party_id else "somebody"
        reason = f" ({update.reason})" if update.reason else ""
        self.line("", f"{what}{reason}: “{clipped(text, 15)}”", meaning.format(who=who), "dim")

    def _who(self, party_id: str) -> str:
        """The first name of a party, as people call each other."""
        for known, name in self._roster.items():
            if known.lower() == party_id.lower():
                return _first(name)
        return _BOT


def _first(name: str) -> str:
    return name.partition(" ")[0]
