"""The demo's chat, line by line, for readers who see a chat for the first time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from statemachine.adapters.protocols import HandledEvent
from statemachine.durations import duration_words
from statemachine.replay.words import PartyNames, entry_words
from statemachine.scripted import EntrySent, PlayEvent, StepExecuted
from statemachine.scripted.events import ProcessKilled, ProcessStarted
from statemachine.scripted.script import CallStep

from .. import core
from ..core.wire import Message
from .screen import PHASE_WIDTH, Piece, Screen, phase_style
from .text import clipped, visible

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
_DELIVERIES: Final[Mapping[str, tuple[str, str]]] = {
    "sent": ("✓ sent", "the centre has it"),
    "delivered": ("✓ delivered", "on {who}'s screen"),
    "read": ("✓ read", "{who} saw it"),
    "failed": ("✗ not sent", "reported, never silently lost"),
}
_CONNECTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "backing_off": ("trouble on the line", "waits, then catches up"),
    "blocked": ("refused", "the client waits for other credentials"),
    "polling": ("the line is good again", "all caught up"),
}


class Story:
    """Prints one chat on a screen (None: on none), and keeps what is compared with the centre's log.

    ``trace`` receives each step of the engine.
    """

    def __init__(self, screen: Screen | None, trace: Callable[[HandledEvent], None] = lambda _: None) -> None:
        self._screen: Final = screen
        self._trace: Final = trace
        self._start: Final = time.monotonic()
        self._names: Final = PartyNames()
        self._phase = ""
        self._engine_phase = ""
        self._roster: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._troubled = False
        self._killed = False
        self._states: dict[str, set[str]] = {"sent": set(), "delivered": set(), "read": set()}
        self.transcript: list[tuple[str, str]] = []
        """(name, text), in the order of the story."""
        self.texts: list[str] = []
        """Sent by the customer."""
        self.received: list[str] = []
        """Ids of the messages of others."""

    def count(self, state: str) -> int:
        """Number of own texts that have reached this state: sent, delivered or read."""
        return len(self._states[state] & self._texts.keys())

    # --- lines ------------------------------------------------------------------------------------------------------

    def line(self, who: str, what: str, meaning: str = "", style: str = "") -> None:
        """One line: the time, the phase, the name, what happens, and what it means."""
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

    def aside(self, text: str, style: str = "bold magenta") -> None:
        """Something about the processes, not about the chat."""
        if self._screen is not None:
            self._screen.line((f"{time.monotonic() - self._start:5.1f}s ", "dim"), (text, style), indent=7)

    def __call__(self, event: PlayEvent) -> None:
        match event:
            case HandledEvent():
                self._tell_step(event)
            case EntrySent(kind="text"):
                self._tell_sent(event.item, event.text)
            case StepExecuted(step=CallStep(name="end")):
                self._phase = self._engine_phase
                self.line("you", "end the chat", "waits for the centre's answer")
            case ProcessStarted(pid) if self._killed:
                self.aside(f"▸ started again as process {pid}, with the same file")
            case ProcessStarted(pid):
                self.aside(f"the client is a process of its own ({pid}); it keeps the chat in a SQLite file", "dim")
            case ProcessKilled(pid):
                self._killed = True
                self.aside(f"✗ process {pid} is killed (SIGKILL), with “{self.texts[-1]}” on its way")
            case _:
                self._tell_update(event)

    def _tell_sent(self, item: str, text: str) -> None:
        self._phase = self._phase or self._engine_phase
        first = not self._texts
        if first:
            self.line("you", "ask for a chat", "the request is on its way")
        self._texts[item] = text
        self.texts.append(text)
        self.transcript.append(("you", text))
        self.line("you", f"“{text}”", "waits for the chat" if first else "")

    def _tell_step(self, step: HandledEvent) -> None:
        self._trace(step)
        self._engine_phase = step.after.phase
        if isinstance(step.event, core.Answered) and isinstance(step.event.reply, core.Failure):
            failed = next((command for command in core.outbox(step.before) if command.id == step.event.command), None)
            if isinstance(failed, core.Post) and failed.item in self._texts:
                text = f"no answer: “{clipped(self._texts[failed.item], 15)}”"
                self.line("client", text, "did it arrive? asks the history first", "yellow")

    # --- updates ----------------------------------------------------------------------------------------------------

    def _tell_update(self, update: PlayEvent) -> None:
        match update:
            case core.PhaseChanged():
                self._tell_phase(update)
            case core.RosterChanged():
                self._tell_roster(update)
            case core.TypingChanged():
                for party in update.parties:
                    self.line(self._who(party), "types…")
            case core.ConnectionChanged():
                self._tell_connection(update)
            case core.Received():
                self._tell_received(update)
            case core.DeliveryUpdate():
                self._tell_delivery(update)
            case core.Finished():
                self._phase = update.phase
                said = f": “{update.text}”" if update.text else ""
                meaning = f"outcome {update.outcome}{_AFTER.get(update.outcome, '')}"
                self.line("centre", _OUTCOMES[update.outcome] + said, meaning)
            case core.HistoryGap():
                self.line("client", "something may be missing here", "the log does not reach back far enough")
            case _:
                pass

    def _tell_phase(self, update: core.PhaseChanged) -> None:
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

    def _tell_roster(self, update: core.RosterChanged) -> None:
        now = {party_id: name or kind for party_id, kind, name in update.parties}
        agents = {party_id for party_id, kind, _ in update.parties if kind != "scenario"}
        for party_id, name in now.items():
            if party_id not in self._roster and party_id in agents:
                transfer = any(name != other for other in self._roster.values())
                meaning = "a transfer: a second agent" if transfer else "now you talk to a person"
                self.line(_first(name), f"{name} joins", meaning)
        for party_id, name in self._roster.items():
            if party_id not in now:
                self.line(_first(name), f"{name} leaves", "that does not end the chat")
        self._roster = now

    def _tell_connection(self, update: core.ConnectionChanged) -> None:
        trouble = update.state in ("backing_off", "blocked")
        if update.state in _CONNECTIONS and trouble != self._troubled:
            code = f" ({update.code})" if update.code else ""
            what, meaning = _CONNECTIONS[update.state]
            self.line("client", what + code, meaning, "yellow" if trouble else "")
        self._troubled = trouble

    def _tell_received(self, update: core.Received) -> None:
        who, what = entry_words(update.entry, self._names)
        party = getattr(update.entry, "party_id", "")
        who = self._who(party) if party else who
        if isinstance(update.entry, Message):
            what = f"“{update.entry.text}”"
            self.transcript.append((who, update.entry.text))
            if not update.own:
                self.received.append(update.entry.msg_id)
        meaning = "answer, or the chat is closed" if self._phase == "warned" and not party else ""
        self.line(who, what, "late" if update.late else meaning)

    def _tell_delivery(self, update: core.DeliveryUpdate) -> None:
        if update.state in self._states:
            self._states[update.state].add(update.item)
        text = self._texts.get(update.item)
        if text is None:  # no message: the end, a disconnect
            return
        what, meaning = _DELIVERIES[update.state]
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
