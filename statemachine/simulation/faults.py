"""What can go wrong in a world, by label, and which of it exists in one run.

Uniform mixing makes every run the same soup; so each run first draws which faults exist in it at all, and how often
they strike (a *swarm*). Every label is also the key under which a run counts what it injected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from attrs import frozen

from statemachine.core.commands import (
    Command,
    CreateChat,
    FindChat,
    Poll,
    Post,
    PostCourtesy,
    ReadHistory,
    Upload,
)
from statemachine.emulator.knobs import Call

from .choices import Choices

__all__ = ["CALLS", "FATES", "LABELS", "ErrorFault", "Fate", "Faults", "NetworkFate"]

NetworkFate: TypeAlias = Literal[
    "deliver", "unsent", "request_lost", "request_late", "response_lost", "response_late", "response_twice", "poll_cut",
    "replayed", "empty_body",
]  # fmt: skip


@frozen
class ErrorFault:
    """An error answer. `status` None: the code's usual one. `accepted`: the server has acted all the same."""

    code: int = 5001
    status: int | None = None
    html: bool = False
    drop: bool = False
    accepted: bool = False
    retry_after_s: int | None = None


Fate: TypeAlias = NetworkFate | ErrorFault

CALLS: Final[dict[type[Command], Call]] = {
    CreateChat: "create",
    FindChat: "active",
    Poll: "poll",
    ReadHistory: "history",
    Post: "send",
    PostCourtesy: "send",
    Upload: "upload",
}
"""Command -> what the emulator calls it."""

_ANY: Final[tuple[type[Command], ...]] = tuple(CALLS)
_OF_CHAT: Final = (Poll, ReadHistory, Post, PostCourtesy)
_OUTAGES: Final = (5_000, 30_000, 120_000)

FATES: Final[dict[str, tuple[Fate, tuple[type[Command], ...]]]] = {
    "request lost": ("request_lost", _ANY),
    "request late": ("request_late", _ANY),
    "never left": ("unsent", _ANY),
    "response lost": ("response_lost", _ANY),
    "response late": ("response_late", _ANY),
    "response twice": ("response_twice", _ANY),
    "poll cut": ("poll_cut", (Poll,)),
    "batch replayed": ("replayed", (Poll,)),
    "empty body": ("empty_body", (CreateChat, FindChat, Upload, Post, PostCourtesy)),
    "5509": (ErrorFault(5509), (Poll,)),
    "429": (ErrorFault(5509, 429, html=True), _ANY),
    "429 with Retry-After": (ErrorFault(5509, 429, retry_after_s=20), _ANY),
    "5xx with code": (ErrorFault(5001), _ANY),
    "5xx with code, accepted": (ErrorFault(5004, accepted=True), _ANY),
    "5xx limited": (ErrorFault(5500), _ANY),
    "503 with Retry-After": (ErrorFault(5001, 503, retry_after_s=20), _ANY),
    "5xx page": (ErrorFault(5001, 502, html=True), _ANY),
    "5xx page, accepted": (ErrorFault(5001, 504, html=True, accepted=True), _ANY),
    "dropped": (ErrorFault(drop=True), _ANY),
    "dropped, accepted": (ErrorFault(drop=True, accepted=True), _ANY),
    "401": (ErrorFault(2000, 401), (*_OF_CHAT, Upload)),
    "403 page": (ErrorFault(2000, 403, html=True), _OF_CHAT),
    "400 page": (ErrorFault(5003, 400, html=True), (Poll, ReadHistory, Post, PostCourtesy)),
    "404 of the entry": (ErrorFault(5006), _OF_CHAT),
    "refused to open": (ErrorFault(3000), (CreateChat, FindChat)),
    "no events code": (ErrorFault(5511, 404), (Poll,)),
    "upload too large": (ErrorFault(5501), (Upload,)),
    "file error": (ErrorFault(5558), (Upload,)),
}
"""Fault of a call -> what happens, and to which commands."""

LABELS: Final[tuple[str, ...]] = (
    *FATES,
    "outage",
    "abort too late",
    "slow network",
    "slow store",
    "store fails",
    "store lost",
    "crash unsaved",
    "crash saved",
    "crash executed",
    "crash answered",
    "crash told",
    "crash between",
    "clock steps back",
    "clock steps forward",
    "half-open connection",
    "adapter late",
    "adapter asleep",
    "background",
    "agent at random",
    "two at once",
    "odd entries",
    "end by server",
    "forgotten",
    "end while opening",
    "end by customer",
    "disconnect",
    "files and forms",
)
"""Every fault, and every habit of people that a run may have or not."""

_STRENGTHS: Final = (20, 60, 200)
"""How often a fault strikes, of a thousand occasions; drawn for the whole run."""


class Faults:
    """The faults of one run. Outside the faulty stage nothing strikes."""

    def __init__(self, choices: Choices, only: Sequence[str] | None = None) -> None:
        self._choices = choices
        self.injected: Final[Counter[str]] = Counter()
        self.on = True
        self._outage: tuple[int, str] | None = None
        drawn = {label: choices.choose("swarm", (3, 2)) for label in LABELS}
        self.enabled: Final = frozenset(label for label in LABELS if (drawn[label] if only is None else label in only))
        self.strength: Final = _STRENGTHS[choices.choose("strength", (2, 2, 1))]

    def strikes(self, label: str, scale: float = 1.0) -> bool:
        """Whether this fault happens now. `scale`: how much more or less likely than others."""
        if not self.on or label not in self.enabled:
            return False
        if not self._choices.chance(label, int(self.strength * scale)):
            return False
        self.injected[label] += 1
        return True

    def has(self, label: str) -> bool:
        """Whether this habit exists in this run, and the run is still in its faulty stage."""
        return self.on and label in self.enabled

    def fate(self, command: Command, now: int) -> Fate:
        """What becomes of this call; at most one fault each. In an outage, the same becomes of all calls of a kind."""
        kind = type(command)
        if not self.on:
            return "deliver"
        if self._outage is not None and self._outage[0] > now:
            return self._strike(self._outage[1]) if kind in FATES[self._outage[1]][1] else "deliver"
        labels = [label for label in self._of(kind) if label in self.enabled]
        if not labels or not self._choices.chance("call fails", self.strength):
            return "deliver"
        label = labels[self._choices.amount("which fault", len(labels) - 1)]
        if self.strikes("outage", 2.0):
            self._outage = now + _OUTAGES[self._choices.choose("how long", (3, 3, 1))], label
        return self._strike(label)

    def _strike(self, label: str) -> Fate:
        self.injected[label] += 1
        return FATES[label][0]

    def _of(self, command: type[Command]) -> list[str]:
        return [label for label, (_, commands) in FATES.items() if command in commands]
