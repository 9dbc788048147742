"""Words for the contents of the tables: kinds of events, kinds of states, labels of rows."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType
from typing import Any, ClassVar, Final, Literal, TypeAlias, get_args, get_origin, get_type_hints

import attrs

from ..core import INTENTS, session
from ..core import signals as sig
from ..core.fold import STATUS
from ..core.table import Machine, Row
from ..core.tables import MACHINES, REACTIONS
from .durations import BESIDE

EventKind: TypeAlias = Literal["intent", "server", "answer", "deadline", "machine"]
StateKind: TypeAlias = Literal["resting", "waiting", "talking", "calling", "closing", "terminal"]

CLOCK: Final[frozenset[type[Any]]] = frozenset(
    {*(signal for machine in MACHINES.values() for signal in machine.deadlines.values()), *BESIDE}
)
"""Signals that only a deadline raises: those that a state declares, and those of records beside the machines."""

LIFECYCLE_GROUPS: Final[dict[StateKind, tuple[type[Any], ...]]] = {
    "waiting": (
        session.Idle,
        session.Requesting,
        session.Establishing,
        session.Ivr,
        session.Queued,
        session.Connecting,
    ),
    "talking": (session.Connected, session.AgentJoined),
    "closing": (session.WrappingUp, session.Ending),
    "terminal": session.TERMINAL,
}
"""The four parts of the lifecycle that a newcomer sees first."""


def name(thing: Any) -> str:
    """The public literal of a state; the class name of an event; the name of a function."""
    own = vars(thing).get("name") if isinstance(thing, type) else None
    return own if isinstance(own, str) else str(thing.__name__)


SERVER: Final[frozenset[type[Any]]] = frozenset({*STATUS.values(), sig.StatusOther, sig.RosterRead})
"""Signals that report the content of a server event."""


def kind_of(machine: Machine, on: type[Any]) -> EventKind:
    """The source of an event: the application, the server, an answer to a call, the clock, another machine."""
    if on in INTENTS:
        return "intent"
    if on in CLOCK:
        return "deadline"
    if on in SERVER or not issubclass(on, sig.Signal):
        return "server"
    return "answer" if answers(machine, on) else "machine"


def answers(machine: Machine, on: type[Any]) -> list[str]:
    """The outcomes of calls that raise this event in this machine: `poll × busy`."""
    return [
        f"{call} × {outcome}"
        for call, outcomes in REACTIONS.items()
        for outcome, reaction in outcomes.items()
        if (machine.name, on) in reaction.signals
    ]


def state_kind(machine: Machine, state: type[Any]) -> StateKind:
    """The colour class of a state.

    In the lifecycle as `LIFECYCLE_GROUPS` says. Elsewhere: *calling* while a call to the server is owed, *waiting*
    where a deadline may run, else *resting*.
    """
    if state in machine.terminal:
        return "terminal"
    for kind, members in LIFECYCLE_GROUPS.items():
        if state in members:
            return kind
    held = dict(_held(state))
    if held.get("call") is True:
        return "calling"
    return "waiting" if "due" in held else "resting"


def owing(state: type[Any]) -> str | None:
    """In words: whether a session in this state owes a call; None where it never does."""
    always = dict(_held(state)).get("call")
    return None if always is None else "owes a call" if always else "may owe a call"


def holds(state: type[Any], record: type[Any]) -> bool:
    """Whether a state may hold this record."""
    hints = get_type_hints(state).values()
    return any(record in (hint, *get_args(hint)) for hint in hints)


def _held(state: type[Any]) -> Iterator[tuple[str, bool]]:
    """The fields of a state, and of the records that it holds: name, and whether it is always there."""
    for field, hint in get_type_hints(state).items():
        if get_origin(hint) is ClassVar or hint is NoneType:
            continue
        yield field, type(None) not in get_args(hint)
        for part in (hint, *get_args(hint)):
            if isinstance(part, type) and attrs.has(part):
                yield from _held(part)


def words(thing: Any) -> str:
    """A class name as a newcomer reads it: `StatusQueued` is "status queued"."""
    text = "".join(f" {c.lower()}" if c.isupper() else c for c in name(thing))
    return text.strip().replace("_", " ")


MARKS: Final[dict[EventKind, str]] = {
    "intent": "{}()",
    "server": "{}",
    "answer": "re {}",
    "deadline": "after {}",
    "machine": "~{}",
}
"""How an event is written, by its kind."""


def trigger(machine: Machine, row: Row) -> str:
    """The event of a row with the mark of its kind: `End()` for an intent, `after TimeLimitReached` for a deadline."""
    return MARKS[kind_of(machine, row.on)].format(name(row.on))


def number(machine: Machine, row: Row) -> int:
    """The row's place in its table: in one state, the lower is tried first."""
    return next(place for place, one in enumerate(machine.rows, 1) if one is row)


def guard(row: Row) -> str:
    """The row's guard in brackets, or nothing."""
    return "" if row.when is None else f"[{name(row.when)}]"


def effects(row: Row) -> tuple[str, ...]:
    """The named functions that a row runs, in order; the last one with a plus where it makes the target's record."""
    return (*map(name, row.do), *((f"+{name(row.make)}",) if row.make else ()))


def raised(row: Row) -> tuple[str, ...]:
    """The signals that a row raises, each with its mark."""
    return tuple(f"^{name(signal)}" for signal in row.raises)
