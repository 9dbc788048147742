"""The faults of a simulation, by domain and label, and the selection that is enabled in one run.

Each run first draws which domains of faults exist in it at all, which faults of those, and how often they occur
(swarm testing): if every run had all faults, all runs would be alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, get_args

from attrs import evolve

from statemachine.core import Command, CreateChat, FindChat, Poll, Post, PostEphemeral, ReadHistory, Upload
from statemachine.core.tables.reactions import CODES
from statemachine.emulator.knobs import Call, Fault

from .choices import Choices

NetworkFault: TypeAlias = Literal[
    "request lost", "request late", "never sent", "response lost", "response late", "response twice", "poll cut",
]  # fmt: skip
BodyFault: TypeAlias = Literal[
    "batch replayed", "batch overlapping", "batch reordered", "empty body", "empty log", "already ended",
    "unreadable body", "wrong bytes", "cut off body",
]  # fmt: skip
CallFault: TypeAlias = NetworkFault | BodyFault | Fault | Literal["none"]
"""A `Fault` is an error response, in the emulator's terms."""

CALLS: Final[dict[type[Command], Call]] = {
    CreateChat: "create",
    FindChat: "active",
    Poll: "poll",
    ReadHistory: "history",
    Post: "send",
    PostEphemeral: "send",
    Upload: "upload",
}
"""Command -> its name in the emulator."""

Commands: TypeAlias = tuple[type[Command], ...]
_ANY: Final[Commands] = tuple(CALLS)
_OF_CHAT: Final = (Poll, ReadHistory, Post, PostEphemeral)
_OPENING: Final = (CreateChat, FindChat)
_FREQUENCY: Final[dict[type[Command], int]] = {CreateChat: 5, FindChat: 5, Upload: 8, ReadHistory: 5, PostEphemeral: 2}
"""How much more often the calls fail that a session makes only a few times."""
_NOT_POSTS: Final = (CreateChat, FindChat, Poll, ReadHistory, Upload)
_OUTAGES: Final = (5_000, 30_000, 120_000)

BODY_FAULTS: Final[dict[BodyFault, Commands]] = {
    "batch replayed": (Poll,),
    "batch overlapping": (Poll,),
    "batch reordered": (Poll,),
    "empty body": (CreateChat, FindChat, Upload, Post, PostEphemeral),
    "empty log": (ReadHistory,),
    "already ended": _OPENING,
    "unreadable body": _ANY,
    "wrong bytes": _ANY,
    "cut off body": _ANY,
}

_ERRORS: Final[dict[str, tuple[Fault, Commands]]] = {
    "error code": (Fault(), (*_OF_CHAT, Upload)),
    "5509": (Fault(code=5509), (Poll,)),
    "429": (Fault(code=5509, status=429, html=True), _ANY),
    "429 with Retry-After": (Fault(code=5509, status=429, retry_after_s=20), _ANY),
    "5xx with code": (Fault(code=5001), _ANY),
    "5xx with code, accepted": (Fault(code=5004, accepted=True), _ANY),
    "5xx limited": (Fault(code=5500), _ANY),
    "503 with Retry-After": (Fault(code=5001, status=503, retry_after_s=20), _ANY),
    "5xx page": (Fault(code=5001, status=502, html=True), _ANY),
    "5xx page, accepted": (Fault(code=5001, status=504, html=True, accepted=True), _ANY),
    "dropped": (Fault(drop=True), _ANY),
    "dropped, accepted": (Fault(drop=True, accepted=True), _ANY),
    "401": (Fault(code=2000, status=401), (*_OF_CHAT, Upload)),
    "403 page": (Fault(code=2000, status=403, html=True), _OF_CHAT),
    "400 page": (Fault(code=5003, status=400, html=True), _OF_CHAT),
    "404 of the entry": (Fault(code=5006), _OF_CHAT),
    "denied": (Fault(code=5005), (Post, PostEphemeral, ReadHistory)),
    "refused to open": (Fault(code=3000), _OPENING),
    "refused to open by a page": (Fault(code=5003, status=400, html=True), _OPENING),
    "no such interface": (Fault(code=5006, status=404, html=True), (CreateChat, Upload)),
    "no events code": (Fault(code=5511, status=404), _NOT_POSTS),
    "no events code, accepted": (Fault(code=5511, accepted=True), (Post, PostEphemeral)),
    "upload too large": (Fault(code=5501), (Upload,)),
    "file error": (Fault(code=5558), (Upload,)),
}
_OF_CALLS: Final[dict[str, tuple[CallFault, Commands]]] = {
    **{label: (label, (Poll,) if label == "poll cut" else _ANY) for label in get_args(NetworkFault)},
    **{label: (label, commands) for label, commands in BODY_FAULTS.items()},
    **_ERRORS,
}
"""Label -> the fault, and the commands whose calls can have it. "denied" crosses a poll in flight, which decides."""

_CODES: Final = tuple(code for code in CODES if code not in (5005, 5511))
"""The error codes for any call of a chat. 5005 is the response of a server that has lost a chat ("forgotten"). 5511 has
labels of its own: as the response to a post it means that the post was accepted.
"""

