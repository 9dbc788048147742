"""What can go wrong in a world, by domain and label, and which of it exists in one run.

Uniform mixing makes every run the same soup; so each run first draws which domains of faults exist in it at all, which
faults of those, and how often they strike (a *swarm*). Every label is also the key under which a run counts it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from attrs import evolve, frozen

from statemachine.core.commands import (
    Command,
    CreateChat,
    FindChat,
    Poll,
    Post,
    PostEphemeral,
    ReadHistory,
    Upload,
)
from statemachine.core.tables.reactions import CODES
from statemachine.emulator.knobs import Call

from .choices import Choices

__all__ = ["CALLS", "DOMAINS", "FATES", "LABELS", "STRIKES", "ErrorFault", "Fate", "Faults", "NetworkFate", "labels_of"]

NetworkFate: TypeAlias = Literal[
    "deliver", "unsent", "request_lost", "request_late", "response_lost", "response_late", "response_twice", "poll_cut",
    "replayed", "overlapping", "reordered", "empty_body", "empty_log", "over_already",
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
    PostEphemeral: "send",
    Upload: "upload",
}
"""Command -> what the emulator calls it."""

_ANY: Final[tuple[type[Command], ...]] = tuple(CALLS)
_OF_CHAT: Final = (Poll, ReadHistory, Post, PostEphemeral)
_OPENING: Final = (CreateChat, FindChat)
_OFTEN: Final[dict[type[Command], int]] = {CreateChat: 5, FindChat: 5, Upload: 8, ReadHistory: 5, PostEphemeral: 2}
"""How much more often calls fail that are made but a few times in a life."""
_NOT_POSTS: Final = (CreateChat, FindChat, Poll, ReadHistory, Upload)
_OUTAGES: Final = (5_000, 30_000, 120_000)

_NETWORK: Final[dict[str, tuple[Fate, tuple[type[Command], ...]]]] = {
    "request lost": ("request_lost", _ANY),
    "request late": ("request_late", _ANY),
    "never left": ("unsent", _ANY),
    "response lost": ("response_lost", _ANY),
    "response late": ("response_late", _ANY),
    "response twice": ("response_twice", _ANY),
    "poll cut": ("poll_cut", (Poll,)),
}
_BATCHES: Final[dict[str, tuple[Fate, tuple[type[Command], ...]]]] = {
    "batch replayed": ("replayed", (Poll,)),
    "batch overlapping": ("overlapping", (Poll,)),
    "batch reordered": ("reordered", (Poll,)),
    "empty body": ("empty_body", (CreateChat, FindChat, Upload, Post, PostEphemeral)),
    "empty log": ("empty_log", (ReadHistory,)),
    "over already": ("over_already", _OPENING),
}
_ERRORS: Final[dict[str, tuple[Fate, tuple[type[Command], ...]]]] = {
    "error code": (ErrorFault(), (*_OF_CHAT, Upload)),
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
    "400 page": (ErrorFault(5003, 400, html=True), _OF_CHAT),
    "404 of the entry": (ErrorFault(5006), _OF_CHAT),
    "refused to open": (ErrorFault(3000), _OPENING),
    "refused to open by a page": (ErrorFault(5003, 400, html=True), _OPENING),
    "no such interface": (ErrorFault(5006, 404, html=True), (CreateChat, Upload)),
    "no events code": (ErrorFault(5511, 404), _NOT_POSTS),
    "no events code, accepted": (ErrorFault(5511, accepted=True), (Post, PostEphemeral)),
    "upload too large": (ErrorFault(5501), (Upload,)),
    "file error": (ErrorFault(5558), (Upload,)),
}
FATES: Final = {**_NETWORK, **_BATCHES, **_ERRORS}
"""Fault of a call -> what happens, and to which commands."""

_SPOKEN: Final = tuple(code for code in CODES if code not in (5005, 5511))
"""The codes that any call of a chat may meet. 5005 is told by a centre that has lost a chat ("forgotten"), and 5511 has
labels of its own: whoever answers a post so has taken it.
"""

DOMAINS: Final[dict[str, tuple[str, ...]]] = {
    "network": (
        *_NETWORK,
        "outage",
        "abort too late",
        "slow network",
        "slow history",
        "answer lost while reading",
        "half-open connection",
    ),
    "errors": tuple(_ERRORS),
    "batches": (*_BATCHES, "pushed entries"),
    "entries": ("odd entries", "malformed entries", "out of place", "word after the end"),
    "clock": ("clock steps back", "clock steps forward", "clock set back", "clock stands still"),
    "adapter": ("adapter late", "adapter asleep"),
    "store": ("slow store", "store fails", "store stale", "store lost"),
    "process": (
        "crash unsaved",
        "crash saved",
        "crash executed",
        "crash answered",
        "crash told",
        "crash between",
    ),
    "server": ("server restarts", "forgotten", "end by server"),
    "devices": ("second device", "second device first", "second device polls", "second device ends"),
    "people": (
        "background",
        "agent at random",
        "two at once",
        "end while opening",
        "end by customer",
        "disconnect",
        "files and forms",
        "everything at once",
        "at the turn",
    ),
}
"""Domain -> its faults, and the habits of people that a run may have or not."""

LABELS: Final = tuple(label for labels in DOMAINS.values() for label in labels)
STRIKES: Final = (
    *(label for label in LABELS if label != "error code"),
    *(f"code {code}" for code in _SPOKEN),
)
"""Everything that a sweep should have seen strike at least once."""

_STRENGTHS: Final = (20, 60, 200)
"""How often a fault strikes, of a thousand occasions; drawn for the whole run."""


def labels_of(names: Sequence[str]) -> tuple[str, ...]:
    """The labels that these names of domains and faults stand for. Raises ValueError that names an unknown one."""
    for name in names:
        if name not in DOMAINS and name not in LABELS:
            raise ValueError(f"{name!r} is no fault and no domain of faults; domains: {', '.join(DOMAINS)}")
    return tuple(label for name in names for label in DOMAINS.get(name, (name,)))


class Faults:
    """The faults of one run. Outside the faulty stage nothing strikes. `only`: these labels, instead of a swarm.

    `injected` counts what went wrong, `lived` what people did and how slow things were.
    """

    def __init__(self, choices: Choices, only: Sequence[str] | None = None) -> None:
        self._choices = choices
        self.injected: Final[Counter[str]] = Counter()
        self.lived: Final[Counter[str]] = Counter()
        self.on = True
        self._outage: tuple[int, str] | None = None
        domains = {domain for domain in DOMAINS if choices.choose("domain", (1, 4))}
        drawn = {
            label
            for domain, labels in DOMAINS.items()
            for label in labels
            if choices.choose("swarm", (1, 3) if label == "at the turn" else (1, 1)) and domain in domains
        }
        chosen = drawn if only is None else set(only)
        self.enabled: Final = frozenset(label for label in LABELS if label in chosen)
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

    def lives(self, label: str) -> bool:
        """The same, and it is counted: it is being lived now."""
        if not self.has(label):
            return False
        self.lived[label] += 1
        return True

    def fate(self, command: Command, now: int) -> Fate:
        """What becomes of this call; at most one fault each. In an outage, the same becomes of all calls of a kind."""
        kind = type(command)
        if not self.on:
            return "deliver"
        if self._outage is not None and self._outage[0] > now:
            return self._strike(self._outage[1]) if kind in FATES[self._outage[1]][1] else "deliver"
        labels = [label for label in self._of(kind) if label in self.enabled]
        often = _OFTEN.get(kind, 1)
        if not labels or not self._choices.chance("call fails", self.strength * often):
            return "deliver"
        label = labels[self._choices.choose("which fault", [_weight(label) for label in labels])]
        if self.strikes("outage", 3.0):
            self._outage = now + _OUTAGES[self._choices.choose("how long", (3, 3, 1))], label
        return self._strike(label)

    def _strike(self, label: str) -> Fate:
        fate = FATES[label][0]
        if label == "error code" and isinstance(fate, ErrorFault):
            code = _SPOKEN[self._choices.amount("which code", len(_SPOKEN) - 1)]
            self.injected[f"code {code}"] += 1
            return evolve(fate, code=code)
        self.injected[label] += 1
        return fate

    def _of(self, command: type[Command]) -> list[str]:
        return [label for label, (_, commands) in FATES.items() if command in commands]


def _weight(label: str) -> int:
    """What few kinds of calls can meet would hardly strike; and of the codes there are two dozen."""
    return 12 if label in ("error code", "response late") else 12 // len(FATES[label][1])