# fmt: off
DOMAINS: Final[dict[str, tuple[str, ...]]] = {
    "network": (*get_args(NetworkFault), "outage", "abort too late", "slow network", "slow history",
                "answer lost while reading", "half-open connection"),
    "errors": tuple(_ERRORS),
    "batches": (*BODY_FAULTS, "pushed entries"),
    "entries": ("odd entries", "malformed entries", "out of place", "word after the end"),
    "clock": ("clock steps back", "clock steps forward", "clock set back", "clock stands still", "clock jumps"),
    "adapter": ("adapter late", "adapter asleep"),
    "store": ("slow store", "store fails", "store stale", "store lost"),
    "process": ("crash unsaved", "crash saved", "crash executed", "crash answered", "crash published", "crash between"),
    "server": ("server restarts", "forgotten", "end by server"),
    "devices": ("second device", "second device first", "second device polls", "second device ends"),
    "people": ("background", "agent at random", "two at once", "end while opening", "end by customer", "disconnect",
               "files and forms", "everything at once", "stage change"),
}
# fmt: on
"""Domain -> its faults, and the habits of people that a run may have."""

LABELS: Final = tuple(label for labels in DOMAINS.values() for label in labels)
REPORTED: Final = (*(label for label in LABELS if label != "error code"), *(f"code {code}" for code in _CODES))
"""The labels that a complete sweep has counted at least once."""

_RATES: Final = (20, 60, 200)
"""How often a fault occurs, in a thousand occasions; chosen for the whole run."""


def labels_of(names: Sequence[str]) -> tuple[str, ...]:
    """The labels of these faults and domains of faults.

    Raises:
        ValueError: A name is neither a fault nor a domain; the message names it.
    """
    for name in names:
        if name not in DOMAINS and name not in LABELS:
            raise ValueError(f"{name!r} is no fault and no domain of faults; domains: {', '.join(DOMAINS)}")
    return tuple(label for name in names for label in DOMAINS.get(name, (name,)))


class Faults:
    """The faults of one run. None occurs when `on` is False.

    `injected` counts the faults that occurred; `used` counts the habits of people and the kinds of slowness.

    Args:
        only: Enable these labels, and do not draw any.
    """

    def __init__(self, choices: Choices, only: Sequence[str] | None = None) -> None:
        self._choices = choices
        self.injected: Final[Counter[str]] = Counter()
        self.used: Final[Counter[str]] = Counter()
        self.on = True
        self._outage: tuple[int, str] | None = None
        domains = {domain for domain in DOMAINS if choices.index("domain", (1, 4))}
        drawn = {
            label
            for domain, labels in DOMAINS.items()
            for label in labels
            if choices.index("swarm", (1, 3) if label == "stage change" else (1, 1)) and domain in domains
        }
        chosen = drawn if only is None else set(only)
        self.enabled: Final = frozenset(label for label in LABELS if label in chosen)
        self.rate: Final = choices.pick("strength", _RATES, (2, 2, 1))

    def occurs(self, label: str, scale: float = 1.0) -> bool:
        """Whether this fault happens now. `scale`: how much more or less often than others."""
        if not (self.on and label in self.enabled and self._choices.chance(label, int(self.rate * scale))):
            return False
        self.injected[label] += 1
        return True

    def is_enabled(self, label: str) -> bool:
        """Whether this habit or slowness exists now; it is counted."""
        if not (self.on and label in self.enabled):
            return False
        self.used[label] += 1
        return True

    def of_call(self, command: Command, now: int, is_polling: bool) -> CallFault:
        """The fault of this call, at most one. In an outage, all calls that can have its fault have it."""
        kind = type(command)
        if not self.on:
            return "none"

        def can_have(label: str) -> bool:
            return kind in _OF_CALLS[label][1] and (is_polling or label != "denied")

        if self._outage is not None and self._outage[0] > now:
            return self._inject(self._outage[1]) if can_have(self._outage[1]) else "none"
        labels = [label for label in _OF_CALLS if label in self.enabled and can_have(label)]
        if not labels or not self._choices.chance("call fails", self.rate * _FREQUENCY.get(kind, 1)):
            return "none"
        label = self._choices.pick("which fault", labels, [_weight(label) for label in labels])
        if self.occurs("outage", 3.0):
            self._outage = now + self._choices.pick("how long", _OUTAGES, (3, 3, 1)), label
        return self._inject(label)

    def _inject(self, label: str) -> CallFault:
        fault = _OF_CALLS[label][0]
        if label == "error code" and isinstance(fault, Fault):
            code = self._choices.pick("which code", _CODES)
            self.injected[f"code {code}"] += 1
            return evolve(fault, code=code)
        self.injected[label] += 1
        return fault


def _weight(label: str) -> int:
    """Faults of few kinds of calls are weighted up, or they would hardly occur; "error code" covers two dozen codes."""
    return 12 if label in ("error code", "response late", "denied") else 12 // len(_OF_CALLS[label][1])
